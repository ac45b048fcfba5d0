"""Streams of InvokeModelWithResponseStream: whose last words are believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bedrock_attrib import CallRecord, Unit
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.testing import Reply, ToolUse, tokens

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
BOTH = {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}
NO_METRICS = {"amazon-bedrock-invocationMetrics": None}
Frames = Callable[..., tuple[bytes, ...]]


def metrics(prompt: object, output: object, **more: object) -> dict[str, object]:
    """The last chunk of a stream."""
    counts = {"inputTokenCount": prompt, "outputTokenCount": output, **more}
    return {"amazon-bedrock-invocationMetrics": counts}


def stream(meter: Any, frames: tuple[bytes, ...], model_id: str = CLAUDE) -> CallRecord:
    """A stream of these very frames."""
    record: CallRecord = meter.invoke_stream(model_id, Reply(frames=frames))
    return record


def test_metrics_that_undercount(meter: Any) -> None:
    """Anthropic's own last count of output is right where the metrics say less."""
    reply = Reply(
        usage=tokens(input_tokens=392, output_tokens=133),
        metrics_usage=tokens(input_tokens=392, output_tokens=97),
        tool_uses=(ToolUse("search", {"q": "x"}),),
    )
    record = meter.invoke_stream(CLAUDE, reply)
    assert record.usage == {Unit.INPUT_TOKEN: 392, Unit.OUTPUT_TOKEN: 133}
    assert record.usage_source == "invocationMetrics (output_tokens: message_delta)"
    assert record.outcome is Outcome.OK
    # 392 x 3.30 and 133 x 16.50 USD for a million tokens.
    assert record.cost.total == Decimal("0.0034881")


@pytest.mark.parametrize("output", [None, "8", -8, 8.5, True, [8]])
def test_odd_delta(meter: Any, chunk_frames: Frames, output: object) -> None:
    """A last count of Anthropic's that is no count leaves the metrics as they are."""
    delta = {"type": "message_delta", "usage": {"output_tokens": output}}
    record = stream(meter, chunk_frames(delta, {**metrics(12, 8)}))
    assert record.usage == BOTH
    assert record.usage_source == "invocationMetrics"


START_USAGE = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 5,
    "cache_creation": {
        "ephemeral_5m_input_tokens": 40,
        "ephemeral_1h_input_tokens": 60,
    },
    "output_tokens": 1,
}
START = {"type": "message_start", "message": {"usage": START_USAGE}}
TEXT = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}}
STOP = {"type": "message_stop"}
CACHED = {
    **BOTH,
    Unit.CACHE_READ_TOKEN: 5,
    Unit.CACHE_WRITE_5M_TOKEN: 40,
    Unit.CACHE_WRITE_1H_TOKEN: 60,
}


def delta(**usage: object) -> dict[str, object]:
    """Anthropic's last statement."""
    return {"type": "message_delta", "delta": {}, "usage": usage}


def test_lifetimes_come_from_the_first_chunk(meter: Any, chunk_frames: Frames) -> None:
    """Metrics know no lifetimes; Anthropic's first chunk does."""
    last = STOP | metrics(
        12, 8, cacheReadInputTokenCount=5, cacheWriteInputTokenCount=100
    )
    record = stream(meter, chunk_frames(START, TEXT, delta(output_tokens=8), last))
    assert record.usage == CACHED
    assert record.price_status is PriceStatus.PRICED


def test_lifetimes_that_do_not_add_up(meter: Any, chunk_frames: Frames) -> None:
    """A split that passes the total of the metrics is not believed."""
    last = metrics(12, 8, cacheReadInputTokenCount=5, cacheWriteInputTokenCount=99)
    record = stream(meter, chunk_frames(START, TEXT, last))
    assert record.usage == {
        **BOTH,
        Unit.CACHE_READ_TOKEN: 5,
        Unit.CACHE_WRITE_5M_TOKEN: 99,
    }
    assert record.price_status is PriceStatus.ESTIMATED
    assert record.price_reason == "100 cache writes by lifetime, but 99 in all"


@pytest.mark.parametrize(
    "usage",
    [
        {"output_tokens": 8},
        {**START_USAGE, "output_tokens": 8},
        {
            "input_tokens": 12,
            "cache_creation_input_tokens": 100,
            "cache_read_input_tokens": 5,
            "output_tokens": 8,
        },
    ],
    ids=["output alone", "everything", "without lifetimes"],
)
@pytest.mark.parametrize("ends_early", [False, True], ids=["whole", "given up"])
def test_without_metrics_each_token_is_counted_once(
    meter: Any, chunk_frames: Frames, usage: dict[str, object], *, ends_early: bool
) -> None:
    """What first and last chunk both state is not counted twice."""
    last = [] if ends_early else [STOP]
    record = stream(meter, chunk_frames(START, TEXT, delta(**usage), *last))
    assert record.usage == CACHED
    assert record.price_status is PriceStatus.PRICED


