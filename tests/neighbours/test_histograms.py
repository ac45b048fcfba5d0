"""The convention's histograms are recorded once a call: by a neighbour, or by us."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from neighbours import (
    CALLS,
    NEIGHBOURS,
    OURS,
    converse,
    embed,
    failing,
    invoke,
    open_street,
    skip_without,
    stream,
    stream_closed,
    stream_dropped,
)

from bedrock_attrib.testing import Simulator

TOKENS = "gen_ai.client.token.usage"
DURATION = "gen_ai.client.operation.duration"
FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"


def recordings(
    simulator: Simulator, name: str, call: Callable[[BaseClient], object]
) -> dict[str, dict[str, list[str]]]:
    """Recordings of each scope, as whether ours is it or not."""
    with open_street(simulator, (name,), "ours first") as street:
        try:
            call(street.client)
        except ClientError:
            assert call is failing
        return {
            "ours" if scope == OURS else "theirs": histograms
            for scope, histograms in street.histograms().items()
        }


@pytest.mark.parametrize("name", NEIGHBOURS)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_nothing_is_doubled(
    simulator: Simulator, name: str, call: Callable[[BaseClient], object]
) -> None:
    """What the neighbour records of a call is not recorded by us, and what not is."""
    skip_without((name,))
    found = recordings(simulator, name, call)
    ours, theirs = found.get("ours", {}), found.get("theirs", {})
    assert ours.keys().isdisjoint(theirs)
    expected = {DURATION}
    if call is not failing:
        expected.add(TOKENS)
    if "stream" in call.__name__:
        expected.add(FIRST_CHUNK)
    if (name, call) == ("botocore", stream_dropped):
        # Of a closed stream it records the duration, and the record is the same.
        expected.remove(DURATION)
    assert expected <= ours.keys() | theirs.keys()


# Spelled out for a few: the metrics that are left to us.
LEFT_TO_US = {
    ("botocore", converse): set(),
    ("botocore", stream): {FIRST_CHUNK},
    ("botocore", stream_closed): {TOKENS, FIRST_CHUNK},
    ("botocore", embed): {TOKENS, DURATION},
    ("genai-bedrock", stream): set(),
    ("genai-bedrock", stream_dropped): {TOKENS},
    ("genai-bedrock", embed): set(),
    ("openllmetry", invoke): set(),
    ("openllmetry", stream): {FIRST_CHUNK},
    ("openllmetry", failing): {DURATION},
    ("openllmetry", stream_dropped): {TOKENS, DURATION, FIRST_CHUNK},
    ("openinference", stream): {TOKENS, DURATION, FIRST_CHUNK},
}


@pytest.mark.parametrize(
    ("name", "call"),
    LEFT_TO_US,
    ids=[f"{name}-{call.__name__}" for name, call in LEFT_TO_US],
)
def test_what_is_left_to_us(
    simulator: Simulator, name: str, call: Callable[[BaseClient], object]
) -> None:
    """Each neighbour leaves some calls out, which then are ours."""
    skip_without((name,))
    ours = recordings(simulator, name, call).get("ours", {})
    assert ours.keys() == LEFT_TO_US[name, call]


def test_a_neighbour_without_metrics(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenLLMetry can be told to emit none; then all of them are ours."""
    skip_without(("openllmetry",))
    monkeypatch.setenv("TRACELOOP_METRICS_ENABLED", "false")
    assert recordings(simulator, "openllmetry", converse) == {
        "ours": {TOKENS: ["input", "output"], DURATION: ["-"]}
    }


def test_all_of_them_at_once(simulator: Simulator) -> None:
    """With three that emit the same, we add nothing to it."""
    skip_without(tuple(NEIGHBOURS))
    with open_street(simulator, tuple(NEIGHBOURS), "ours last") as street:
        converse(street.client)
        assert OURS not in street.histograms()
