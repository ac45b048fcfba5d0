"""Estimates: what a call is expected to use, learned from calls like it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal

import pytest

from bedrock_attrib import (
    Budget,
    BudgetExceededError,
    attribution,
    configure,
    instrument,
)
from bedrock_attrib.testing import Reply, Simulator, bedrock_simulator, tokens

NOVA = "us.amazon.nova-micro-v1:0"
COST = Decimal("0.00000154")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Bedrock on this machine."""
    with bedrock_simulator() as running:
        yield running


def test_it_reserves_what_such_calls_have_used(simulator: Simulator) -> None:
    """Once eight calls are known, whatever the most that they might use."""
    limit = COST * 40
    recorder = configure(
        metrics=False, budgets=[Budget("b", limit_usd=limit, mode="estimate")]
    )
    client = instrument(simulator.client(), recorder=recorder)
    with pytest.raises(BudgetExceededError):  # 10,000 tokens of output do not fit
        client.converse(modelId=NOVA, messages=[])
    maximum = {"maxTokens": 10}
    for _ in range(8):
        client.converse(modelId=NOVA, messages=[], inferenceConfig=maximum)
    recorder.flush()
    sent = 8
    with suppress(BudgetExceededError):
        while sent < 100:
            client.converse(modelId=NOVA, messages=[])
            sent += 1
    recorder.flush()
    [status] = recorder.budgets()
    assert sent == 40
    assert (status.spent, status.reserved) == (limit, 0)


def test_tags_have_estimates_of_their_own(simulator: Simulator) -> None:
    """Those with long answers do not make short ones dear."""
    recorder = configure(
        metrics=False,
        budgets=[Budget("b", limit_usd="1", mode="estimate", each="app")],
    )
    client = instrument(simulator.client(), recorder=recorder)
    held: dict[str, Decimal] = {}
    for app, output in (("long", 5000), ("short", 8)):
        simulator.reply(Reply(usage=tokens(input_tokens=12, output_tokens=output)))
        with attribution(app=app):
            for _ in range(8):
                client.converse(modelId=NOVA, messages=[])
            recorder.flush()
            before = {each.key: each.reserved for each in recorder.budgets()}
            assert before[app] == 0
            stream = client.converse_stream(modelId=NOVA, messages=[])["stream"]
            held |= {each.key or "": each.reserved for each in recorder.budgets()}
            list(stream)
        recorder.flush()
    assert held["short"] == COST


def test_the_overshoot_is_that_of_calls_on_their_way(simulator: Simulator) -> None:
    """64 threads, whose answers become twice as long as those that were learned."""
    limit = COST * 100
    recorder = configure(
        metrics=False, budgets=[Budget("b", limit_usd=limit, mode="estimate")]
    )
    client = instrument(simulator.client(), recorder=recorder)
    maximum = {"maxTokens": 16}
    for _ in range(8):
        client.converse(modelId=NOVA, messages=[], inferenceConfig=maximum)
    recorder.flush()
    longer = tokens(input_tokens=12, output_tokens=16)
    simulator.reply(Reply(usage=longer))

    def work(_: int) -> None:
        with suppress(BudgetExceededError):
            while True:
                client.converse(modelId=NOVA, messages=[], inferenceConfig=maximum)

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(work, range(64)))
    recorder.flush()
    [status] = recorder.budgets()
    most = Decimal("0.00000112") * 64  # eight tokens more, of 64 calls
    assert limit - COST * 2 < status.spent <= limit + most
    assert status.reserved == 0
