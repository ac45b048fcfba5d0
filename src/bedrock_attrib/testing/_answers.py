"""Responses from replies: body or frames first, then faults and headers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from ._aws_errors import error_answer, error_reply_answer
from ._event_stream import encode_exception, spoil_checksum
from ._reply import Fault, FaultKind
from ._wire import AwsError, Ending, Exchange, JsonObject, WireAnswer, as_json

JSON = {"Content-Type": "application/json"}
_EVENT_STREAM = {"Content-Type": "application/vnd.amazon.eventstream"}


def _no_headers(exchange: Exchange) -> Mapping[str, str]:  # noqa: ARG001 - by type
    return {}


class ResponseWriter(Protocol):
    """Writer of the responses of an operation."""

    def render(self, exchange: Exchange) -> WireAnswer:
        """Write the whole response, without its faults."""

    def error(self, answer: WireAnswer, code: str, message: str) -> WireAnswer:
        """Return the error response *answer* in the operation's format."""

    def exception(self, fault: Fault) -> bytes:
        """Return the error event that ends a stream."""


class _AwsErrors:
    """Error format of all AWS operations."""

    __slots__ = ()

    def error(self, answer: WireAnswer, code: str, message: str) -> WireAnswer:  # noqa: ARG002
        """Return the error response *answer* in the operation's format."""
        return answer

    def exception(self, fault: Fault) -> bytes:
        """Return the error event that ends a stream."""
        return encode_exception(fault.error, fault.message)


@dataclass(frozen=True, slots=True)
class JsonWriter(_AwsErrors):
    """Writer of an operation with one JSON body.

    Attributes:
        body: Writes the body.
        headers: Writes its own headers.
        sort_keys: Whether AWS sorts the fields of this body.
    """

    body: Callable[[Exchange], JsonObject]
    headers: Callable[[Exchange], Mapping[str, str]] = _no_headers
    sort_keys: bool = False

    def render(self, exchange: Exchange) -> WireAnswer:
        """Write the whole response, without its faults."""
        reply = exchange.reply
        body = reply.body
        if body is None:
            fields = self.body(exchange) | dict(reply.extra)
            body = as_json(fields, sort_keys=self.sort_keys)
        return WireAnswer(
            status=200,
            headers={**JSON, **self.headers(exchange)},
            pieces=(body,),
            declared_bytes=len(body),
        )


@dataclass(frozen=True, slots=True)
class EventStreamWriter(_AwsErrors):
    """Writer of an operation with event-stream frames.

    Attributes:
        frames: Writes the frames.
        headers: Writes its own headers.
    """

    frames: Callable[[Exchange], Iterable[bytes]]
    headers: Callable[[Exchange], Mapping[str, str]] = _no_headers

    def render(self, exchange: Exchange) -> WireAnswer:
        """Write the whole response, without its faults."""
        reply = exchange.reply
        frames = self.frames(exchange) if reply.frames is None else reply.frames
        return WireAnswer(
            status=200,
            headers={**_EVENT_STREAM, **self.headers(exchange)},
            pieces=tuple(frames),
            is_stream=True,
        )


def answer_exchange(exchange: Exchange, writer: ResponseWriter) -> WireAnswer:
    """Write the response to *exchange*, with the faults and headers of its reply."""
    reply = exchange.reply
    answer = _rendered(exchange, writer)
    answer = replace(
        answer,
        status=answer.status if reply.status is None else reply.status,
        delay_s=reply.latency_s,
        interval_s=reply.chunk_interval_s,
    )
    if reply.fault is not None:
        answer = _broken(answer, reply.fault, writer)
    return with_headers(answer, reply.headers)


def _rendered(exchange: Exchange, writer: ResponseWriter) -> WireAnswer:
    reply = exchange.reply
    if reply.error is not None:
        answer = error_reply_answer(reply, reply.error)
        return writer.error(answer, reply.error, reply.error_message)
    try:
        return writer.render(exchange)
    except AwsError as error:
        return error_answer(error.code, error.message)


def with_headers(answer: WireAnswer, headers: Mapping[str, str]) -> WireAnswer:
    """Return *answer* with *headers*, which replace those of the same name."""
    replaced = {name.lower() for name in headers}
    others = {
        name: value
        for name, value in answer.headers.items()
        if name.lower() not in replaced
    }
    return replace(answer, headers={**others, **headers})


_ENDINGS = {
    FaultKind.CUT: Ending.CUT,
    FaultKind.STALL: Ending.STALL,
    FaultKind.NO_ANSWER: Ending.NO_ANSWER,
}


def _broken(answer: WireAnswer, fault: Fault, writer: ResponseWriter) -> WireAnswer:
    pieces = answer.pieces if answer.is_stream else _halves(answer.pieces)
    before, rest = pieces[: fault.after], pieces[fault.after :]
    if fault.kind in _ENDINGS:
        return replace(answer, pieces=before, ending=_ENDINGS[fault.kind])
    if not answer.is_stream:
        return answer
    if fault.kind is FaultKind.EXCEPTION_EVENT:
        return replace(answer, pieces=(*before, writer.exception(fault)))
    if answer.headers["Content-Type"] != _EVENT_STREAM["Content-Type"]:
        return answer  # without a checksum
    spoilt = tuple(spoil_checksum(frame) for frame in rest[:1])
    return replace(answer, pieces=(*before, *spoilt, *rest[1:]))


def _halves(pieces: tuple[bytes, ...]) -> tuple[bytes, ...]:
    body = b"".join(pieces)
    return body[: len(body) // 2], body[len(body) // 2 :]
