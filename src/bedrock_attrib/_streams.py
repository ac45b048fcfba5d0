"""How streams and bodies are watched: subclasses of botocore's own types.

The object that botocore made stays the same object; only its class is exchanged for
one that looks on while the caller reads. Nothing is read that the caller does not read.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator
from functools import partial
from time import perf_counter
from typing import Any

from botocore.eventstream import EventStream
from botocore.response import StreamingBody

from ._call import Call
from ._readers import TAIL, Events, read_body
from ._record import Reading

_HEAD_BYTES = 16_384
_TAIL_BYTES = 65_536


class StreamFeed:
    """Takes what a stream gave to the caller, and ends the call once.

    Free of I/O, so that sync and async streams share it. Nothing raises.
    """

    __slots__ = ("_call", "_events", "_recorder")

    def __init__(self, call: Call) -> None:
        """Watch the stream of *call*."""
        self._recorder = call.recorder
        self._call = call
        self._events = call.events = Events(request_bytes=call.request_bytes)
        call.recorder.answer_opened(call)

    def saw_first(self, event: Any) -> None:
        """Note the first event of all, and when it came."""
        if self._events.first is None:
            self._events.first = event
            self._call.time_to_first_chunk_s = perf_counter() - self._call.started

    def saw(self, tail: tuple[Any, ...], count: int) -> None:
        """Note the last events of a run of *count*, oldest first, None for none."""
        events = self._events
        events.count += count
        kept = [event for event in tail if event is not None]
        events.tail = (events.tail + kept)[-TAIL:]

    def finished(self) -> None:
        """The stream was read to its end."""
        self._call.was_read = True
        self._end(None)

    def ended(self) -> None:
        """The caller closed the stream."""
        self._end(None)

    def failed(self, error: BaseException) -> None:
        """The stream raised *error* into the caller."""
        self._end(error_name(error))

    def paused(self, stream: EventStream) -> None:
        """The caller stopped reading *stream*, for now or for good.

        The call ends if its counts have come. If not, it ends when nobody can read
        on, which the recorder looks for from time to time.

        A generator may be closed by a garbage collection in the middle of anything,
        so nothing here may wait for a lock.
        """
        route = self._call.route
        self._call.paused = perf_counter()
        try:
            read = route.operation.read_events
            if read is not None and read(self._events, route.model) is not None:
                self._recorder.call_dropped(self._call)
            else:
                self._recorder.look_again(partial(self._is_over, weakref.ref(stream)))
        except Exception as fault:
            self._recorder.faults.note("stream", fault)

    def _is_over(self, stream: weakref.ref[EventStream]) -> bool:
        """Whether the call has ended; ends it if nobody holds *stream* any more."""
        if self._call.ended is None and (
            stream() is None or _references(stream) <= _OWN_REFERENCES
        ):
            self._recorder.call_dropped(self._call)
        return self._call.ended is not None

    def _end(self, error: str | None) -> None:
        try:
            self._recorder.stream_ended(self._call, error)
        except Exception as fault:
            self._recorder.faults.note("stream", fault)


class MeteredEventStream(EventStream):
    """botocore's event stream, watched while the caller iterates."""

    _bedrock_attrib: StreamFeed

    def __iter__(self) -> Iterator[Any]:
        feed = self._bedrock_attrib
        old = last = None
        count = 0
        events = super().__iter__()
        try:
            for last in events:
                count = 1
                feed.saw_first(last)
                yield last
                break
            for event in events:
                old, last = last, event
                count += 1
                if "metadata" in event:
                    last = kept_event(event)
                yield event
        except GeneratorExit:
            feed.saw((old, last), count)
            feed.paused(self)
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


def _references(stream: weakref.ref[EventStream]) -> int:
    """How many references there are to what *stream* refers to."""
    return sys.getrefcount(stream())


def _own_references() -> int:
    """References to an event stream that nobody holds.

    botocore's stream keeps a generator that keeps the stream, so a stream that was
    dropped lives on until a garbage collection, which may be minutes away. Until then
    it has as many references as this one.
    """
    return _references(weakref.ref(EventStream(None, None, None, "")))


_OWN_REFERENCES = _own_references()


def kept_event(event: Any) -> Any:
    """The final event of a stream, which the caller may change after it has it."""
    metadata = event["metadata"]
    return {"metadata": {**metadata, "usage": dict(metadata.get("usage") or {})}}


