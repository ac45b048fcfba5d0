"""Budgets of async clients: no store blocks the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("aiobotocore", reason="needs the extra aio")

from aio_clients import client_of, new_session

from bedrock_attrib import Budget, BudgetExceededError, Recorder, instrument
from bedrock_attrib._runtime.contained_errors import ContainedErrors
from bedrock_attrib.budgets.allowances import AllowanceBook
from bedrock_attrib.budgets.bounds import Bounds
from bedrock_attrib.budgets.estimates import Estimates
from bedrock_attrib.budgets.guard import BudgetGuard
from bedrock_attrib.budgets.stores import Answer, Change
from bedrock_attrib.budgets.stores.memory import MemoryStore
from bedrock_attrib.pricing import PriceTable
from bedrock_attrib.testing import ListSink, Simulator

NOVA = "us.amazon.nova-micro-v1:0"


class SlowStore(MemoryStore):
    """A store that answers when the event loop has gone on."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.may_answer = threading.Event()
        self.threads: set[int] = set()

    def exchange(
        self, holder: str, number: int, changes: Sequence[Change], lease_s: float
    ) -> Answer:
        """Wait for the loop."""
        self.threads.add(threading.get_ident())
        self.asked.set()
        assert self.may_answer.wait(600)
        return super().exchange(holder, number, changes, lease_s)


def two_calls_over(store: SlowStore) -> BudgetGuard:
    """Return a guard that lets two calls pass."""
    return BudgetGuard(
        [Budget("b", limit_calls=2)],
        AllowanceBook(store, timeout_s=600, is_threaded=False),
        Bounds(PriceTable.bundled),
        Estimates(),
        ContainedErrors(),
    )


def test_the_loop_goes_on_while_a_store_is_asked(
    simulator: Simulator, sink: ListSink
) -> None:
    """A call waits for its store on another thread, and is then sent or refused."""
    store = SlowStore()
    recorder = Recorder(sinks=(sink,), guards=(two_calls_over(store),))

    async def main() -> list[Any]:
        session = instrument(new_session(), recorder=recorder)
        async with client_of(simulator, session) as client:
            calls = [
                asyncio.ensure_future(client.converse(modelId=NOVA, messages=[]))
                for _ in range(3)
            ]
            await asyncio.to_thread(store.asked.wait, 600)
            assert not any(call.done() for call in calls)
            store.may_answer.set()
            return await asyncio.gather(*calls, return_exceptions=True)

    before = len(simulator.requests)
    results = asyncio.run(main())
    refused = [each for each in results if isinstance(each, BudgetExceededError)]
    assert len(refused) == 1
    assert len(simulator.requests) == before + 2
    assert threading.get_ident() not in store.threads
    recorder.flush()
    assert sorted(record.outcome for record in sink.records) == ["error", "ok", "ok"]


def test_a_call_that_is_cancelled_while_it_waits_is_not_sent(
    simulator: Simulator, sink: ListSink
) -> None:
    """It is recorded as free, and nothing stays reserved."""
    store = SlowStore()
    recorder = Recorder(sinks=(sink,), guards=(two_calls_over(store),))

    async def main() -> None:
        session = instrument(new_session(), recorder=recorder)
        async with client_of(simulator, session) as client:
            call = asyncio.ensure_future(client.converse(modelId=NOVA, messages=[]))
            await asyncio.to_thread(store.asked.wait, 600)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            store.may_answer.set()

    before = len(simulator.requests)
    asyncio.run(main())
    recorder.flush()
    [record] = sink.records
    assert (record.outcome, record.price_status) == ("error", "free")
    assert len(simulator.requests) == before
    recorder.close()
    state = store.read([("b|calls", 0)])[0]
    assert (state.spent, state.held) == (0, 0)
