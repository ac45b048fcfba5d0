"""The Redis store: its numbers, its failures, restarts, forks and clusters."""

from __future__ import annotations

import os
import pickle
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis_server
from budget_spenders import JUNE, LONG_S, change
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from waiting import wait_until

from bedrock_attrib import ConfigError
from bedrock_attrib.budgets.stores import (
    AccountState,
    Grant,
    StoreError,
    open_store,
)

pytest.importorskip("redis", reason="the extra redis is not installed")

import redis as client

from bedrock_attrib.budgets.stores.redis import RedisStore
from bedrock_attrib.budgets.stores.redis._scripts import ARITHMETIC

PATIENT_S = 120.0
BOB = AccountState(spent=7)


@pytest.fixture(scope="module")
def connection(redis: redis_server.RedisServer) -> Iterator[client.Redis]:
    """A connection of the test's own."""
    with closing(client.Redis.from_url(redis.url)) as connection:
        yield connection


@pytest.fixture
def own_server() -> Iterator[redis_server.RedisServer]:
    """A server that a test may kill, which forgets all."""
    if reason := redis_server.why_not():
        pytest.skip(reason)
    server = redis_server.RedisServer()
    yield server
    server.close()


AMOUNTS = st.one_of(
    st.integers(0, 10**50),
    st.builds(
        lambda power, more: max(0, 10**power + more),
        st.integers(0, 46),
        st.integers(-2, 2),
    ),
)
OPERATE = f"""{ARITHMETIC}
local a, b = big(ARGV[1]), big(ARGV[2])
return {{text(a), text(add(a, b)), text(subtract(a, b)), compare(a, b),
         is_zero(a) and 1 or 0, text(subtract(add(a, b), b))}}
"""


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(a=AMOUNTS, b=AMOUNTS)
def test_lua_adds_as_python_does(connection: client.Redis, a: int, b: int) -> None:
    """Sums, differences and comparisons are exact beyond 2**53."""
    answer = connection.eval(OPERATE, 0, a, b)
    *numbers, order, is_zero, again = (int(each) for each in answer)
    assert numbers == [a, a + b, max(0, a - b)]
    assert (order, is_zero, again) == ((a > b) - (a < b), not a, a)


def test_one_command_for_any_number_of_accounts(
    redis: redis_server.RedisServer, connection: client.Redis
) -> None:
    """An exchange of twenty accounts is one command to the server."""
    store = RedisStore(f"{redis.url}?prefix=commands", timeout_s=PATIENT_S)
    some = [change(f"day|{number}", hold=5, limit=9) for number in range(20)]
    store.exchange("a", 1, some, LONG_S)
    before = connection.info("stats")["total_reads_processed"]
    store.exchange("a", 2, some, LONG_S)
    after = connection.info("stats")["total_reads_processed"]
    assert after - before == 2  # with the second question of this test
    store.close()


def test_all_keys_are_in_one_slot_and_end(
    redis: redis_server.RedisServer, connection: client.Redis
) -> None:
    """Keys have one hash tag, and end by themselves but for what is shared or held."""
    store = RedisStore(f"{redis.url}?prefix=keys", timeout_s=PATIENT_S)
    store.exchange("done", 1, [change(spent=1)], 60)
    store.exchange("alive", 1, [change(hold=1)], LONG_S)
    now = redis.now()
    store.freeze("day", now + 100)
    store.freeze("week")
    ends = {
        key.decode(): round((connection.expiretime(key) - now) / 86_400)
        if connection.ttl(key) > 0
        else None
        for key in connection.scan_iter("{keys}:*")
    }
    assert ends == {
        "{keys}:a:day|ada": round(2 * (now - JUNE) / 86_400),
        "{keys}:accounts": None,
        "{keys}:c:day": 0,
        "{keys}:c:week": None,
        "{keys}:h:alive": None,
        "{keys}:h:done": 1,
        "{keys}:leases": None,
    }
    store.close()


def test_a_restart_without_persistence(own_server: redis_server.RedisServer) -> None:
    """What was spent before is gone; the holder goes on with its next number."""
    store = RedisStore(own_server.url, timeout_s=PATIENT_S)
    store.exchange("a", 1, [change(spent=50, hold=40, limit=100)], LONG_S)
    own_server.kill()
    own_server.start()
    answer = store.exchange("a", 2, [change(spent=30, hold=70, limit=100)], LONG_S)
    assert (answer.is_granted, answer.states) == (
        True,
        (AccountState(spent=30, held=70),),
    )
    store.close()


def test_a_server_that_is_gone_and_comes_back(
    own_server: redis_server.RedisServer,
) -> None:
    """Each failure is an error of the store, and the next use connects again."""
    store = RedisStore(own_server.tcp_url, timeout_s=PATIENT_S)
    store.exchange("a", 1, [change(spent=7)], LONG_S)
    own_server.kill()
    with pytest.raises(StoreError, match=rf"redis://127\.0\.0\.1:{own_server.port}/0"):
        store.exchange("a", 2, [change(spent=7)], LONG_S)
    own_server.start()
    answer = store.exchange("a", 2, [change(spent=7)], LONG_S)
    assert answer.states == (BOB,)
    store.close()


