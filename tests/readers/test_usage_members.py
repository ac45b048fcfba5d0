"""Every member of a usage object is counted, contained, or named as not counted."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer

from bedrock_attrib import CallRecord, Recorder, Unit
from bedrock_attrib._model.record import Outcome, PriceReason, PriceStatus
from bedrock_attrib._readers.bodies import find_usage
from bedrock_attrib._readers.usage_members import (
    CONVERSE_MEMBERS,
    GUARDRAIL_MEMBERS,
    INVOCATION_METRICS_MEMBERS,
    TOOL_USAGE_MEMBERS,
    Member,
    Members,
    uncounted_members,
)
from bedrock_attrib.testing import ListSink, Reply, load_recordings, tokens
from bedrock_attrib.testing._event_stream import encode_event

CLAUDE = "us.anthropic.claude-sonnet-4-6"
NOVA = "us.amazon.nova-premier-v1:0"
BOTH = tokens(input_tokens=12, output_tokens=8)
HEADERS = {
    "x-amzn-bedrock-input-token-count": "12",
    "x-amzn-bedrock-output-token-count": "8",
}


def report(operation: str, answer: Any, model_id: str, **more: Any) -> CallRecord:
    """Report a call in *us-east-1*; return its record."""
    sink = ListSink()
    recorder = Recorder(sinks=[sink])
    recorder.record(operation, answer, model_id=model_id, region="us-east-1", **more)
    recorder.close()
    assert recorder.faults.counts() == {}
    (record,) = sink.records
    return record


def anthropic(**usage: object) -> dict[str, object]:
    """A body of Anthropic's with 12 tokens in and 8 out."""
    stated = {"input_tokens": 12, "output_tokens": 8, **usage}
    return {"type": "message", "content": [], "usage": stated}


def chat(**usage: object) -> dict[str, object]:
    """A body of OpenAI's chat completions."""
    stated = {"prompt_tokens": 500, "completion_tokens": 100, **usage}
    return {"object": "chat.completion", "choices": [], "usage": stated}


# Usage objects, where each is, and their members.


def usage_objects(document: object) -> Iterator[tuple[Mapping[str, Any], Members]]:
    """Usage objects of an answer or of an event, each with its known members."""
    if not isinstance(document, dict):
        return
    found = find_usage(document)
    if found is not None and found[0].members is not None:
        yield found[1], found[0].members
    for name, members in (
        ("amazon-bedrock-invocationMetrics", INVOCATION_METRICS_MEMBERS),
        ("tool_usage", TOOL_USAGE_MEMBERS),
    ):
        if isinstance(document.get(name), dict):
            yield document[name], members


def documents_of(operation: str, body: bytes) -> Iterator[Any]:
    """The JSON documents in a recorded body."""
    if "Stream" not in operation:
        yield json.loads(body)
        return
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    for message in buffer:
        payload = json.loads(message.payload)
        is_chunk = "bytes" in payload
        yield json.loads(b64decode(payload["bytes"])) if is_chunk else payload


