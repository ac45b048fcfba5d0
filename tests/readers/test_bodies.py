"""Bodies of InvokeModel: at the right level, in whatever pieces, however long."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bedrock_attrib import CallRecord, Unit
from bedrock_attrib._model.record import PriceStatus
from bedrock_attrib.testing import Reply, ToolUse, tokens

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
GPT = "openai.gpt-5.6-sol"
NAMELESS = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc123"
BOTH = {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}
WRITES = tokens(
    input_tokens=10,
    output_tokens=5,
    cache_read_tokens=3,
    cache_write_5m_tokens=30,
    cache_write_1h_tokens=70,
)


def read(meter: Any, body: object, model_id: str = CLAUDE, **more: Any) -> CallRecord:
    """Answer with *body*, JSON or bytes, and without token headers."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = Reply(body=text, token_headers=False)
    record: CallRecord = meter.invoke(model_id, reply, **more)
    return record


def at_once(body: Any) -> None:
    """read()."""
    body.read()


def odd_pieces(body: Any) -> None:
    """read(7) until nothing comes."""
    while body.read(7):
        pass


def exact_length(body: Any) -> None:
    """read(n) of more than there is, once."""
    body.read(10_000_000)


def lines(body: Any) -> None:
    """iter_lines()."""
    for _ in body.iter_lines(chunk_size=11):
        pass


def chunks(body: Any) -> None:
    """iter_chunks(5)."""
    for _ in body.iter_chunks(5):
        pass


def iteration(body: Any) -> None:
    """for piece in body."""
    for _ in body:
        pass


def buffer(body: Any) -> None:
    """readinto(buffer)."""
    piece = bytearray(13)
    while body.readinto(piece):
        pass


def all_lines(body: Any) -> None:
    """readlines()."""
    body.readlines()


def mixture(body: Any) -> None:
    """A first byte, then a buffer, then the rest."""
    body.read(1)
    body.readinto(bytearray(5))
    body.read()


READS = (
    at_once,
    odd_pieces,
    exact_length,
    lines,
    chunks,
    iteration,
    buffer,
    all_lines,
    mixture,
)


@pytest.mark.parametrize("read_by", READS, ids=lambda read_by: read_by.__doc__)
@pytest.mark.parametrize("told", [True, False], ids=["headers", "no headers"])
def test_however_it_is_read(
    meter: Any, read_by: Callable[[Any], None], *, told: bool
) -> None:
    """The pieces in which a body is read do not matter, nor letters cut in two."""
    reply = Reply(usage=WRITES, token_headers=told, text="žluťoučký kůň 🐎 " * 40)
    record = meter.invoke(CLAUDE, reply, read=read_by)
    assert record.usage == WRITES
    assert record.price_status is PriceStatus.PRICED


# Letters that JSON need not escape: three bytes each.
LONG = "ゆ" * 60_000


@pytest.mark.parametrize("read_by", READS[:3], ids=lambda read_by: read_by.__doc__)
@pytest.mark.parametrize("shift", range(3))
def test_long_body(meter: Any, read_by: Callable[[Any], None], shift: int) -> None:
    """Of a long body head and tail are enough, though they cut letters in two."""
    usage = {"input_tokens": 12, "output_tokens": 8}
    document = {"x": "." * shift, "content": [{"text": LONG}], "usage": usage}
    body = json.dumps(document, ensure_ascii=False).encode()
    assert len(body) > 180_000
    assert read(meter, body, read=read_by).usage == BOTH


HOSTILE = {"input_tokens": 999_999, "output_tokens": 999_999}


