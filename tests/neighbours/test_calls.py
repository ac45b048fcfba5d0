"""Beside any neighbour a call gives what it gives there alone, and is recorded once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from neighbours import CALLS, COMBINATIONS, comparable, open_street, skip_without

from bedrock_attrib import instrument, uninstrument
from bedrock_attrib.testing import Reply, Simulator, tokens

Call = Callable[[BaseClient], object]
ORDERS = ("ours first", "ours last")


def outcome_of(call: Call, client: BaseClient) -> object:
    """What a call gives, or the error that it raises."""
    try:
        return comparable(call(client))
    except ClientError as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize("names", COMBINATIONS, ids="+".join)
@pytest.mark.parametrize("order", ORDERS)
def test_calls_are_as_without_us_and_recorded_once(
    simulator: Simulator, names: tuple[str, ...], order: str
) -> None:
    """Results are equal to those beside the neighbours alone; each call is one."""
    skip_without(names)
    with open_street(simulator, names, None) as street:
        alone = [outcome_of(call, street.client) for call in CALLS]
    with open_street(simulator, names, order) as street:
        for call, expected, (operation, outcome, usage) in zip(
            CALLS, alone, CALLS.values(), strict=True
        ):
            assert outcome_of(call, street.client) == expected, call
            (record,) = street.records()
            found = (record.operation, record.outcome.value)
            assert found == (operation, outcome), call
            assert record.usage == usage, call
            street.sink.records.clear()
        assert street.recorder.faults.counts() == {}


@pytest.mark.parametrize("names", COMBINATIONS, ids="+".join)
def test_what_stands_in_a_body_alone_is_read(
    simulator: Simulator, names: tuple[str, ...]
) -> None:
    """A neighbour that takes what is underneath a body does not hide it from us."""
    skip_without(names)
    usage = tokens(input_tokens=12, output_tokens=8, cache_write_1h_tokens=5)
    simulator.reply(Reply(usage=usage), operation="InvokeModel", times=1)
    (invoke,) = (call for call in CALLS if call.__name__ == "invoke")
    with open_street(simulator, names, "ours last") as street:
        invoke(street.client)
        assert [record.usage for record in street.records()] == [usage]


@pytest.mark.parametrize("names", COMBINATIONS, ids="+".join)
def test_each_can_go(simulator: Simulator, names: tuple[str, ...]) -> None:
    """Taking one away leaves the others; a client works on whoever stays."""
    skip_without(names)
    (converse,) = (call for call in CALLS if call.__name__ == "converse")
    with open_street(simulator, names, "ours last") as street:
        uninstrument(street.client)
        converse(street.client)
        assert street.records() == []
        instrument(street.client, recorder=street.recorder)
    converse(street.client)
    assert len(street.records()) == 1