def test_recorded_usage_objects(shared: Path) -> None:
    """No usage object of real traffic has a member that is not in the table."""
    checked, unknown = 0, []
    for recording in load_recordings(shared / "recordings"):
        try:
            found = list(documents_of(recording.operation, recording.response_body))
        except (ValueError, ChecksumMismatch):
            continue  # an error page, or a recording that is not whole
        for document in found:
            for fields, members in usage_objects(document):
                checked += 1
                named = [name for name in leaves(fields) if name not in members]
                unknown += [(recording.id, name) for name in named]
    assert checked > 100
    assert unknown == []


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """Paths of all numbers in a usage object."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    elif isinstance(value, (int, float)):
        yield path


@pytest.mark.parametrize(
    "model_id",
    [
        CLAUDE,
        "amazon.nova-lite-v1:0",
        "openai.gpt-5.6-luna",
        "cohere.command-r-v1:0",
        "meta.llama3-8b-instruct-v1:0",
        "ai21.jamba-1-5-mini-v1:0",
    ],
)
@pytest.mark.parametrize("method", ["converse", "converse_stream", "invoke", "stream"])
def test_simulated_usage_objects(meter: Any, model_id: str, method: str) -> None:
    """Answers of the simulator have no member that is not counted."""
    usage = tokens(
        input_tokens=10, output_tokens=5, cache_read_tokens=3, cache_write_5m_tokens=4
    )
    method = {"stream": "invoke_stream"}.get(method, method)
    record = getattr(meter, method)(model_id, Reply(usage=usage))
    assert "not counted" not in record.price_reason
    assert "total" not in record.price_reason


def test_every_member_has_a_meaning() -> None:
    """The tables name how each member is billed."""
    for members in (CONVERSE_MEMBERS, GUARDRAIL_MEMBERS, TOOL_USAGE_MEMBERS):
        assert set(map(type, members.values())) == {Member}


UNKNOWN: dict[str, tuple[dict[str, object], str]] = {
    "a number": ({"reranks": 3}, "reranks = 3"),
    "a fraction": ({"audio_seconds": 1.5}, "audio_seconds = 1.5"),
    "nested": ({"extra": {"deep": {"units": 2}}}, "extra.deep.units = 2"),
    "in a list": ({"tools": [{"calls": 2}]}, "tools[].calls = 2"),
    "beside known ones": (
        {"server_tool_use": {"web_fetch_requests": 1, "code_execution_requests": 2}},
        "server_tool_use.code_execution_requests = 2",
    ),
    "many": (
        {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5},
        "a = 1, b = 2, c = 3, 2 more",
    ),
    "fast mode": ({"speed": "fast"}, "speed"),
    "a text for a name": ({"my secret": 7}, "(not a name) = 7"),
    "absurd": ({"reranks": 10**400}, "reranks = not plausible"),
}


@pytest.mark.parametrize("case", UNKNOWN)
@pytest.mark.parametrize("headers", [{}, HEADERS], ids=["body", "headers"])
def test_unknown_members(case: str, headers: dict[str, str]) -> None:
    """A member that is not known and not zero makes the price partial, by its name."""
    members, named = UNKNOWN[case]
    record = report("InvokeModel", anthropic(**members), CLAUDE, headers=headers)
    assert record.usage == BOTH
    assert record.price_status is PriceStatus.PARTIAL
    assert record.price_reason == f"stated but not counted: {named}"
    assert record.price_reason_code is PriceReason.USAGE_NOT_COUNTED


@pytest.mark.parametrize(
    "members",
    [
        {"reranks": 0, "other": None, "more": {}, "list": []},
        {"service_tier": "standard", "inference_geo": "us", "speed": "standard"},
        {"output_tokens_details": {"thinking_tokens": 5}},
        {"server_tool_use": {"web_fetch_requests": 2, "web_search_requests": 0}},
    ],
)
def test_members_without_a_charge(members: dict[str, object]) -> None:
    """Zeros, names, and parts of what is counted leave the price as it is."""
    record = report("InvokeModel", anthropic(**members), CLAUDE)
    assert (record.usage, record.price_status) == (BOTH, PriceStatus.PRICED)


@pytest.mark.parametrize("method", ["converse", "converse_stream"])
def test_unknown_members_of_converse(method: str) -> None:
    """Converse is read alike, where its answer is not cut to botocore's model."""
    usage = {"inputTokens": 12, "outputTokens": 8, "totalTokens": 20}
    usage["serverToolUsage"] = {"webSearches": 2}  # type: ignore[assignment]
    answer: Any = {"usage": usage}
    operation = "Converse"
    if method == "converse_stream":
        operation, answer = "ConverseStream", [{"metadata": answer}]
    record = report(operation, answer, CLAUDE)
    assert record.price_reason == (
        "stated but not counted: serverToolUsage.webSearches = 2"
    )


