"""What the tests of frameworks ask and expect, whichever the framework."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bedrock_attrib import BudgetExceededError, CallRecord, get_recorder
from bedrock_attrib.testing import ToolUse, tokens

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-micro-v1:0"
QUESTION = "How is the weather in Oslo?"
ANSWER = "Sunny."
USAGE = tokens(input_tokens=1200, output_tokens=540)
WEATHER = ToolUse("weather", {"city": "Oslo"}, id="tooluse_oslo")


def seen(records: list[CallRecord]) -> list[tuple[str, str, dict[str, str]]]:
    """Operation, price status and tags of each record; all have the same counts."""
    # A stream that was dropped rather than read to its end is settled a moment later.
    get_recorder().flush()
    counts = [dict(record.usage or {}) for record in records]
    assert [{u: n for u, n in each.items() if n} for each in counts] == [
        dict(USAGE)
    ] * len(records)
    return [(r.operation, r.price_status, dict(r.tags)) for r in records]


def refused_once(call: Callable[[], object], records: list[CallRecord]) -> None:
    """Expect that *call* ends with a refusal, which was met once and not tried again.

    A framework may wrap it in an exception of its own.
    """
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- of any framework
        call()
    found: BaseException | None = caught.value
    while found is not None and not isinstance(found, BudgetExceededError):
        found = found.__cause__ or found.__context__
    assert found is not None, repr(caught.value)
    get_recorder().flush()
    refused = [each for each in records if each.error == "BudgetExceededError"]
    assert len(refused) == 1
