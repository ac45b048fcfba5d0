"""Lifecycle of calls: how each starts, and the few ways in which it ends once."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any

from .._attribution import (
    BlockLimit,
    check_tags,
    current_attribution,
    with_changes,
)
from .._model.call_start import NO_TERMS, CallStart, RequestSize, RequestTerms
from .._model.record import (
    Outcome,
    PriceReason,
    PriceState,
    PriceStatus,
    UsageReading,
    moment,
)
from .._model.tags import Tags
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
from .._sinks.protocols import Guard, Policy, Router, StoreGuard
from ..errors import RefusedError
from .call import Call
from .call_tags import CallTags
from .call_target import CallTargets
from .finalizer import Ended
from .guard_round import GuardRound
from .manual import Report, fill, params_of
from .price_state import USAGE_UNREADABLE

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from .._config import Config
    from ..budgets.block_guard import BlockLimits
    from ..pricing import PriceTable
    from .request_hash import RequestHasher

_OK, _ERROR = Outcome.OK, Outcome.ERROR
_NO_NAME = "Error"  # in the place of a code that is a text
_REFUSED = PriceState(
    PriceStatus.FREE, "refused before it was sent", PriceReason.REFUSED
)
# How long the start of a call waits for the calls before it, where guards are to see
# them. The recorder's thread takes milliseconds, unless a sink hangs.
_GUARD_WAIT_S = 1.0
ROUTED_FROM = "routed_from"
"""Tag of a call that another model answered than its caller named: that one."""


class CallLifecycle:
    """Starts calls and takes each of their ends, for the doors of one recorder.

    Only what cannot wait is done on the caller's thread. A call that ended is put into
    the queue, whose thread finalizes it.

    Attributes:
        faults: Contained errors.
        owner: Mark of this process on its calls; see `Call`.
        drains: Reads abandoned streams to their end; None to estimate what they used.
        tags: Merges the tags of calls.
        routers: Guards that may have another model answer a call.
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
        prices: Callable[[], PriceTable],
        policy: Policy | None = None,
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
        self._guards_see_sinks = not all(
            vars(type(guard)).get("is_independent") for guard in self._guards
        )
        self._prices = prices
        self._block_limits: BlockLimits | None = None
        self._policy = policy
        self.routers = [guard for guard in guards if isinstance(guard, Router)]
        self._has_more_to_start = bool(
            policy or self._guards or self._current_span or self._hasher
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

    def start(
        self,
        operation: str,
        params: Mapping[str, Any],
        region: str,
        *,
        may_wait: bool = True,
        body: bytes | None = None,
        routed_from: str | None = None,
    ) -> Call:
        """Open a call whose parameters are known.

        Args:
            operation: Operation name as AWS spells it.
            params: Parameters as the caller gave them. Only ``modelId``, the presence
                of a guardrail and, for a few models, billable counts are looked at;
                all of them where requests are hashed or a guard asks for their size.
            region: Calling region.
            may_wait: Whether a guard may wait for a server here. If not, the call may
                come back with a `guard_round` for `ask_guards_again`.
            body: Body of the request, for its size, where no parameter is the body.
            routed_from: Model that the caller named, where `route` changed it.

        Raises:
            RefusedError: If a guard refuses the call.
        """
        detect_fork()
        target = self._routes.of(operation, params.get("modelId"), region)
        context = current_attribution()
        tags = self.tags.of(context) if self.tags.is_needed else context.tags
        if routed_from is not None:
            tags = with_changes(tags, {ROUTED_FROM: routed_from})
        call = Call(self, target, context, tags, self._clock())
        row = target.operation
        if not row.noted.isdisjoint(params):
            call.has_guardrail = row.guardrail in params
            call.asked = asked_for(params)
        if context.spends and self._pull not in context.pulls:
            context.pull_with(self._pull)
        if self._has_more_to_start or target.read_request is not None or context.limits:
            self._start_more(call, params, may_wait=may_wait, body=body)
        return call

    def route(self, operation: str, params: dict[str, Any], region: str) -> str | None:
        """Have *params* name another model, where a guard says so.

        Returns:
            The model that they named before, to be given to `start`; None where nothing
            was changed.
        """
        asked = params.get("modelId")
        if not isinstance(asked, str):
            return None
        tags = self.tags.of(current_attribution())
        start = self._before_sending(operation, asked, region, tags)
        policy = self._policy
        try:
            if policy is not None:
                tags, _ = policy.judge(start)
                start = self._before_sending(operation, asked, region, tags)
            for router in self.routers:
                model = router.route(start)
                if model is None or model == asked:
                    continue
                routed = self._before_sending(operation, model, region, tags)
                if policy is None or policy.judge(routed)[1]:
                    params["modelId"] = model
                    return asked
        except Exception as fault:
            self.faults.note("route", fault)
        return None

    def _before_sending(
        self, operation: str, model_id: str, region: str, tags: Tags
    ) -> CallStart:
        model = self._routes.of(operation, model_id, region).model
        return CallStart(operation, model, region, tags, moment(self._clock()))

    def start_again(self, failed: Call) -> Call:
        """Open a call of the request of *failed*, which has ended; asks no guard."""
        call = Call(self, failed.target, failed.context, failed.tags, self._clock())
        call.facts = failed.facts
        call.has_guardrail = failed.has_guardrail
        call.asked = failed.asked
        call.request_hash = failed.request_hash
        call.request_bytes = failed.request_bytes
        call.span = failed.span
        self._count(call)
        return call

    def _start_more(
        self,
        call: Call,
        params: Mapping[str, Any],
        *,
        may_wait: bool,
        body: bytes | None,
    ) -> None:
        """Do what few calls need before they are sent."""
        target = call.target
        if self._policy is not None:
            self._apply_policy(call, self._policy)
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
        if self._guards or call.context.limits:
            measured = params if body is None else {"body": body}
            self._ask_guards(call, measured, may_wait=may_wait)

    def _apply_policy(
        self, call: Call, policy: Policy, *, may_refuse: bool = True
    ) -> None:
        try:
            call.tags = policy.apply(_seen_by_guards(call), may_refuse=may_refuse)
        except RefusedError as refusal:
            call.failure = _REFUSED
            self._end(call, _ERROR, type(refusal).__name__)
            raise
        except Exception as fault:
            self.faults.note(type(policy).__name__, fault)

    def _hash_request(self, call: Call, params: Mapping[str, Any] | None) -> None:
        row = call.target.operation
        if self._hasher is None or params is None or row.is_free:
            return
        try:
            call.request_hash = self._hasher.hash(row.name, params)
        except Exception as fault:
            self.faults.note("request hash", fault)

    def _ask_guards(
        self, call: Call, params: Mapping[str, Any], *, may_wait: bool
    ) -> None:
        if self._guards_see_sinks:
            # Where the calls before this one have to be.
            self._queue.drain(_GUARD_WAIT_S)
        start = _seen_by_guards(call, partial(request_size, params))
        guards = self._guards
        if call.context.limits:
            guards = (self._block_guard(call.context.limits), *guards)
        call.guard_round = GuardRound(start, guards, self.faults)
        call.reservations = call.guard_round.reservations
        self.ask_guards_again(call, may_wait=may_wait)

    def ask_guards_again(self, call: Call, *, may_wait: bool = True) -> None:
        """Ask the guards of *call* that were not asked yet.

        Raises:
            RefusedError: If a guard refuses the call.
        """
        if call.guard_round is None:
            return
        try:
            if call.guard_round.ask(may_wait=may_wait):
                call.guard_round = None
        except RefusedError as refusal:
            call.guard_round = None
            call.failure = _REFUSED
            self._end(call, _ERROR, type(refusal).__name__)
            raise
        except BaseException as interrupt:  # Ctrl-C, or a time limit of the job
            call.guard_round = None
            self.unanswered(call, type(interrupt).__name__, was_sent=False)
            raise

    def _count(self, call: Call) -> None:
        """Have a call counted that no guard is asked about."""
        for guard in self._guards:
            if isinstance(guard, StoreGuard):
                try:
                    reservation = guard.count(_seen_by_guards(call))
                except Exception as fault:
                    self.faults.note(type(guard).__name__, fault)
                else:
                    if reservation is not None:
                        call.reservations = (*call.reservations, reservation)

    def _block_guard(self, limits: Sequence[BlockLimit]) -> Guard:
        if self._block_limits is None:
            # Imported with the first block that has a limit.
            from ..budgets.block_guard import BlockLimits  # noqa: PLC0415

            self._block_limits = BlockLimits(self._prices, self.pull)
        return self._block_limits.guard(limits)

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
        if self._policy is not None:
            self._apply_policy(call, self._policy, may_refuse=False)
        self._count(call)
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
        if self._guards and self._guards_see_sinks:
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


def _seen_by_guards(
    call: Call, read_size: Callable[[], RequestSize | None] | None = None
) -> CallStart:
    """Return what guards see of *call*."""
    target = call.target
    return CallStart(
        target.operation.name,
        target.model,
        target.region,
        call.tags,
        moment(call.started_at),
        read_size,
        _terms_of(call),
    )


def _terms_of(call: Call) -> RequestTerms:
    asked, facts = call.asked, call.facts
    if asked is None and facts is None and not call.has_guardrail:
        return NO_TERMS
    return RequestTerms(
        tier=None if asked is None else asked.tier,
        latency_mode=None if asked is None else asked.latency_mode,
        has_guardrail=call.has_guardrail,
        has_system_tool=asked is not None and asked.has_system_tool,
        counts={} if facts is None else facts.counts,
        replaces_tokens=facts is not None and facts.replaces_tokens,
        uncounted="" if facts is None else facts.missing,
    )


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