@pytest.mark.parametrize("filling", [10, 40_000, 100_000], ids=["s", "m", "l"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_tool_input_does_not_pass_for_usage(
    meter: Any, filling: int, place: str
) -> None:
    """A tool's input may hold objects of any name: only the outer one counts."""
    noise = ["\\" if number % 7 else "y" for number in range(filling)]
    tool = {
        "type": "tool_use",
        "input": {
            "usage": HOSTILE,
            "cache_creation": {"ephemeral_1h_input_tokens": 7},
            "amazon-bedrock-trace": {"guardrail": trace(999)},
            "noise": noise,
            "list": [{"usage": HOSTILE}] * 3,
        },
    }
    usage = {"input_tokens": 12, "output_tokens": 8}
    parts = [("content", [tool]), ("usage", usage)]
    body = dict(parts if place == "before" else parts[::-1])
    record = read(meter, body)
    is_hidden = place == "after" and filling > 10_000
    assert record.usage == (None if is_hidden else BOTH)


def trace(units: int) -> dict[str, object]:
    """A guardrail's trace over a prompt of *units* text units."""
    usage = {"contentPolicyUnits": units}
    return {"input": {"gr0": {"invocationMetrics": {"usage": usage}}}}


def test_answer_text_does_not_pass_for_usage(meter: Any) -> None:
    """A text that quotes counts, escaped once or twice, is passed over."""
    quoted = json.dumps({"usage": HOSTILE, "x": json.dumps({"usage": HOSTILE})})
    for text in (quoted, '","usage":{"input_tokens":99}', quoted * 3000):
        body = {"usage": {"input_tokens": 12, "output_tokens": 8}, "content": text}
        assert read(meter, body).usage == BOTH
        body = {"content": text, "usage": {"input_tokens": 12, "output_tokens": 8}}
        assert read(meter, body).usage == BOTH


def test_hostile_names(meter: Any) -> None:
    """Names that end in a quoted name, and names as values, are no such members."""
    body = {
        '\\"usage"': HOSTILE,
        'x"usage': HOSTILE,
        "y": ["usage", {"z": "usage"}],
        "content": "z" * 90_000,
        "usage": {"input_tokens": 12, "output_tokens": 8},
        'more "usage': HOSTILE,
        "kind": "usage",
    }
    assert read(meter, body).usage == BOTH


def test_headers_ignore_the_tools(meter: Any) -> None:
    """Nor does a tool's input tell lifetimes, where headers told the total."""
    tool = ToolUse("f", {"cache_creation": {"ephemeral_1h_input_tokens": 100}})
    reply = Reply(usage=WRITES, tell_cache_lifetimes=False, tool_uses=(tool,))
    record = meter.invoke(CLAUDE, reply)
    assert record.usage == {
        Unit.INPUT_TOKEN: 10,
        Unit.OUTPUT_TOKEN: 5,
        Unit.CACHE_READ_TOKEN: 3,
        Unit.CACHE_WRITE_5M_TOKEN: 100,
    }
    assert record.price_status is PriceStatus.ESTIMATED


def test_whitespace(meter: Any) -> None:
    """JSON may be spread over lines and columns."""
    usage = {"input_tokens": 12, "output_tokens": 8}
    body = json.dumps({"content": [], "usage": usage}, indent=4)
    assert read(meter, body.encode()).usage == BOTH
    spread = body.replace('"usage"', '"usage"' + " \t\r\n" * 9)
    assert read(meter, spread.encode()).usage == BOTH
    tail = json.dumps({"c": "[" * 99_999, "usage": usage}, indent=2)
    assert read(meter, tail.replace(":", "     \n:").encode()).usage == BOTH


ODD_COUNTS: dict[str, object] = {
    "text": "12",
    "negative": -1,
    "fraction": 12.5,
    "truth": True,
    "list": [12],
    "object": {"input_tokens": 12},
    "infinite": float("inf"),
    "not a number": float("nan"),
}


@pytest.mark.parametrize("count", ODD_COUNTS.values(), ids=ODD_COUNTS)
def test_odd_counts(meter: Any, count: object) -> None:
    """A count that is not plausible makes the usage unknown."""
    record = read(meter, {"usage": {"input_tokens": count, "output_tokens": 8}})
    assert record.usage is None
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason == (
        "body.usage (anthropic): a count is not a whole number from 0 to 10^12"
    )


@pytest.mark.parametrize("count", [None, *ODD_COUNTS.values()])
def test_odd_lifetimes(meter: Any, count: object) -> None:
    """Counts by lifetime that are no numbers leave the total, its lifetime assumed."""
    usage = {
        "input_tokens": 12,
        "output_tokens": 8,
        "cache_creation_input_tokens": 100,
        "cache_creation": {"ephemeral_1h_input_tokens": count},
    }
    record = read(meter, {"usage": usage})
    assert record.usage == {**BOTH, Unit.CACHE_WRITE_5M_TOKEN: 100}
    is_nested = isinstance(count, (list, dict))  # in which anything may be billed
    expected = PriceStatus.PARTIAL if is_nested else PriceStatus.ESTIMATED
    assert record.price_status is expected


@pytest.mark.parametrize("creation", [None, {}, [], "5m", 5])
def test_odd_creation(meter: Any, creation: object) -> None:
    """A split of cache writes that is no object is none."""
    usage = {
        "input_tokens": 12,
        "output_tokens": 8,
        "cache_creation_input_tokens": 100,
        "cache_creation": creation,
    }
    record = read(meter, {"usage": usage})
    assert record.usage == {**BOTH, Unit.CACHE_WRITE_5M_TOKEN: 100}


def test_floats_of_cohere(meter: Any) -> None:
    """Billed units are what Cohere bills, also where they are written as floats."""
    body = {
        "text": "Hi",
        "meta": {
            "billed_units": {"input_tokens": 12.0, "output_tokens": 8.0},
            "tokens": {"input_tokens": 73, "output_tokens": 9},
        },
    }
    record = read(meter, body, "cohere.command-r-v1:0")
    assert record.usage == BOTH
    assert type(record.usage[Unit.INPUT_TOKEN]) is int


# OpenAI's spelling: prompt, cached, written; what is left of the prompt.
INCLUSIVE = {
    "no details": (12, None, None, 12),
    "read": (12, 10, None, 2),
    "read and written": (112, 60, 50, 2),
    "all of it": (10, 10, 0, 0),
}


@pytest.mark.parametrize("case", INCLUSIVE)
def test_inclusive_input(meter: Any, case: str) -> None:
    """OpenAI's prompt counts cached tokens as well: each is counted once."""
    prompt, cached, written, rest = INCLUSIVE[case]
    details = {"cached_tokens": cached, "cache_write_tokens": written}
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": 8,
        "prompt_tokens_details": None if cached is None else details,
    }
    record = read(meter, {"choices": [], "usage": usage}, GPT)
    assert record.usage is not None
    assert record.usage[Unit.INPUT_TOKEN] == rest
    assert record.usage.input_tokens == prompt
    assert record.usage.get(Unit.CACHE_READ_TOKEN) == cached
    assert record.usage.get(Unit.CACHE_WRITE_30M_TOKEN) == written


def test_impossible_input(meter: Any) -> None:
    """More cached tokens than prompt: unknown, and both figures are told."""
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 8,
        "prompt_tokens_details": {"cached_tokens": 11, "cache_write_tokens": 5},
    }
    record = read(meter, {"usage": usage}, GPT)
    assert record.usage is None
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason == (
        "body.usage (openai): input 10 is less than the cached tokens that it "
        "includes (11 read, 5 written)"
    )


