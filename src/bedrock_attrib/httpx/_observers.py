"""Observers of answers: bytes as their caller reads them become events or a body."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, Protocol

from botocore.eventstream import EventStreamBuffer

from .._readers import BodyAnswer, Events, whole_object
from .._recording.call import Call

_LARGEST_FRAME = 32 * 1024 * 1024  # twice what botocore 1.44.5 lets a message have
_LONGEST_EVENT = 4096


class Observer(Protocol):
    """Takes the bytes of one answer, and ends its call once."""

    def saw(self, data: bytes) -> None:
        """Note bytes that the caller gets."""

    def paused(self) -> None:
        """Note that the caller stopped reading, perhaps for good."""

    def ended(self, error: str | None = None, *, was_read: bool = False) -> None:
        """End the call: read to its end, given up, or broken with *error*."""


class HttpStreamObserver:
    """Takes the bytes of a stream, and stores its first and last events.

    They are in the call's `Events` before the caller has them.
    """

    def __init__(
        self, call: Call, split: Callable[[bytearray], Iterator[bytes]]
    ) -> None:
        """Observe the stream of *call*, whose events *split* takes off a buffer."""
        self._call = call
        self._split = split
        self._read = _read_frame if split is frames else _read_data
        self._events = call.events = Events(
            request_bytes=call.request_bytes, decode=self._decode
        )
        self._buffer = bytearray()
        self._is_done = False
        call.lifecycle.answer_opened(call)

    def _decode(self, data: bytes) -> dict[str, Any]:
        try:
            return self._read(data)[0]
        except Exception as fault:
            self._call.lifecycle.faults.note("httpx stream", fault)
            return {}

    def saw(self, data: bytes) -> None:
        """Note bytes that the caller gets."""
        self._buffer += data
        try:
            self._note(self._split(self._buffer))
        except Exception:
            # It cannot be read, so it need not be stored either.
            self._buffer, self._split = bytearray(), _nothing
            raise

    def _note(self, events: Iterator[bytes]) -> None:
        for event in events:
            if event == _DONE:
                self._is_done = True
                continue
            self._events.add(event)
            if _GROUNDING in event:
                self._events.note(self._decode(event))
            if self._events.first is None:
                self._events.first = self._decode(event)
                waited = perf_counter() - self._call.started
                self._call.time_to_first_chunk_s = waited

    def paused(self) -> None:
        """Note when the caller stopped reading."""
        self._call.paused = perf_counter()

    def ended(self, error: str | None = None, *, was_read: bool = False) -> None:
        """End the call: read to its end, given up, or broken with *error*."""
        recorder = self._call.lifecycle
        if self._call.ended is not None:
            return  # read to its end, and closed after that
        self._call.was_read = was_read or self._is_done
        try:
            if error is None and self._events.last:
                _, error = self._read(self._events.last[-1])
        except Exception as fault:
            recorder.faults.note("httpx stream", fault)
        recorder.stream_ended(self._call, error)


_GROUNDING = b"nova_grounding"  # a web search, which is billed

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
    """Return the event of a message as botocore gives it, and the error in it."""
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
    """Return the counts of a long event: the last one repeats the whole response."""
    document = whole_object(data) or {}
    kept = {name: document[name] for name in _COUNTS if name in document}
    response = document.get("response")
    if isinstance(response, dict):
        kept["response"] = {n: response[n] for n in _COUNTS if n in response}
    return json.dumps(kept).encode()


_COUNTS = ("type", "usage", "service_tier", "error", "amazon-bedrock-invocationMetrics")


def _read_data(data: bytes) -> tuple[dict[str, Any], str | None]:
    """Return an event as botocore would give it, and the error in it."""
    document = whole_object(data) or {}
    response = document.get("response")
    error = document.get("error") or (
        response.get("error") if isinstance(response, dict) else None
    )
    name = None
    if isinstance(error, dict):
        name = str(error.get("code") or error.get("type") or "error")
    return {"chunk": {"bytes": data}}, name


class HttpBodyObserver:
    """Notes the bytes of a plain body as the caller reads it."""

    def __init__(self, call: Call, answer: BodyAnswer) -> None:
        """Observe the body of *call*; *answer* takes the bytes."""
        self._call = call
        self._answer = call.answer = answer
        call.lifecycle.answer_opened(call)

    def saw(self, data: bytes) -> None:
        """Note bytes that the caller gets."""
        if self._call.ended is None:
            self._answer.add(data)

    def paused(self) -> None:
        """Note nothing: half a body says little."""

    def ended(self, error: str | None = None, *, was_read: bool = False) -> None:
        """End the call: read to its end, given up, or broken with *error*."""
        del was_read  # a body that is given up half read was answered all the same
        if self._call.ended is None:
            self._call.lifecycle.answered(self._call, self._answer, error)


class UnpackingObserver:
    """Unpacks the bytes of a compressed answer for another observer."""

    def __init__(self, observer: Observer, encoding: str) -> None:
        """Unpack what is packed with *encoding* (``gzip`` or ``deflate``)."""
        self.ended = observer.ended
        self.paused = observer.paused
        self._observer = observer
        self._unpack = zlib.decompressobj(_WINDOW_BITS[encoding]).decompress

    def saw(self, data: bytes) -> None:
        """Note bytes that the caller gets, unpacked."""
        self._observer.saw(self._unpack(data))


# Which header zlib is to expect.
_WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
UNPACKED = frozenset(_WINDOW_BITS)
"""Content codings that can be unpacked with the standard library alone."""
