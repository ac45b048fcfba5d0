"""A ledger in PostgreSQL, which many hosts write together."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from functools import partial
from typing import Any

from .._errors import LedgerError, MissingExtraError
from .._money import ZERO, add
from ._clock import Level, beside
from ._rows import CALL_COLUMNS, MORE_COLUMNS, MORE_KEY, PLACE_COLUMNS, Batch, Row
from ._schema import MIGRATIONS, NEWEST, TEXT_OF
from ._store import CommitInDoubtError, UnfitError, insert, sums_of, upsert

try:
    import psycopg
    from psycopg import conninfo, errors, sql
except ImportError as error:  # psycopg is missing, or the libpq that it stands on
    raise MissingExtraError("postgres", "psycopg") from error

Connection = psycopg.Connection[Row]

_WORDS = {
    "id": "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "integer": "bigint",
    "bytes": "bytea",
    "decimal": "numeric",
    # A B-tree, which UNIQUE would make, holds no text beyond 2,704 bytes; rates are
    # longer. https://www.postgresql.org/docs/15/btree-limits.html, checked 2026-11-25
    "unique": "EXCLUDE USING hash",
    "equal": "WITH =",
    # Room in each page, so that a sum is changed where it lies.
    "clustered": "WITH (fillfactor = 70)",
}
_TEXT_COLUMNS = ("more", "amount")


def _type_of(column: str) -> str:
    if column in _TEXT_COLUMNS:
        return "text"
    return "bytea" if column == "request_id" else "bigint"


# The table is a session's own. A pooler may hand the session of another version on.
_FRESH = f"fresh_{NEWEST}"
_FRESH_COLUMNS = (*PLACE_COLUMNS, *CALL_COLUMNS)
_CREATE_FRESH = (
    f"CREATE TEMP TABLE IF NOT EXISTS {_FRESH} ("
    + ", ".join(f"{column} {_type_of(column)}" for column in _FRESH_COLUMNS)
    + ") ON COMMIT DELETE ROWS"
)
# Every name in these is ours.
_COPY = f"COPY {_FRESH} ({', '.join(_FRESH_COLUMNS)}) FROM STDIN"
_CALLS = (
    f"INSERT INTO calls ({', '.join(CALL_COLUMNS)}) "  # noqa: S608
    f"SELECT {', '.join(CALL_COLUMNS)} FROM {_FRESH} ORDER BY key "
    "ON CONFLICT (key) DO NOTHING"
)
_LEFT_OUT = (
    f"SELECT {', '.join(CALL_COLUMNS)} FROM {_FRESH} WHERE NOT EXISTS ("  # noqa: S608
    f"SELECT FROM calls WHERE calls.key = {_FRESH}.key "
    f"AND calls.origin = {_FRESH}.origin AND calls.number = {_FRESH}.number)"
)
_CALL = f"{insert('calls', CALL_COLUMNS)} ON CONFLICT (key) DO NOTHING"
_LAST_BESIDE = "SELECT max(key) FROM calls WHERE key BETWEEN ? AND ?"
_FIND = "SELECT key FROM calls WHERE key BETWEEN ? AND ? AND origin = ? AND number = ?"
_REPLACE = (
    "UPDATE calls SET "  # noqa: S608
    + ", ".join(f"{column} = ?" for column in CALL_COLUMNS[1:])
    + " WHERE key = ?"
)
_SUMS = [sums_of(_FRESH, level) for level in Level]
_MORE = upsert(
    insert("more_sums", MORE_COLUMNS),
    MORE_COLUMNS,
    MORE_KEY,
    "{table}.{column} + excluded.{column}",
)
_TABLES = (*TEXT_OF, "calls", "sums", "more_sums")
_KEY, _ORIGIN, _NUMBER = (
    len(PLACE_COLUMNS) + CALL_COLUMNS.index(column)
    for column in ("key", "origin", "number")
)
# A number of our own, by which hosts that start together wait for each other.
_MIGRATING = 0x62656472_61747472
# Rows that a reader asks for at once.
_ROWS_AT_ONCE = 5_000

# What the address leaves open. A host that vanishes is noticed within a minute.
_CONNECT = {
    "application_name": "bedrock_attrib",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}


class PostgresStore:
    """A ledger in a schema of a PostgreSQL database. Comes with the extra ``postgres``.

    Any number of hosts, processes and forked children may write and read it. Each
    process keeps one connection for writing; each reader opens its own. A connection
    that breaks is opened anew: what could not be written is tried again, and what was
    committed when the answer was lost is not written twice.

    A role that only writes needs ``USAGE`` on the schema and ``SELECT``, ``INSERT`` and
    ``UPDATE`` on its tables; one that reads, ``SELECT``; `Ledger.forget` needs
    ``DELETE``. Whoever opens the ledger first needs ``CREATE`` on the database.

    Example:
        >>> store = PostgresStore("postgresql://meter@db.internal/costs?sslmode=verify-full")
        ... # doctest: +SKIP
        >>> recorder = configure(sinks=[Ledger(store)])  # doctest: +SKIP
    """

    def __init__(
        self,
        dsn: str | Callable[[], str],
        *,
        schema: str = "bedrock_attrib",
        lock_timeout_s: float = 10.0,
        lazy: bool = False,
    ) -> None:
        """Open the ledger; create it, or bring an older one up to date.

        Args:
            dsn: Address as libpq takes it: ``postgresql://user@host/database`` or
                ``host=… dbname=…``. What it leaves out is taken from ``PG*`` variables
                and ``~/.pgpass``. Or a function that gives one, asked for every
                connection: for passwords that expire, such as IAM tokens.
            schema: Schema of the ledger's tables, which holds nothing else.
            lock_timeout_s: Seconds to wait for another host that writes the same sums.
            lazy: Connect when the first records are written, so that an application
                starts while the server is away. Errors are then told as faults.

        Raises:
            LedgerError: If the server cannot be reached, refuses, or holds something
                else or a ledger of a newer library. Messages never tell the password.
        """
        self._dsn = dsn if callable(dsn) else partial(str, dsn)
        self._schema = schema
        self._lock_timeout_ms = max(1, round(lock_timeout_s * 1000))
        self._start_over()
        if not lazy:
            with self._told():
                self._writing()

    def _start_over(self) -> None:
        self._pid = os.getpid()
        self._writer: Connection | None = None
        self._busy = threading.Lock()
        self._is_current = False
        self._name = "postgresql"
        self._password = ""

    # Connections

    def _connect(self) -> Connection:
        try:
            known = conninfo.conninfo_to_dict(self._dsn())
        except psycopg.Error:
            # The driver's message quotes the address, password included.
            raise LedgerError(
                "the address of the ledger is not one that PostgreSQL knows; expected "
                "postgresql://user@host:port/database or host=... dbname=..., with "
                "odd characters of a password %-encoded"
            ) from None
        self._name, self._password = _shown(known), str(known.get("password") or "")
        db = psycopg.connect(
            **{**_CONNECT, **known, "client_encoding": "utf8"},
            autocommit=True,
            prepare_threshold=None,  # a pooler may hand each transaction elsewhere
        )
        try:
            if not self._is_current:
                self._migrate(db)
                self._is_current = True
        except BaseException:
            db.close()
            raise
        return db

    def _writing(self) -> Connection:
        if self._writer is not None and self._writer.closed:
            self._writer = None
        if self._writer is None:
            self._writer = self._connect()
        return self._writer

    def _prepare(self, db: Connection) -> None:
        """Set for this transaction what a pooler would not keep for the session."""
        settings = {
            "search_path": sql.Identifier(self._schema).as_string(db),
            "client_min_messages": "warning",
            "lock_timeout": f"{self._lock_timeout_ms}",
            # A host that vanished holds no sums for long.
            "idle_in_transaction_session_timeout": "60000",
        }
        calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
        db.execute(f"SELECT {calls}", [*itertools.chain(*settings.items())])

    @contextmanager
    def _begun(self, db: Connection) -> Iterator[None]:
        """A transaction with the schema in sight. Taken back unless all goes well."""
        db.execute("BEGIN")
        try:
            self._prepare(db)
            yield
            self._commit(db)
        except BaseException:
            with suppress(psycopg.Error):  # it may be gone with its connection
                db.execute("ROLLBACK")
            raise

    def _commit(self, db: Connection) -> None:
        row = db.execute("SELECT pg_current_xact_id_if_assigned()::text").fetchone()
        xid = None if row is None else row[0]
        try:
            db.execute("COMMIT")
        except psycopg.Error as error:
            if xid is None or not db.closed:
                raise
            raise CommitInDoubtError(
                f"{self._name}: the connection broke during a commit; the server is "
                f"asked whether it took place before anything is written again",
                partial(self._was_committed, xid, db.info.backend_pid),
            ) from error

    def _was_committed(self, xid: str, pid: int) -> bool:
        with self._busy, self._told():
            db = self._writing()
            try:
                row = db.execute(
                    "SELECT pg_xact_status(%s::text::xid8)", (xid,)
                ).fetchone()
            except errors.InvalidParameterValue:
                return False  # a server that took over never heard of it
            if row is not None and row[0] == "in progress":
                # Its session waits for us on a connection that is no more.
                db.execute("SELECT pg_terminate_backend(%s)", (pid,))
                raise LedgerError(
                    f"{self._name}: a commit is still under way; records wait"
                )
        return row is not None and row[0] == "committed"

    # Schema

    def _migrate(self, db: Connection) -> None:
        if self._version(db) == NEWEST:
            return
        with self._begun(db):
            db.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
            found = self._version(db)
            if found == 0:
                self._create(db)
        for migration in MIGRATIONS[found:]:
            with self._begun(db):
                db.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
                if self._version(db) >= migration.number:
                    continue  # another host was faster
                for statement in migration.statements:
                    db.execute(statement.format(**_WORDS))
                db.execute(
                    "INSERT INTO migrations (number, about) VALUES (%s, %s)",
                    (migration.number, migration.about),
                )

    def _version(self, db: Connection) -> int:
        """Number of the last migration; 0 without a ledger."""
        table = sql.Identifier(self._schema, "migrations").as_string(db)
        ((known,),) = db.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))
        if not known:
            return 0
        ((found,),) = db.execute(f"SELECT coalesce(max(number), 0) FROM {table}")  # noqa: S608
        if found > NEWEST:
            raise LedgerError(
                f"{self._name} was written by a newer version of bedrock_attrib (its "
                f"schema is {found}, this version knows {NEWEST}): update this one"
            )
        return int(found)

    def _create(self, db: Connection) -> None:
        ((encoding, stranger),) = db.execute(
            "SELECT current_setting('server_encoding'), "
            "(SELECT min(relname) FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm') "
            "AND relnamespace = to_regnamespace(%s) AND relname <> 'migrations')",
            (sql.Identifier(self._schema).as_string(db),),
        )
        if encoding != "UTF8":
            raise LedgerError(
                f"{self._name} keeps text as {encoding}, which cannot hold every tag; "
                f"create the database with ENCODING 'UTF8'"
            )
        if stranger is not None:
            raise LedgerError(
                f"the schema {self._schema!r} of {self._name} is that of something else "
                f"(it has {stranger!r}); name another schema for the ledger"
            )
        name = sql.Identifier(self._schema)
        ((known,),) = db.execute(
            "SELECT to_regnamespace(%s) IS NOT NULL", (name.as_string(db),)
        )
        if not known:  # IF NOT EXISTS would ask for rights that nobody needs then
            db.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        db.execute(
            "CREATE TABLE IF NOT EXISTS migrations (number bigint PRIMARY KEY, "
            "about text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )

    # What a store does

    @contextmanager
    def transaction(self) -> Iterator[PostgresTransaction]:
        """Write: everything or nothing. Threads take turns.

        Raises:
            LedgerError: If the server is away, refuses or is in the way.
        """
        if self._pid != os.getpid():
            _PARENTS.append(self._writer)  # closing it would end the parent's session
            self._start_over()
        with self._busy, self._told():
            db = self._writing()
            with ExitStack() as end:
                begin = partial(end.enter_context, self._begun(db))
                transaction = PostgresTransaction(db, self._schema, begin)
                yield transaction
                transaction.work()

    @contextmanager
    def snapshot(self) -> Iterator[PostgresSnapshot]:
        """Read more than once, of one moment."""
        with self._told():
            db = self._connect()
            try:
                db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                self._prepare(db)
                # A reader may think between two queries for as long as it likes.
                db.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                yield PostgresSnapshot(db, self._told)
            finally:
                db.close()

    def compact(self) -> None:
        """Give space that is not used any more back; others wait meanwhile."""
        with self._told():
            db = self._connect()
            try:
                for table in _TABLES:
                    name = sql.Identifier(self._schema, table)
                    db.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(name))
            finally:
                db.close()

    def close(self) -> None:
        """Close the connection that writes."""
        if self._writer is not None and self._pid == os.getpid():
            self._writer.close()
        self._writer = None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the driver's errors into ones that say what to do."""
        try:
            yield
        except psycopg.Error as error:
            text = " ".join(str(error).split())
            if self._password:
                text = text.replace(self._password, "***")
            told = UnfitError if isinstance(error, psycopg.DataError) else LedgerError
            raise told(f"{self._name}: {text}; {_advice(error)}") from error


