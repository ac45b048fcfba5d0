"""Formats of other text models: Nova, Titan, Cohere, Llama, Mistral.

Shapes follow real answers of 2025-02 to 2025-10, as the tests of OpenTelemetry's
botocore instrumentation and of Datadog's tracer for Node.js recorded them.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._converse import argument_parts, tool_use_id
from .._wire import Exchange, JsonObject
from ._shape import Family, counts_of, reason, renamed

_NOVA_FIELDS = {
    "input": "inputTokens",
    "output": "outputTokens",
    "cache_read": "cacheReadInputTokenCount",
    "cache_write": "cacheWriteInputTokenCount",
}
_TITAN_REASONS = {
    "end_turn": "FINISH",
    "max_tokens": "LENGTH",
    "stop_sequence": "STOP_CRITERIA_MET",
    "content_filtered": "CONTENT_FILTERED",
}
_COHERE_REASONS = {
    "end_turn": "COMPLETE",
    "max_tokens": "MAX_TOKENS",
    "stop_sequence": "STOP_SEQUENCE",
}
_PLAIN_REASONS = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop",
}


def _nova_body(exchange: Exchange) -> JsonObject:
    reply = exchange.reply
    content: list[JsonObject] = [{"text": reply.text}] if reply.text else []
    for position, tool_use in enumerate(reply.tool_uses):
        named = _nova_tool(exchange, position) | {"input": dict(tool_use.arguments)}
        content.append({"toolUse": named})
    body: JsonObject = {
        "output": {"message": {"content": content, "role": "assistant"}},
        "stopReason": reply.final_reason,
    }
    counts = counts_of(exchange)
    if counts:
        body["usage"] = renamed(counts, _NOVA_FIELDS) | {
            "totalTokens": sum(counts.values())
        }
    return body


def _nova_tool(exchange: Exchange, position: int) -> JsonObject:
    tool_use = exchange.reply.tool_uses[position]
    return {"name": tool_use.name, "toolUseId": tool_use_id(tool_use, position)}


def _nova_chunks(exchange: Exchange) -> Iterator[JsonObject]:
    reply = exchange.reply
    yield {"messageStart": {"role": "assistant"}}
    blocks = len(reply.text_chunks) if reply.text else 0
    for index in range(blocks):
        # Nova ends a block after each piece of text, as real streams show.
        yield _nova_delta({"text": reply.text_chunks[index]}, index)
        yield {"contentBlockStop": {"contentBlockIndex": index}}
    for position, tool_use in enumerate(reply.tool_uses):
        index = blocks + position
        start = {"toolUse": _nova_tool(exchange, position)}
        yield {"contentBlockStart": {"start": start, "contentBlockIndex": index}}
        for part in argument_parts(tool_use):
            yield _nova_delta({"toolUse": {"input": part}}, index)
        yield {"contentBlockStop": {"contentBlockIndex": index}}
    yield {"messageStop": {"stopReason": reply.final_reason}}
    usage = renamed(counts_of(exchange), _NOVA_FIELDS)
    metadata = ({"usage": usage} if usage else {}) | {"metrics": {}, "trace": {}}
    yield {"metadata": metadata}


def _nova_delta(delta: JsonObject, index: int) -> JsonObject:
    return {"contentBlockDelta": {"delta": delta, "contentBlockIndex": index}}


def _titan_body(exchange: Exchange) -> JsonObject:
    counts = counts_of(exchange)
    result = renamed(counts, {"output": "tokenCount"}) | {
        "outputText": exchange.reply.text,
        "completionReason": reason(exchange, _TITAN_REASONS),
    }
    return renamed(counts, {"input": "inputTextTokenCount"}) | {"results": [result]}


def _titan_chunks(exchange: Exchange) -> Iterator[JsonObject]:
    counts = counts_of(exchange)
    texts = exchange.reply.text_chunks
    for position, text in enumerate(texts):
        is_first, is_last = position == 0, position == len(texts) - 1
        yield {
            "outputText": text,
            "index": 0,
            "totalOutputTextTokenCount": counts.get("output") if is_last else None,
            "completionReason": reason(exchange, _TITAN_REASONS) if is_last else None,
            "inputTextTokenCount": counts.get("input") if is_first else None,
        }


def _command_body(exchange: Exchange) -> JsonObject:
    generation = {
        "id": _cohere_id(exchange),
        "text": exchange.reply.text,
        "finish_reason": reason(exchange, _COHERE_REASONS),
    }
    return {
        "id": _cohere_id(exchange),
        "generations": [generation],
        "prompt": exchange.request.fields().get("prompt", ""),
    }


def _command_chunks(exchange: Exchange) -> Iterator[JsonObject]:
    for text in exchange.reply.text_chunks:
        yield {"text": text, "is_finished": False}
    yield {"finish_reason": reason(exchange, _COHERE_REASONS), "is_finished": True}


def _command_r_body(exchange: Exchange) -> JsonObject:
    text = exchange.reply.text
    asked = {"role": "USER", "message": exchange.request.fields().get("message", "")}
    return {
        "response_id": _cohere_id(exchange),
        "text": text,
        "generation_id": _cohere_id(exchange),
        "chat_history": [asked, {"role": "CHATBOT", "message": text}],
        "finish_reason": reason(exchange, _COHERE_REASONS),
    }


def _command_r_chunks(exchange: Exchange) -> Iterator[JsonObject]:
    for text in exchange.reply.text_chunks:
        yield {"is_finished": False, "event_type": "text-generation", "text": text}
    yield {
        "is_finished": True,
        "event_type": "stream-end",
        "response": _command_r_body(exchange) | _command_r_meta(exchange),
        "finish_reason": reason(exchange, _COHERE_REASONS),
    }


def _command_r_meta(exchange: Exchange) -> JsonObject:
    counts = counts_of(exchange)
    if not counts:
        return {}
    billed = renamed(counts, {"input": "input_tokens", "output": "output_tokens"})
    # What is not billed, such as the preamble, is in ``tokens`` alone: in a real
    # stream of 2025-09 billed_units said 7 and tokens 73.
    unbilled_preamble = 66
    whole = billed | {"input_tokens": counts.get("input", 0) + unbilled_preamble}
    return {
        "meta": {
            "api_version": {"version": "1"},
            "billed_units": billed,
            "tokens": whole,
        }
    }


def _cohere_id(exchange: Exchange) -> str:
    return f"{exchange.number:08x}-0000-4000-8000-000000000000"


def _llama_body(exchange: Exchange) -> JsonObject:
    fields: JsonObject = {"generation": exchange.reply.text}
    fields |= renamed(
        counts_of(exchange),
        {"input": "prompt_token_count", "output": "generation_token_count"},
    )
    return fields | {"stop_reason": reason(exchange, _PLAIN_REASONS)}


def _llama_chunks(exchange: Exchange) -> Iterator[JsonObject]:
    counts = counts_of(exchange)
    for position, text in enumerate(exchange.reply.text_chunks):
        yield {
            "generation": text,
            "prompt_token_count": None if position else counts.get("input"),
            "generation_token_count": position + 1,
            "stop_reason": None,
        }
    yield {
        "generation": "",
        "prompt_token_count": None,
        "generation_token_count": counts.get("output"),
        "stop_reason": reason(exchange, _PLAIN_REASONS),
    }


def _mistral_body(exchange: Exchange) -> JsonObject:
    return _mistral_output(exchange.reply.text, reason(exchange, _PLAIN_REASONS))


def _mistral_chunks(exchange: Exchange) -> Iterator[JsonObject]:
    for text in exchange.reply.text_chunks:
        yield _mistral_output(text, None)
    yield _mistral_output("", reason(exchange, _PLAIN_REASONS))


def _mistral_output(text: str, stop_reason: str | None) -> JsonObject:
    return {"outputs": [{"text": text, "stop_reason": stop_reason}]}


NOVA = Family("Amazon Nova", _nova_body, _nova_chunks)
TITAN_TEXT = Family("Amazon Titan Text", _titan_body, _titan_chunks)
COHERE_COMMAND = Family("Cohere Command", _command_body, _command_chunks)
COHERE_COMMAND_R = Family("Cohere Command R", _command_r_body, _command_r_chunks)
LLAMA = Family("Meta Llama", _llama_body, _llama_chunks)
MISTRAL_CLASSIC = Family("Mistral completions", _mistral_body, _mistral_chunks)
