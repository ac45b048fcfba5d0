"""Responses of Converse and ConverseStream."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .._model.usage import Usage
from . import _counts
from ._event_stream import encode_event
from ._reply import Reply, ToolUse
from ._wire import Exchange, JsonObject, as_json

GUARDRAIL_ID = "gr0simulated"
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567"


def converse_body(exchange: Exchange) -> JsonObject:
    """Return the JSON body of Converse."""
    reply = exchange.reply
    message = {"role": "assistant", "content": _content(reply)}
    body: JsonObject = {
        "output": {"message": message},
        "stopReason": reply.final_reason,
    }
    return body | _closing_fields(reply)


def converse_frames(exchange: Exchange) -> Iterator[bytes]:
    """Yield the frames of ConverseStream, metadata last."""
    for event_type, event in _events(exchange.reply):
        yield encode_event(event_type, as_json(padded(event), sort_keys=True))


def padded(event: JsonObject) -> JsonObject:
    """Add the padding by which Bedrock hides the length of an event's text."""
    length = 1 + len(json.dumps(event)) * 7 % len(_PADDING)
    return event | {"p": _PADDING[:length]}


def tool_use_id(tool_use: ToolUse, position: int) -> str:
    """Return the id of *tool_use*, made from its position if it has none."""
    return tool_use.id or f"tooluse_{position}"


def _content(reply: Reply) -> list[JsonObject]:
    blocks: list[JsonObject] = [{"text": reply.text}] if reply.text else []
    for position, tool_use in enumerate(reply.tool_uses):
        blocks.append(
            {
                "toolUse": {
                    "toolUseId": tool_use_id(tool_use, position),
                    "name": tool_use.name,
                    "input": dict(tool_use.arguments),
                }
            }
        )
    return blocks


def _events(reply: Reply) -> Iterator[tuple[str, JsonObject]]:
    yield "messageStart", {"role": "assistant"}
    index = 0
    if reply.text:
        yield from _text_events(reply, index)
        index += 1
    for position, tool_use in enumerate(reply.tool_uses):
        yield from _tool_events(tool_use, position, index + position)
    yield "messageStop", {"stopReason": reply.final_reason}
    yield "metadata", _closing_fields(reply) | dict(reply.extra)


def _text_events(reply: Reply, index: int) -> Iterator[tuple[str, JsonObject]]:
    for text in reply.text_chunks:
        yield (
            "contentBlockDelta",
            {"contentBlockIndex": index, "delta": {"text": text}},
        )
    yield "contentBlockStop", {"contentBlockIndex": index}


def _tool_events(
    tool_use: ToolUse, position: int, index: int
) -> Iterator[tuple[str, JsonObject]]:
    named = {"toolUseId": tool_use_id(tool_use, position), "name": tool_use.name}
    yield (
        "contentBlockStart",
        {"contentBlockIndex": index, "start": {"toolUse": named}},
    )
    for part in argument_parts(tool_use):
        yield (
            "contentBlockDelta",
            {"contentBlockIndex": index, "delta": {"toolUse": {"input": part}}},
        )
    yield "contentBlockStop", {"contentBlockIndex": index}


def argument_parts(tool_use: ToolUse) -> tuple[str, ...]:
    """Return the arguments as JSON text in two halves, as streams send them."""
    text = json.dumps(dict(tool_use.arguments))
    return text[: len(text) // 2], text[len(text) // 2 :]


def _closing_fields(reply: Reply) -> JsonObject:
    """Return the fields shared by Converse and the metadata event of its stream."""
    fields: JsonObject = {"metrics": {"latencyMs": reply.latency_ms}}
    if reply.usage is not None:
        fields["usage"] = _counts.converse_usage(
            reply.usage, tell_cache_lifetimes=reply.tell_cache_lifetimes
        )
    trace = _trace(reply)
    if trace:
        fields["trace"] = trace
    if reply.service_tier is not None:
        fields["serviceTier"] = {"type": reply.service_tier}
    if reply.latency_mode is not None:
        fields["performanceConfig"] = {"latency": reply.latency_mode}
    return fields


def _trace(reply: Reply) -> JsonObject:
    trace: JsonObject = {}
    if reply.invoked_model is not None:
        trace["promptRouter"] = {"invokedModelId": reply.invoked_model}
    guardrail: JsonObject = {}
    if _counts.has_guardrail_units(reply.usage):
        guardrail["inputAssessment"] = {GUARDRAIL_ID: assessment(reply.usage)}
    if reply.output_guardrail_usage is not None:
        assessed = [assessment(reply.output_guardrail_usage)]
        guardrail["outputAssessments"] = {GUARDRAIL_ID: assessed}
    if guardrail:
        trace["guardrail"] = guardrail
    return trace


def assessment(usage: Usage | None) -> JsonObject:
    """Return a guardrail's assessment of one text, without findings."""
    metrics: JsonObject = {
        "guardrailProcessingLatency": 1,
        "usage": _counts.guardrail_usage(usage),
    }
    return {"invocationMetrics": metrics}