def test_unknown_guardrail_units() -> None:
    """A counter of a policy that is not known is named."""
    usage = {
        "topicPolicyUnits": 1,
        "newPolicyUnits": 4,
        "automatedReasoningPolicies": 2,
    }
    record = report("ApplyGuardrail", {"usage": usage}, "bedrock.guardrail")
    assert record.price_status is PriceStatus.PARTIAL
    assert record.price_reason == "stated but not counted: newPolicyUnits = 4"


# Passes.

COMPACTED = {
    "input_tokens": 20000,
    "output_tokens": 800,
    "iterations": [
        {"type": "compaction", "input_tokens": 150000, "output_tokens": 3000},
        {"type": "message", "input_tokens": 20000, "output_tokens": 800},
    ],
}
SUMMED = tokens(input_tokens=170000, output_tokens=3800)


def test_compaction(meter: Any, chunk_frames: Any) -> None:
    """Each pass of the model is billed: in a body, behind headers, and in a stream."""
    body = json.dumps({"type": "message", "usage": COMPACTED}).encode()
    told = {
        "x-amzn-bedrock-input-token-count": "20000",
        "x-amzn-bedrock-output-token-count": "800",
    }
    start = {"usage": {"input_tokens": 150000, "output_tokens": 1}}
    metrics = {"inputTokenCount": 20000, "outputTokenCount": 800}
    frames = chunk_frames(
        {"type": "message_start", "message": start},
        {"type": "message_delta", "delta": {}, "usage": COMPACTED},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics},
    )
    records = [
        meter.invoke(CLAUDE, Reply(body=body, token_headers=False)),
        meter.invoke(CLAUDE, Reply(body=body, headers=told)),
        meter.invoke_stream(CLAUDE, Reply(frames=frames)),
    ]
    for record in records:
        assert record.usage == SUMMED
        assert record.cost.total == Decimal("0.6237")
        assert record.price_status is PriceStatus.PRICED


def test_passes_of_another_model() -> None:
    """Tokens of another model are named, as they have its price."""
    other = {"type": "fallback_message", "model": "claude-opus-5", "input_tokens": 7}
    own = {"type": "message", "input_tokens": 12, "output_tokens": 8}
    record = report("InvokeModel", anthropic(iterations=[other, own]), CLAUDE)
    assert record.usage == BOTH
    assert record.price_status is PriceStatus.PARTIAL
    assert "iterations: 7/? tokens of claude-opus-5" in record.price_reason


def test_passes_that_do_not_add_up() -> None:
    """Passes that differ from the usage beside them make an estimate."""
    own = {"type": "message", "input_tokens": 13, "output_tokens": 8}
    record = report("InvokeModel", anthropic(iterations=[own]), CLAUDE)
    assert record.usage == tokens(input_tokens=13, output_tokens=8)
    assert record.price_status is PriceStatus.ESTIMATED
    assert "12/8 tokens" in record.price_reason
    assert "13/8" in record.price_reason


# Searches.


def responses(**members: object) -> dict[str, object]:
    """A body of the Responses API."""
    usage = {"input_tokens": 3000, "output_tokens": 200, "total_tokens": 3200}
    model = "openai.gpt-5.6-luna"
    return {"object": "response", "model": model, "usage": usage, **members}


def test_web_searches_of_the_responses_api() -> None:
    """Searches cost 0.012 USD each, besides the tokens; in a stream as well."""
    answer = responses(tool_usage={"web_search": {"num_requests": 2}})
    event = json.dumps({"type": "response.completed", "response": answer})
    for body in (answer, [event]):
        record = report("Responses", body, "openai.gpt-5.6-luna")
        assert record.usage is not None
        assert record.usage[Unit.WEB_SEARCH_QUERY] == 2
        assert record.cost is not None
        assert record.cost.total == Decimal("0.024924")
        assert record.price_status is PriceStatus.PRICED


