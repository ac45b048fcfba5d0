"""Abandoned streams: the rest is read in the background, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from socket import socket
from time import perf_counter
from typing import Any

from botocore.eventstream import EventStream

from .._readers import is_final, is_whole
from .._recording.call import Call
from .._runtime.background import BackgroundReaders
from .._runtime.contained_errors import logger
from .botocore_internals import raw_stream_of
from .observers import StreamObserver, error_name


def can_be_read_on(stream: EventStream) -> bool:
    """Return whether waiting for *stream* can be bounded and it is still connected."""
    return _socket_of(stream) is not None


def read_on(
    stream: EventStream,
    take: Callable[[Any], bool],
    *,
    until: float,
    max_events: int,
) -> None:
    """Read the rest of *stream*, and return its connection to the pool, or close it.

    A server that falls silent is waited for until *until* at the longest. AWS is not
    expected to send bytes without ever completing an event.

    Args:
        stream: Botocore's own stream, which nothing else reads.
        take: Called with each event; returns True when no further one is needed.
        until: ``perf_counter`` at which to stop.
        max_events: Events to read at most.
    """
    connection = _socket_of(stream)
    if connection is None:
        return
    timeout_s = connection.gettimeout()
    is_over = False
    try:
        events = iter(stream)
        for _ in range(max_events):
            left_s = until - perf_counter()
            if left_s <= 0:
                break
            connection.settimeout(_shorter(left_s, timeout_s))
            event = next(events, _END)
            if event is _END:
                is_over = True
                break
            if take(event):
                # What ends the answer comes along with the last event. Reading it puts
                # the connection back into its pool, with its original timeout.
                connection.settimeout(timeout_s)
                is_over = len(list(islice(events, _MOST_AFTER_LAST))) < _MOST_AFTER_LAST
                break
    finally:
        if is_over:
            with suppress(OSError):  # closed, as the pool had no room
                connection.settimeout(timeout_s)
        else:
            stream.close()


_END = object()
_MOST_AFTER_LAST = 8


def _shorter(left_s: float, timeout_s: float | None) -> float:
    return left_s if timeout_s is None else min(left_s, timeout_s)


def _socket_of(stream: EventStream) -> socket | None:
    """Return the socket that *stream* reads from, by urllib3's public attributes.

    None if the answer is not read from one, or has come to its end; and for an answer
    after which the server closes, whose socket has left its connection.
    """
    raw = raw_stream_of(stream)
    found = getattr(getattr(raw, "connection", None), "sock", None)
    return found if hasattr(found, "settimeout") else None


class AbandonedStreamObserver(StreamObserver):
    """Observes a stream, and reads the rest in the background when it is dropped."""

    __slots__ = ("_drains", "_is_drained", "_stream", "_until")

    def __init__(
        self, call: Call, stream: EventStream, drains: BackgroundReaders
    ) -> None:
        """Observe the stream of *call*.

        Args:
            call: The call.
            stream: Botocore's own stream, from which the caller's reads. It and the
                call are held by *drains*, so that the collection of a cycle which the
                caller's stream is part of does not end them before it is noticed.
            drains: Reads the rest.
        """
        super().__init__(call)
        self._stream = stream
        self._drains = drains
        self._is_drained = False
        self._until = 0.0
        drains.hold(self)

    def dropped(self) -> None:
        """Note, in a finalizer, that the caller's stream is gone; nothing may wait."""
        was_held = self._drains.release(self)
        call = self._call
        if call.ended is not None or not was_held:
            return  # over, or a forked child's copy: the socket is the parent's to read
        call.paused = call.paused or perf_counter()
        if self._drains.is_closed:
            self._recorder.call_dropped(call)
        else:
            self._recorder.poll_until_over(self._is_done)

    def reads_on_closed(self) -> bool:
        """Have a stream that is being closed read on, if its answer has come whole.

        The model has finished, and its counts are the next bytes: that costs nothing,
        and takes no time of the caller's.

        Returns:
            Whether the stream is closed in the background, after its counts.
        """
        call, events = self._call, self.events
        if (
            call.ended is not None
            or self._is_drained
            or events.metadata is not None
            or not any(map(is_whole, events.last))
            or not can_be_read_on(self._stream)
            or not self._drains.release(self)
        ):
            return False
        call.paused = call.paused or perf_counter()
        self._is_drained = True
        self._until = perf_counter() + self._drains.max_s
        return self._drains.submit(self._read_on)

    def _is_done(self) -> bool:
        """Return whether the call has ended; starts the reading, and bounds it."""
        call = self._call
        if call.ended is None and not self._is_drained:
            self._is_drained = True
            # From now: that the stream was dropped is noticed within seconds only.
            self._until = perf_counter() + self._drains.max_s
            if not (
                can_be_read_on(self._stream) and self._drains.submit(self._read_on)
            ):
                self._recorder.call_dropped(call)
        elif perf_counter() > self._until:
            self._recorder.call_dropped(call)
        return call.ended is not None

    def _read_on(self) -> None:
        """Read until the counts are known or the bounds are reached; on a thread."""
        call = self._call
        try:
            if call.ended is None:
                most = self._drains.max_events
                read_on(self._stream, self._take, until=self._until, max_events=most)
        except Exception as error:  # of a stream that the caller no longer reads
            logger.debug("an abandoned stream broke off: %s", error_name(error))
        finally:
            self._recorder.stream_drained(call)

    def _take(self, event: Any) -> bool:
        """Note an event; return whether the call has ended and no other is needed."""
        events = self.events
        if events.first is None:
            events.first = event
        events.add(event)
        events.note(event)
        if is_final(event):
            self._recorder.stream_drained(self._call)
        return self._call.ended is not None
