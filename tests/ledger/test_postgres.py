"""Ledger in PostgreSQL: many hosts, broken connections, and rights."""

from __future__ import annotations

import multiprocessing
import os
import re
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from kept_records import make_record
from postgres_server import PostgresServer
from waiting import HANG_S, wait_until

from bedrock_attrib import LedgerError, Unit, Usage
from bedrock_attrib.ledger import Ledger, check_ledger

psycopg = pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from postgres_writer import write_from_a_process  # noqa: E402

from bedrock_attrib.ledger.postgres import PostgresStore  # noqa: E402
from bedrock_attrib.ledger.postgres._passwords import connection_options  # noqa: E402

ALWAYS = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture
def schema(server: PostgresServer) -> str:
    """A schema that does not exist yet."""
    return server.new_schema()


@pytest.fixture
def store(server: PostgresServer, schema: str) -> Iterator[PostgresStore]:
    """An empty ledger."""
    with closing(PostgresStore(server.address(), schema=schema)) as store:
        yield store


def counted(store: PostgresStore) -> tuple[int, int, int]:
    """Single calls, ids among them, and calls in the sums."""
    with Ledger(store).reading() as reader:
        ids = [record.id for record in reader.calls(*ALWAYS)]
        return len(ids), len(set(ids)), sum(s.calls for s in reader.sums(*ALWAYS))


def execute(
    server: PostgresServer, *statements: str, database: str = "postgres"
) -> None:
    """Run *statements* as the superuser."""
    with psycopg.connect(server.address(database), autocommit=True) as db:
        for statement in statements:
            db.execute(statement)


def test_a_newer_schema_is_refused(
    server: PostgresServer, store: PostgresStore, schema: str
) -> None:
    """An older library does not touch what it does not know."""
    table = f'"{schema}".migrations'
    execute(server, f"INSERT INTO {table} VALUES (99, 'to come')")  # noqa: S608
    with pytest.raises(LedgerError, match=r"newer version.*schema is 99"):
        PostgresStore(server.address(), schema=schema)


def test_a_stranger_is_left_alone(server: PostgresServer, schema: str) -> None:
    """A schema of something else is not written to."""
    execute(
        server, f'CREATE SCHEMA "{schema}"', f'CREATE TABLE "{schema}".customers ()'
    )
    with pytest.raises(LedgerError, match=r"something else \(it has 'customers'\)"):
        PostgresStore(server.address(), schema=schema)


def test_a_database_that_cannot_hold_every_text_is_refused(
    server: PostgresServer,
) -> None:
    """Tags are in every script; a Latin-1 database would refuse them one day."""
    execute(
        server,
        "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
    )
    with pytest.raises(LedgerError, match="ENCODING 'UTF8'"):
        PostgresStore(server.address("latin"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((":b%25dger", ":se%63ret"), "check user and password|the pass"),
        (("/postgres?", "/nowhere?"), "create the database|create it"),
        # (What the driver makes of this differs between its releases.)
        (("b%25dger", "sec ret&="), "expected postgresql://|check the password"),
        (
            ("@127.0.0.1:", "@127.0.0.1:1"),
            "expected postgresql://|check that the server",
        ),
    ],
)
def test_errors_say_what_to_do_and_never_the_password(
    server: PostgresServer, change: tuple[str, str], message: str
) -> None:
    """Neither the message nor its causes contain it."""
    address = f"{server.address()}?application_name=a".replace(*change)
    with pytest.raises(LedgerError, match=message) as caught:
        PostgresStore(address, read_only=True)
    told = "".join(traceback.format_exception(caught.value))
    assert [
        word for word in ("b%dger", "b%25", "secret", "sec ret") if word in told
    ] == []


def test_texts_of_any_length_and_script(store: PostgresStore) -> None:
    """Many long tags are one tag set, and what text cannot hold is replaced."""
    tags = {f"key{n}": "größer🦡" * 40 for n in range(40)}
    odd = make_record(tags={"nul": "a\0b", "half": "a\ud800b"}, error="E\0")
    ledger = Ledger(store)
    for record in [make_record(tags=tags), make_record(tags=tags), odd]:
        ledger.write(record)
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        found = [dict(record.tags) for record in reader.calls(*ALWAYS)]
    assert sorted(found, key=len) == [{"nul": "a\0b", "half": "a?b"}, tags, tags]