class PostgresTransaction:
    """What is to be written: gathered first, so that no lock waits for Python.

    Shared texts are given their ids at once, each in a transaction of its own, so that
    hosts which bring the same texts in another order never wait in a circle. The rest
    is written at the end, always in the same order: calls, then sums by their keys.
    """

    def __init__(
        self, db: Connection, schema: str, begin: Callable[[], object]
    ) -> None:
        self._db = db
        self._schema = schema
        self._begin = begin
        self._has_begun = False
        self._calls: list[Row] = []
        self._changes: list[Row] = []
        self._replaced: list[Row] = []
        self._more: dict[Row, Decimal] = {}
        self._places: dict[tuple[int, int], int] | None = None
        self._found: dict[int, int] = {}

    def _begin_once(self) -> None:
        if not self._has_begun:
            self._begin()
            self._has_begun = True

    def _table(self, name: str) -> str:
        return sql.Identifier(self._schema, name).as_string(self._db)

    def intern(self, table: str, text: str) -> int:
        """The id of *text* in *table*, a new one if it is not there."""
        column, name = TEXT_OF[table], self._table(table)
        # What PostgreSQL's text cannot hold; no text that is meant has it.
        text = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
        find = f"SELECT id FROM {name} WHERE {column} = %s"  # noqa: S608
        add_it = (
            f"INSERT INTO {name} ({column}) VALUES (%s) "  # noqa: S608
            f"ON CONFLICT DO NOTHING RETURNING id"
        )
        # Another host may add it between the two, but nobody takes it away.
        for statement in itertools.chain((find,), itertools.repeat(add_it, 1), (find,)):
            found = self._db.execute(statement, (text,)).fetchone()
            if found is not None:
                return int(found[0])
        raise LedgerError(f"{table} took no {text[:80]!r}")  # pragma: no cover

    def write(self, batch: Batch) -> None:
        """Add calls and sums."""
        self._calls += batch.calls
        self._places = None
        self._add_more(batch.more)

    def _add_more(self, rows: Iterable[Row]) -> None:
        for *key, total in rows:
            known = self._more.get(tuple(key), ZERO)
            self._more[tuple(key)] = add(known, Decimal(total))

    def find(self, keys: tuple[int, int], origin: int, number: int) -> int | None:
        """Key of the call with this id among *keys*, first and last; None without."""
        if self._places is None:
            self._places = {
                (row[_ORIGIN], row[_NUMBER]): place
                for place, row in enumerate(self._calls)
            }
        place = self._places.get((origin, number))
        if place is not None:
            key = int(self._calls[place][_KEY])
            self._found[key] = place
            return key
        statement = _FIND.replace("FROM calls", f"FROM {self._table('calls')}")
        found = self._db.execute(
            _placed(statement), (*keys, origin, number)
        ).fetchone()
        return None if found is None else int(found[0])

    def replace(self, key: int, change: Batch) -> None:
        """Write the call at *key* anew: what is taken away, and what it becomes."""
        self._add_more(change.more)
        after = change.calls[1]
        place = self._found.pop(key, None)
        if place is not None:  # it is not written yet
            self._calls[place] = (*after[:_KEY], key, *after[_KEY + 1 :])
            return
        self._changes += change.calls
        self._replaced.append((*after[_KEY + 1 :], key))

    def forget_calls(self, before_key: int) -> int:
        """Delete calls below a key; how many there were."""
        return self._forget("calls", "key < %s", (before_key,))

    def forget_sums(self, level: int, before_bucket: int) -> int:
        """Delete sums below a bucket; how many there were."""
        values = (level, before_bucket)
        self._forget("more_sums", "level = %s AND bucket < %s", values)
        return self._forget("sums", "level = %s AND bucket < %s", values)

    def _forget(self, table: str, which: str, values: tuple[int, ...]) -> int:
        self._begin_once()
        statement = f"DELETE FROM {self._table(table)} WHERE {which}"  # noqa: S608
        return self._db.execute(statement, values).rowcount

    def work(self) -> None:
        """Write what was gathered."""
        if not self._calls and not self._changes:
            return
        self._begin_once()
        self._db.execute(_CREATE_FRESH)
        if self._calls:
            self._copy(self._calls)
            added = self._db.execute(_CALLS).rowcount
            if added < len(self._calls):
                # Another process recorded calls in the same microseconds.
                for row in self._db.execute(_LEFT_OUT).fetchall():
                    self._insert_beside(row)
        for row in self._replaced:
            self._db.execute(_placed(_REPLACE), row)
        if self._changes:
            self._copy(self._changes)
        for statement in _SUMS:
            self._db.execute(statement)
        if self._more:
            rows = [(*key, total) for key, total in sorted(self._more.items())]
            self._db.cursor().executemany(_placed(_MORE), rows)

    def _copy(self, rows: Iterable[Row]) -> None:
        with self._db.cursor().copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)

    def _insert_beside(self, row: Row) -> None:
        while True:
            ((last,),) = self._db.execute(_placed(_LAST_BESIDE), beside(row[0]))
            key = row[0] if last is None else last + 1
            if self._db.execute(_placed(_CALL), (key, *row[1:])).rowcount:
                return


