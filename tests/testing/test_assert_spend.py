"""`assert_spend`: what it accepts and how it fails."""

from __future__ import annotations

from decimal import Decimal

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from bedrock_attrib import CallRecord, Cost, Recorder, attribution, instrument
from bedrock_attrib.testing import ListSink, Reply, Simulator, assert_spend, tokens

LITE = "us.amazon.nova-lite-v1:0"  # 0.06 and 0.24 USD per million
HELLO = [{"role": "user", "content": [{"text": "Hello"}]}]


@pytest.fixture
def metered(client: BaseClient, recorder: Recorder) -> BaseClient:
    """A metered client of the simulator."""
    return instrument(client, recorder=recorder)


@pytest.fixture
def records(
    metered: BaseClient, simulator: Simulator, sink: ListSink
) -> list[CallRecord]:
    """Two calls of one team, of which one failed, and one call of another."""
    reply = Reply(usage=tokens(input_tokens=1_000_000, output_tokens=500_000))
    simulator.reply(reply)
    for team in ("search", "ads"):
        with attribution(team=team):
            metered.converse(modelId=LITE, messages=HELLO)
    simulator.reply(Reply(error="ValidationException"), times=1)
    with attribution(team="search"), pytest.raises(ClientError):
        metered.converse(modelId=LITE, messages=HELLO)
    return sink.records


def test_what_holds_passes(records: list[CallRecord]) -> None:
    """Exact cost, an upper bound and a number of calls, by tags or of all."""
    assert_spend(records, cost="0.18", at_most="0.18", calls=2, team="search")
    assert_spend(records, cost="0.36", calls=3)
    assert_spend(records, cost="0", calls=0, team=None)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"cost": "0.17"}, "expected 0.17 USD, found 0.18 USD"),
        ({"at_most": "0.17"}, "expected at most 0.17 USD, found 0.18 USD"),
        ({"calls": 1}, "expected 1 calls, found 2"),
    ],
)
def test_what_does_not_hold_fails(
    records: list[CallRecord], expected: dict[str, object], message: str
) -> None:
    """The message has expected and found values, and the calls."""
    with pytest.raises(AssertionError) as failure:
        assert_spend(records, **expected, team="search")  # type: ignore[arg-type]
    first, *calls = str(failure.value).splitlines()
    assert first == message
    assert calls == [
        "  Converse amazon.nova-lite-v1:0 ok 0.18 USD {'team': 'search'}",
        "  Converse amazon.nova-lite-v1:0 error - {'team': 'search'}",
    ]


def test_an_unknown_price_is_no_amount(metered: BaseClient, sink: ListSink) -> None:
    """A call without a price never counts as zero."""
    metered.converse(modelId="nobody.knows-v1:0", messages=HELLO)
    assert_spend(sink.records, calls=1)
    with pytest.raises(AssertionError, match="the price of a call is unpriced: "):
        assert_spend(sink.records, at_most="1")


def test_other_currencies_are_not_added_up(records: list[CallRecord]) -> None:
    """An amount in euros is no amount in dollars."""
    cost = Cost(Decimal(2), "EUR", {}, {})
    euros = [records[0]._replace(cost=cost)]
    with pytest.raises(AssertionError, match="a call is in EUR, not in USD"):
        assert_spend(euros, cost="0")