def test_only_the_record_that_cannot_be_kept_is_lost(store: PostgresStore) -> None:
    """A value out of range takes no other record with it."""
    ledger = Ledger(store)
    for n in range(50):
        ledger.write(make_record(attempts=2**63 if n == 20 else 1))
    assert ledger.flush(HANG_S)
    assert counted(store) == (49, 49, 49)
    assert ledger.dropped == 1


def test_a_correction_before_its_call_was_written(store: PostgresStore) -> None:
    """Both in one transaction, and again in a later one, are one call."""
    first = make_record(cost=None)
    second = first._replace(tier="flex")
    third = make_record(id=first.id, error="late")
    ledger = Ledger(store)
    ledger.write(first)
    ledger.correct(first, second)
    ledger.correct(second, first)
    assert ledger.flush(HANG_S)
    ledger.correct(first, third)
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        assert list(reader.calls(*ALWAYS)) == [third]
        (total,) = reader.sums(*ALWAYS)
    assert (total.calls, total.cost) == (1, Decimal("0.001155"))


def test_the_server_dies_and_comes_back(
    server: PostgresServer, store: PostgresStore
) -> None:
    """Records wait, are written once, and none is lost."""
    ledger = Ledger(store, interval_s=3600)
    ledger.write(make_record())
    assert ledger.flush(HANG_S)
    server.kill()
    try:
        ledger.write(make_record())
        assert not ledger.flush(10)
        assert not ledger.flush(10)
    finally:
        server.start()
    ledger.write(make_record())
    assert ledger.flush(HANG_S)
    assert counted(store) == (3, 3, 3)
    assert ledger.dropped == 0


def test_an_application_starts_while_the_server_is_away(
    server: PostgresServer, schema: str
) -> None:
    """A lazy store connects, and makes its tables, when it can."""
    server.stop()
    try:
        ledger = Ledger(PostgresStore(server.address(), schema=schema, lazy=True))
        ledger.write(make_record())
        assert not ledger.flush(10)
    finally:
        server.start()
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        assert reader.count_calls() == 1
    ledger.close()


class Wire:
    """Passes bytes on between a client and the server, until it is cut."""

    def __init__(self, port: int) -> None:
        """Listen, and pass on to *port*."""
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cut_at: str | None = None
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, work: Callable[..., None], *values: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=values, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                self._open += [client, server]
                self._start(self._pass, client, server)
                self._start(self._pass, server, client)

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while block := source.recv(65536):
                if b"COMMIT\0" in block and self.cut_at == "request":
                    self.cut()
                if block.startswith(b"C\0\0\0\x0bCOMMIT") and self.cut_at == "answer":
                    self.cut()
                target.sendall(block)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Break the connection once."""
        self.cut_at = None
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening."""
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(HANG_S)
        for each in (*self._open, self._listener):
            each.close()


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_connection_breaks_during_a_commit(
    server: PostgresServer, schema: str, lost: str
) -> None:
    """Whether the server took the commit or not, each record is there once."""
    with closing(Wire(server.port)) as wire:
        store = PostgresStore(server.address(port=wire.port), schema=schema)
        ledger = Ledger(store, interval_s=3600)
        for _ in range(3):
            ledger.write(make_record())
        wire.cut_at = lost
        assert not ledger.flush(10)
        ledger.write(make_record())
        wait_until(lambda: ledger.flush(10))
        assert counted(store) == (4, 4, 4)
        assert ledger.dropped == 0
        store.close()


