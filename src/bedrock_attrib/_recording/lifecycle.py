"""How calls end, each in one of a few ways, and come to be settled."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .._model.model_id import ModelRef
from .._model.record import Outcome, PriceReason, PriceState, PriceStatus, Reading
from .._readers import Kept, status_of_refusal, status_without_answer
from .._runtime.background import Drains
from .._runtime.batch_queue import BatchQueue
from .._runtime.contained_errors import Faults
from .._runtime.shutdown import is_ending
from .._sinks.protocols import Sink
from ..errors import RefusedError
from .call import Call, Plain, leave_to_parent, new_kind
from .finalizer import USAGE_UNREADABLE, Ended, Settler
from .late_pricing import Answer, ProfilePricing, ProfileSource
from .open_streams import OpenStreams

if TYPE_CHECKING:
    from .._config import Config

_MOST_ENDED = 256
_MOST_IDLE = 64
_OK, _ERROR = Outcome.OK, Outcome.ERROR


class Endings:
    """Takes every way in which a call can end, and has what ended settled.

    Only what cannot wait is done when a call ends: reading, pricing and telling happen
    in batches, which takes a third of the time and none of the caller's.
    """

    def __init__(self, settler: Settler, faults: Faults, config: Config | None) -> None:
        """Have *settler* settle what ended; note in *faults* what goes wrong."""
        self._settler = settler
        self._faults = faults
        self._drains = _drains_of(config, faults)
        self._open_streams = OpenStreams(faults)
        self._ended: BatchQueue[Ended] = BatchQueue(
            settler.settle_all,
            name="bedrock-attrib-recorder",
            faults=faults,
            max_pending=_MOST_ENDED,
            may_drop=False,
            is_resumed=True,
            before_batch=self._open_streams.look_again,
        )
        self._put: Callable[[Call], None] = self._ended.put
        self.put_plain: Callable[[Plain], None] = self._ended.put
        self._idle: deque[Call] = deque(maxlen=_MOST_IDLE)
        self.reuse: Callable[[Call], None] = self._idle.append
        self._kind = new_kind()
        self._settle = self.settle  # made once, not for every call

    def _put_by(self, *, is_immediate: bool, has_spans: bool) -> None:
        """Choose how a call that ended is handed over: settled at once, or in time."""
        if is_immediate:
            self._put = self.put_plain = self._put_and_settle
        elif has_spans:
            self._put = self._put_before_span_ends

    @property
    def faults(self) -> Faults:
        """Contained faults."""
        return self._faults

    @property
    def drains(self) -> Drains | None:
        """Who reads abandoned streams on; None to estimate what they used."""
        return self._drains

    def answered(
        self,
        call: Call,
        answer: Reading | Kept,
        error: str | None = None,
    ) -> None:
        """End a call whose answer states its counts.

        Args:
            call: The call.
            answer: What its answer said, or the members of the answer that do.
            error: Class name of what broke its body, if that broke.
        """
        call.answer = answer
        if call.end(_OK if error is None else _ERROR, error):
            self._put(call)

    def answer_lost(self, call: Call) -> None:
        """End a call whose answer came and could not be taken."""
        call.failure = USAGE_UNREADABLE
        self._end(call, _OK)

    def refused_by_guard(self, call: Call, refusal: RefusedError) -> None:
        """End a call that a guard did not let pass."""
        call.failure = PriceState(
            PriceStatus.FREE, "refused before it was sent", PriceReason.REFUSED
        )
        self._end(call, Outcome.ERROR, type(refusal).__name__)

    def turned_away(self, call: Call, http_status: int, error: str) -> None:
        """End a call that AWS answered with an error status."""
        call.failure = status_of_refusal(http_status, error)
        self._end(call, Outcome.ERROR, error)

    def unanswered(self, call: Call, error: str, *, was_sent: bool) -> None:
        """End a call that failed without an answer."""
        call.failure = status_without_answer(error, was_sent=was_sent)
        self._end(call, Outcome.ERROR, error)

    def answer_opened(self, call: Call) -> None:
        """Note that *call* now ends with its stream or body."""
        call.share()
        self._open_streams.add(call)
        self._ended.start()

    def stream_ended(self, call: Call, error: str | None = None) -> None:
        """End a call with its stream: read to the end, failed or given up.

        Args:
            call: The call, with the events that were seen.
            error: Error code or class name, if the stream failed.
        """
        self._end(call, None if error is None else Outcome.ERROR, error)

    def stream_drained(self, call: Call) -> None:
        """End a call whose stream was given up, and then read on for its counts.

        The call took as long as its caller read.
        """
        self._end(call, Outcome.ABANDONED, at=call.paused)

    def call_dropped(self, call: Call) -> None:
        """End a call that is collected as garbage; waits for nothing."""
        if call.end(None, call.error, call.paused):
            self._ended.put_from_finalizer(call)

    @property
    def has_open_streams(self) -> bool:
        """Whether somebody may still read on somewhere."""
        return bool(self._open_streams.calls())

    def leave_to_parent(self) -> None:
        """Leave what is open to the parent process, in a forked child."""
        self._open_streams.forget()
        self._idle.clear()
        leave_to_parent(self._kind)
        self._kind = new_kind()

    def look_again(self, is_over: Callable[[], bool]) -> None:
        """Ask *is_over* with every settling, until it says yes; waits for nothing."""
        self._open_streams.pause(is_over)
        self._ended.wake()

    def look_soon(self, is_over: Callable[[], bool]) -> None:
        """As `look_again`, within a second or so; not from a finalizer."""
        self._ended.start()
        self.look_again(is_over)

    def _give_up_streams(self) -> None:
        for call in self._open_streams.calls():
            self.stream_ended(call)

    def _end(
        self,
        call: Call,
        outcome: Outcome | None,
        error: str | None = None,
        at: float | None = None,
    ) -> None:
        if call.end(outcome, error, at):
            self._put(call)

    def _put_and_settle(self, call: Call | Plain) -> None:
        self._ended.put(call)
        self._ended.drain()

    def _put_before_span_ends(self, call: Call) -> None:
        self._ended.put(call)
        if call.span is not None:
            self._ended.drain()

    # What has ended is settled: read, priced, recorded, told.

    def settle(self) -> None:
        """Settle every call that has ended, on this thread, unless another is at it.

        Waits for the other for some seconds at most. Once Python ends, streams that
        are still open are given up: this may be what the last collection sees.
        """
        if is_ending():
            self._give_up_streams()
        self._open_streams.look_again()
        self._ended.drain()

    def _price_by(self, profiles: ProfileSource, sinks: Sequence[Sink]) -> None:
        self._settler.profiles = ProfilePricing(profiles, sinks, self._faults)
        profiles.on_answer(self._profile_answered)
        profiles.settle_with(self.settle)

    # A profile was looked up: calls that were told without a price are corrected.

    def _profile_answered(self, arn: str, model: ModelRef | None) -> None:
        """Correct the calls through *arn*, on the thread that looked it up.

        By way of the queue, so that a sink is never told two things at once; and a few
        at a time, so that no caller waits long for the queue.
        """
        answer = Answer(arn, model)
        self._ended.put(answer)
        self._ended.drain()
        waiting = self._settler.profiles
        if waiting is not None:
            for _ in range(waiting.corrections_left(arn)):
                self._ended.put(answer)
                self._ended.drain()


def _drains_of(config: Config | None, faults: Faults) -> Drains | None:
    if config is None or config.abandoned_streams == "estimate":
        return None
    return Drains(
        threads=config.drain_threads,
        max_s=config.drain_max_s,
        max_events=config.drain_max_events,
        faults=faults,
    )