def test_web_searches_that_are_not_stated() -> None:
    """Searches that the answer shows and does not count make an estimate."""
    search = {"type": "web_search_call", "action": {"type": "search"}}
    opened = {"type": "web_search_call", "action": {"type": "open_page"}}
    answer = responses(output=[search, opened])
    record = report("Responses", answer, "openai.gpt-5.6-luna")
    assert record.usage is not None
    assert record.usage[Unit.WEB_SEARCH_QUERY] == 1
    assert record.price_status is PriceStatus.ESTIMATED


def test_searches_of_a_model_that_has_no_price_for_them() -> None:
    """Web searches of Claude are counted, and the price is partial."""
    usage = {"server_tool_use": {"web_search_requests": 3}}
    record = report("Messages", anthropic(**usage), "anthropic.claude-sonnet-5")
    assert record.usage is not None
    assert record.usage[Unit.WEB_SEARCH_QUERY] == 3
    assert record.price_status is PriceStatus.PARTIAL


GROUNDING = {"toolUseId": "t1", "name": "nova_grounding", "type": "server_tool_use"}
TOOLS = {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}}


@pytest.mark.parametrize("place", ["converse", "converse_stream", "invoke", "stream"])
def test_web_grounding(meter: Any, chunk_frames: Any, place: str) -> None:
    """Each web search of Nova is a request that is billed."""
    counts = {"inputTokens": 900, "outputTokens": 50, "totalTokens": 950}
    start = {"contentBlockIndex": 0, "start": {"toolUse": GROUNDING}}
    message = {"content": [{"toolUse": {**GROUNDING, "input": {}}}, {"text": "ok"}]}
    answer = {"output": {"message": message}, "usage": counts}
    if place == "converse":
        reply = Reply(extra={**answer, "usage": counts})
        record = meter.converse(NOVA, reply, **TOOLS)
    elif place == "converse_stream":
        frames = [("messageStart", {"role": "assistant"}), ("contentBlockStart", start)]
        frames += [("contentBlockDelta", {"delta": {"text": "x"}})] * 20
        frames += [("metadata", {"usage": counts, "metrics": {"latencyMs": 1}})]
        encoded = tuple(encode_event(n, json.dumps(d).encode()) for n, d in frames)
        record = meter.converse_stream(NOVA, Reply(frames=encoded), **TOOLS)
    elif place == "invoke":
        reply = Reply(body=json.dumps(answer).encode(), token_headers=False)
        record = meter.invoke(NOVA, reply, TOOLS)
    else:
        chunks = [{"messageStart": {}}, {"contentBlockStart": start}]
        chunks += [{"contentBlockDelta": {"delta": {"text": "x"}}}] * 20
        chunks += [{"metadata": {"usage": counts}}]
        reply = Reply(frames=chunk_frames(*chunks))
        record = meter.invoke_stream(NOVA, reply, TOOLS)
    assert record.usage[Unit.WEB_GROUNDING_REQUEST] == 1
    assert record.cost.total == Decimal("0.032875")


# Totals, models, refusals, errors.


def test_reasoning_that_the_output_leaves_out() -> None:
    """Where the total counts reasoning besides the output, it is output too."""
    details = {"completion_tokens_details": {"reasoning_tokens": 1000}}
    record = report(
        "ChatCompletions", chat(total_tokens=1600, **details), "xai.grok-4.6"
    )
    assert record.usage == tokens(input_tokens=500, output_tokens=1100)
    assert record.price_status is PriceStatus.PRICED
    record = report(
        "ChatCompletions", chat(total_tokens=600, **details), "xai.grok-4.6"
    )
    assert record.usage == tokens(input_tokens=500, output_tokens=100)
    assert record.price_status is PriceStatus.PRICED


def test_a_total_that_does_not_add_up() -> None:
    """Both figures are in the reason of the estimate."""
    record = report("ChatCompletions", chat(total_tokens=650), "openai.gpt-5.6-luna")
    assert record.price_status is PriceStatus.ESTIMATED
    assert record.price_reason == (
        "body.usage (openai): the stated total is 650, and its parts add up to 600"
    )