@pytest.mark.slow
def test_four_processes_write_the_same_sums(
    server: PostgresServer, store: PostgresStore, schema: str
) -> None:
    """None waits in a circle or fails, and all adds up."""
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(
            target=write_from_a_process, args=(server.address(), schema, seed, 500)
        )
        for seed in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(HANG_S)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert counted(store) == (2000, 2000, 2000)
    with Ledger(store).reading() as reader:
        sums = reader.sums(*ALWAYS)
    assert sum(each.usage[Unit.SEARCH_UNIT] for each in sums) == 2000
    assert sum(each.usage[Unit.INPUT_TOKEN] for each in sums) == 14_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_has_a_connection_of_its_own(store: PostgresStore) -> None:
    """Both write on, and the parent's session outlives the child."""
    ledger = Ledger(store, interval_s=3600)
    ledger.write(make_record())
    assert ledger.flush(HANG_S)
    child = os.fork()
    if child == 0:
        ledger.write(make_record())
        os._exit(0 if ledger.flush(HANG_S) else 1)
    assert os.waitpid(child, 0)[1] == 0
    ledger.write(make_record())
    assert ledger.flush(HANG_S)
    assert counted(store)[2] == 3


@contextmanager
def role(server: PostgresServer, schema: str, rights: str) -> Iterator[str]:
    """The address of a role that has *rights* on the ledger's tables only."""
    name = f"role_{schema.rpartition(' ')[2]}"
    execute(
        server,
        f"CREATE ROLE {name} LOGIN PASSWORD 'x'",
        f'GRANT USAGE ON SCHEMA "{schema}" TO {name}',
        f'GRANT {rights} ON ALL TABLES IN SCHEMA "{schema}" TO {name}',
    )
    yield f"postgresql://{name}:x@127.0.0.1:{server.port}/postgres"


def test_a_role_that_only_writes(
    server: PostgresServer, store: PostgresStore, schema: str
) -> None:
    """It needs no more than the page says, and cannot delete."""
    with role(server, schema, "SELECT, INSERT, UPDATE") as address:
        ledger = Ledger(PostgresStore(address, schema=schema))
        record = make_record()
        ledger.write(record)
        assert ledger.flush(HANG_S)
        ledger.correct(record, record._replace(tier="flex"))
        assert ledger.flush(HANG_S)
        with pytest.raises(LedgerError, match="grant the role"):
            ledger.prune(calls_before=ALWAYS[1])
        ledger.close()
    assert counted(store) == (1, 1, 1)


def test_a_role_that_only_reads(
    server: PostgresServer, store: PostgresStore, schema: str
) -> None:
    """Reports need no right to write."""
    ledger = Ledger(store)
    ledger.write(make_record())
    assert ledger.flush(HANG_S)
    with role(server, schema, "SELECT") as address:
        reader = PostgresStore(address, schema=schema)
        assert counted(reader) == (1, 1, 1)
        reader.close()


PAGE = Path(__file__).parents[2] / "docs/how-to/ledger-on-postgres.md"


@pytest.fixture
def granted(
    server: PostgresServer, store: PostgresStore, schema: str
) -> Iterator[Callable[[str], Ledger]]:
    """Opens the ledger as one of the roles of the page, with the grants of the page."""
    number = schema.rpartition(" ")[2]
    names = {name: f"{name}_{number}" for name in ("meter", "reports", "retention")}
    sql = PAGE.read_text("utf-8").partition("```sql\n")[2].partition("```")[0]
    sql = sql.replace("bedrock_attrib", f'"{schema}"')
    for name, own in names.items():
        sql = re.sub(rf"\bTO {name};", f"TO {own};", sql)
        execute(server, f"CREATE ROLE {own} LOGIN PASSWORD 'x'")
    execute(server, *(each for each in sql.split(";") if each.strip()))
    ledgers: list[Ledger] = []

    def opened(name: str, **settings: bool) -> Ledger:
        address = f"postgresql://{names[name]}:x@127.0.0.1:{server.port}/postgres"
        ledgers.append(Ledger(PostgresStore(address, schema=schema, **settings)))
        return ledgers[-1]

    yield opened
    for ledger in ledgers:
        ledger.close()