def test_given_up_keeps_the_first_chunk(meter: Any, chunk_frames: Frames) -> None:
    """Of a stream that ended in mid-text, input and cache are known, output guessed."""
    record = stream(meter, chunk_frames(START, *[TEXT] * 40))
    assert record.usage is not None
    assert record.usage[Unit.INPUT_TOKEN] == 12
    assert record.usage[Unit.CACHE_WRITE_1H_TOKEN] == 60
    assert record.usage[Unit.OUTPUT_TOKEN] > 1
    assert record.usage_source == "body.usage (anthropic) + estimate"
    assert record.price_status is PriceStatus.ESTIMATED


def test_running_counts_are_no_end(meter: Any, chunk_frames: Frames) -> None:
    """Jamba counts along in every chunk: only the one that finishes is final."""
    running = [
        {
            "choices": [{"delta": {"content": "x"}, "finish_reason": reason}],
            "usage": {"prompt_tokens": 12, "completion_tokens": number},
        }
        for number, reason in enumerate([*[None] * 8, "stop"])
    ]
    model_id = "ai21.jamba-1-5-mini-v1:0"
    record = stream(meter, chunk_frames(*running), model_id)
    assert record.usage == BOTH
    assert record.outcome is Outcome.OK
    record = stream(meter, chunk_frames(*running[:5]), model_id)
    assert record.usage is not None
    assert record.usage[Unit.INPUT_TOKEN] == 12
    assert record.usage[Unit.OUTPUT_TOKEN] >= 4
    assert record.price_status is PriceStatus.ESTIMATED


def test_usage_after_the_last_choice(meter: Any, chunk_frames: Frames) -> None:
    """OpenAI's counts come in a chunk of their own, without choices."""
    last = {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": None}
    counts = {
        "choices": [],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 8,
            "prompt_tokens_details": {"cached_tokens": 8},
        },
    }
    record = stream(meter, chunk_frames(last, counts), "openai.gpt-5.6-sol")
    assert record.usage == {**BOTH, Unit.CACHE_READ_TOKEN: 8}
    assert record.outcome is Outcome.OK


@pytest.mark.parametrize("choices", [None, "x", [None], [{}], ["stop"], {}])
def test_odd_choices_are_no_end(
    meter: Any, chunk_frames: Frames, choices: object
) -> None:
    """Choices that do not say that they have finished end nothing."""
    chunk = {
        "choices": choices,
        "usage": {"prompt_tokens": 12, "completion_tokens": 8},
    }
    record = stream(meter, chunk_frames(chunk), "openai.gpt-5.6-sol")
    assert record.price_status is PriceStatus.ESTIMATED


def test_end_without_input(meter: Any, chunk_frames: Frames) -> None:
    """A last word on output alone is no final count, as nobody stated the input."""
    record = stream(meter, chunk_frames(TEXT, delta(output_tokens=8), STOP))
    assert record.usage is not None
    assert record.usage[Unit.OUTPUT_TOKEN] == 8
    assert record.usage[Unit.INPUT_TOKEN] > 0
    assert record.price_status is PriceStatus.ESTIMATED


def test_impossible_end(meter: Any, chunk_frames: Frames) -> None:
    """Final counts that cannot be are not believed, and nothing is taken for input."""
    counts = {
        "choices": [],
        "usage": {
            "prompt_tokens": 5,
            "completion_tokens": 8,
            "prompt_tokens_details": {"cached_tokens": 9},
        },
    }
    record = stream(meter, chunk_frames(counts), "openai.gpt-5.6-sol")
    assert record.usage_source == "estimate"
    assert record.price_status is PriceStatus.ESTIMATED


BILLED_UNITS = {
    "is_finished": True,
    "event_type": "stream-end",
    "response": {
        "meta": {
            "billed_units": {"input_tokens": 12, "output_tokens": 8},
            "tokens": {"input_tokens": 73, "output_tokens": 9},
        }
    },
}


