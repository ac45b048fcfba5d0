"""How the rest of a stream is read that its caller left: within bounds of time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from socket import socket
from time import perf_counter
from typing import Any

from botocore.eventstream import EventStream


def can_be_read_on(stream: EventStream) -> bool:
    """Whether waiting for *stream* can be bounded, and it is still connected."""
    return _socket_of(stream) is not None


def read_on(
    stream: EventStream,
    take: Callable[[Any], bool],
    *,
    until: float,
    max_events: int,
) -> None:
    """Read *stream* on, and give its connection back, or close it.

    A server that falls silent is waited for until *until* at the longest. That one
    sends bytes without ever completing an event is not expected of AWS.

    Args:
        stream: Botocore's own stream, which nobody else reads.
        take: Told about each event; True when no further one is needed.
        until: ``perf_counter`` at which to stop.
        max_events: Events to read at most.
    """
    connection = _socket_of(stream)
    if connection is None:
        return
    patience_s = connection.gettimeout()
    is_over = False
    try:
        events = iter(stream)
        for _ in range(max_events):
            left_s = until - perf_counter()
            if left_s <= 0:
                break
            connection.settimeout(_shorter(left_s, patience_s))
            event = next(events, _END)
            if event is _END:
                is_over = True
                break
            if take(event):
                # What ends the answer comes along with the last event. Read, it puts
                # the connection back into its pool, with the patience of its owner.
                connection.settimeout(patience_s)
                is_over = len(list(islice(events, _MOST_AFTER_LAST))) < _MOST_AFTER_LAST
                break
    finally:
        if is_over:
            with suppress(OSError):  # closed, as the pool had no room
                connection.settimeout(patience_s)
        else:
            stream.close()


_END = object()
_MOST_AFTER_LAST = 8


def _shorter(left_s: float, patience_s: float | None) -> float:
    return left_s if patience_s is None else min(left_s, patience_s)


def _socket_of(stream: EventStream) -> socket | None:
    """The socket that *stream* reads from, by urllib3's public attributes.

    None where the answer is not read from one, or has come to its end; and for an
    answer after which the server closes, whose socket has left its connection.
    """
    raw = getattr(stream, "_raw_stream", None)
    found = getattr(getattr(raw, "connection", None), "sock", None)
    return found if hasattr(found, "settimeout") else None