def test_headers_and_a_body_that_differ() -> None:
    """Headers are believed, and both are in the reason of the estimate."""
    answer = anthropic(output_tokens=9)
    record = report("InvokeModel", answer, CLAUDE, headers=HEADERS)
    assert record.usage == BOTH
    assert record.price_status is PriceStatus.ESTIMATED
    assert record.price_reason == (
        "headers and body.usage (anthropic) state output_token 8 and 9"
    )


def test_another_model() -> None:
    """An answer that names another model than was asked for makes an estimate."""
    for name, status in (
        ("claude-sonnet-4-6", PriceStatus.PRICED),
        ("claude-sonnet-4-6-20260101", PriceStatus.PRICED),
        ("claude-opus-5", PriceStatus.ESTIMATED),
    ):
        record = report("InvokeModel", {**anthropic(), "model": name}, CLAUDE)
        assert record.price_status is status, name
    assert record.price_reason_code is PriceReason.OTHER_MODEL
    assert record.price_reason == (
        "anthropic.claude-sonnet-4-6 was asked for, and the answer names claude-opus-5"
    )


def test_a_refusal() -> None:
    """A refusal before any output is an estimate, one after it is billed."""
    for output, status in ((1, PriceStatus.ESTIMATED), (50, PriceStatus.PRICED)):
        answer = {**anthropic(output_tokens=output), "stop_reason": "refusal"}
        assert report("InvokeModel", answer, CLAUDE).price_status is status


ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "later"}}
OPENED = {"usage": {"input_tokens": 100, "output_tokens": 1}}
START = {"type": "message_start", "message": OPENED}
FAILED = {"type": "response.failed", "response": {"error": ERROR["error"]}}


def test_an_error_inside_a_stream(meter: Any, chunk_frames: Any) -> None:
    """The call ends as an error, whose chunk adds no output."""
    record = meter.invoke_stream(CLAUDE, Reply(frames=chunk_frames(ERROR)))
    assert (record.outcome, record.error) == (Outcome.ERROR, "overloaded_error")
    assert (record.usage, record.cost) == (None, None)
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason_code is PriceReason.FAILED
    record = meter.invoke_stream(CLAUDE, Reply(frames=chunk_frames(START, ERROR)))
    assert (record.outcome, record.error) == (Outcome.ERROR, "overloaded_error")
    assert record.usage == tokens(input_tokens=100, output_tokens=1)
    assert record.price_status is PriceStatus.ESTIMATED


@pytest.mark.parametrize(
    ("operation", "answer", "error"),
    [
        ("InvokeModel", ERROR, "overloaded_error"),
        ("ChatCompletions", {"error": {"code": 429, "message": "no"}}, "429"),
        ("ChatCompletions", {"error": {"code": "a text of many words"}}, "error"),
        (
            "Responses",
            {"status": "failed", "error": {"code": "server_error"}},
            "server_error",
        ),
        (
            "Responses",
            [json.dumps(FAILED)],
            "overloaded_error",
        ),
    ],
)
def test_errors_inside_answers(operation: str, answer: Any, error: str) -> None:
    """An error in the place of an answer ends the call as one."""
    record = report(operation, answer, CLAUDE)
    assert (record.outcome, record.error) == (Outcome.ERROR, error)
    assert record.price_status is PriceStatus.UNPRICED


@pytest.mark.parametrize("after", [0, 1, 5])
def test_metadata_events_are_merged(meter: Any, after: int) -> None:
    """Each metadata event adds to those before it, wherever they are."""
    counts = {"inputTokens": 40, "outputTokens": 9, "totalTokens": 49}
    frames: list[tuple[str, dict[str, Any]]] = [
        ("messageStart", {"role": "assistant"}),
        ("metadata", {"usage": counts, "serviceTier": {"type": "flex"}}),
        *[("metadata", {"metrics": {"latencyMs": 6}})] * after,
    ]
    encoded = tuple(encode_event(n, json.dumps(d).encode()) for n, d in frames)
    record = meter.converse_stream("us.amazon.nova-2-lite-v1:0", Reply(frames=encoded))
    assert record.usage == tokens(input_tokens=40, output_tokens=9)
    assert record.tier == "flex"
    assert record.price_status is PriceStatus.PRICED


