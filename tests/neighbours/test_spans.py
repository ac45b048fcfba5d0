"""The cost stands on a neighbour's span, where that span can be reached in time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.client import BaseClient
from neighbours import (
    CALLS,
    NEIGHBOURS,
    embed,
    failing,
    invoke_llama,
    invoke_stream_llama,
    open_street,
    skip_without,
    stream,
    stream_closed,
    stream_dropped,
)

from bedrock_attrib.testing import Simulator

CLAUDE_COST = 0.000156  # 12 x 3 and 8 x 15 USD for a million tokens
COSTS = {
    invoke_llama: 0.0000084,  # 12 x 0.30 and 8 x 0.60
    invoke_stream_llama: 0.0000084,
    embed: 0.00000024,  # 12 x 0.02
    stream_closed: 0.000063,  # an estimate: 16 x 3 and 1 x 15
}
NEVER = {failing, stream_dropped}

# Beyond those: a span that is not the current one while the call is made, one that is
# ended before the stream is read, or never.
WITHOUT = {
    "botocore": {invoke_stream_llama},
    "genai-bedrock": set(),
    "openllmetry": {
        call for call in CALLS if call.__name__.startswith(("stream", "invoke_stream"))
    },
    "openinference": {invoke_stream_llama},
}


@pytest.mark.parametrize("name", NEIGHBOURS)
@pytest.mark.parametrize("order", ["ours first", "ours last"])
@pytest.mark.parametrize(
    "call",
    [call for call in CALLS if call not in NEVER],
    ids=lambda call: call.__name__,
)
def test_their_spans_have_the_cost(
    simulator: Simulator, name: str, order: str, call: Callable[[BaseClient], object]
) -> None:
    """With `span_cost`, the one span of a call carries what it cost."""
    skip_without((name,))
    with open_street(simulator, (name,), order) as street:
        call(street.client)
        expected = None if call in WITHOUT[name] else COSTS.get(call, CLAUDE_COST)
        costs = street.costs()
    scope = NEIGHBOURS[name].scope
    found = [cost for name, cost in costs.items() if name.startswith(scope)]
    if not found:  # a span that its own tracer never ends
        assert call in WITHOUT[name]
    else:
        assert found == [expected]


def test_the_innermost_span_has_the_cost(simulator: Simulator) -> None:
    """Of several spans around one call, one has the cost, so that sums are right."""
    skip_without(tuple(NEIGHBOURS))
    with open_street(simulator, tuple(NEIGHBOURS), "ours last") as street:
        stream(street.client)
        costs = street.costs()
    assert sorted(cost for cost in costs.values() if cost is not None) == [CLAUDE_COST]


def test_where_theirs_is_not_current_the_callers_own_has_it(
    simulator: Simulator,
) -> None:
    """OpenLLMetry's spans of streams are never current; the span around them is."""
    skip_without(("openllmetry",))
    with open_street(simulator, ("openllmetry",), "ours last") as street:
        tracer = street.tracer_provider.get_tracer("the caller")
        with tracer.start_as_current_span("ask"):
            stream(street.client)
        costs = street.costs()
    assert costs["the caller"] == CLAUDE_COST
    assert costs["opentelemetry.instrumentation.bedrock"] is None
