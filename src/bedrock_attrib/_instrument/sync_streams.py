"""Observed streams and bodies of boto3.

The caller gets an event stream of botocore's own type that reads from the stream that
botocore made, and botocore's own body, which reads from an observed connection. Nothing
is read on the caller's thread that the caller does not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

from botocore.eventstream import EventStream

from .._readers import is_final
from .._recording.call import Call
from .abandoned_streams import AbandonedStreamObserver
from .botocore_internals import (
    is_body,
    is_event_stream,
    raw_stream_of,
    replace_raw_stream,
    twin_of,
)
from .observed_body import ObservedBody
from .observers import BodyAnswer, BodyObserver, StreamObserver, end_unobserved


class ObservedEventStream(EventStream):
    """botocore's event stream, observed while the caller iterates."""

    _bedrock_attrib: StreamObserver

    def __iter__(self) -> Iterator[Any]:
        observer = self._bedrock_attrib
        has_span = observer.has_span
        seen = observer.events
        events = super().__iter__()
        observer.began()
        try:
            for event in events:
                observer.saw(event)
                yield event
                break
            for event in events:
                # `observer.saw`, written out, as calls would add 0.15 µs to each event.
                seen.before_last = seen.last
                seen.last = event
                seen.count += 1
                if "metadata" in event or (has_span and is_final(event)):
                    observer.saw_final(event)
                yield event
        except GeneratorExit:
            observer.stopped()
            raise
        except BaseException as error:
            observer.failed(error)
            raise
        observer.finished()

    def close(self) -> None:
        """Close the underlying stream, and end the call."""
        try:
            super().close()
        finally:
            self._bedrock_attrib.closed()


class DrainedEventStream(ObservedEventStream):
    """An observed event stream that is read on in the background when it is dropped."""

    _bedrock_attrib: AbandonedStreamObserver

    def __del__(self) -> None:
        with suppress(Exception):
            self._bedrock_attrib.dropped()


def observe_stream(stream: EventStream, call: Call) -> EventStream:
    """Return the stream to give to the caller instead of *stream*: it ends *call*."""
    if not is_event_stream(stream):
        end_unobserved(call, "stream")
        return stream
    drains = call.recorder.drains
    if drains is None:
        observed = twin_of(stream, _observed(type(stream), ObservedEventStream))
        observed._bedrock_attrib = StreamObserver(call)
    else:
        observed = twin_of(stream, _observed(type(stream), DrainedEventStream))
        observed._bedrock_attrib = AbandonedStreamObserver(call, stream, drains)
    return observed  # type: ignore[no-any-return]  # a twin of whatever came


@lru_cache(maxsize=64)
def _observed(
    kind: type[EventStream], base: type[ObservedEventStream]
) -> type[EventStream]:
    """Return *base*, or a class of *base* over a subclass of botocore's stream."""
    if kind is EventStream:
        return base
    return type(f"Observed{kind.__name__}", (base, kind), {})


def observe_body(body: Any, call: Call, answer: BodyAnswer, length: int | None) -> None:
    """Have *body*, *length* bytes long, complete *answer* and end *call*."""
    if is_body(body):
        observer = BodyObserver(call, answer, length)
        replace_raw_stream(body, ObservedBody(raw_stream_of(body), observer))
    else:
        call.answer = answer
        end_unobserved(call, "body")
