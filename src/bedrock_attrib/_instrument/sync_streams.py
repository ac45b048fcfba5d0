"""How streams and bodies are watched while the caller reads.

The caller gets an event stream of botocore's own type that reads from the very stream
that botocore made, and botocore's own body, which reads from a connection that is
looked at. Nothing is read on the caller's thread that the caller does not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from botocore.eventstream import EventStream
from botocore.response import StreamingBody

from .._readers import is_final
from .._recording.call import Call
from .abandoned_streams import AbandonedFeed
from .observed_body import WatchedRaw
from .observers import BodyFeed, StreamFeed, kept_event


class MeteredEventStream(EventStream):
    """botocore's event stream, watched while the caller iterates."""

    _bedrock_attrib: StreamFeed

    def __iter__(self) -> Iterator[Any]:
        feed = self._bedrock_attrib
        old = last = None
        count = 0
        events = super().__iter__()
        if feed.has_span:
            events = _ending_before_its_span(events, feed)
        feed.began()
        try:
            for event in events:
                count = 1
                feed.saw_first(event)
                last = kept_event(event) if "metadata" in event else event
                yield event
                break
            for event in events:
                old, last = last, event
                count += 1
                if "metadata" in event:
                    last = kept_event(event)
                yield event
        except GeneratorExit:
            feed.saw((old, last), count)
            feed.stopped()
            raise
        except BaseException as error:
            feed.saw((old, last), count)
            feed.failed(error)
            raise
        feed.saw((old, last), count)
        feed.finished()

    def close(self) -> None:
        """Close the underlying stream, and the call with it."""
        try:
            super().close()
        finally:
            self._bedrock_attrib.ended()


class DrainedEventStream(MeteredEventStream):
    """The same, which is read on when it is dropped."""

    _bedrock_attrib: AbandonedFeed

    def __del__(self) -> None:
        with suppress(Exception):
            self._bedrock_attrib.dropped()


def _ending_before_its_span(events: Iterator[Any], feed: StreamFeed) -> Iterator[Any]:
    """Events as they come; the call ends before the caller has the final one.

    Others who look at streams end their span with the final event: those of
    opentelemetry-instrumentation-botocore 0.66b2, checked 2026-11-25.
    """
    before = None
    for count, event in enumerate(events, 1):
        if is_final(event):
            feed.saw_final(before, event, count)
        before = event
        yield event


def _watching(kind: type[Any], base: type[Any]) -> type[Any]:
    """The class to exchange *kind* for: *base*, or *base* over another's subclass."""
    if kind is EventStream:
        return base
    watching = _WATCHING.get((kind, base))
    if watching is None:
        watching = type(f"Metered{kind.__name__}", (base, kind), {})
        _WATCHING[kind, base] = watching
    return watching


_WATCHING: dict[tuple[type, type], type] = {}


def watch_stream(stream: EventStream, call: Call) -> EventStream:
    """The stream to hand to the caller instead of *stream*: it ends *call*.

    botocore's stream keeps a generator that keeps the stream, so one that is dropped
    lives on until a garbage collection, which may be minutes away. The caller's shares
    all that *stream* has and is kept by nobody: when it is dropped, it is gone.
    """
    drains = call.recorder.drains
    base = MeteredEventStream if drains is None else DrainedEventStream
    kind = _watching(type(stream), base)
    watched = object.__new__(kind)
    watched.__dict__.update(stream.__dict__)
    if drains is None:
        watched._bedrock_attrib = StreamFeed(call)
    else:
        watched._bedrock_attrib = AbandonedFeed(call, stream, drains)
    return watched


def watch_body(body: StreamingBody, call: Call, length: int | None) -> None:
    """Have *body*, *length* bytes long, complete what the headers said of *call*."""
    feed = BodyFeed(call, length)
    raw = getattr(body, "_raw_stream", None)
    if raw is None:  # a stand-in of somebody's tests
        feed.ended()
    else:
        body._raw_stream = WatchedRaw(raw, feed)
