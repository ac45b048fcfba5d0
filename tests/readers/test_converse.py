"""What Converse and the last event of its stream say, and what is made of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bedrock_attrib import CallRecord, Unit
from bedrock_attrib._model.model_id import ModelKind
from bedrock_attrib._model.record import PriceStatus
from bedrock_attrib.testing import Reply, tokens

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
GPT = "openai.gpt-5.6-luna"
METHODS = ("converse", "converse_stream")


def call(meter: Any, method: str, model_id: str, **extra: object) -> CallRecord:
    """A call whose answer has *extra* in the place of what the endpoint would say."""
    record: CallRecord = getattr(meter, method)(model_id, Reply(extra=extra))
    return record


@pytest.mark.parametrize("method", METHODS)
def test_absent_cache_is_not_zero(meter: Any, method: str) -> None:
    """Cache counts that are not mentioned are absent; zeros are zeros."""
    record = getattr(meter, method)(CLAUDE, Reply())
    assert dict(record.usage) == {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}
    zeros = tokens(
        input_tokens=12,
        output_tokens=8,
        cache_read_tokens=0,
        cache_write_5m_tokens=0,
    )
    record = getattr(meter, method)(CLAUDE, Reply(usage=zeros))
    assert dict(record.usage) == {
        Unit.INPUT_TOKEN: 12,
        Unit.OUTPUT_TOKEN: 8,
        Unit.CACHE_READ_TOKEN: 0,
        Unit.CACHE_WRITE_5M_TOKEN: 0,
    }
    assert record.price_status is PriceStatus.PRICED


USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 115}
# Details of 100 written tokens; counts of 5-minute and 1-hour writes; whether the
# lifetime of some is assumed.
DETAILS: dict[str, tuple[object, dict[Unit, int]]] = {
    "both": (
        [{"ttl": "1h", "inputTokens": 60}, {"ttl": "5m", "inputTokens": 40}],
        {Unit.CACHE_WRITE_1H_TOKEN: 60, Unit.CACHE_WRITE_5M_TOKEN: 40},
    ),
    "one twice": (
        [{"ttl": "1h", "inputTokens": 60}, {"ttl": "1h", "inputTokens": 40}],
        {Unit.CACHE_WRITE_1H_TOKEN: 100},
    ),
    "half an hour": (
        [{"ttl": "30m", "inputTokens": 100}],
        {Unit.CACHE_WRITE_30M_TOKEN: 100},
    ),
    "rest is untold": (
        [{"ttl": "1h", "inputTokens": 60}],
        {Unit.CACHE_WRITE_1H_TOKEN: 60, Unit.CACHE_WRITE_5M_TOKEN: 40},
    ),
    "more than all": (
        [{"ttl": "1h", "inputTokens": 101}],
        {Unit.CACHE_WRITE_5M_TOKEN: 100},
    ),
    "unknown lifetime": (
        [{"ttl": "24h", "inputTokens": 60}, {"ttl": "1h", "inputTokens": 40}],
        {Unit.CACHE_WRITE_1H_TOKEN: 40, Unit.CACHE_WRITE_5M_TOKEN: 60},
    ),
    "negative": (
        [{"ttl": "1h", "inputTokens": -10}, {"ttl": "5m", "inputTokens": 40}],
        {Unit.CACHE_WRITE_5M_TOKEN: 100},
    ),
    "no lifetime": ([{"inputTokens": 60}], {Unit.CACHE_WRITE_5M_TOKEN: 100}),
    "none": ([], {Unit.CACHE_WRITE_5M_TOKEN: 100}),
}
EXACT = frozenset({"both", "one twice"})


@pytest.mark.parametrize("case", DETAILS)
@pytest.mark.parametrize("method", METHODS)
def test_lifetimes(meter: Any, method: str, case: str) -> None:
    """Writes by lifetime count where they add up; the rest is assumed, and marked."""
    meter.needs("TokenUsage", "cacheDetails")
    details, writes = DETAILS[case]
    usage = {**USAGE, "cacheWriteInputTokens": 100, "cacheDetails": details}
    record = call(meter, method, CLAUDE, usage=usage)
    assert record.usage == {Unit.INPUT_TOKEN: 10, Unit.OUTPUT_TOKEN: 5, **writes}
    if case == "half an hour":  # which Claude does not sell
        assert record.price_status is PriceStatus.PARTIAL
    else:
        is_exact = record.price_status is PriceStatus.PRICED
        assert is_exact == (case in EXACT)
        assert (record.price_reason == "") == (case in EXACT)


def test_lifetimes_that_pass_their_total_are_told(meter: Any) -> None:
    """The reason names both figures of a contradiction."""
    meter.needs("TokenUsage", "cacheDetails")
    details = [{"ttl": "1h", "inputTokens": 101}]
    usage = {**USAGE, "cacheWriteInputTokens": 100, "cacheDetails": details}
    record = call(meter, "converse", CLAUDE, usage=usage)
    assert record.price_status is PriceStatus.ESTIMATED
    assert record.price_reason == "101 cache writes by lifetime, but 100 in all"


# What is no number at all is up to botocore here, whose newer versions coerce it.
NEGATIVE = {
    "input": {"inputTokens": -1, "outputTokens": 8},
    "output": {"inputTokens": 12, "outputTokens": -8},
    "read": {"inputTokens": 12, "outputTokens": 8, "cacheReadInputTokens": -3},
    "write": {"inputTokens": 12, "outputTokens": 8, "cacheWriteInputTokens": -3},
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", NEGATIVE)
def test_negative_counts(meter: Any, method: str, case: str) -> None:
    """A count below zero makes the usage unknown, and the reason says where."""
    record = call(meter, method, CLAUDE, usage={**NEGATIVE[case], "totalTokens": 20})
    source = {"converse": "converse.usage", "converse_stream": "converse-stream"}
    assert record.usage is None
    assert record.cost is None
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason.startswith(source[method])
    assert record.price_reason.endswith(
        ": a count is not a whole number from 0 to 10^12"
    )


def test_whole_float_is_a_count(meter: Any) -> None:
    """A JSON number such as 12.0 is twelve."""
    usage = {"inputTokens": 12.0, "outputTokens": 8, "totalTokens": 20}
    record = call(meter, "converse", CLAUDE, usage=usage)
    assert record.usage == {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}
    assert type(record.usage[Unit.INPUT_TOKEN]) is int


@pytest.mark.parametrize("usage", [{}, {"totalTokens": 3}, None])
@pytest.mark.parametrize("method", METHODS)
def test_no_usage(meter: Any, method: str, usage: object) -> None:
    """An answer without counts is unpriced, not free."""
    record = call(meter, method, CLAUDE, usage=usage)
    assert record.usage is None
    assert record.price_status is PriceStatus.UNPRICED


def test_one_side(meter: Any) -> None:
    """One side alone is what was stated, no more."""
    record = call(meter, "converse", CLAUDE, usage={"inputTokens": 12})
    assert record.usage == {Unit.INPUT_TOKEN: 12}


# Streams of OpenAI models: stated input, read, written, total; input that is billed,
# and whether that is certain.
DOUBLE_COUNTS = {
    "as measured": (4995, None, 4993, 10007, 2, False),
    "total without cache": (4995, 4000, 993, 5014, 2, True),
    "read alone": (100, 90, None, 209, 10, False),
    "exclusive": (2, None, 4993, 5014, 2, True),
    "no cache": (100, 0, 0, 119, 100, True),
}


@pytest.mark.parametrize("case", DOUBLE_COUNTS)
def test_double_count(meter: Any, case: str) -> None:
    """Streams of OpenAI models count cached tokens twice, which is undone and told."""
    stated, read, written, total, billed, is_certain = DOUBLE_COUNTS[case]
    counts = {
        "inputTokens": stated,
        "outputTokens": 19,
        "cacheReadInputTokens": read,
        "cacheWriteInputTokens": written,
        "totalTokens": total,
    }
    usage = {name: count for name, count in counts.items() if count is not None}
    record = call(meter, "converse_stream", GPT, usage=usage)
    assert record.usage is not None
    assert record.usage[Unit.INPUT_TOKEN] == billed
    assert (record.price_status is PriceStatus.PRICED) == is_certain
    if not is_certain:
        cached = (read or 0) + (written or 0)
        expected = f"input {stated} taken to count its {cached} cached tokens too"
        assert record.price_reason == expected


def test_only_openai_streams_count_twice(meter: Any) -> None:
    """Converse of the same model, and streams of others, exclude the cache."""
    usage = {**USAGE, "inputTokens": 200, "cacheReadInputTokens": 100}
    for method, model_id in (
        ("converse", GPT),
        ("converse_stream", CLAUDE),
        ("converse_stream", "amazon.nova-pro-v1:0"),
    ):
        record = call(meter, method, model_id, usage=usage)
        assert record.usage is not None
        assert record.usage[Unit.INPUT_TOKEN] == 200, (method, model_id)


@pytest.mark.parametrize("method", METHODS)
def test_served_tier_and_latency(meter: Any, method: str) -> None:
    """The tier and latency mode that served the call decide, as the answer says."""
    meter.needs("ConverseResponse", "serviceTier")
    reply = Reply(service_tier="flex", latency_mode="optimized")
    record = getattr(meter, method)("amazon.nova-pro-v1:0", reply)
    assert (record.tier, record.latency_mode) == ("flex", "optimized")
    record = getattr(meter, method)(
        "amazon.nova-pro-v1:0", Reply(), performanceConfig={"latency": "optimized"}
    )
    assert (record.tier, record.latency_mode) == ("default", "standard")
    assert record.price_status is PriceStatus.ESTIMATED
    assert record.price_reason == (
        "optimized was asked for, and the answer does not state it"
    )


@pytest.mark.parametrize("method", ["invoke", "invoke_stream"])
def test_served_tier_in_headers(meter: Any, method: str) -> None:
    """InvokeModel says the same in its headers, its stream before the first event."""
    reply = Reply(service_tier="priority", latency_mode="optimized")
    record = getattr(meter, method)("amazon.nova-pro-v1:0", reply)
    assert (record.tier, record.latency_mode) == ("priority", "optimized")


# Nova 2 Lite, 2026-11: input and output for a million tokens each.
TIERS = {
    "default": Decimal("3.08"),
    "flex": Decimal("1.54"),
    "priority": Decimal("5.39"),
}


@pytest.mark.parametrize("tier", TIERS)
def test_tier_has_its_own_price(meter: Any, tier: str) -> None:
    """A call is priced at the tier that served it, whatever was asked for."""
    meter.needs("ConverseResponse", "serviceTier")
    usage = tokens(input_tokens=1_000_000, output_tokens=1_000_000)
    reply = Reply(usage=usage, service_tier=tier)
    record = meter.converse("us.amazon.nova-2-lite-v1:0", reply)
    assert record.tier == tier
    assert record.cost.total == TIERS[tier]
    assert record.price_status is PriceStatus.PRICED


ROUTER = (
    "arn:aws:bedrock:us-east-1:111122223333:default-prompt-router/anthropic.claude:1"
)
INVOKED = (
    "arn:aws:bedrock:us-east-1:111122223333:inference-profile/"
    "us.anthropic.claude-3-5-haiku-20241022-v1:0"
)


@pytest.mark.parametrize("method", METHODS)
def test_prompt_router(meter: Any, method: str) -> None:
    """The model that the router invoked is priced; the router's own fee is missing."""
    usage = tokens(input_tokens=1_000_000, output_tokens=0)
    record = getattr(meter, method)(ROUTER, Reply(usage=usage, invoked_model=INVOKED))
    assert record.model.requested == ROUTER
    assert record.model.kind is ModelKind.PROMPT_ROUTER
    assert record.model.model_id == "anthropic.claude-3-5-haiku-20241022-v1:0"
    assert record.cost.total == Decimal("0.8")
    assert record.price_status is PriceStatus.PARTIAL
    assert record.price_reason == "not stated: the prompt router's own fee"


def test_prompt_router_that_does_not_tell(meter: Any) -> None:
    """Without the invoked model there is usage and no price."""
    record = meter.converse(ROUTER, Reply())
    assert record.usage == {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}
    assert record.cost is None
    assert "did not say which one it invoked" in record.price_reason
