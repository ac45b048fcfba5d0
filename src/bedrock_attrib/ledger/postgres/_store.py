"""PostgreSQL as a store: connections, commits and snapshots."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import psycopg
from psycopg import conninfo, errors, sql

from ..._runtime.threads import Lock
from ...errors import LedgerError
from .._field_table import TEXT_COLUMNS, Row
from .._store import (
    GENERATION,
    MARK,
    StaleIdsError,
    UnavailableError,
    UncertainCommitError,
    UnstorableRecordError,
)
from ._advice import advice_on, may_pass, shown_address
from ._passwords import connection_options
from ._schema import LedgerSchema
from ._transaction import Connection, PostgresTransaction, bound, lock_of

_TABLES = (*TEXT_COLUMNS, "calls", "sums", "other_sums")
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Rows that a reader fetches at once.
_ROWS_AT_ONCE = 5_000

# Defaults for the address. A host that vanishes is noticed within a minute.
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
    process has one connection for writing; each reader opens its own. A connection that
    breaks is opened again: what could not be written is tried again, and what was
    committed when the answer was lost is not written twice.

    Each role needs ``USAGE`` on the schema and ``SELECT`` on its tables. One that
    writes needs ``INSERT`` and ``UPDATE`` too; one that calls `Ledger.prune` needs
    ``DELETE``, and ``INSERT`` and ``UPDATE`` on ``marks``. The role that opens the
    ledger first needs ``CREATE`` on the database.

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
        """Open the ledger; create it, or migrate an older one.

        Args:
            dsn: Address as libpq takes it: ``postgresql://user@host/database`` or
                ``host=… dbname=…``. What it leaves out is taken from ``PG*`` variables
                and ``~/.pgpass``. A URL may also have ``password_file=PATH``, or
                ``iam=rds`` for a token by boto3's credentials. Or a function that
                returns one, called for every connection.
            schema: Schema of the ledger's tables, which holds nothing else.
            lock_timeout_s: Seconds to wait for another host that writes the same sums.
            lazy: Do not connect now. The ledger connects on its own thread, so that no
                server delays a start, and logs every error.
            read_only: Create, write and migrate nothing.

        Raises:
            LedgerError: If the server refuses, or holds something else or a ledger of
                a newer library; with *read_only*, if it cannot be reached either.
                Messages never contain the password.
        """
        self._dsn = dsn if callable(dsn) else partial(str, dsn)
        self._schema = schema
        self._lock_timeout_ms = max(1, round(lock_timeout_s * 1000))
        self._tables = LedgerSchema(schema, self._begun, lambda: self._name)
        self._read_only = read_only
        self._discard: list[Callable[[], None]] = []
        self._generation: int | None = None
        self._start_over()
        self.unavailable: LedgerError | None = None
        self.is_opened_later = lazy and not read_only
        if not lazy:
            try:
                self.open()
            except UnavailableError as error:
                if read_only:
                    raise
                self.unavailable = error

    def open(self) -> None:
        """Connect, and create or migrate the ledger.

        Raises:
            LedgerError: If that is impossible now, or for good.
        """
        with self._busy, self._translate_errors():
            self._writing()

    def _start_over(self) -> None:
        self._pid = os.getpid()
        self._writer: Connection | None = None
        self._busy = Lock()
        self._is_current = False
        self._name = "postgresql"
        self._password = ""

    def _leave_to_parent(self) -> None:
        """Abandon the connection of the parent process, without closing it."""
        _PARENTS.append(self._writer)  # closing it would end the parent's session
        self._start_over()

    # Connections

    def _connect(self) -> Connection:
        try:
            known = connection_options(self._dsn())
        except psycopg.Error:
            # The driver's message quotes the address, password included.
            raise LedgerError(
                "the address of the ledger is not one of PostgreSQL; expected "
                "postgresql://user@host:port/database or host=... dbname=..., with "
                "special characters of a password %-encoded"
            ) from None
        self._name, self._password = (
            shown_address(known),
            str(known.get("password") or ""),
        )
        settings: dict[str, Any] = {**_CONNECT, **known, "client_encoding": "utf8"}
        db = psycopg.connect(
            conninfo.make_conninfo("", **settings),
            autocommit=True,
            prepare_threshold=None,  # a pooler may route each transaction elsewhere
        )
        try:
            if not self._is_current:
                if self._read_only:
                    self._tables.check(db)
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
        """Set for this transaction what a pooler would lose between transactions."""
        settings = {
            "search_path": sql.Identifier(self._schema).as_string(db),
            "client_min_messages": "warning",
            "lock_timeout": f"{self._lock_timeout_ms}",
            # A host that vanished does not lock sums for long.
            "idle_in_transaction_session_timeout": "60000",
        }
        calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
        db.execute(f"SELECT {calls}", [*itertools.chain(*settings.items())])

    @contextmanager
    def _begun(self, db: Connection) -> Iterator[None]:
        """Open a transaction with the schema on its search path."""
        # Whatever the server's default: a writer that waited must see others' writes.
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
            raise UncertainCommitError(
                f"{self._name}: the connection broke during a commit; the server is "
                f"asked whether it took place before anything is written again",
                partial(self._was_committed, xid, db.info.backend_pid),
            ) from error

    def _was_committed(self, xid: str, pid: int) -> bool:
        with self._busy, self._translate_errors():
            db = self._writing()
            try:
                row = db.execute(
                    "SELECT pg_xact_status(%s::text::xid8)", (xid,)
                ).fetchone()
            except errors.InvalidParameterValue:
                return False  # a server that took over does not know it
            if row is not None and row[0] == "in progress":
                # Its session waits for us on a connection that is gone.
                db.execute("SELECT pg_terminate_backend(%s)", (pid,))
                raise LedgerError(
                    f"{self._name}: a commit is still under way; records wait"
                )
        return row is not None and row[0] == "committed"

    # Ids

    def on_stale_ids(self, discard: Callable[[], None]) -> None:
        """Call *discard* whenever ids that were given before may be invalid."""
        self._discard.append(discard)

    def _generation_now(self, db: Connection) -> int:
        table = sql.Identifier(self._schema, "marks").as_string(db)
        statement = bound(MARK.replace("FROM marks", f"FROM {table}"))
        ((found,),) = db.execute(statement, (GENERATION,))
        return int(found or 0)

    def _check_ids(self, db: Connection) -> None:
        db.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", lock_of(self._schema))
        found = self._generation_now(db)
        if found != self._generation:
            self._generation = found
            for discard in self._discard:
                discard()
            raise StaleIdsError(f"{self._name}: tag sets were deleted meanwhile")

    # Transactions and snapshots

    @contextmanager
    def transaction(self) -> Iterator[PostgresTransaction]:
        """Write everything or nothing. Threads take turns.

        Raises:
            LedgerError: If the server is unavailable, refuses or is locked.
        """
        self._refuse_to_write()
        if self._pid != os.getpid():
            self._leave_to_parent()
        with self._busy, self._translate_errors():
            db = self._writing()
            if self._generation is None:
                self._generation = self._generation_now(db)
            with ExitStack() as end:
                begin = partial(end.enter_context, self._begun(db))
                check_ids = partial(self._check_ids, db)
                transaction = PostgresTransaction(db, self._schema, begin, check_ids)
                yield transaction
                transaction.finish()

    @contextmanager
    def snapshot(self) -> Iterator[PostgresSnapshot]:
        """Read the ledger at one moment."""
        with self._translate_errors():
            db = self._connect()
            try:
                db.execute(_BEGIN_READING)
                self._prepare(db)
                # A reader may pause between two queries for as long as it likes.
                db.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                yield PostgresSnapshot(db, self._translate_errors)
            finally:
                db.close()

    def _refuse_to_write(self) -> None:
        if self._read_only:
            raise LedgerError("the ledger was opened to be read only")

    def compact(self) -> None:
        """Return unused space to the file system; others wait meanwhile.

        Raises:
            LedgerError: If the store is read-only, or the server fails.
        """
        self._refuse_to_write()
        with self._translate_errors():
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
    def _translate_errors(self) -> Iterator[None]:
        """Translate the driver's errors into ones that say what to do."""
        try:
            yield
        except psycopg.Error as error:
            text = " ".join(str(error).split())
            # The server never quotes a password; the driver may quote its address.
            is_of_driver = error.sqlstate is None and self._password
            if is_of_driver and self._password in text:
                text = type(error).__name__
            raise _kind_of(error)(
                f"{self._name}: {text}; {advice_on(error)}"
            ) from error


def _kind_of(error: psycopg.Error) -> type[LedgerError]:
    if isinstance(error, psycopg.DataError):
        return UnstorableRecordError
    return UnavailableError if may_pass(error) else LedgerError


class PostgresSnapshot:
    """A ledger at one moment."""

    def __init__(
        self,
        db: Connection,
        translate_errors: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._db = db
        self._translate_errors = translate_errors
        self._names = itertools.count()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Return rows, fetched by thousands. Values take the places of ``?``."""
        # A cursor on the server: memory stays flat, and queries may interleave.
        name = f"rows_{next(self._names)}"
        with self._translate_errors(), self._db.cursor(name=name) as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            yield from cursor.execute(bound(sql), values)


_PARENTS: list[Connection | None] = []
