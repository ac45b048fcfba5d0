"""OpenAI's formats: chat completions, and completions."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..._model.usage import Usage
from .. import _counts
from .._converse import tool_use_id
from .._wire import Exchange, JsonObject
from ._shape import Family, reason

_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}
_CREATED = 1_767_225_600  # A fixed moment (2026-01-01), so that answers repeat.


def openai_usage(usage: Usage | None) -> JsonObject:
    """Return ``usage`` in OpenAI's format, where the prompt **includes** cached tokens.

    ``cached_tokens`` and ``cache_write_tokens``: AWS on prompt caching for GPT
    models, checked 2026-11-23.
    """
    counts = _counts.token_counts(usage)
    if not counts:
        return {}
    output = counts.pop("output", 0)
    prompt = sum(counts.values())
    fields: JsonObject = {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
    }
    details = {
        field: counts[name]
        for name, field in (
            ("cache_read", "cached_tokens"),
            ("cache_write", "cache_write_tokens"),
        )
        if name in counts
    }
    return fields | ({"prompt_tokens_details": details} if details else {})


def _usage_part(exchange: Exchange) -> JsonObject:
    usage = openai_usage(exchange.reply.usage)
    return {"usage": usage} if usage else {}


def _head(exchange: Exchange, kind: str) -> JsonObject:
    return {
        "id": f"chatcmpl-{exchange.number:032d}",
        "object": kind,
        "created": _CREATED,
        "model": exchange.model_id,
    }


def _tool_calls(exchange: Exchange) -> JsonObject:
    calls = [
        {
            "id": tool_use_id(tool_use, position),
            "type": "function",
            "index": position,
            "function": {
                "name": tool_use.name,
                "arguments": json.dumps(dict(tool_use.arguments)),
            },
        }
        for position, tool_use in enumerate(exchange.reply.tool_uses)
    ]
    return {"tool_calls": calls} if calls else {}


def _body(exchange: Exchange) -> JsonObject:
    message = {
        "role": "assistant",
        "content": exchange.reply.text,
        **_tool_calls(exchange),
    }
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": reason(exchange, _REASONS),
    }
    head = _head(exchange, "chat.completion")
    return head | {"choices": [choice]} | _usage_part(exchange)


def chat_chunks(exchange: Exchange) -> Iterator[JsonObject]:
    """Yield the chunks of a stream, without metrics."""
    head = _head(exchange, "chat.completion.chunk")
    deltas: list[JsonObject] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text} for text in exchange.reply.text_chunks if text]
    tool_calls = _tool_calls(exchange)
    deltas += [tool_calls] if tool_calls else []
    for delta in deltas:
        yield head | {"choices": [_delta_choice(delta, None)]}
    last = {"choices": [_delta_choice({}, reason(exchange, _REASONS))]}
    yield head | last | _usage_part(exchange)


def _delta_choice(delta: JsonObject, finish_reason: str | None) -> JsonObject:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _jamba_body(exchange: Exchange) -> JsonObject:
    return _body(exchange) | {"meta": {"requestDurationMillis": 0}}


def _jamba_chunks(exchange: Exchange) -> Iterator[JsonObject]:
    """Yield chunks with a running usage, seen in a real Jamba stream of 2025-09."""
    for chunk in chat_chunks(exchange):
        yield chunk | _usage_part(exchange)


def _completion_body(exchange: Exchange) -> JsonObject:
    choice = {
        "text": exchange.reply.text,
        "stop_reason": reason(exchange, _REASONS),
    }
    return {"choices": [choice]}


def _completion_chunks(exchange: Exchange) -> Iterator[JsonObject]:
    for text in exchange.reply.text_chunks:
        yield {"choices": [{"text": text, "stop_reason": None}]}
    yield {"choices": [{"text": "", "stop_reason": reason(exchange, _REASONS)}]}


OPENAI_CHAT = Family("OpenAI chat completions", _body, chat_chunks)
OPENAI_COMPLETIONS = Family("OpenAI completions", _completion_body, _completion_chunks)
AI21_JAMBA = Family("AI21 Jamba", _jamba_body, _jamba_chunks)