class PostgresSnapshot:
    """A ledger as it stood at one moment."""

    def __init__(self, db: Connection, told: Callable[[], Any]) -> None:
        self._db = db
        self._told = told
        self._names = itertools.count()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Read, some thousand rows at a time. Values take the places of ``?``."""
        with self._told():
            # A cursor on the server: memory stays flat, and queries may interleave.
            with self._db.cursor(name=f"rows_{next(self._names)}") as cursor:
                cursor.itersize = _ROWS_AT_ONCE
                yield from cursor.execute(_placed(sql), values)


_PARENTS: list[Connection | None] = []


def _placed(statement: str) -> Any:
    return statement.replace("?", "%s")


def _shown(known: Mapping[str, Any]) -> str:
    """The address without what is secret."""
    user, host, port = (known.get(name) for name in ("user", "host", "port"))
    place = f"{host or known.get('hostaddr') or ''}{f':{port}' if port else ''}"
    return f"postgresql://{f'{user}@' if user else ''}{place}/{known.get('dbname', '')}"


def _advice(error: psycopg.Error) -> str:
    state = error.sqlstate or ""
    for start, advice in _ADVICE.items():
        if state.startswith(start):
            return advice
    if isinstance(error, psycopg.OperationalError):
        text = str(error)
        return next((do for word, do in _AT_CONNECT.items() if word in text), _AWAY)
    return "look into the server's log"


_AWAY = "see whether the server runs and can be reached; records are kept and tried again"
# Before a connection stands the driver gives a text, and no code.
_AT_CONNECT = {
    "password": "see the password, in the address, PGPASSWORD or ~/.pgpass",
    "pg_hba.conf": "the server does not let this host, user and database in",
    "does not exist": "create it, or name another one in the address",
    "too many": "let the server take more connections, or put a pooler before it",
    "translate host name": "see the name of the host in the address",
    "SSL": "see sslmode and the certificates in the address",
}
# https://www.postgresql.org/docs/15/errcodes-appendix.html, checked 2026-11-25.
_ADVICE = {
    "22": "the record is left out",
    "28": "see user and password, in the address, PGPASSWORD or ~/.pgpass",
    "3D": "create the database, or name another one in the address",
    "3F": "create the schema, or name another one",
    "42501": "grant the role what the how-to page on PostgreSQL lists",
    "25006": "the server only reads: name the one that writes, with "
    "target_session_attrs=read-write",
    "40": "another host was in the way; records are kept and tried again",
    "55P03": "another host has held it for long; records are kept and tried again",
    "53": "give the server room or connections; records are kept and tried again",
    "57": _AWAY,
    "08": _AWAY,
    "42": "the tables are not those of a ledger: name another schema",
}