OLD = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_grants_of_the_page_suffice(
    granted: Callable[..., Ledger], store: PostgresStore
) -> None:
    """Each role can do its work with them: write and correct, read, prune."""
    meter, record = granted("meter"), make_record(at=OLD, tags={"team": "gone"})
    for each in (record, make_record(Usage({Unit.SEARCH_UNIT: 1}), at=OLD)):
        meter.write(each)
    meter.write(make_record())
    assert meter.flush(HANG_S)
    meter.correct(record, record._replace(tier="flex"))
    assert meter.flush(HANG_S)
    for settings in ({}, {"read_only": True}):
        reports = granted("reports", **settings)
        assert check_ledger(reports) == []
    retention = granted("retention")
    assert retention.prune(calls_before=OLD + timedelta(days=1)) == 2
    assert retention.prune(sums_before=OLD + timedelta(days=40)) == 0
    assert counted(store) == (1, 1, 1)
    meter.write(record)
    assert meter.flush(HANG_S)
    assert check_ledger(Ledger(store)) == []
    assert meter.dropped == 0


def test_the_grants_of_the_page_are_no_more_than_it_takes(
    granted: Callable[..., Ledger],
) -> None:
    """No role can do the work of another."""
    for name in ("meter", "reports"):
        with pytest.raises(LedgerError, match="grant the role"):
            _prune_something(granted("meter"), granted(name))
    for name in ("reports", "retention"):
        ledger = granted(name)
        ledger.write(make_record())
        assert not ledger.flush(10)


def _prune_something(writer: Ledger, ledger: Ledger) -> None:
    writer.write(make_record())
    assert writer.flush(HANG_S)
    ledger.prune(calls_before=ALWAYS[1])


def test_a_schema_without_a_ledger_is_not_made_by_who_reads(
    server: PostgresServer, schema: str
) -> None:
    """The error says so, and nothing is written."""
    with pytest.raises(LedgerError, match="there is no ledger in the schema"):
        PostgresStore(server.address(), schema=schema, read_only=True)
    with psycopg.connect(server.address()) as db:
        found = db.execute("SELECT to_regnamespace(%s)", (f'"{schema}"',)).fetchone()
    assert found == (None,)


@pytest.mark.usefixtures("store")
def test_who_reads_does_not_write(server: PostgresServer, schema: str) -> None:
    """A store that was opened to be read takes no records."""
    reader = PostgresStore(server.address(), schema=schema, read_only=True)
    with pytest.raises(LedgerError, match="read only"):
        Ledger(reader).prune(calls_before=ALWAYS[1])
    with pytest.raises(LedgerError, match="read only"):
        Ledger(reader).compact()
    reader.close()


@contextmanager
def marks_are_held(server: PostgresServer, schema: str) -> Iterator[None]:
    """Lock the marks, so that sessions that set one wait until the end."""
    with psycopg.connect(server.address()) as db:
        db.execute(f'LOCK TABLE "{schema}".marks IN EXCLUSIVE MODE')
        yield


def wait_for_waiting(server: PostgresServer, count: int) -> None:
    """Until *count* sessions wait for others."""
    with psycopg.connect(server.address(), autocommit=True) as db:
        sql = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        wait_until(lambda: db.execute(sql).fetchone() == (count,))


def test_a_late_call_comes_while_calls_are_pruned(
    server: PostgresServer, store: PostgresStore, schema: str
) -> None:
    """Of the hours after those that were deleted, every call is there."""
    writer = Ledger(store, interval_s=3600)
    keeper = Ledger(PostgresStore(server.address(), schema=schema))
    for at in (OLD, OLD + timedelta(days=40)):
        writer.write(make_record(at=at))
    assert writer.flush(HANG_S)
    with ThreadPoolExecutor(1) as pool:
        with marks_are_held(server, schema):
            deleted = pool.submit(keeper.prune, calls_before=OLD + timedelta(days=2))
            wait_for_waiting(server, 1)
            writer.write(make_record(at=OLD + timedelta(days=1)))
            assert writer.flush(HANG_S)
        assert deleted.result(30) == 1
    assert check_ledger(keeper) == []
    assert counted(store) == (2, 2, 3)
    keeper.close()