@pytest.mark.parametrize("closing", [{}, metrics(12, 8)], ids=["own", "metrics"])
def test_cohere_bills_its_billed_units(
    meter: Any, chunk_frames: Frames, closing: dict[str, object]
) -> None:
    """Cohere's `tokens` count the template too and are not billed."""
    frames = chunk_frames({"text": "Hi"}, BILLED_UNITS | closing)
    assert stream(meter, frames, "cohere.command-r-v1:0").usage == BOTH


ODD_METRICS: dict[str, dict[str, object]] = {
    "text": metrics("12", 8),
    "negative": metrics(-12, 8),
    "fraction": metrics(12.5, 8),
    "empty": {"amazon-bedrock-invocationMetrics": {}},
    "a list": {"amazon-bedrock-invocationMetrics": [12, 8]},
    "inside": {"x": metrics(99, 99)},
}


@pytest.mark.parametrize("closing", ODD_METRICS.values(), ids=ODD_METRICS)
def test_odd_metrics(
    meter: Any, chunk_frames: Frames, closing: dict[str, object]
) -> None:
    """Metrics that state no counts are passed over for the family's own words."""
    last = delta(output_tokens=8)
    record = stream(meter, chunk_frames(START, TEXT, last, STOP | closing))
    assert record.usage == CACHED
    assert record.usage_source == "body.usage (anthropic)"


def test_one_side_of_metrics(meter: Any, chunk_frames: Frames) -> None:
    """Metrics may state one side alone."""
    closing = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 12}}
    record = stream(meter, chunk_frames(TEXT, closing))
    assert record.usage == {Unit.INPUT_TOKEN: 12}


QUOTES = (
    json.dumps(metrics(999, 999)),
    json.dumps(delta(output_tokens=999)),
    '"amazon-bedrock-invocationMetrics":{"inputTokenCount":999}',
)


@pytest.mark.parametrize("quote", QUOTES)
def test_quoted_metrics(meter: Any, chunk_frames: Frames, quote: str) -> None:
    """An answer or a tool's input that quotes the metrics is passed over."""
    text = {"type": "content_block_delta", "delta": {"text": quote}}
    tool = {"type": "content_block_delta", "delta": {"partial_json": quote}}
    nested = {"type": "content_block_delta", "delta": {"input": json.loads("{}")}}
    frames = chunk_frames(START, text, tool, nested, STOP | metrics(12, 8))
    assert stream(meter, frames).usage == BOTH
    frames = chunk_frames(START, delta(output_tokens=8), text, tool)
    record = stream(meter, frames)
    assert record.usage is not None
    assert record.usage[Unit.INPUT_TOKEN] == 12
    assert record.usage[Unit.OUTPUT_TOKEN] < 999


def test_spread_metrics(meter: Any, chunk_frames: Frames) -> None:
    """Chunks may be written over lines."""
    chunks = [START, TEXT, delta(output_tokens=8), STOP | metrics(12, 8)]
    frames = chunk_frames(*(json.dumps(chunk, indent=3) for chunk in chunks))
    assert stream(meter, frames).usage == BOTH


STRANGE_CHUNKS = {
    "no JSON": '<"amazon-bedrock-invocationMetrics">',
    "a list": '["amazon-bedrock-invocationMetrics"]',
    "half": '{"amazon-bedrock-invocationMetrics":{"inputTokenCount":12,',
    "deep": '{"amazon-bedrock-invocationMetrics":' + "[" * 100_000,
    "empty": "",
    "message": '{"message": 5, "usage": 3, "x": "message_delta"}',
}


@pytest.mark.parametrize("chunk", STRANGE_CHUNKS.values(), ids=STRANGE_CHUNKS)
def test_strange_chunks(meter: Any, chunk_frames: Frames, chunk: str) -> None:
    """Chunks that state nothing make an estimate, without a fault."""
    record = stream(meter, chunk_frames(chunk, chunk))
    assert record.usage_source == "estimate"
    assert record.price_status is PriceStatus.ESTIMATED
    record = stream(meter, chunk_frames(chunk, metrics(12, 8), chunk))
    assert record.usage == BOTH


def test_empty_stream(meter: Any) -> None:
    """A stream without any event states nothing and guesses nothing."""
    record = stream(meter, ())
    assert record.usage is None
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason == "the stream ended before its first event"


def test_converse_stream_without_metadata(meter: Any) -> None:
    """A stream of Converse that ends before its counts is an estimate."""
    record = meter.converse_stream(CLAUDE, Reply(usage=None))
    assert record.usage is None
    frames = Reply(frames=())
    assert meter.converse_stream(CLAUDE, frames).usage is None
