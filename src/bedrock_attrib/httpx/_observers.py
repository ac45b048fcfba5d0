"""How the bytes of an answer, as its caller reads them, become events or a body."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, Protocol

from botocore.eventstream import EventStreamBuffer

from .._model.record import Reading
from .._readers import TAIL, Events, read_http_body, whole_object
from .._recording.call import Call

_HEAD_BYTES = 16_384
_TAIL_BYTES = 65_536
_LARGEST_FRAME = 32 * 1024 * 1024  # twice what botocore 1.44.5 lets a message have
_LONGEST_EVENT = 4096


class Feed(Protocol):
    """Takes the bytes of one answer, and ends its call once."""

    def saw(self, data: bytes) -> None:
        """Note bytes that the caller gets."""

    def rest(self) -> None:
        """Note that the caller stopped reading, perhaps for good."""

    def ended(self, error: str | None = None, *, was_read: bool = False) -> None:
        """End the call: read to its end, given up, or broken with *error*."""


class StreamFeed:
    """Takes the bytes of a stream, of whose events it keeps the first and last."""

    def __init__(
        self, call: Call, split: Callable[[bytearray], Iterator[bytes]]
    ) -> None:
        """Watch the stream of *call*, whose events *split* takes off a buffer."""
        self._call = call
        self._split = split
        self._events = call.events = Events(request_bytes=call.request_bytes)
        self._read = _read_frame if split is frames else _read_data
        self._buffer = bytearray()
        self._tail: list[bytes] = []
        self._count = 0
        self._is_done = False
        call.recorder.answer_opened(call)

    def saw(self, data: bytes) -> None:
        """Note bytes that the caller gets."""
        self._buffer += data
        try:
            self._note(self._split(self._buffer))
        except Exception:
            # Not to be understood, so not to be kept either.
            self._buffer, self._split = bytearray(), _nothing
            raise

    def _note(self, events: Iterator[bytes]) -> None:
        for event in events:
            if event == _DONE:
                self._is_done = True
                continue
            self._count += 1
            self._tail = [*self._tail[-TAIL + 1 :], event]
            if self._events.first is None:
                self._events.first, _ = self._read(event)
                waited = perf_counter() - self._call.started
                self._call.time_to_first_chunk_s = waited

    def rest(self) -> None:
        """Note the last events, as nobody may read on."""
        self._call.paused = perf_counter()
        self._events.count = self._count
        self._events.tail = [self._read(event)[0] for event in self._tail]

    def ended(self, error: str | None = None, *, was_read: bool = False) -> None:
        """End the call: read to its end, given up, or broken with *error*."""
        recorder = self._call.recorder
        if self._call.ended is not None:
            return  # read to its end, and closed after that
        self._call.was_read = was_read or self._is_done
        try:
            self.rest()
            if error is None and self._tail:
                _, error = self._read(self._tail[-1])
        except Exception as fault:
            recorder.faults.note("httpx stream", fault)
        recorder.stream_ended(self._call, error)


# After which OpenAI's client reads no more.
_DONE = b"[DONE]"


def _nothing(buffer: bytearray) -> Iterator[bytes]:
    buffer.clear()
    return iter(())


def frames(buffer: bytearray) -> Iterator[bytes]:
    """Take whole messages of ``application/vnd.amazon.eventstream`` off *buffer*.

    Checksums are for the caller to check.
    """
    while len(buffer) >= _LENGTH_BYTES:
        length = int.from_bytes(buffer[:_LENGTH_BYTES], "big")
        if not _LENGTH_BYTES < length <= _LARGEST_FRAME:
            raise ValueError("no event stream")
        if len(buffer) < length:
            return
        yield bytes(buffer[:length])
        del buffer[:length]


_LENGTH_BYTES = 4


def _read_frame(frame: bytes) -> tuple[dict[str, Any], str | None]:
    """The event of a message as botocore gives it, and the error that it says."""
    decoder = EventStreamBuffer()
    decoder.add_data(frame)
    message = next(iter(decoder))
    headers = message.headers
    if headers.get(":message-type") != "event":
        code = headers.get(":exception-type") or headers.get(":error-code")
        return {}, str(code or "error")
    fields = whole_object(message.payload) or {}
    name = headers.get(":event-type")
    if name == "chunk":
        return {"chunk": {"bytes": b64decode(fields.get("bytes") or "")}}, None
    return {str(name): fields}, None


def server_sent(buffer: bytearray) -> Iterator[bytes]:
    """Take the data of whole server-sent events off *buffer*.

    WHATWG, HTML Living Standard, "Server-sent events", checked 2026-11-25. Bedrock
    sends one line of data for each event.
    """
    end = buffer.rfind(b"\n") + 1
    if not end:
        return
    lines = bytes(buffer[:end]).split(b"\n")
    del buffer[:end]
    for line in lines:
        if line.startswith(b"data:"):
            data = line[len(b"data:") :].strip()
            if data:
                yield data if len(data) <= _LONGEST_EVENT else _without_text(data)


def _without_text(data: bytes) -> bytes:
    """The counts of a long event: that which ends a response repeats all of it."""
    document = whole_object(data) or {}
    kept = {name: document[name] for name in _COUNTS if name in document}
    response = document.get("response")
    if isinstance(response, dict):
        kept["response"] = {n: response[n] for n in _COUNTS if n in response}
    return json.dumps(kept).encode()


_COUNTS = ("type", "usage", "service_tier", "error", "amazon-bedrock-invocationMetrics")


def _read_data(data: bytes) -> tuple[dict[str, Any], str | None]:
    """An event as botocore would give it, and the error that it says."""
    document = whole_object(data) or {}
    response = document.get("response")
    error = document.get("error") or (
        response.get("error") if isinstance(response, dict) else None
    )
    name = None
    if isinstance(error, dict):
        name = str(error.get("code") or error.get("type") or "error")
    return {"chunk": {"bytes": data}}, name


class BodyFeed:
    """Keeps head and tail of a plain body as the caller reads it."""

    def __init__(self, call: Call, reading: Reading) -> None:
        """Watch the body of *call*, whose headers said *reading*."""
        self._call = call
        self._reading = call.answer = reading
        self._head = bytearray()
        self._tail = bytearray()
        call.recorder.answer_opened(call)

    def saw(self, data: bytes) -> None:
        """Note bytes that the caller gets."""
        if self._call.ended is not None:
            return
        room = _HEAD_BYTES - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data[-_TAIL_BYTES:]
        if len(self._tail) > 2 * _TAIL_BYTES:
            del self._tail[:-_TAIL_BYTES]

    def rest(self) -> None:
        """Nothing to note: what has been read of a body says little."""

    def ended(self, error: str | None = None, *, was_read: bool = False) -> None:
        """End the call: read to its end, given up, or broken with *error*."""
        del was_read  # a body that is given up half read was answered all the same
        call, reading = self._call, self._reading
        if call.ended is not None:
            return  # read to its end, and closed after that
        try:
            body = bytes(self._head + self._tail[-_TAIL_BYTES:])
            route = call.route
            reading = read_http_body(route.operation, body, reading, route.model)
        except Exception as fault:
            call.recorder.faults.note("reader", fault)
        # The caller may keep its answer, and with it this, for long.
        self._head, self._tail = bytearray(), bytearray()
        call.recorder.answered(call, reading, error)


class UnpackingFeed:
    """Unpacks the bytes of a compressed answer for another feed."""

    def __init__(self, feed: Feed, encoding: str) -> None:
        """Unpack what is packed with *encoding* (``gzip`` or ``deflate``)."""
        self.ended = feed.ended
        self.rest = feed.rest
        self._feed = feed
        self._unpack = zlib.decompressobj(_WINDOW_BITS[encoding]).decompress

    def saw(self, data: bytes) -> None:
        """Note bytes that the caller gets, unpacked."""
        self._feed.saw(self._unpack(data))


# zlib's way to say which header to expect.
_WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
UNPACKED = frozenset(_WINDOW_BITS)
"""Content codings that can be unpacked with the standard library alone."""
