"""One call, from its start to its record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from .call_target import CallTarget

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from .._attribution import AttributionContext
    from .._model.record import Outcome, PriceState, UsageReading
    from .._model.tags import Tags
    from .._readers import Asked, BodyAnswer, Events, Kept, RequestFacts
    from .._runtime.background import BackgroundReaders
    from .._runtime.contained_errors import ContainedErrors
    from .._sinks.protocols import Reservation
    from .guard_round import GuardRound

NO_RETRIES: Mapping[str, Any] = MappingProxyType({})


class Lifecycle(Protocol):
    """Takes the ends of calls; see `bedrock_attrib._recording.lifecycle`.

    Attributes:
        owner: Mark of this process on the calls that it opens.
        faults: Contained errors.
        drains: Reads abandoned streams to their end; None to estimate what they used.
    """

    owner: object
    faults: ContainedErrors
    drains: BackgroundReaders | None

    def answered(
        self,
        call: Call,
        answer: UsageReading | Kept | BodyAnswer,
        error: str | None = None,
    ) -> None:
        """End a call whose answer states its counts."""

    def answer_unreadable(self, call: Call) -> None:
        """End a call whose answer came and could not be taken."""

    def rejected(self, call: Call, http_status: int, error: str) -> None:
        """End a call that AWS answered with an error status."""

    def unanswered(self, call: Call, error: str, *, was_sent: bool) -> None:
        """End a call that failed without an answer."""

    def ask_guards_again(self, call: Call, *, may_wait: bool = True) -> None:
        """Ask the guards of *call* that were not asked yet; may wait for a server."""

    def answer_opened(self, call: Call) -> None:
        """Note that *call* now ends with its stream or body."""

    def stream_ended(self, call: Call, error: str | None = None) -> None:
        """End a call with its stream."""

    def stream_drained(self, call: Call) -> None:
        """End a call whose stream was given up, and then read on for its counts."""

    def call_dropped(self, call: Call) -> None:
        """End a call that is collected as garbage; waits for nothing."""

    def poll_until_over(self, is_over: Callable[[], bool]) -> None:
        """Ask *is_over* with every batch, until it is true; waits for nothing."""

    def poll_soon(self, is_over: Callable[[], bool]) -> None:
        """As `poll_until_over`, within a second or so; not from a finalizer."""

    def start_again(self, failed: Call) -> Call:
        """Open a call of the request of *failed*, which has ended."""


class Call:
    """A call: open until it has ended, then waiting to be finalized.

    Lives in botocore's context of the call, then in its stream. When it is collected
    without having ended, it hands itself back to its lifecycle.

    Attributes:
        lifecycle: Takes its end.
        owner: Mark of the process that opened it; a forked child has another one, and
            leaves the call to its parent.
        target: Operation, model and region.
        context: Attribution in force at the start, whose spends it is added to.
        tags: The caller's tags when the call started.
        started_at: Aware UTC, or seconds since the epoch.
        started: ``perf_counter`` at the start, in seconds.
        facts: What the request said, for the few models that need it.
        has_guardrail: Whether the request applies a guardrail.
        asked: Terms that the request asks for; None where it names none.
        request_hash: Keyed hash of the request; None without a key.
        request_bytes: Size of the request body; None before it was serialised.
        reservations: What guards reserved for it.
        guard_round: Guards that are still to be asked; None where all were.
        retries: botocore's note of the attempts; empty before the first one.
        attempts: HTTP attempts so far known.
        doubtful_attempts: Errors of attempts so far that AWS may have billed.
        request_id: AWS request id, once an answer came.
        answer: What the answer said, or the few members of it that say so; None
            before it came. For a stream, what came before its first event.
        events: Events of the stream that the answer opened.
        time_to_first_chunk_s: Seconds to the first event, once it came.
        span: Span to put the cost on, where that is asked for.
        was_read: Whether the stream was read to its end.
        paused: ``perf_counter`` when the caller last stopped reading a stream, or when
            a transport last reported on the request.
        ended: ``perf_counter`` at the end; None while the call is open.
        outcome: How it ended; None where it was dropped and is still to be judged.
        error: AWS error code or exception class name; None without an error.
        failure: Price state of a call that left nothing to price.
        is_timed: Whether ``started`` and ``ended`` are known.
    """

    # Defaults on the class: an instance sets what differs, in 0.5 µs instead of 1.3.
    facts: RequestFacts | None = None
    has_guardrail: bool = False
    asked: Asked | None = None
    request_hash: str | None = None
    request_bytes: int | None = None
    reservations: Sequence[Reservation] = ()
    guard_round: GuardRound | None = None
    retries: Mapping[str, Any] = NO_RETRIES
    attempts: int = 1
    doubtful_attempts: tuple[str, ...] = ()
    request_id: str | None = None
    answer: UsageReading | Kept | BodyAnswer | None = None
    events: Events | None = None
    time_to_first_chunk_s: float | None = None
    span: Span | None = None
    was_read: bool = False
    paused: float | None = None
    ended: float | None = None
    outcome: Outcome | None = None
    error: str | None = None
    failure: PriceState | None = None
    is_timed: bool = True

    _right_to_end: list[None]

    def __init__(
        self,
        lifecycle: Lifecycle,
        target: CallTarget,
        context: AttributionContext,
        tags: Tags,
        started_at: datetime | float,
    ) -> None:
        """Open a call that starts now."""
        self._right_to_end = [None]
        self.lifecycle = lifecycle
        self.owner = lifecycle.owner
        self.target = target
        self.context = context
        self.tags = tags
        self.started_at = started_at
        self.started = perf_counter()

    @property
    def is_waiting(self) -> bool:
        """Return whether the call is open, and nothing of its answer has come."""
        return self.ended is None and self.answer is None and self.events is None

    def end(
        self,
        outcome: Outcome | None,
        error: str | None = None,
        at: float | None = None,
    ) -> bool:
        """End the call, unless it has ended or belongs to a parent process.

        Args:
            outcome: How it ended; None where that is still to be judged.
            error: AWS error code or exception class name; None without an error.
            at: ``perf_counter`` at its end; None for now.

        Returns:
            True for exactly one caller.
        """
        if self.owner is not self.lifecycle.owner:
            return False
        try:
            # list.pop is atomic, so only one of several threads gets the item.
            self._right_to_end.pop()
        except IndexError:
            return False
        self.outcome = outcome
        self.error = error
        self.ended = at or perf_counter()
        return True

    # A handler of the application may copy or pickle botocore's context. There is one
    # call all the same, which ends once.

    def __copy__(self) -> Call:
        return self

    def __deepcopy__(self, _memo: object) -> Call:
        return self

    def __reduce_ex__(self, _protocol: object) -> tuple[type[None], tuple[()]]:
        return type(None), ()  # another process has no such call

    def __del__(self) -> None:
        # A signal may have come before the constructor had set anything.
        if getattr(self, "_right_to_end", None) and hasattr(self, "started"):
            self.lifecycle.call_dropped(self)
