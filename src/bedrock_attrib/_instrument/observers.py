"""What is known of a stream or body while the caller reads it, and how its call ends.

Free of reading, so that sync and async streams share it.
"""

from __future__ import annotations

import sys
import weakref
from functools import partial
from time import perf_counter
from typing import Any

from botocore.eventstream import EventStream

from .._model.record import Reading
from .._readers import TAIL, Events, read_body
from .._recording.call import Call

_HEAD_BYTES = 16_384
_TAIL_BYTES = 65_536


class StreamFeed:
    """Takes what a stream gave to the caller, and ends the call once.

    Free of I/O, so that sync and async streams share it. Nothing raises.

    Attributes:
        has_span: Whether the cost is put on a span, which may end with the final event.
    """

    __slots__ = ("_call", "_events", "_recorder", "_runs", "has_span")

    def __init__(self, call: Call) -> None:
        """Watch the stream of *call*."""
        self._recorder = call.recorder
        self._call = call
        self.has_span = call.span is not None
        self._runs: list[None] = []
        self._events = call.events = Events(request_bytes=call.request_bytes)
        call.recorder.answer_opened(call)

    def began(self) -> None:
        """One more iterator reads the stream; any number may, by turns."""
        self._runs.append(None)

    def saw_first(self, event: Any) -> None:
        """Note the first event of all, and when it came."""
        if self._events.first is None:
            self._events.first = event
            self._call.time_to_first_chunk_s = perf_counter() - self._call.started

    def saw(self, tail: tuple[Any, ...], count: int) -> None:
        """Note the last events of a run of *count*, oldest first, None for none."""
        if self._call.ended is not None:
            return
        events = self._events
        events.count += count
        kept = [event for event in tail if event is not None]
        events.tail = (events.tail + kept)[-TAIL:]

    def saw_final(self, before: Any, event: Any, count: int) -> None:
        """Note the final event, after *before*, and end the call with it.

        Args:
            before: The event before it, or None.
            event: The event that states the counts; the caller does not have it yet.
            count: Events of this run, with it.
        """
        self.saw_first(event)
        self.saw((before, kept_event(event)), count)
        self._end(None)

    def finished(self) -> None:
        """An iterator came to the end of the stream.

        If another one is half-way, that may be the one which holds the last events.
        """
        self._call.was_read = True
        if not self._others() or self._has_counts():
            self._end(None)

    def ended(self) -> None:
        """The caller closed the stream."""
        self._end(None)

    def failed(self, error: BaseException) -> None:
        """The stream raised *error* into the caller."""
        if self._others() and isinstance(error, ValueError):
            return  # "generator already executing": another thread reads it
        self._end(error_name(error))

    def stopped(self) -> None:
        """The caller let an iterator go, and may go on with another.

        A generator may be closed by a garbage collection in the middle of anything,
        so nothing here may wait for a lock.
        """
        call = self._call
        call.paused = perf_counter()
        others = self._others()
        try:
            if self._has_counts() or (call.was_read and not others):
                self._recorder.call_dropped(call)
        except Exception as fault:
            self._recorder.faults.note("stream", fault)

    def _others(self) -> bool:
        """One iterator less; whether there are others still."""
        runs = self._runs
        if runs:
            runs.pop()
        return bool(runs)

    def _has_counts(self) -> bool:
        """Whether the final counts have come."""
        route = self._call.route
        read = route.operation.read_events
        try:
            return read is not None and read(self._events, route.model) is not None
        except Exception as fault:
            self._recorder.faults.note("stream", fault)
            return False

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
        if self._call.ended is not None:
            return True
        if stream() is not None and _references(stream) > _OWN_REFERENCES:
            return False
        self._recorder.call_dropped(self._call)
        return True  # also where the call is that of a parent process

    def _end(self, error: str | None) -> None:
        try:
            self._recorder.stream_ended(self._call, error)
        except Exception as fault:
            self._recorder.faults.note("stream", fault)


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
    metadata = event.get("metadata")
    if metadata is None:
        return event
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
        if self._call.ended is not None:
            return
        try:
            self._keep(chunk)
        except Exception as fault:
            self._recorder.faults.note("body", fault)
        if self._seen == self._length:
            self.ended()
        elif is_last:
            self._end("IncompleteReadError" if self._length is not None else None)

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
        """The body was read as far as the caller wants it, or raised *error*.

        Of urllib3's exceptions, botocore 1.44.5 gives one another name.
        """
        self._end(None if error is None else _body_error_name(error))

    def _end(self, error: str | None) -> None:
        reading = self._call.answer
        try:
            if isinstance(reading, Reading) and self._call.ended is None:
                self._complete(reading)
                self._recorder.answered(self._call, reading, error)
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
        # The caller may keep its answer, and with it this, for long.
        self._head, self._tail = bytearray(), bytearray()


def error_name(error: BaseException) -> str:
    """AWS error code of *error*, or its class name."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code) if code else type(error).__name__


def _body_error_name(error: BaseException) -> str:
    """Name of *error* as the reader of a body gets to see it."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    return "ResponseStreamingError" if "ProtocolError" in kinds else error_name(error)
