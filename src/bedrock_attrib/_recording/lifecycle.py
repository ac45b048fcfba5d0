"""Lifecycle of calls: how each starts, and the few ways in which it ends once."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any

from .._attribution import (
    check_tags,
    current_attribution,
    with_changes,
)
from .._model.call_start import CallStart
from .._model.record import (
    Outcome,
    PriceReason,
    PriceState,
    PriceStatus,
    UsageReading,
    moment,
)
from .._readers import (
    ANSWERED_LOCALLY,
    BodyAnswer,
    Kept,
    asked_for,
    plain_name,
    status_of_refusal,
    status_without_answer,
)
from .._readers.request_size import request_size
from .._runtime.background import BackgroundReaders
from .._runtime.batch_queue import BatchQueue
from .._runtime.contained_errors import ContainedErrors
from .._runtime.fork import ResetOrder, after_fork, detect_fork
from .._runtime.shutdown import is_ending
from .._sinks.protocols import Guard, Reservation
from ..errors import RefusedError
from .call import Call
from .call_tags import CallTags
from .call_target import CallTargets
from .finalizer import Ended
from .manual import Report, fill, params_of
from .price_state import USAGE_UNREADABLE

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from .._config import Config
    from .request_hash import RequestHasher

_OK, _ERROR = Outcome.OK, Outcome.ERROR
_NO_NAME = "Error"  # in the place of a code that is a text
_REFUSED = PriceState(
    PriceStatus.FREE, "refused before it was sent", PriceReason.REFUSED
)
# How long the start of a call waits for the calls before it, where guards are to see
# them. The recorder's thread takes milliseconds, unless a sink hangs.
_GUARD_WAIT_S = 1.0


class CallLifecycle:
    """Starts calls and takes each of their ends, for the doors of one recorder.

    Only what cannot wait is done on the caller's thread. A call that ended is put into
    the queue, whose thread finalizes it.

    Attributes:
        faults: Contained errors.
        owner: Mark of this process on its calls; see `Call`.
        drains: Reads abandoned streams to their end; None to estimate what they used.
        tags: Merges the tags of calls.
        recorder: The recorder, which lives as long as one of its calls is open.
    """

    recorder: object = None

    def __init__(
        self,
        queue: BatchQueue[Ended],
        guards: Sequence[Guard],
        config: Config | None,
        faults: ContainedErrors,
        clock: Callable[[], datetime] | None,
    ) -> None:
        """Put calls that ended into *queue*; the rest is as for `Recorder`."""
        self.faults = faults
        self.tags = CallTags(config, faults)
        self.drains = _drains_of(config, faults)
        self._queue = queue
        self._guards = tuple(guards)
        # Of two clocks at the start of a call, the system's plain seconds are the
        # cheaper one by a microsecond.
        self._clock: Callable[[], datetime | float] = time if clock is None else clock
        self._routes = CallTargets()
        self._current_span = (
            _current_span_getter() if config is not None and config.span_cost else None
        )
        self._hasher = _request_hasher(config)
        self._has_more_to_start = bool(
            self._guards or self._current_span or self._hasher
        )
        self._put = self._way_to_put(
            is_immediate=config is not None and config.immediate
        )
        self._pull = self.pull  # made once, not for every call
        self.leave_to_parent()
        after_fork(self.leave_to_parent, ResetOrder.CALLS)

    def leave_to_parent(self) -> None:
        """Leave what is open to the parent process, in a forked child."""
        self.owner = object()
        # A set of plain references, as a `WeakSet` takes 2 µs more for each call.
        self._open_streams: set[weakref.ref[Call]] = set()

    # A call starts.

    @property
    def hashes_requests(self) -> bool:
        """Return whether `start` needs all parameters, as it hashes them."""
        return self._hasher is not None

    def start(self, operation: str, params: Mapping[str, Any], region: str) -> Call:
        """Open a call whose parameters are known.

        Args:
            operation: Operation name as AWS spells it.
            params: Parameters as the caller gave them. Only ``modelId``, the presence
                of a guardrail and, for a few models, billable counts are looked at;
                all of them where requests are hashed or a guard asks for their size.
            region: Calling region.

        Raises:
            RefusedError: If a guard refuses the call.
        """
        detect_fork()
        target = self._routes.of(operation, params.get("modelId"), region)
        context = current_attribution()
        tags = self.tags.of(context) if self.tags.is_needed else context.tags
        call = Call(self, target, context, tags, self._clock())
        row = target.operation
        if not row.noted.isdisjoint(params):
            call.has_guardrail = row.guardrail in params
            call.asked = asked_for(params)
        if context.spends and self._pull not in context.pulls:
            context.pull_with(self._pull)
        if self._has_more_to_start or target.read_request is not None:
            self._start_more(call, params)
        return call

    def start_again(self, failed: Call) -> Call:
        """Open a call of the request of *failed*, which has ended; asks no guard."""
        call = Call(self, failed.target, failed.context, failed.tags, self._clock())
        call.facts = failed.facts
        call.has_guardrail = failed.has_guardrail
        call.asked = failed.asked
        call.request_hash = failed.request_hash
        call.request_bytes = failed.request_bytes
        call.span = failed.span
        return call

    def _start_more(self, call: Call, params: Mapping[str, Any]) -> None:
        """Do what few calls need before they are sent."""
        target = call.target
        if target.read_request is not None and target.operation.request is not None:
            try:
                call.facts = target.read_request(params.get(target.operation.request))
            except Exception as fault:
                self.faults.note("request reader", fault)
        if self._current_span is not None:
            span = self._current_span()
            if span.is_recording():
                call.span = span
        if self._hasher is not None:
            self._hash_request(call, params)
        if self._guards:
            self._ask_guards(call, params)

    def _hash_request(self, call: Call, params: Mapping[str, Any] | None) -> None:
        row = call.target.operation
        if self._hasher is None or params is None or row.is_free:
            return
        try:
            call.request_hash = self._hasher.hash(row.name, params)
        except Exception as fault:
            self.faults.note("request hash", fault)

    def _ask_guards(self, call: Call, params: Mapping[str, Any]) -> None:
        # They may look at sinks, where the calls before this one have to be.
        self._queue.drain(_GUARD_WAIT_S)
        target = call.target
        start = CallStart(
            target.operation.name,
            target.model,
            target.region,
            call.tags,
            moment(call.started_at),
            partial(request_size, params),
        )
        reservations: list[Reservation] = []
        call.reservations = reservations
        try:
            for guard in self._guards:
                try:
                    reservation = guard.check(start)
                except RefusedError as refusal:
                    call.failure = _REFUSED
                    self._end(call, _ERROR, type(refusal).__name__)
                    raise
                except Exception as fault:
                    self.faults.note(type(guard).__name__, fault)
                else:
                    if reservation is not None:
                        reservations.append(reservation)
        except RefusedError:
            raise
        except BaseException as interrupt:  # Ctrl-C, or a time limit of the job
            self.unanswered(call, type(interrupt).__name__, was_sent=False)
            raise
        finally:
            start.release()

    def report(
        self,
        operation: str,
        model_id: str | None,
        region: str,
        report: Report,
        tags: Mapping[str, str | None],
    ) -> None:
        """Take a call that was made elsewhere and has ended; see `Recorder.record`.

        Raises:
            ConfigError: If an argument is not as documented.
        """
        detect_fork()
        target = self._routes.of(operation, model_id, region)
        report.check(target)
        context = current_attribution()
        own = with_changes(self.tags.of(context), check_tags(tags))
        call = Call(self, target, context, own, report.start(moment(self._clock())))
        if context.spends and self._pull not in context.pulls:
            context.pull_with(self._pull)
        if self._hasher is not None:
            request = report.request
            self._hash_request(call, params_of(target.operation, model_id, request))
        if self._current_span is not None:
            call.span = self._current_span()
        outcome = _OK if report.error is None else _ERROR
        error = None if report.error is None else plain_name(report.error) or _NO_NAME
        call.end(outcome, error)
        try:
            fill(call, report)
        except Exception as fault:
            self.faults.note("report", fault)
            call.failure = USAGE_UNREADABLE
        self._put(call)

    # A call ends.

    def answered(
        self,
        call: Call,
        answer: UsageReading | Kept | BodyAnswer,
        error: str | None = None,
    ) -> None:
        """End a call whose answer states its counts.

        Args:
            call: The call.
            answer: What its answer said, or the members of the answer that do.
            error: Class name of what broke its body, if that broke.
        """
        call.answer = answer
        self._end(call, _OK if error is None else _ERROR, error)

    def answer_unreadable(self, call: Call) -> None:
        """End a call whose answer came and could not be taken."""
        call.failure = USAGE_UNREADABLE
        self._end(call, _OK)

    def rejected(self, call: Call, http_status: int, error: str) -> None:
        """End a call that AWS answered with an error status."""
        error = plain_name(error) or str(http_status)
        if call.failure is not ANSWERED_LOCALLY:
            call.failure = status_of_refusal(http_status, error)
        self._end(call, _ERROR, error)

    def unanswered(self, call: Call, error: str, *, was_sent: bool) -> None:
        """End a call that failed without an answer."""
        error = plain_name(error) or _NO_NAME
        call.failure = status_without_answer(error, was_sent=was_sent)
        self._end(call, _ERROR, error)

    def answer_opened(self, call: Call) -> None:
        """Note that *call* now ends with its stream or body."""
        streams = self._open_streams
        streams.add(weakref.ref(call, streams.discard))
        self._queue.start()

    def stream_ended(self, call: Call, error: str | None = None) -> None:
        """End a call with its stream: read to the end, failed or given up.

        Args:
            call: The call, with the events that were seen.
            error: Error code or class name, if the stream failed.
        """
        self._end(call, None if error is None else _ERROR, error)

    def stream_drained(self, call: Call) -> None:
        """End a call whose stream was given up, and then read on for its counts.

        The call took as long as its caller read.
        """
        self._end(call, Outcome.ABANDONED, at=call.paused)

    def call_dropped(self, call: Call) -> None:
        """End a call that is collected as garbage; waits for nothing."""
        if call.end(None, call.error, call.paused):
            self._queue.put_from_finalizer(call)

    def poll_until_over(self, is_over: Callable[[], bool]) -> None:
        """Ask *is_over* with every batch, until it is true; waits for nothing."""
        self._queue.poll_until(is_over)

    def poll_soon(self, is_over: Callable[[], bool]) -> None:
        """As `poll_until_over`, within a second or so; not from a finalizer."""
        self._queue.start()
        self._queue.poll_until(is_over)

    def _end(
        self,
        call: Call,
        outcome: Outcome | None,
        error: str | None = None,
        at: float | None = None,
    ) -> None:
        if error is not None:
            error = plain_name(error) or _NO_NAME
        if call.end(outcome, error, at):
            self._put(call)

    # What ended is finalized.

    def _way_to_put(self, *, is_immediate: bool) -> Callable[[Call], None]:
        """Choose whether a call that ended waits for its record."""
        if is_immediate:
            return self._put_and_wait
        if self._current_span is not None:
            return self._put_before_span_ends
        if self._guards:
            return self._put_and_hurry
        return self._queue.put

    def deliver_at_once(self, deliver: Callable[[], object]) -> None:
        """From now on wait for each call that ends, and then call *deliver*."""

        def put_and_deliver(call: Call) -> None:
            self._queue.put(call)
            deliver()

        self._put = put_and_deliver

    def _put_and_wait(self, call: Call) -> None:
        self._queue.put(call)
        self._queue.drain()

    def _put_before_span_ends(self, call: Call) -> None:
        self._queue.put(call)
        if call.span is not None:
            self._queue.drain()

    def _put_and_hurry(self, call: Call) -> None:
        self._queue.put(call)
        self._queue.hurry()

    def pull(self, timeout_s: float = 10.0) -> None:
        """Wait until every call that has ended is recorded, *timeout_s* at most.

        Once Python ends, streams that are still open are given up: this may be what
        the last collection of metrics sees.
        """
        if is_ending():
            self.give_up_streams()
        self._queue.drain(timeout_s)

    def give_up_streams(self) -> None:
        """End the calls whose streams are open."""
        for call in self._streaming():
            self.stream_ended(call)

    @property
    def has_open_streams(self) -> bool:
        """Return whether a caller may still read on."""
        return bool(self._streaming())

    def _streaming(self) -> list[Call]:
        calls = [reference() for reference in list(self._open_streams)]
        return [call for call in calls if call is not None and call.ended is None]


def _drains_of(
    config: Config | None, faults: ContainedErrors
) -> BackgroundReaders | None:
    if config is None or config.abandoned_streams == "estimate":
        return None
    return BackgroundReaders(
        threads=config.drain_threads,
        max_s=config.drain_max_s,
        max_events=config.drain_max_events,
        faults=faults,
    )


def _request_hasher(config: Config | None) -> RequestHasher | None:
    if config is None or config.request_hash_key is None:
        return None
    from .request_hash import RequestHasher  # noqa: PLC0415 -- for those who ask for it

    return RequestHasher(config.request_hash_key.get_secret_value())


def _current_span_getter() -> Callable[[], Span]:
    # Tracing takes 30 ms to import, so only those who ask for span attributes pay.
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    return get_current_span
