"""Anthropic's formats: messages, and completions of the oldest models."""

from __future__ import annotations

from collections.abc import Iterator

from ..._model.usage import Unit
from .._converse import argument_parts, tool_use_id
from .._wire import Exchange, JsonObject
from ._shape import Family, counts_of, reason, renamed, usage_of

# Anthropic Messages API as Bedrock answers it: real answers of 2025-02 to 2026-05.
_INPUT_FIELDS = {
    "input": "input_tokens",
    "cache_write": "cache_creation_input_tokens",
    "cache_read": "cache_read_input_tokens",
}
_LIFETIME_FIELDS = {
    "ephemeral_5m_input_tokens": Unit.CACHE_WRITE_5M_TOKEN,
    "ephemeral_1h_input_tokens": Unit.CACHE_WRITE_1H_TOKEN,
}
_COMPLETION_REASONS = {"end_turn": "stop_sequence"}
# message_start states some output before there is any; 1 to 8 in real streams.
_PLACEHOLDER_OUTPUT = 1


def _body(exchange: Exchange) -> JsonObject:
    reply = exchange.reply
    content: list[JsonObject] = []
    if reply.text:
        content.append({"type": "text", "text": reply.text})
    for position, tool_use in enumerate(reply.tool_uses):
        content.append(
            {
                "type": "tool_use",
                "id": tool_use_id(tool_use, position),
                "name": tool_use.name,
                "input": dict(tool_use.arguments),
            }
        )
    message = _message(exchange) | {
        "content": content,
        "stop_reason": reply.final_reason,
    }
    if reply.usage is not None:
        message["usage"] = _input_usage(exchange) | _output_usage(exchange)
    return message


def _message(exchange: Exchange) -> JsonObject:
    return {
        "id": f"msg_bdrk_{exchange.number:024d}",
        "type": "message",
        "role": "assistant",
        "model": exchange.model_id.removeprefix("anthropic."),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _input_usage(exchange: Exchange) -> JsonObject:
    fields = renamed(counts_of(exchange), _INPUT_FIELDS)
    usage = usage_of(exchange)
    lifetimes = {name: usage.get(unit, 0) for name, unit in _LIFETIME_FIELDS.items()}
    if any(lifetimes.values()) and exchange.reply.tell_cache_lifetimes:
        fields["cache_creation"] = lifetimes
    return fields


def _output_usage(exchange: Exchange) -> JsonObject:
    return renamed(counts_of(exchange), {"output": "output_tokens"})


def message_chunks(exchange: Exchange) -> Iterator[JsonObject]:
    """Yield the chunks of a stream, without metrics."""
    reply = exchange.reply
    message = _message(exchange)
    if reply.usage is not None:
        placeholder = {"output_tokens": _PLACEHOLDER_OUTPUT}
        message["usage"] = _input_usage(exchange) | placeholder
    yield {"type": "message_start", "message": message}
    yield from _block_chunks(exchange)
    delta: JsonObject = {
        "type": "message_delta",
        "delta": {"stop_reason": reply.final_reason, "stop_sequence": None},
    }
    if reply.usage is not None:
        delta["usage"] = _output_usage(exchange)
    yield delta
    yield {"type": "message_stop"}


def _block_chunks(exchange: Exchange) -> Iterator[JsonObject]:
    reply = exchange.reply
    index = 0
    if reply.text:
        deltas = [{"type": "text_delta", "text": text} for text in reply.text_chunks]
        yield from _one_block(index, {"type": "text", "text": ""}, deltas)
        index += 1
    for position, tool_use in enumerate(reply.tool_uses):
        block: JsonObject = {
            "type": "tool_use",
            "id": tool_use_id(tool_use, position),
            "name": tool_use.name,
            "input": {},
        }
        deltas = [
            {"type": "input_json_delta", "partial_json": part}
            for part in argument_parts(tool_use)
        ]
        yield from _one_block(index + position, block, deltas)


def _one_block(
    index: int, block: JsonObject, deltas: list[dict[str, str]]
) -> Iterator[JsonObject]:
    yield {"type": "content_block_start", "index": index, "content_block": block}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _completion_body(exchange: Exchange) -> JsonObject:
    return _completion(exchange.reply.text, reason(exchange, _COMPLETION_REASONS))


def _completion_chunks(exchange: Exchange) -> Iterator[JsonObject]:
    for text in exchange.reply.text_chunks:
        yield _completion(text, None)
    yield _completion("", reason(exchange, _COMPLETION_REASONS))


def _completion(text: str, stop_reason: str | None) -> JsonObject:
    stop = "\n\nHuman:" if stop_reason == "stop_sequence" else None
    return {
        "type": "completion",
        "completion": text,
        "stop_reason": stop_reason,
        "stop": stop,
    }


ANTHROPIC_MESSAGES = Family("Anthropic messages", _body, message_chunks)
ANTHROPIC_COMPLETIONS = Family(
    "Anthropic completions", _completion_body, _completion_chunks
)
