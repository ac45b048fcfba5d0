"""Observers of streams and bodies: what the caller has read, and how its call ends.

Free of I/O, so that sync and async streams share them. Nothing here raises.
"""

from __future__ import annotations

from time import perf_counter
from types import TracebackType
from typing import Any

from .._model.record import UsageReading
from .._readers import BodyAnswer, Events, is_final, plain_name, starts_search
from .._recording.call import Call


class StreamObserver:
    """Notes the events that a stream gave to the caller, and ends the call once.

    Every event is in `events`, which the call holds too, before the caller has it. So
    nothing is lost if the stream, its iterator or the program ends at any point.

    Attributes:
        events: What was seen.
        has_span: Whether the cost is put on a span, which may end with the final event.
        watches: Whether more than metadata events is to be noted as it comes.
    """

    __slots__ = (
        "_call",
        "_iterators",
        "_recorder",
        "events",
        "has_span",
        "watches",
    )

    def __init__(self, call: Call) -> None:
        """Observe the stream of *call*."""
        self._recorder = call.lifecycle
        self._call = call
        self.has_span = call.span is not None
        asked = call.asked
        self.watches = self.has_span or (asked is not None and asked.has_system_tool)
        self._iterators: list[None] = []
        self.events = call.events = Events(request_bytes=call.request_bytes)
        call.lifecycle.answer_opened(call)

    def __enter__(self) -> None:
        """Note one more iterator; any number may read the stream, by turns."""
        self._iterators.append(None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Note that an iterator came to its end, was let go, or raised *error*."""
        if error is None:
            self.finished()
        elif kind is GeneratorExit:
            self.stopped()
        else:
            self.failed(error)

    def saw(self, event: Any) -> None:
        """Note an event that the caller is about to get."""
        events = self.events
        if events.first is None:
            events.first = event
            self._call.time_to_first_chunk_s = perf_counter() - self._call.started
        events.add(event)
        if "metadata" in event or (self.watches and self.speaks(event)):
            self.saw_final(event)

    @staticmethod
    def speaks(event: Any) -> bool:
        """Return whether *event* states counts, or may announce a billed search."""
        return is_final(event) or starts_search(event)

    def saw_final(self, event: Any) -> None:
        """Note what a final event states, and end the call if its span may end with it.

        Other instrumentations end their span with the final event: those of
        opentelemetry-instrumentation-botocore 0.66b2, checked 2026-11-25.
        """
        self.events.note(event)
        if self.has_span and is_final(event):
            self._end(None)

    def finished(self) -> None:
        """Note that an iterator came to the end of the stream."""
        self._call.was_read = True
        self._iterator_ended()
        if self._is_over():
            self._end(None)

    def stopped(self) -> None:
        """Note that the caller let an iterator go; it may go on with another one.

        A generator may be closed by a garbage collection in the middle of anything,
        so nothing here may wait for a lock.
        """
        self._call.paused = perf_counter()
        self._iterator_ended()
        try:
            if self._is_over():
                self._recorder.call_dropped(self._call)
        except Exception as fault:
            self._recorder.faults.note("stream", fault)

    def closed(self) -> None:
        """End the call: the caller closed the stream, or its task was cancelled."""
        self._end(None)

    def failed(self, error: BaseException) -> None:
        """End the call, as the stream raised *error* into the caller."""
        self._iterator_ended()
        if self._iterators and isinstance(error, ValueError):
            return  # "generator already executing": another thread reads it
        self._end(error_name(error))

    def _iterator_ended(self) -> None:
        if self._iterators:
            self._iterators.pop()

    def _is_over(self) -> bool:
        """Return whether no iterator can get anything more that counts.

        Of two iterators, the one that hears of the end need not be the one that was
        given the last events.
        """
        call = self._call
        if call.was_read and not self._iterators:
            return True
        read = call.target.operation.read_events
        try:
            return read is not None and read(self.events, call.target.model) is not None
        except Exception as fault:
            self._recorder.faults.note("stream", fault)
            return False

    def _end(self, error: str | None) -> None:
        try:
            self._recorder.stream_ended(self._call, error)
        except Exception as fault:
            self._recorder.faults.note("stream", fault)


class BodyObserver:
    """Notes the bytes of a body that the caller has read, and ends the call once."""

    __slots__ = ("_answer", "_call", "_length", "_recorder", "_seen")

    def __init__(self, call: Call, answer: BodyAnswer, length: int | None) -> None:
        """Observe the body of *call*.

        Args:
            call: The call.
            answer: Takes the bytes.
            length: Bytes of the body; None if that is not known.
        """
        self._recorder = call.lifecycle
        self._call = call
        self._answer = call.answer = answer
        self._length = length
        self._seen = 0
        call.lifecycle.answer_opened(call)

    def saw(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Note a piece that the caller has read."""
        if self._call.ended is not None:
            return
        self._answer.add(chunk)
        self._seen += len(chunk)
        if self._seen == self._length:
            self._end(None)
        elif is_last:
            self._end("IncompleteReadError" if self._length is not None else None)

    def ended(self, error: BaseException | None = None) -> None:
        """End the call: the caller has read all that it wants, or *error* was raised.

        botocore 1.44.5 raises some of urllib3's exceptions under another name.
        """
        self._end(None if error is None else _body_error_name(error))

    def _end(self, error: str | None) -> None:
        if self._call.ended is not None:
            return
        try:
            self._recorder.answered(self._call, self._answer, error)
        except Exception as fault:
            self._recorder.faults.note("body", fault)

    def given_up(self) -> None:
        """End the call: the task that read the body was cancelled."""
        try:
            self._recorder.stream_ended(self._call)
        except Exception as fault:
            self._recorder.faults.note("body", fault)

    @property
    def has_ended(self) -> bool:
        """Return whether the call has ended."""
        return self._call.ended is not None


def end_unobserved(call: Call, what: str) -> None:
    """End a call whose stream or body is of a class that is not known.

    Tests and caches of an application put such objects in the place of botocore's.

    Args:
        call: The call; its answer is what the headers said.
        what: "stream" or "body".
    """
    answer = call.answer
    if isinstance(answer, BodyAnswer):
        answer = answer.read()
    if isinstance(answer, UsageReading):
        note = f"the {what} is no object of botocore's, so it was not read"
        answer.note = answer.note or note
        call.lifecycle.answered(call, answer)


def error_name(error: BaseException) -> str:
    """AWS error code of *error*, or its class name."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return plain_name(code) or type(error).__name__


def _body_error_name(error: BaseException) -> str:
    """Name of *error* as botocore's body raises it."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    return "ResponseStreamingError" if "ProtocolError" in kinds else error_name(error)
