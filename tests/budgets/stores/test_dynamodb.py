"""The DynamoDB store: conflicts between hosts, its table, its limits and failures."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from budget_spenders import (
    JUNE,
    LONG_S,
    change,
    run_threads,
    spend_until_refused,
)

from bedrock_attrib import ConfigError, Recorder, instrument, uninstrument
from bedrock_attrib.budgets.stores import AccountState, StoreError, open_store
from bedrock_attrib.budgets.stores.dynamodb import (
    DynamoDBStore,
    table_definition,
    time_to_live,
)
from bedrock_attrib.testing import ListSink

PATIENT_S = 120.0
TABLE = "budgets-of-one-module"


@pytest.fixture
def client(dynamodb: str) -> Iterator[Any]:
    """A client of the test's own, with an empty table."""
    with closing(
        boto3.client("dynamodb", region_name="us-east-1", endpoint_url=dynamodb)
    ) as client:
        client.create_table(**table_definition(TABLE))
        client.update_time_to_live(**time_to_live(TABLE))
        yield client
        client.delete_table(TableName=TABLE)


@pytest.fixture
def new_host(client: Any, dynamodb: str) -> Iterator[Callable[..., DynamoDBStore]]:
    """Open the store once more, as another host does."""
    opened: list[DynamoDBStore] = []

    def open_one(**options: Any) -> DynamoDBStore:
        options = {"timeout_s": PATIENT_S, "region": "us-east-1"} | options
        store = DynamoDBStore(TABLE, endpoint_url=dynamodb, **options)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


def test_hosts_never_pass_a_limit(new_host: Callable[..., DynamoDBStore]) -> None:
    """Hosts that collide begin again, and no exchange counts twice."""
    hosts = [new_host() for _ in range(4)]
    found: dict[int, list[int]] = {}

    def run(number: int) -> None:
        found[number] = spend_until_refused(hosts[number], f"host {number}", 60)

    run_threads(4, run)
    assert max(used for *each, _ in found.values() for used in each) <= 60
    states = hosts[0].read([("day|ada", JUNE)])
    assert states == [AccountState(spent=sum(each[-1] for each in found.values()))]
    assert states[0].spent >= 60 - 4 * 3


def test_a_lease_ends_after_the_margin(new_host: Callable[..., DynamoDBStore]) -> None:
    """A host whose clock is ahead by less than the margin releases nothing."""
    slow, fast = new_host(clock=lambda: 1e9), new_host(clock=lambda: 1e9 + 85)
    slow.exchange("a", 1, [change(hold=100, limit=100)], 60.0)
    assert not fast.exchange("b", 1, [change(hold=1, limit=100)], 60.0).is_granted
    faster = new_host(clock=lambda: 1e9 + 95)
    assert faster.exchange("b", 2, [change(hold=1, limit=100)], 60.0).is_granted


def test_items_end_by_themselves(
    new_host: Callable[..., DynamoDBStore], client: Any
) -> None:
    """Accounts and done holders have a time to live; who holds something is found."""
    now = 1_790_000_000
    store = new_host(clock=lambda: float(now), margin_s=0.0)
    today = change(spent=1, bucket=now, first=now)
    store.exchange("done", 1, [today], 60)
    store.exchange("alive", 1, [change(hold=1, bucket=now, first=now)], 60)
    items = {
        item["id"]["S"]: (
            int(item["ttl"]["N"]) - now if "ttl" in item else None,
            item.get("due", {}).get("N"),
        )
        for item in client.scan(TableName=TABLE)["Items"]
    }
    assert items == {
        "a:day|ada": (45 * 86_400, None),
        "h:alive": (None, "1790000060.000000"),
        "h:done": (60 + 86_400, None),
    }


def test_more_accounts_than_a_transaction_takes(
    new_host: Callable[..., DynamoDBStore],
) -> None:
    """99 accounts and their holder fit; one more is an error that says so."""
    store = new_host()
    some = [change(f"day|{number}", hold=1) for number in range(100)]
    with pytest.raises(StoreError, match=r"wrote 101 accounts.*takes 100 items"):
        store.exchange("a", 1, some, LONG_S)
    assert store.exchange("a", 1, some[:99], LONG_S).is_granted


def test_amounts_of_38_digits(new_host: Callable[..., DynamoDBStore]) -> None:
    """As many as DynamoDB stores; one more is an error that says so."""
    store = new_host()
    most = 10**38 - 1
    store.exchange("a", 1, [change(spent=most)], LONG_S)
    assert store.read([("day|ada", JUNE)]) == [AccountState(spent=most)]
    with pytest.raises(StoreError, match="38 digits, got one of 39"):
        store.exchange("a", 2, [change(spent=1)], LONG_S)


def test_its_client_is_not_metered(dynamodb: str, client: Any) -> None:
    """Metering the whole process leaves the store alone."""
    sink = ListSink()
    instrument(recorder=Recorder(sinks=[sink]))
    try:
        url = f"dynamodb://{TABLE}?region=us-east-1&endpoint_url={dynamodb}"
        store = open_store(url, timeout_s=PATIENT_S)
        store.exchange("a", 1, [change(spent=7)], LONG_S)
        assert store.read([("day|ada", JUNE)]) == [AccountState(spent=7)]
        store.close()
    finally:
        uninstrument()
    assert sink.records == []


def test_a_missing_table(dynamodb: str) -> None:
    """What is wrong for good is said at once."""
    store = DynamoDBStore(
        "none", region="us-east-1", endpoint_url=dynamodb, timeout_s=PATIENT_S
    )
    with pytest.raises(StoreError, match=r"dynamodb://none: .*ResourceNotFound"):
        store.exchange("a", 1, [change(spent=7)], LONG_S)
    store.close()


def test_an_endpoint_that_is_gone() -> None:
    """A refused connection is tried twice."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    store = DynamoDBStore("t", region="us-east-1", endpoint_url=url, timeout_s=5)
    with pytest.raises(StoreError, match="Could not connect"):
        store.read([("day|ada", JUNE)])
    store.close()


def test_an_endpoint_that_does_not_answer() -> None:
    """Waiting ends within the stated time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store = DynamoDBStore("t", region="us-east-1", endpoint_url=url, timeout_s=0.2)
        with pytest.raises(StoreError, match="timeout"):
            store.read([("day|ada", JUNE)])
        store.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork(new_host: Callable[..., DynamoDBStore]) -> None:
    """Parent and child have clients of their own."""
    store = new_host()
    store.exchange("a", 1, [change(spent=1)], LONG_S)
    pid = os.fork()
    if not pid:
        code = 1
        try:
            store.exchange("child", 1, [change(spent=10)], LONG_S)
            code = 0
        finally:
            os._exit(code)
    store.exchange("a", 2, [change(spent=100)], LONG_S)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store.read([("day|ada", JUNE)]) == [AccountState(spent=111)]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("dynamodb://", "got no table"),
        ("dynamodb://?region=us-east-1", "got no table"),
        ("dynamodb://budgets?zone=us-east-1", "got option 'zone'"),
    ],
)
def test_an_address_that_is_none(url: str, message: str) -> None:
    """What is wrong with an address, and what was expected."""
    with pytest.raises(ConfigError, match=message):
        open_store(url, timeout_s=1)
