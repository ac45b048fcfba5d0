"""Answers as they come over HTTP: headers, bodies and events not parsed by botocore."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .._model.model_id import ModelRef
from .._model.record import UsageReading
from .bodies import complete, read_body
from .json_scan import outer_object
from .operations import Operation
from .responses import header_counts, needs_body
from .statements import read_statements
from .streams import Event, Events

_METADATA = "ResponseMetadata"


class BodyAnswer:
    """Headers of an answer, and as much of its body as the caller has read.

    The pieces of the body are referred to, not copied, and are parsed by `read`, off
    the caller's thread. Of a long body only head and tail are stored.
    """

    __slots__ = ("_headers", "_model", "_operation", "_pieces", "_reading", "_size")

    def __init__(
        self, operation: Operation, headers: Mapping[str, str], model: ModelRef
    ) -> None:
        """Start with no byte of the body.

        Args:
            operation: The operation.
            headers: Headers of the answer, by lower-case name.
            model: The model that answered.
        """
        self._operation = operation
        self._model = model
        self._headers = headers
        self._pieces: list[bytes] = []
        self._size = 0
        self._reading: UsageReading | None = None

    @property
    def is_told(self) -> bool:
        """Return whether the headers alone state all token counts."""
        return not needs_body(self._headers)

    def add(self, piece: bytes) -> None:
        """Note a piece of the body."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > _MOST_BYTES:
            body = _without_long_texts(b"".join(self._pieces))
            if len(body) > _MOST_BYTES // 2:
                body = body[:_HEAD_BYTES] + body[_HEAD_BYTES:][-_TAIL_BYTES:]
            self._pieces = [body]
            self._size = len(body)

    def read(self) -> UsageReading:
        """Read the counts, and forget the body; the same reading each time."""
        reading = self._reading
        if reading is None:
            body, self._pieces = b"".join(self._pieces), []
            reading = read_headers(self._operation, self._headers, self._model)
            self._reading = reading
            reading = read_http_body(self._operation, body, reading, self._model)
            self._reading = reading
        return reading


def _without_long_texts(body: bytes) -> bytes:
    """Empty the long texts in *body*, such as images: they state no count.

    What is between two quotes is a text, or the rest of one with an escaped quote in
    it, whose last backslashes stay.
    """
    parts = body.split(b'"')
    for number, part in enumerate(parts):
        if len(part) > _LONG_TEXT:
            parts[number] = part[len(part.rstrip(b"\\")) :]
    return b'"'.join(parts)


_LONG_TEXT = 4096

# What states counts is near the start or the end of a body; a guardrail's trace, which
# may be long, is at the end.
_HEAD_BYTES = 16_384
_TAIL_BYTES = 65_536
_MOST_BYTES = 2 * _TAIL_BYTES


def read_headers(
    row: Operation, headers: Mapping[str, str], model: ModelRef
) -> UsageReading:
    """Read what *headers*, by lower-case name, state before the body is read."""
    if row.body is not None:
        return row.read(header_counts(headers), model)
    return row.read(row.keep({_METADATA: {"HTTPHeaders": headers}}), model)


def read_http_body(
    row: Operation, body: bytes, reading: UsageReading, model: ModelRef
) -> UsageReading:
    """Read the body of a plain answer.

    Args:
        row: The operation.
        body: The body, or the head and tail of a long one.
        reading: What the headers said; may be changed in place.
        model: The model that answered.
    """
    if row.body is not None:
        read_body(body, reading, model)
        return reading
    document = outer_object(body, row.members)
    if document is None:
        return reading
    return read_document_of(row, document, reading, model)


def has_guardrail_in(row: Operation, body: bytes) -> bool:
    """Return whether the *body* of a request applies a guardrail.

    Not parsed: inside a prompt, a quote is escaped.
    """
    return bool(row.guardrail) and b'"%b"' % row.guardrail.encode() in body


def read_document_of(
    row: Operation, document: Mapping[str, Any], reading: UsageReading, model: ModelRef
) -> UsageReading:
    """Read the body of a plain answer that has been parsed; as `read_http_body`."""
    if row.body is not None:
        complete(document, reading, model)
        return reading
    kept = row.keep(document)
    if kept is None:
        return reading
    reading = row.read(kept, model)
    read_statements(document, reading, model)
    return reading


def events_of(stream: Iterable[Event | bytes | str]) -> Events:
    """Collect the events of a stream that has been read.

    Args:
        stream: All events in order: as botocore gives them, or the chunks inside
            them, or the ``data`` of server-sent events.
    """
    events = Events()
    for event in map(as_event, stream):
        if events.first is None:
            events.first = event
        events.add(event)
        events.note(event)
    return events


def as_event(event: Event | bytes | str) -> Event:
    """*event* as botocore gives it: a chunk is wrapped."""
    if isinstance(event, Mapping):
        if _CONVERSE_EVENTS.isdisjoint(event):
            return as_event(json.dumps(event).encode())
        return event
    return {"chunk": {"bytes": event.encode() if isinstance(event, str) else event}}


# Members of the unions that botocore's streams give: botocore 1.44.5, shapes
# ConverseStreamOutput and ResponseStream.
_CONVERSE_EVENTS = frozenset(
    {
        "chunk",
        "contentBlockDelta",
        "contentBlockStart",
        "contentBlockStop",
        "messageStart",
        "messageStop",
        "metadata",
    }
)
