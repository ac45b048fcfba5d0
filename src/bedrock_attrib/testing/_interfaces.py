"""Responses of Bedrock's OpenAI and Anthropic interfaces.

Shapes: API references of OpenAI (chat completions, responses) and Anthropic (messages);
paths: Amazon Bedrock user guide, "Endpoints supported by Amazon Bedrock". Checked
2026-11-25.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ._answers import JSON
from ._converse import argument_parts, tool_use_id
from ._invoke import served_headers
from ._reply import Fault, Reply
from ._wire import Exchange, JsonObject, WireAnswer, as_json
from .families import (
    ANTHROPIC_MESSAGES,
    OPENAI_CHAT,
    chat_chunks,
    message_chunks,
    openai_usage,
)

_SERVER_SENT = {"Content-Type": "text/event-stream"}
_CREATED = 1_767_225_600  # A fixed moment (2026-01-01), so that answers repeat.
_DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class InterfaceWriter:
    """Writer of an interface: a body, or server-sent events on request.

    Attributes:
        body: Writes the body.
        events: Writes the data of the events.
        closing: Bytes after the last event.
        names_events: Whether each event has a line with its type.
    """

    body: Callable[[Exchange], JsonObject]
    events: Callable[[Exchange], Iterable[JsonObject]]
    closing: bytes = b""
    names_events: bool = True

    def render(self, exchange: Exchange) -> WireAnswer:
        """Write the whole response, without its faults."""
        if exchange.request.fields().get("stream"):
            return self._stream(exchange)
        reply = exchange.reply
        body = reply.body
        if body is None:
            body = as_json(self.body(exchange) | dict(reply.extra))
        return WireAnswer(
            status=200,
            headers={**JSON, **served_headers(reply)},
            pieces=(body,),
            declared_bytes=len(body),
        )

    def _stream(self, exchange: Exchange) -> WireAnswer:
        reply = exchange.reply
        pieces = reply.frames
        if pieces is None:
            events = list(self.events(exchange))
            events[-1] = events[-1] | dict(reply.extra)
            pieces = tuple(self._event(event) for event in events)
            pieces = (*pieces, self.closing) if self.closing else pieces
        return WireAnswer(
            status=200,
            headers={**_SERVER_SENT, **served_headers(reply)},
            pieces=pieces,
            is_stream=True,
        )

    def _event(self, event: JsonObject) -> bytes:
        named = f"event: {event['type']}\n".encode() if self.names_events else b""
        return b"%bdata: %b\n\n" % (named, as_json(event))

    def error(self, answer: WireAnswer, code: str, message: str) -> WireAnswer:
        """Return the error response *answer* in the format of these interfaces."""
        body = as_json(_error(code, message))
        return WireAnswer(
            status=answer.status, headers=JSON, pieces=(body,), declared_bytes=len(body)
        )

    def exception(self, fault: Fault) -> bytes:
        """Return the error event that ends a stream."""
        event = {"type": "error", **_error(fault.error, fault.message)}
        return self._event(event)


def _error(code: str, message: str) -> JsonObject:
    return {"error": {"type": code, "code": code, "message": message}}


def _served_tier(reply: Reply) -> JsonObject:
    return {} if reply.service_tier is None else {"service_tier": reply.service_tier}


# Chat completions.


def _chat_body(exchange: Exchange) -> JsonObject:
    return OPENAI_CHAT.body(exchange) | _served_tier(exchange.reply)


def _chat_events(exchange: Exchange) -> Iterator[JsonObject]:
    """Yield chunks; counts are in a separate one, sent only on request."""
    options = exchange.request.fields().get("stream_options")
    wants_usage = isinstance(options, Mapping) and options.get("include_usage")
    last: JsonObject = {}
    for chunk in chat_chunks(exchange):
        last = {name: chunk[name] for name in chunk if name != "usage"}
        yield last | _served_tier(exchange.reply)
    usage = openai_usage(exchange.reply.usage)
    if wants_usage and usage:
        yield last | {"choices": [], "usage": usage} | _served_tier(exchange.reply)


# Responses.


def _responses_body(exchange: Exchange) -> JsonObject:
    return _response(exchange, "completed", list(_items(exchange.reply)))


def _response(exchange: Exchange, status: str, output: list[JsonObject]) -> JsonObject:
    usage = _responses_usage(exchange.reply) if status == "completed" else None
    return {
        "id": f"resp_{exchange.number:032d}",
        "object": "response",
        "created_at": _CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": exchange.resource,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage,
        **_served_tier(exchange.reply),
    }


def _responses_usage(reply: Reply) -> JsonObject | None:
    """Return ``usage``, whose input **includes** cached tokens."""
    stated = openai_usage(reply.usage)
    if not stated:
        return None
    details = {"cached_tokens": 0}
    known = stated.get("prompt_tokens_details")
    if isinstance(known, Mapping):
        details |= known
    return {
        "input_tokens": stated["prompt_tokens"],
        "input_tokens_details": details,
        "output_tokens": stated["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": stated["total_tokens"],
    }


def _items(reply: Reply) -> Iterator[JsonObject]:
    if reply.text:
        yield _message(reply.text, "completed")
    for position, tool_use in enumerate(reply.tool_uses):
        yield {
            "type": "function_call",
            "id": f"fc_{position}",
            "call_id": tool_use_id(tool_use, position),
            "name": tool_use.name,
            "arguments": json.dumps(dict(tool_use.arguments)),
            "status": "completed",
        }


def _message(text: str, status: str) -> JsonObject:
    return {
        "type": "message",
        "id": "msg_0",
        "role": "assistant",
        "status": status,
        "content": [_part(text)] if text else [],
    }


def _part(text: str) -> JsonObject:
    return {"type": "output_text", "text": text, "annotations": []}


def _responses_events(exchange: Exchange) -> Iterator[JsonObject]:
    for number, event in enumerate(_unnumbered(exchange)):
        yield event | {"sequence_number": number}


def _unnumbered(exchange: Exchange) -> Iterator[JsonObject]:
    reply = exchange.reply
    started = _response(exchange, "in_progress", [])
    yield {"type": "response.created", "response": started}
    yield {"type": "response.in_progress", "response": started}
    index = 0
    if reply.text:
        yield from _text_events(reply)
        index = 1
    for position, item in enumerate(list(_items(reply))[index:]):
        yield from _tool_events(reply, item, position, index + position)
    finished = _responses_body(exchange)
    yield {"type": "response.completed", "response": finished}


def _text_events(reply: Reply) -> Iterator[JsonObject]:
    item = {"output_index": 0}
    place = item | {"item_id": "msg_0", "content_index": 0}
    begun = _message("", "in_progress")
    yield {"type": "response.output_item.added", **item, "item": begun}
    yield {"type": "response.content_part.added", **place, "part": _part("")}
    for text in reply.text_chunks:
        delta: JsonObject = {"delta": text, "logprobs": []}
        yield {"type": "response.output_text.delta", **place, **delta}
    done: JsonObject = {"text": reply.text, "logprobs": []}
    yield {"type": "response.output_text.done", **place, **done}
    yield {"type": "response.content_part.done", **place, "part": _part(reply.text)}
    whole = _message(reply.text, "completed")
    yield {"type": "response.output_item.done", **item, "item": whole}


def _tool_events(
    reply: Reply, item: JsonObject, position: int, index: int
) -> Iterator[JsonObject]:
    at: JsonObject = {"output_index": index}
    place = at | {"item_id": item["id"]}
    begun = item | {"arguments": "", "status": "in_progress"}
    yield {"type": "response.output_item.added", **at, "item": begun}
    for part in argument_parts(reply.tool_uses[position]):
        kind = "response.function_call_arguments.delta"
        yield {"type": kind, **place, "delta": part}
    kind = "response.function_call_arguments.done"
    yield {"type": kind, **place, "arguments": item["arguments"], "name": item["name"]}
    yield {"type": "response.output_item.done", **at, "item": item}


CHAT_COMPLETIONS = InterfaceWriter(
    _chat_body, _chat_events, closing=_DONE, names_events=False
)
RESPONSES = InterfaceWriter(_responses_body, _responses_events)
MESSAGES = InterfaceWriter(ANTHROPIC_MESSAGES.body, message_chunks)
