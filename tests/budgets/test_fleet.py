"""A fleet on one store: processes and threads that spend the last of a budget."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from budget_fleet import budgets
from redis_server import RedisServer, why_not
from waiting import HANG_S

from bedrock_attrib.budgets.plan import limits_of
from bedrock_attrib.budgets.status import BudgetStatus, read_statuses
from bedrock_attrib.budgets.stores import Store, open_store
from bedrock_attrib.testing import Simulator, bedrock_simulator

PROGRAM = Path(__file__).parent.parent / "support" / "budget_fleet.py"
COST = Decimal("0.00000154")
LIMIT = COST * 100
PROCESSES = 4


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Bedrock on this machine."""
    with bedrock_simulator() as running:
        yield running


@pytest.fixture(params=["sqlite", "redis"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store that processes share."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'budgets.db'}"
        return
    if reason := why_not():
        pytest.skip(reason)
    server = RedisServer()
    try:
        yield server.url
    finally:
        server.kill()


def statuses(store: Store) -> list[BudgetStatus]:
    """What the store says of each budget."""
    limits = limits_of(budgets(str(LIMIT)))
    return read_statuses(limits, store.accounts(), store.read, 0.0, {}, {})


@pytest.mark.slow
def test_a_limit_holds_over_processes_and_threads(
    simulator: Simulator, store_url: str
) -> None:
    """Four processes of 64 threads, and nine budgets, eight of which overlap.

    No limit is passed at any time, every call that was refused was sent nowhere, and in
    the end nothing is reserved, and what is spent is the sum of the records.
    """
    command = [sys.executable, str(PROGRAM), simulator.endpoint_url]
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parent)}
    fleet = [
        subprocess.Popen(
            [*command, store_url, str(LIMIT)],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    store = open_store(store_url, timeout_s=HANG_S)
    while any(each.poll() is None for each in fleet):
        for each in statuses(store):
            assert each.spent + each.reserved <= each.limit, each
    done = [json.loads(each.communicate()[0]) for each in fleet]
    assert [each["faults"] for each in done] == [{}] * PROCESSES
    sent = sum(each["sent"] for each in done)
    assert len(simulator.requests) == sent > 0
    assert sum(each["refused"] for each in done) == PROCESSES * 64 * 3 - sent
    found = statuses(store)
    assert [each.reserved for each in found] == [0] * len(found)
    total = found[0]
    assert total.spent == sum(Decimal(each["cost"]) for each in done)
    assert total.spent == sent * COST <= LIMIT
    calls = [each.spent for each in found if each.name == "b0"]
    assert sum(calls) == sent
    store.close()
