"""What an answer says that did not come through botocore: as it stood on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .._model.model_id import ModelRef
from .._model.record import Reading
from .bodies import complete, read_body
from .json_scan import outer_object
from .operations import Operation
from .streams import TAIL, Event, Events

_METADATA = "ResponseMetadata"


def read_headers(
    row: Operation, headers: Mapping[str, str], model: ModelRef
) -> Reading:
    """What *headers*, by lower-case name, say before anything else is read."""
    return row.read({_METADATA: {"HTTPHeaders": headers}}, model)


def read_http_body(
    row: Operation, body: bytes, reading: Reading, model: ModelRef
) -> Reading:
    """What the body of a plain answer says.

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
    return reading if document is None else row.read(document, model)


def has_guardrail_in(row: Operation, body: bytes) -> bool:
    """Whether the *body* of a request applies a guardrail.

    Not parsed: inside a prompt, a quote is escaped.
    """
    return bool(row.guardrail) and b'"%b"' % row.guardrail.encode() in body


def read_document_of(
    row: Operation, document: Mapping[str, Any], reading: Reading, model: ModelRef
) -> Reading:
    """What a plain answer says that has been parsed; as `read_http_body`."""
    if row.body is not None:
        complete(document, reading, model)
        return reading
    return row.read(document, model)


def events_of(stream: Iterable[Event | bytes | str]) -> Events:
    """The events of a stream that has been read, as far as they are remembered.

    Args:
        stream: All events in order: as botocore gives them, or the chunks inside
            them, or the ``data`` of server-sent events.
    """
    events = Events()
    for event in map(as_event, stream):
        if events.first is None:
            events.first = event
        events.count += 1
        events.tail = [*events.tail, event][-TAIL:]
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
