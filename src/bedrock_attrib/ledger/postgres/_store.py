"""A PostgreSQL database as a store: connections, commits and migrations."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import psycopg
from psycopg import conninfo, errors, sql

from ...errors import LedgerError
from .._old_schema import Older
from .._rows import Row
from .._schema import TEXT_OF
from .._store import GENERATION, MARK, CommitInDoubtError, StaleIdsError, UnfitError
from ._advice import address_shown, advice_on
from ._tables import LedgerSchema
from ._writing import Connection, PostgresTransaction, lock_of, placed

_TABLES = (*TEXT_OF, "calls", "sums", "more_sums")
_CHANGING = ("calls", "sums", "more_sums")
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
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

    Each role needs ``USAGE`` on the schema and ``SELECT`` on its tables. One that
    writes needs ``INSERT`` and ``UPDATE`` too; one that calls `Ledger.forget` needs
    ``DELETE``, and ``INSERT`` and ``UPDATE`` on ``marks``. Whoever opens the ledger
    first needs ``CREATE`` on the database.

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
        read_only: bool = False,
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
            read_only: Create nothing, write nothing, and bring nothing up to date: an
                older ledger is read as it is.

        Raises:
            LedgerError: If the server cannot be reached, refuses, or holds something
                else or a ledger of a newer library. Messages never tell the password.
        """
        self._dsn = dsn if callable(dsn) else partial(str, dsn)
        self._schema = schema
        self._lock_timeout_ms = max(1, round(lock_timeout_s * 1000))
        self._tables = LedgerSchema(schema, self._begun, lambda: self._name)
        self._read_only = read_only
        self._forget: list[Callable[[], None]] = []
        self._generation: int | None = None
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

    def _leave_to_parent(self) -> None:
        """Keep a connection of the process that forked this one, and never use it."""
        _PARENTS.append(self._writer)  # closing it would end the parent's session
        self._start_over()

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
        self._name, self._password = (
            address_shown(known),
            str(known.get("password") or ""),
        )
        settings: dict[str, Any] = {**_CONNECT, **known, "client_encoding": "utf8"}
        db = psycopg.connect(
            conninfo.make_conninfo("", **settings),
            autocommit=True,
            prepare_threshold=None,  # a pooler may hand each transaction elsewhere
        )
        try:
            if not self._is_current:
                if self._read_only:
                    self._tables.older(db)
                else:
                    self._tables.migrate(db)
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
        # Whatever the server's default: who waited for others must see what they did.
        db.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
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

    # Ids

    def when_reopened(self, forget: Callable[[], None]) -> None:
        """Call *forget* whenever ids that were given before may not hold any more."""
        self._forget.append(forget)

    def _generation_now(self, db: Connection) -> int:
        table = sql.Identifier(self._schema, "marks").as_string(db)
        statement = placed(MARK.replace("FROM marks", f"FROM {table}"))
        ((found,),) = db.execute(statement, (GENERATION,))
        return int(found or 0)

    def _see_that_ids_hold(self, db: Connection) -> None:
        db.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", lock_of(self._schema))
        found = self._generation_now(db)
        if found != self._generation:
            self._generation = found
            for forget in self._forget:
                forget()
            raise StaleIdsError(f"{self._name}: tag sets were deleted meanwhile")

    # What a store does

    @contextmanager
    def transaction(self) -> Iterator[PostgresTransaction]:
        """Write: everything or nothing. Threads take turns.

        Raises:
            LedgerError: If the server is away, refuses or is in the way.
        """
        self._refuse_to_write()
        if self._pid != os.getpid():
            self._leave_to_parent()
        with self._busy, self._told():
            db = self._writing()
            if self._generation is None:
                self._generation = self._generation_now(db)
            with ExitStack() as end:
                begin = partial(end.enter_context, self._begun(db))
                ids_hold = partial(self._see_that_ids_hold, db)
                transaction = PostgresTransaction(db, self._schema, begin, ids_hold)
                yield transaction
                transaction.work()

    @contextmanager
    def snapshot(self) -> Iterator[PostgresSnapshot]:
        """Read more than once, of one moment."""
        with self._told():
            db = self._connect()
            try:
                older = self._begin_reading(db)
                # A reader may think between two queries for as long as it likes.
                db.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                yield PostgresSnapshot(db, self._told, older)
            finally:
                db.close()

    def _begin_reading(self, db: Connection) -> Older | None:
        """Begin, and say how a ledger of an older schema is read."""
        db.execute(_BEGIN_READING)
        self._prepare(db)
        if not self._read_only or self._tables.older(db) is None:
            return None
        # It must not be brought up to date while it is read as it is. A lock is taken
        # before the moment is, which is that of the first query.
        db.execute("ROLLBACK")
        db.execute(_BEGIN_READING)
        db.execute(f"SET LOCAL lock_timeout = {self._lock_timeout_ms:d}")
        for table in _CHANGING:
            name = sql.Identifier(self._schema, table)
            db.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(name))
        self._prepare(db)
        return self._tables.older(db)

    def _refuse_to_write(self) -> None:
        if self._read_only:
            raise LedgerError("the ledger was opened to be read only")

    def compact(self) -> None:
        """Give space that is not used any more back; others wait meanwhile.

        Raises:
            LedgerError: If the store only reads, or the server is away or refuses.
        """
        self._refuse_to_write()
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
        if self._pid != os.getpid():
            self._leave_to_parent()
        if self._writer is not None:
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
            raise told(f"{self._name}: {text}; {advice_on(error)}") from error


class PostgresSnapshot:
    """A ledger as it stood at one moment.

    Attributes:
        older: How a ledger of an older schema is read; None for one of this schema.
    """

    def __init__(
        self,
        db: Connection,
        told: Callable[[], AbstractContextManager[None]],
        older: Older | None,
    ) -> None:
        self._db = db
        self._told = told
        self.older = older
        self._names = itertools.count()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Read, some thousand rows at a time. Values take the places of ``?``."""
        # A cursor on the server: memory stays flat, and queries may interleave.
        name = f"rows_{next(self._names)}"
        sql = sql if self.older is None else self.older.translated(sql)
        with self._told(), self._db.cursor(name=name) as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            yield from cursor.execute(placed(sql), values)


_PARENTS: list[Connection | None] = []