STRANGE: dict[str, object] = {
    "empty": b"",
    "no JSON": b"<html>",
    "half": b'{"usage": {"input_tokens": 12, "outp',
    "list": [{"usage": {"input_tokens": 12, "output_tokens": 8}}],
    "number": 5,
    "null": None,
    "usage is a list": {"usage": [12, 8]},
    "usage is null": {"usage": None},
    "usage is text": {"usage": "12"},
    "usage of another kind": {"usage": {"credits": 3}},
    "wrapped too deep": {"x": {"usage": {"input_tokens": 12, "output_tokens": 8}}},
    "details are a list": {"usage": {"prompt_tokens_details": [1]}},
    "results are a number": {"results": 5},
    "results are numbers": {"results": [5]},
    "results are empty": {"results": []},
    "results are uncounted": {"results": [{"tokenCount": None}]},
    "meta is text": {"meta": "billed_units"},
    "deep": b'{"usage":' + b"[" * 100_000,
    "long digits": b'{"usage": {"input_tokens": ' + b"9" * 5000 + b"}}",
    "UTF-16": '{"usage": {"input_tokens": 12}}'.encode("utf-16"),
}


@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("model_id", [CLAUDE, NAMELESS, "never.heard-of"])
def test_strange_body(meter: Any, body: object, model_id: str) -> None:
    """A body that states nothing leaves the usage unknown, without a fault."""
    record = read(meter, body, model_id)
    assert record.usage is None
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason == "the answer states no usage"


def test_deep_tool_input(meter: Any) -> None:
    """A tool's input that nests deeper than Python parses does not hide the counts."""
    deep = b"[" * 100_000 + b"]" * 100_000
    usage = b'{"input_tokens": 12, "output_tokens": 8}'
    assert read(meter, b'{"i": %s, "usage": %s}' % (deep, usage)).usage == BOTH


def test_details_that_are_no_object(meter: Any) -> None:
    """Odd details leave the plain counts."""
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 8,
        "prompt_tokens_details": [3],
    }
    assert read(meter, {"usage": usage}, GPT).usage == BOTH


def test_several_results_of_titan(meter: Any) -> None:
    """Titan's output is the sum over its results."""
    results = [{"tokenCount": 5}, {"tokenCount": 3}]
    body = {"inputTextTokenCount": 12, "results": results}
    assert read(meter, body, "amazon.titan-text-express-v1").usage == BOTH


ODD_HEADERS = ["-1", "12.0", "twelve", "", "9" * 5000]


@pytest.mark.parametrize("text", ODD_HEADERS, ids=["-1", "12.0", "word", "", "long"])
def test_odd_header(meter: Any, text: str) -> None:
    """One header that is no count spoils all of them; then the body answers."""
    headers = {"x-amzn-bedrock-output-token-count": text}
    record = meter.invoke(CLAUDE, Reply(headers=headers))
    assert record.usage == BOTH
    assert record.usage_source == "body.usage (anthropic)"


def test_header_without_body_to_correct_it(meter: Any) -> None:
    """Where the body says nothing either, the reason tells of the header."""
    headers = {"x-amzn-bedrock-output-token-count": "-1"}
    record = meter.invoke(CLAUDE, Reply(headers=headers, body=b"{}"))
    assert record.usage is None
    assert (
        record.price_reason == "headers: a count is not a whole number from 0 to 10^12"
    )


def test_opaque_and_unknown_models(meter: Any) -> None:
    """The spelling decides, not the model: what an ARN hides has usage all the same."""
    for model_id in (NAMELESS, "never.heard-of-v1:0", "nonsense"):
        for body in (
            {"usage": {"prompt_tokens": 12, "completion_tokens": 8}},
            {"usage": {"input_tokens": 12, "output_tokens": 8}},
            {"usage": {"inputTokens": 12, "outputTokens": 8}},
            {"prompt_token_count": 12, "generation_token_count": 8},
        ):
            record = read(meter, body, model_id)
            assert record.usage == BOTH
            assert record.price_status is PriceStatus.UNPRICED
