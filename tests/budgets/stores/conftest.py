"""Fixtures: an empty store of each kind, and the time by its clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
import dynamodb_server
import pytest
import redis_server
from waiting import wait_until

from bedrock_attrib.budgets.stores import Store, open_store
from bedrock_attrib.budgets.stores.dynamodb import (
    DynamoDBStore,
    table_definition,
    time_to_live,
)
from bedrock_attrib.budgets.stores.memory import MemoryStore
from bedrock_attrib.budgets.stores.sqlite import SQLiteBudgetStore

NOW = 1_790_000_000.0
_NUMBERS = itertools.count(1)
# Long enough for 64 threads in turn on a busy machine.
PATIENT_S = 120.0


class Clock:
    """Clock that stands still until it is set."""

    def __init__(self) -> None:
        """Begin at `NOW`."""
        self.now = NOW

    def __call__(self) -> float:
        """Return the Unix time."""
        return self.now


@dataclass
class Place:
    """Where a store keeps its accounts.

    Attributes:
        kind: Kind of the store.
        open: Opens the store, once more each time; the memory store is the same.
        now: Returns the time by the store's clock.
        pass_time: Lets seconds pass by that clock.
        url: Names the store to other processes, if they can have it.
    """

    kind: str
    open: Callable[[], Store]
    now: Callable[[], float]
    pass_time: Callable[[float], None]
    url: str = ""


@pytest.fixture(scope="session")
def redis() -> Iterator[redis_server.RedisServer]:
    """A Redis of our own; without it the test is skipped."""
    if reason := redis_server.why_not():
        pytest.skip(reason)
    server = redis_server.RedisServer()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(autouse=True)
def credentials(_plain_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What signs requests to our own DynamoDB."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "simulated")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "simulated")


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[str]:
    """A DynamoDB of our own; without it the test is skipped."""
    if reason := dynamodb_server.why_not():
        pytest.skip(reason)
    server = dynamodb_server.DynamoDBServer()
    try:
        yield server.url
    finally:
        server.close()


def _memory(_request: Any, _folder: Any) -> Place:
    clock = Clock()
    store = MemoryStore(clock)
    return Place("memory", lambda: store, clock, partial(_advance, clock))


def _advance(clock: Clock, seconds: float) -> None:
    clock.now += seconds


def _sqlite(_request: Any, folder: Any) -> Place:
    clock = Clock()
    path = folder.mktemp("budgets") / "budgets.db"
    return Place(
        "sqlite",
        partial(SQLiteBudgetStore, path, timeout_s=PATIENT_S, clock=clock),
        clock,
        partial(_advance, clock),
        f"sqlite:///{path}",
    )


def _redis(request: Any, _folder: Any) -> Place:
    server: redis_server.RedisServer = request.getfixturevalue("redis")
    url = f"{server.url}?prefix=place{next(_NUMBERS)}"

    def pass_time(seconds: float) -> None:
        end = server.now() + seconds
        wait_until(lambda: server.now() > end)

    return Place(
        "redis",
        partial(open_store, url, timeout_s=PATIENT_S),
        server.now,
        pass_time,
        url,
    )


def new_table(endpoint_url: str) -> str:
    """Name of a new, empty table."""
    table = f"budgets{next(_NUMBERS)}"
    client = boto3.client(
        "dynamodb", region_name="us-east-1", endpoint_url=endpoint_url
    )
    client.create_table(**table_definition(table))
    client.update_time_to_live(**time_to_live(table))
    client.close()
    return table


def _dynamodb(request: Any, _folder: Any) -> Place:
    clock = Clock()
    endpoint_url = request.getfixturevalue("dynamodb")
    return Place(
        "dynamodb",
        partial(
            DynamoDBStore,
            new_table(endpoint_url),
            region="us-east-1",
            endpoint_url=endpoint_url,
            timeout_s=PATIENT_S,
            margin_s=0.0,
            clock=clock,
        ),
        clock,
        partial(_advance, clock),
    )


PLACES = {
    "memory": _memory,
    "sqlite": _sqlite,
    "redis": _redis,
    "dynamodb": _dynamodb,
}


@pytest.fixture(scope="session", params=list(PLACES))
def new_place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Place]:
    """Return, at each call, another empty store."""
    return partial(PLACES[request.param], request, tmp_path_factory)


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """An empty store, which can be opened several times."""
    return new_place()


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    """An empty store."""
    store = place.open()
    yield store
    store.close()


__all__ = ["PLACES", "Place", "wait_until"]