class BodyFeed:
    """Keeps head and tail of a body as the caller reads it, and ends the call once."""

    __slots__ = ("_call", "_head", "_length", "_recorder", "_seen", "_tail")

    def __init__(self, call: Call, length: int | None) -> None:
        """Watch the body of *call*, *length* bytes long where that is known."""
        self._recorder = call.recorder
        self._call = call
        self._length = length
        self._seen = 0
        self._head = bytearray()
        self._tail = bytearray()
        call.recorder.answer_opened(call)

    def saw(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Note a piece that the caller has read."""
        try:
            self._keep(chunk)
        except Exception as fault:
            self._recorder.faults.note("body", fault)
        if is_last or self._seen == self._length:
            self.ended()

    def _keep(self, chunk: bytes) -> None:
        self._seen += len(chunk)
        room = _HEAD_BYTES - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        self._tail += chunk[-_TAIL_BYTES:]
        if len(self._tail) > 2 * _TAIL_BYTES:
            del self._tail[:-_TAIL_BYTES]

    def ended(self, error: BaseException | None = None) -> None:
        """The body was read as far as the caller wants it, or raised *error*."""
        reading = self._call.answer
        try:
            if isinstance(reading, Reading) and self._call.ended is None:
                self._complete(reading)
                name = None if error is None else error_name(error)
                self._recorder.answered(self._call, reading, name)
        except Exception as fault:
            self._recorder.faults.note("body", fault)

    def given_up(self) -> None:
        """The caller reads no further: its task was cancelled."""
        reading = self._call.answer
        try:
            if isinstance(reading, Reading) and not self.has_ended:
                self._complete(reading)
                self._recorder.stream_ended(self._call)
        except Exception as fault:
            self._recorder.faults.note("body", fault)

    @property
    def has_ended(self) -> bool:
        """Whether the call has ended."""
        return self._call.ended is not None

    def _complete(self, reading: Reading) -> None:
        try:
            body = bytes(self._head + self._tail[-_TAIL_BYTES:])
            read_body(body, reading, self._call.route.model)
        except Exception as fault:
            self._recorder.faults.note("reader", fault)


class MeteredBody(StreamingBody):
    """botocore's body, watched while the caller reads."""

    _bedrock_attrib: BodyFeed

    def read(self, amt: int | None = None) -> bytes:
        """Read at most *amt* bytes, or all."""
        try:
            chunk = super().read(amt)
        except BaseException as error:
            self._bedrock_attrib.ended(error)
            raise
        is_last = amt is None or (not chunk and amt != 0)
        self._bedrock_attrib.saw(chunk, is_last=is_last)
        return chunk

    def readinto(self, b: bytearray | memoryview) -> int:
        """Read into *b*; the number of bytes read."""
        try:
            amount = super().readinto(b)
        except BaseException as error:
            self._bedrock_attrib.ended(error)
            raise
        piece = bytes(memoryview(b)[:amount])
        self._bedrock_attrib.saw(piece, is_last=not amount and len(b) > 0)
        return amount

    def readlines(self) -> list[bytes]:
        """Read all lines."""
        try:
            lines: list[bytes] = super().readlines()
        except BaseException as error:
            self._bedrock_attrib.ended(error)
            raise
        self._bedrock_attrib.saw(b"".join(lines), is_last=True)
        return lines

    def __exit__(self, *error: object) -> None:
        """Leave the block, in which botocore hands out the stream underneath."""
        try:
            super().__exit__(*error)
        finally:
            self._bedrock_attrib.ended()

    def close(self) -> None:
        """Close the underlying stream, and the call with it."""
        try:
            super().close()
        finally:
            self._bedrock_attrib.ended()


def _watching(kind: type, base: type) -> type:
    """The class to exchange *kind* for: *base*, or *base* over another's subclass."""
    botocore_kind = base.__bases__[0]
    if kind is botocore_kind:
        return base
    watching = _WATCHING.get((kind, base))
    if watching is None:
        watching = type(f"Metered{kind.__name__}", (base, kind), {})
        _WATCHING[kind, base] = watching
    return watching


_WATCHING: dict[tuple[type, type], type] = {}


def watch_stream(stream: EventStream, call: Call) -> None:
    """Have *stream* end *call* when it is read, closed, broken or dropped."""
    kind = _watching(type(stream), MeteredEventStream)
    stream._bedrock_attrib = StreamFeed(call)
    stream.__class__ = kind


def watch_body(body: StreamingBody, call: Call, length: int | None) -> None:
    """Have *body*, *length* bytes long, complete what the headers said of *call*."""
    kind = _watching(type(body), MeteredBody)
    body._bedrock_attrib = BodyFeed(call, length)
    body.__class__ = kind


def error_name(error: BaseException) -> str:
    """AWS error code of *error*, or its class name."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code) if code else type(error).__name__
