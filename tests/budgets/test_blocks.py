"""Limits of blocks: those of `attribution(limit_usd=…, limit_calls=…)`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from bedrock_attrib import (
    BudgetExceededError,
    ConfigError,
    Recorder,
    attribution,
    instrument,
)
from bedrock_attrib.propagation import carry
from bedrock_attrib.testing import ListSink, Reply, Simulator, bedrock_simulator

NOVA = "us.amazon.nova-micro-v1:0"
COST = Decimal("0.00000154")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Bedrock on this machine."""
    with bedrock_simulator() as running:
        yield running


@pytest.fixture
def sink() -> ListSink:
    """The records of the test."""
    return ListSink()


@pytest.fixture
def client(simulator: Simulator, sink: ListSink) -> Any:
    """A client whose calls are recorded, without budgets."""
    return instrument(simulator.client(), recorder=Recorder(sinks=[sink]))


def ask(client: Any, **more: Any) -> None:
    """Make a call that costs 0.00000154 USD."""
    client.converse(modelId=NOVA, messages=[], **more)


def calls_until_refused(client: Any, **more: Any) -> int:
    """Call until a call is refused; how many were not."""
    for number in range(1000):
        try:
            ask(client, **more)
        except BudgetExceededError:
            return number
    raise AssertionError("none was refused")


def test_a_loop_stops_at_its_limit(client: Any, simulator: Simulator):
    """An agent that states no maxTokens spends its limit, and nothing more is sent."""
    with attribution(app="agent", limit_usd=COST * 7) as spend:
        assert calls_until_refused(client) == 7
        assert calls_until_refused(client) == 0
    assert spend.cost == 7 * COST
    assert len(simulator.requests) == 7


def test_a_stated_maximum_is_reserved(client: Any, simulator: Simulator):
    """With maxTokens the limit is never passed, so the first call may be refused."""
    with attribution(limit_usd="0.00001"):
        assert calls_until_refused(client, inferenceConfig={"maxTokens": 1000}) == 0
    with attribution(limit_usd="0.001"):
        ask(client, inferenceConfig={"maxTokens": 1000})
    assert len(simulator.requests) == 1


def test_the_error_says_what_was_asked(client: Any):
    """It names the limit, what was spent, and what to do."""
    with attribution(limit_usd=COST) as spend:
        ask(client)
        assert spend.calls == 1
        with pytest.raises(BudgetExceededError) as caught:
            ask(client)
    error = caught.value
    assert str(error) == (
        "the block allows $0.00000154: $0.00000154 spent and $0.00 reserved, and the "
        "call may need $0.00000154, so it was not sent; raise "
        "attribution(limit_usd=…), or state fewer maxTokens"
    )
    assert (error.budget, error.limit, error.spent) == ("attribution", COST, COST)


def test_blocks_nest(client: Any):
    """A call has to fit into each block; a new block inside begins anew."""
    with attribution(limit_calls=3):
        for expected in (2, 1, 0):
            with attribution(limit_calls=2):
                assert calls_until_refused(client) == expected


def test_a_refusal_of_one_block_is_none_of_another(client: Any):
    """What the outer block had reserved is free again."""
    with attribution(limit_calls=5):
        with attribution(limit_usd="0"):
            for _ in range(9):
                with pytest.raises(BudgetExceededError):
                    ask(client)
        assert calls_until_refused(client) == 5


def test_a_function_has_a_limit_for_each_of_its_calls(client: Any):
    """As a decorator, of functions and of coroutine functions."""

    @attribution(limit_calls=2)
    def work() -> int:
        return calls_until_refused(client)

    @attribution(limit_calls=3)
    async def work_async() -> int:
        return calls_until_refused(client)

    assert [work(), work()] == [2, 2]
    assert asyncio.run(work_async()) == 3


def test_threads_share_the_limit_that_is_carried_to_them(client: Any):
    """64 threads of one block."""
    with attribution(limit_calls=20):
        work = carry(lambda _: calls_until_refused(client))
        with ThreadPoolExecutor(64) as pool:
            assert sum(pool.map(work, range(64))) == 20


def test_an_unknown_price_is_refused(client: Any, sink: ListSink):
    """A limit in USD cannot hold where nobody knows the price; one in calls can."""
    with attribution(limit_usd="1"), pytest.raises(BudgetExceededError) as caught:
        client.converse(modelId="nobody.model-v1:0", messages=[])
    assert caught.value.reason == "unknown"
    assert "setting price_overrides" in str(caught.value)
    with attribution(limit_calls=1):
        client.converse(modelId="nobody.model-v1:0", messages=[])


def test_a_call_that_aws_rejects_spends_nothing(client: Any, simulator: Simulator):
    """It counts as a call, and costs nothing."""
    simulator.reply(Reply(error="ValidationException"), times=2)
    with attribution(limit_usd=COST, limit_calls=3) as spend:
        for _ in range(2):
            with pytest.raises(client.exceptions.ValidationException):
                ask(client)
        ask(client)
        assert calls_until_refused(client) == 0
    assert spend.cost == COST


@pytest.mark.parametrize("limit", ["much", -1, "NaN", 0.5, True])
def test_a_wrong_limit_is_refused(limit: Any):
    """With the name of the argument, what came and what was expected."""
    with pytest.raises(ConfigError, match=r"limit_usd is .*; expected a non-negative"):
        attribution(limit_usd=limit)


@pytest.mark.parametrize("limit", [-1, "many", 1.5, True])
def test_a_wrong_number_is_refused(limit: Any):
    """A number of calls is a whole one, also as text."""
    with pytest.raises(ConfigError, match=r"limit_calls is .*; expected a non-negat"):
        attribution(limit_calls=limit)
    assert isinstance(attribution(limit_calls="5"), attribution)