def test_scripts_that_were_flushed(
    redis: redis_server.RedisServer, connection: client.Redis
) -> None:
    """A script that the server has forgotten is sent again."""
    store = RedisStore(f"{redis.url}?prefix=flushed", timeout_s=PATIENT_S)
    store.exchange("a", 1, [change(spent=7)], LONG_S)
    connection.script_flush()
    assert store.read([("day|ada", JUNE)]) == [BOB]
    store.close()


def test_a_server_that_does_not_answer() -> None:
    """Waiting ends within the stated time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        store = RedisStore(f"redis://127.0.0.1:{port}", timeout_s=0.2)
        began = time.monotonic()
        with pytest.raises(StoreError, match="Timeout"):
            store.read([("day|ada", JUNE)])
        assert time.monotonic() - began < PATIENT_S
        store.close()


@pytest.mark.parametrize("query", ["", "?password=s3cr3t%2Fq&db=1"])
def test_a_wrong_password_is_not_shown(
    redis: redis_server.RedisServer, query: str
) -> None:
    """An error names the server, and neither user nor password."""
    url = f"redis://ada:s3cr3t%2Fq@127.0.0.1:{redis.port}/0{query}"
    store = open_store(url, timeout_s=PATIENT_S)
    with pytest.raises(StoreError) as raised:
        store.read([])
    shown = f"{raised.value!r} {raised.value.__cause__!r}"
    assert f"redis://127.0.0.1:{redis.port}/0" in shown
    assert "s3cr3t" not in shown
    assert "ada" not in shown
    assert pickle.loads(pickle.dumps(raised.value)).args == raised.value.args  # noqa: S301
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "redis://ada:s3cr3t@host:s3cr3t",
        "redis://ada:s3cr3t@[host",
        "redis://:s3cr3t@host/0?socket_timeout=s3cr3t",
        "redis://:s3cr3t@host?prefix=a%7Db",
    ],
)
def test_an_address_that_is_none(url: str) -> None:
    """What is wrong with an address is said without its password."""
    with pytest.raises(ConfigError) as raised:
        open_store(url, timeout_s=1)
    assert "expected" in str(raised.value)
    assert "s3cr3t" not in f"{raised.value!r} {raised.value.__cause__!r}"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork(redis: redis_server.RedisServer) -> None:
    """Parent and child do not share a connection."""
    store = RedisStore(f"{redis.url}?prefix=forked", timeout_s=PATIENT_S)
    store.exchange("a", 1, [change(spent=1)], LONG_S)
    pid = os.fork()
    if not pid:
        code = 1
        try:
            for number in range(1, 101):
                store.exchange("child", number, [change(spent=1)], LONG_S)
            code = 0
        finally:
            os._exit(code)
    for number in range(2, 101):
        store.exchange("a", number, [change(spent=100)], LONG_S)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store.read([("day|ada", JUNE)]) == [AccountState(spent=101 + 99 * 100)]
    store.close()


def test_the_least_rights(redis: redis_server.RedisServer) -> None:
    """A user with the rights that the docs name can do everything."""
    page = Path(__file__).parents[3] / "docs" / "how-to" / "budget-stores.md"
    shown = re.search(r"redis-cli (ACL SETUSER meter (?:.*\\\n)+.*)", page.read_text())
    assert shown is not None
    rule = shown[1].replace("\\\n", " ").replace("'", "")
    assert redis.ask(rule) == ["+OK"]
    url = f"redis://meter:a-long-password@127.0.0.1:{redis.port}/0"
    store = RedisStore(url, timeout_s=PATIENT_S)
    store.exchange("a", 1, [change(spent=1, hold=2)], 0.0)
    store.exchange("b", 1, [change(spent=1, bucket=1, first=JUNE)], LONG_S)
    store.grant("day", Grant("night", 5, redis.now() + LONG_S))
    store.freeze("day")
    store.thaw("day")
    store.reset("day|ada")
    assert store.accounts() == ["day|ada"]
    assert store.read([("day|ada", JUNE)]) == [AccountState(granted=5)]
    store.close()


@pytest.mark.slow
def test_a_cluster() -> None:
    """With `cluster=true` the store finds the node of its slot."""
    if reason := redis_server.why_not():
        pytest.skip(reason)
    bus = (
        "--cluster-port",
        str(redis_server.free_port()),
    )  # else 10,000 above the port
    server = redis_server.RedisServer("--cluster-enabled", "yes", *bus)
    try:
        assert server.ask("CLUSTER ADDSLOTSRANGE 0 16383") == ["+OK"]
        wait_until(lambda: "cluster_state:ok" in server.ask("CLUSTER INFO"))
        store = RedisStore(f"{server.tcp_url}?cluster=true", timeout_s=PATIENT_S)
        for number in (1, 2):
            some = [change("day|ada", spent=1), change("week|ada", spent=2)]
            store.exchange("a", number, some, LONG_S)
        states = store.read([("day|ada", JUNE), ("week|ada", JUNE)])
        assert states == [AccountState(spent=2), AccountState(spent=4)]
        store.close()
    finally:
        server.close()
