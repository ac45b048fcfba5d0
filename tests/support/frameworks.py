"""What the tests of frameworks ask and expect, whichever the framework."""

from __future__ import annotations

from bedrock_attrib import CallRecord, get_recorder
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
