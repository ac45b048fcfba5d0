"""One call while it is open: what was known at its start, and that it ends once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from .._attribution import NO_ATTRIBUTION
from .._model.record import Outcome
from .._readers import Events, Kept, RequestFacts
from .call_target import Route

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from .._attribution import AttributionContext
    from .._model.record import PriceState, Reading, Tags
    from .._runtime.background import Drains
    from .._runtime.contained_errors import Faults


NO_RETRIES: Mapping[str, Any] = MappingProxyType({})

Plain: TypeAlias = tuple[
    "CallTaker",
    Route,
    "AttributionContext",
    "Tags",
    datetime | float,
    float,
    str | None,
    Kept,
]
"""What is left of a plain call that ended: little, as hundreds wait to be settled.

Recorder, route, scope, tags, start, seconds, AWS request id, what its answer said.
"""


class CallTaker(Protocol):
    """Whom a door tells how a call ended: the recorder.

    Attributes:
        put_plain: Takes what is left of a plain call that ended.
        reuse: Takes a plain call that ended, for another one.
    """

    put_plain: Callable[[Plain], None]
    reuse: Callable[[Call], None]

    @property
    def faults(self) -> Faults:
        """Contained faults."""

    @property
    def drains(self) -> Drains | None:
        """Who reads abandoned streams on; None to estimate what they used."""

    def answered(
        self,
        call: Call,
        answer: Reading | Kept,
        error: str | None = None,
    ) -> None:
        """End a call whose answer states its counts."""

    def answer_lost(self, call: Call) -> None:
        """End a call whose answer came and could not be taken."""

    def turned_away(self, call: Call, http_status: int, error: str) -> None:
        """End a call that AWS answered with an error status."""

    def unanswered(self, call: Call, error: str, *, was_sent: bool) -> None:
        """End a call that failed without an answer."""

    def answer_opened(self, call: Call) -> None:
        """Note that *call* now ends with its stream or body."""

    def stream_ended(self, call: Call, error: str | None = None) -> None:
        """End a call with its stream."""

    def stream_drained(self, call: Call) -> None:
        """End a call whose stream was given up, and then read on for its counts."""

    def call_dropped(self, call: Call) -> None:
        """End a call that is collected as garbage; waits for nothing."""

    def look_again(self, is_over: Callable[[], bool]) -> None:
        """Ask *is_over* from time to time, until it says yes; waits for nothing."""

    def start_again(self, failed: Call) -> Call:
        """Open a call of the same request as *failed*, which has ended."""

    def look_soon(self, is_over: Callable[[], bool]) -> None:
        """As `look_again`, within a second or so; not from a finalizer."""


class Call:
    """A call: open while its class is `OpenCall`, then finished.

    Lives in botocore's context of the call, then in its stream.

    Attributes:
        recorder: Who finishes it.
        route: Operation, model and region.
        tags: The caller's tags when the call started.
        scope: Blocks of attribution to add the cost to.
        started_at: Aware UTC, or seconds since the epoch.
        started: ``perf_counter`` at the start, in seconds.
        facts: What the request said, for the few models that need it.
        has_guardrail: Whether the request applies a guardrail.
        request_hash: Keyed hash of the request; None without a key.
        request_bytes: Size of the request body; None before it was serialised.
        retries: botocore's note of the attempts; empty before the first one.
        attempts: HTTP attempts so far known.
        doubtful_attempts: Errors of attempts so far that AWS may have billed.
        request_id: AWS request id, once an answer came.
        answer: What the answer said, or the few members of it that say so; None
            before it came. For a stream, what stood before its first event.
        events: Events of the stream that the answer opened.
        time_to_first_chunk_s: Seconds to the first event, once it came.
        span: Span to put the cost on, where that is asked for.
        was_read: Whether the stream was read to its end.
        paused: ``perf_counter`` when the caller last stopped reading a stream, or when
            a transport last told something of the request.
        ended: ``perf_counter`` at the end; None while the call is open.
        outcome: How it ended; None where it was dropped and is still to be judged.
        error: AWS error code or exception class name; None without an error.
        failure: Price state of a call that left nothing to price.
        is_timed: Whether ``started`` and ``ended`` are known.
        is_plain: Whether its answer alone says all about it, as of nearly every call.
    """

    # With slots a change of class costs nothing; a dictionary would have to be made.
    __slots__ = (
        "__weakref__",
        "_right_to_close",
        "answer",
        "attempts",
        "doubtful_attempts",
        "ended",
        "error",
        "events",
        "facts",
        "failure",
        "has_guardrail",
        "is_plain",
        "is_timed",
        "outcome",
        "paused",
        "recorder",
        "request_bytes",
        "request_hash",
        "request_id",
        "retries",
        "route",
        "scope",
        "span",
        "started",
        "started_at",
        "tags",
        "time_to_first_chunk_s",
        "was_read",
    )

    def __init__(
        self,
        recorder: CallTaker,
        route: Route,
        scope: AttributionContext,
        tags: Tags,
        started_at: datetime | float,
    ) -> None:
        """Open a call that starts now."""
        self.recorder = recorder
        self.route = route
        self.scope = scope
        self.tags = tags
        self.started_at = started_at
        self.facts: RequestFacts | None = None
        self.has_guardrail = False
        self.request_hash: str | None = None
        self.request_bytes: int | None = None
        self.retries: Mapping[str, Any] = NO_RETRIES
        self.attempts = 1
        self.doubtful_attempts: tuple[str, ...] = ()
        self.request_id: str | None = None
        self.answer: Reading | Kept | None = None
        self.events: Events | None = None
        self.time_to_first_chunk_s: float | None = None
        self.span: Span | None = None
        self.was_read = False
        self.is_timed = True
        self.is_plain = True
        self.paused: float | None = None
        self.ended: float | None = None
        self.outcome: Outcome | None = None
        self.error: str | None = None
        self.failure: PriceState | None = None
        self._right_to_close: list[bool] | None = None
        self.started = perf_counter()

    def share(self) -> None:
        """Prepare for being closed by several threads at once, as a stream may be."""
        self._right_to_close = [True]

    def end(
        self,
        outcome: Outcome | None,  # noqa: ARG002 -- as for an open call
        error: str | None = None,  # noqa: ARG002 -- as above
        at: float | None = None,  # noqa: ARG002 -- as above
    ) -> bool:
        """End the call, unless it has ended: True for exactly one caller.

        Args:
            outcome: How it ended; None where that is still to be judged.
            error: AWS error code or exception class name; None without an error.
            at: ``perf_counter`` at its end; None for now.
        """
        return False

    def end_plainly(self, request_id: str | None, kept: Kept) -> None:
        """End a plain call, whose answer states its counts; nobody may hold it on.

        What is left of it waits to be settled. The call itself is used again: memory
        that the processor has not seen lately costs more than all that happens to it.

        Args:
            request_id: AWS request id.
            kept: The members of the answer that state its counts.
        """


class OpenCall(Call):
    """A call that has started and not yet finished.

    When it is collected without having finished, it hands itself back to its recorder.
    To finish is to become a plain `Call`, whose collection costs nothing.
    """

    __slots__ = ()

    def end(
        self,
        outcome: Outcome | None,
        error: str | None = None,
        at: float | None = None,
    ) -> bool:
        """End the call, unless it has ended: True for exactly one caller."""
        if self.ended is not None:
            return False
        if self._right_to_close is not None:
            # list.pop is atomic, so of two threads only one gets the item.
            try:
                self._right_to_close.pop()
            except IndexError:
                return False
        self.ended = at or perf_counter()
        self.outcome = outcome
        self.error = error
        self.__class__ = Call  # type: ignore[assignment]  # same layout, see above
        return True

    def end_plainly(self, request_id: str | None, kept: Kept) -> None:
        """End a plain call, whose answer states its counts; nobody may hold it on."""
        recorder = self.recorder
        started = self.started
        self.ended = ended = perf_counter()
        recorder.put_plain(
            (
                recorder,
                self.route,
                self.scope,
                self.tags,
                self.started_at,
                ended - started,
                request_id,
                kept,
            )
        )
        self.scope = NO_ATTRIBUTION  # it may hold on to a whole context
        recorder.reuse(self)

    def __del__(self) -> None:
        self.recorder.call_dropped(self)


def plain_call(plain: Plain) -> Call:
    """The call that *plain* is left of, which has ended."""
    recorder, route, scope, tags, started_at, duration_s, request_id, kept = plain
    call = Call(recorder, route, scope, tags, started_at)
    call.started, call.ended = 0.0, duration_s
    call.request_id = request_id
    call.answer = kept
    call.outcome = Outcome.OK
    return call


def new_kind() -> type[OpenCall]:
    """A class for the open calls of a recorder in one process, which marks them.

    A stamp on each call would cost every call; its class costs none.
    """
    return type("OpenCall", (OpenCall,), {"__slots__": ()})


def leave_to_parent(kind: type[OpenCall]) -> None:
    """Have calls of *kind* never finish, in a forked child: the parent ends its own.

    The child may hold them as well, where it was forked in the midst of a call or of
    a stream, and would count them a second time.
    """
    kind.__bases__ = (Call,)