@pytest.mark.parametrize("pings", [0, 1, 9])
def test_chunks_are_merged(meter: Any, chunk_frames: Any, pings: int) -> None:
    """What is between the statements of a stream, or after them, changes nothing."""
    chunks = [
        START,
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 50}},
        *[{"type": "ping"}] * pings,
        {
            "type": "message_stop",
            "amazon-bedrock-invocationMetrics": {
                "inputTokenCount": 100,
                "outputTokenCount": 20,
            },
        },
        *[{"type": "ping"}] * pings,
    ]
    record = meter.invoke_stream(CLAUDE, Reply(frames=chunk_frames(*chunks)))
    assert record.usage == tokens(input_tokens=100, output_tokens=50)


def test_nothing_counted(meter: Any) -> None:
    """Zero tokens of a model that is billed are not free, but of a blocked prompt."""
    told = {"X-Amzn-Bedrock-Input-Token-Count": "0"}
    reply = Reply(usage=None, headers=told)
    record = meter.invoke("cohere.embed-english-v3", reply, {"images": ["data:..."]})
    assert (record.price_status, record.cost) == (PriceStatus.UNPRICED, None)
    zero = tokens(input_tokens=0, output_tokens=0)
    record = meter.converse(CLAUDE, Reply(usage=zero))
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason_code is PriceReason.NOTHING_COUNTED
    blocked = Reply(usage=zero, stop_reason="guardrail_intervened")
    record = meter.converse(CLAUDE, blocked)
    assert record.price_status is PriceStatus.PRICED
    assert record.cost.total == 0


# Images.

CANVAS = "amazon.nova-canvas-v1:0"
ASKED = {"taskType": "TEXT_IMAGE", "imageGenerationConfig": {"numberOfImages": 3}}


@pytest.mark.parametrize("size", [4, 400_000])
@pytest.mark.parametrize("made", [3, 1, 0])
def test_images_are_those_of_the_answer(meter: Any, made: int, size: int) -> None:
    """Images that were asked for and not made are not counted, however large."""
    answer = {"images": ["a" * size] * made, "error": "blocked" if made < 3 else None}
    reply = Reply(body=json.dumps(answer).encode(), token_headers=False)
    record = meter.invoke(CANVAS, reply, ASKED)
    assert record.usage == {Unit.OUTPUT_IMAGE_UP_TO_1024_STANDARD: made}
    if made == 3:
        assert record.price_status is PriceStatus.PRICED
        return
    assert record.price_status is PriceStatus.ESTIMATED
    assert record.price_reason == (
        f"3 images were asked for, and the answer holds {made}"
    )


def test_images_that_stability_filtered(meter: Any) -> None:
    """A filtered image has a reason in the place of its picture."""
    answer = {"images": ["aGk="], "finish_reasons": ["Filter reason: prompt"]}
    reply = Reply(body=json.dumps(answer).encode(), token_headers=False)
    record = meter.invoke("stability.sd3-5-large-v1:0", reply, {"prompt": "x"})
    assert record.usage == {Unit.OUTPUT_IMAGE: 0}
    assert record.price_status is PriceStatus.ESTIMATED


@pytest.mark.parametrize("task", ["BACKGROUND_REMOVAL", "INPAINTING", "OUTPAINTING"])
def test_images_of_the_size_of_their_source(meter: Any, task: str) -> None:
    """The size of such an image is not stated, so its price is an estimate."""
    reply = Reply(body=b'{"images": ["aGk="]}', token_headers=False)
    record = meter.invoke(CANVAS, reply, {"taskType": task})
    assert record.price_status is PriceStatus.ESTIMATED
    assert "source image" in record.price_reason
    assert uncounted_members({}, {}) == ""