def test_a_server_whose_transactions_do_not_see_what_others_do(
    server: PostgresServer, schema: str
) -> None:
    """Its default does not matter: a session that waited for a deletion sees it."""
    options = quote("-c default_transaction_isolation=repeatable\\ read")
    address = f"{server.address()}?options={options}"
    writer, keeper = (
        Ledger(PostgresStore(address, schema=schema), interval_s=3600) for _ in range(2)
    )
    later = OLD + timedelta(days=70)
    for at, team in ((OLD, "gone"), (later, "stays")):
        writer.write(make_record(at=at, tags={"team": team}))
        assert writer.flush(HANG_S)
    keeper.prune(calls_before=OLD + timedelta(days=1))
    with ThreadPoolExecutor(2) as pool:
        with marks_are_held(server, schema):
            forgotten = pool.submit(keeper.prune, sums_before=later)
            wait_for_waiting(server, 1)
            writer.write(make_record(at=later, tags={"team": "gone"}))
            written = pool.submit(writer.flush, 20)
            wait_for_waiting(server, 2)
        forgotten.result(30)
        assert written.result(30)
    assert check_ledger(keeper) == []
    with keeper.reading() as reader:
        found = {each.tags["team"]: each.calls for each in reader.sums(*ALWAYS)}
    assert found == {"stays": 1, "gone": 1}
    assert writer.dropped == 0
    writer.close()
    keeper.close()


def test_an_address_that_changes(server: PostgresServer, schema: str) -> None:
    """A function is asked for each connection, as tokens expire."""
    asked = []

    def address() -> str:
        asked.append(1)
        return server.address()

    store = PostgresStore(address, schema=schema)
    assert counted(store) == (0, 0, 0)
    assert len(asked) == 2
    store.close()


def test_sums_are_locked_by_somebody_else(server: PostgresServer, schema: str) -> None:
    """Records wait no longer than the lock timeout, and are tried again."""
    store = PostgresStore(server.address(), schema=schema, lock_timeout_s=0.05)
    ledger = Ledger(store, interval_s=3600)
    with psycopg.connect(server.address()) as db:
        db.execute(f'LOCK TABLE "{schema}".sums')
        ledger.write(make_record())
        assert not ledger.flush(10)
    assert ledger.flush(HANG_S)
    assert counted(store) == (1, 1, 1)
    ledger.close()


def test_the_extra_that_is_missing_is_named() -> None:
    """Without the driver the error says what to install."""
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "try: import bedrock_attrib.ledger.postgres\n"
        "except ImportError as error: print(type(error).__name__, error.extra)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert done.stdout == "MissingExtraError postgres\n"


@pytest.mark.usefixtures("store")
def test_the_password_comes_from_a_file(
    server: PostgresServer, schema: str, tmp_path: Path
) -> None:
    """It is read for each connection, and a missing file is no reason not to start."""
    secret = tmp_path / "secret"
    with role(server, schema, "SELECT, INSERT, UPDATE") as address:
        user, password = urlsplit(address).username, urlsplit(address).password
        url = f"postgresql://{user}@127.0.0.1:{server.port}/postgres"
        store = PostgresStore(f"{url}?password_file={secret}", schema=schema)
        assert "cannot read the password_file" in str(store.unavailable)
        secret.write_text(f"{password}\n", encoding="utf-8")
        with closing(Ledger(store)) as ledger:
            ledger.write(make_record())
            assert ledger.flush(HANG_S)


def test_the_password_is_an_iam_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed on this machine, for the host, port, user and region of the URL."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    host = "costs.abc.eu-west-1.rds.amazonaws.com"
    found = connection_options(f"postgresql://meter@{host}:6432/costs?iam=rds")
    assert found["password"].startswith(f"{host}:6432/?Action=connect&DBUser=meter&")
    assert "%2Feu-west-1%2Frds-db%2F" in found["password"]
    assert found["sslmode"] == "require"
