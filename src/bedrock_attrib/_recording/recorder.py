"""Recorder: the facade over how calls start, end and are recorded."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from .._model.model_id import ModelRef
from .._runtime.batch_queue import BatchQueue
from .._runtime.contained_errors import ContainedErrors
from .._runtime.shutdown import (
    DEFAULT_EXIT_TIMEOUT_S,
    ExitOrder,
    exit_time_left,
    on_exit,
)
from .._sinks.protocols import Guard, Policy, PullSink, Sink, StoreGuard, TimedPullSink
from ..errors import ConfigError
from .call import Call
from .finalizer import Ended, Finalizer
from .late_pricing import ProfileAnswer, ProfilePricing, ProfileSource
from .lifecycle import CallLifecycle
from .manual import Answered, Report
from .sink_delivery import SinkDelivery, Waits

if TYPE_CHECKING:
    from .._config import Config
    from ..budgets.status import BudgetStatus
    from ..pricing import PriceTable

_MOST_ENDED = 256


class Recorder:
    """Meters calls, prices them and writes records to sinks, without harming a call.

    An error inside is contained, counted in ``faults`` and logged once per kind. Only
    a guard's refusal reaches the caller. Safe to use from any thread.

    A call that has ended is finalized (read, priced, recorded, written to the sinks)
    within a second on the recorder's own thread, or five where hundreds end every
    second; with guards at once. Reading a `Spend`, collecting metrics and `flush` have
    it done at once and wait for it, and so does the end of every call with the setting
    ``immediate``. Where more than 256 calls have ended in between, the next to end
    waits too.

    A sink takes records on a thread of its own, and may take long: 20,000 records wait
    for it, and more are dropped and counted. A class that says
    ``returns_at_once = True``, a sink that is a guard too, and every sink with the
    setting ``immediate`` is written to at once.

    Attributes:
        sinks: Get every finished call.
        guards: Asked before every call, in order.
    """

    def __init__(
        self,
        prices: PriceTable | None = None,
        sinks: Sequence[Sink] = (),
        guards: Sequence[Guard] = (),
        config: Config | None = None,
        *,
        profiles: ProfileSource | None = None,
        clock: Callable[[], datetime] | None = None,
        faults: ContainedErrors | None = None,
        policy: Policy | None = None,
    ) -> None:
        """Wire a recorder.

        Args:
            prices: Price table; None for the bundled one, loaded with the first call.
            sinks: Get every finished call; see above. None are added.
            guards: May refuse calls.
            config: Settings; None for no default tags and no span attributes.
            profiles: Looks up the models of application inference profiles; None to
                leave calls through profiles unpriced unless *prices* maps them. The
                recorder does not close it.
            clock: Returns the current time as aware UTC; None for the system's.
            faults: Where contained errors are counted; None for a count of its own.
            policy: Changes the tags of calls, or refuses them, before guards are asked;
                None for none.

        Raises:
            ConfigError: If a guard has no method ``check``.
        """
        self.sinks = tuple(sinks)
        self.guards = tuple(map(_checked, guards))
        self._faults = ContainedErrors() if faults is None else faults
        store_guards = [each for each in self.guards if isinstance(each, StoreGuard)]
        self._delivery = SinkDelivery(
            self.sinks,
            store_guards,
            self._faults,
            is_immediate=config is not None and config.immediate,
        )
        delivered = self._delivery.sinks
        self._finalizer = Finalizer(prices, delivered, self._faults)
        self._queue: BatchQueue[Ended] = BatchQueue(
            self._finalizer.finalize,
            name="bedrock-attrib-recorder",
            faults=self._faults,
            max_pending=_MOST_ENDED,
            may_drop=False,
        )
        self._lifecycle = CallLifecycle(
            self._queue,
            guards,
            config,
            self._faults,
            clock,
            self._finalizer.prices,
            policy,
        )
        self._lifecycle.recorder = self
        self._is_closed = False
        self._exit_timeout_s = (
            DEFAULT_EXIT_TIMEOUT_S if config is None else config.exit_timeout_s
        )
        for sink in delivered:
            if isinstance(sink, TimedPullSink):
                sink.pull_within(self._lifecycle.pull)
            elif isinstance(sink, PullSink):
                sink.pull_with(self._lifecycle.pull)
        for guard in store_guards:
            guard.pull_with(self._lifecycle.pull)
        if profiles is not None:
            self._finalizer.profiles = ProfilePricing(profiles, delivered, self._faults)
            profiles.on_answer(self._profile_answered)
            profiles.pull_with(self._lifecycle.pull)
        _RECORDERS.add(self)

    def prices(self) -> PriceTable:
        """Return the price table; the bundled one is loaded when first needed."""
        return self._finalizer.prices()

    @property
    def faults(self) -> ContainedErrors:
        """Contained errors."""
        return self._faults

    @property
    def is_closed(self) -> bool:
        """Return whether `close` was called."""
        return self._is_closed

    @property
    def losses(self) -> dict[str, int]:
        """Records that sinks have lost so far, by the class of the sink."""
        return self._delivery.losses()

    def record(  # noqa: PLR0913 -- the facts about a call, nearly all of them optional
        self,
        operation: str,
        answer: Answered = None,
        *,
        model_id: str | None = None,
        region: str,
        headers: Mapping[str, str] | None = None,
        request: Mapping[str, Any] | bytes | str | None = None,
        tags: Mapping[str, str | None] | None = None,
        started_at: datetime | None = None,
        duration_s: float | None = None,
        tier: str | None = None,
        latency_mode: str | None = None,
        error: str | None = None,
        http_status: int | None = None,
    ) -> None:
        """Report a finished call of Bedrock that this library did not see.

        For clients that are not boto3. The call is treated like every other: its
        answer is read, priced, recorded and written to the sinks, and the blocks of
        `attribution` around this line count it. Guards are not asked, as the call has
        been made. Each call to this method is one record: report nothing that an
        instrumented client made.

        Args:
            operation: As AWS spells it, such as ``Converse`` or ``InvokeModel``;
                ``ChatCompletions`` and ``Responses`` for the interfaces of OpenAI,
                ``Messages`` for that of Anthropic.
            answer: What came back. Counts as `Usage`; or the answer as a mapping, as
                botocore gives it or parsed from JSON; or the very body as bytes or
                text; or, for a stream, all its events or chunks in order. None when
                nothing came but, at most, *headers*.
            model_id: Model id, inference profile or ARN, as the caller named it; None
                where the operation has none.
            region: Calling region, which decides the price.
            headers: Headers of the answer, which may hold token counts, the tier and
                the request id.
            request: Body of the request, looked at only for the models whose answers
                do not say what is billed, such as images, and where requests are
                hashed.
            tags: Laid over the tags in force; None as a value takes a key away.
            started_at: Aware time of the start, whose price holds; None for now, less
                *duration_s*.
            duration_s: Seconds from start to end; None when not known.
            tier: Tier that served the call; None for what the answer says, else
                ``default``.
            latency_mode: Latency mode that served the call; None for what the answer
                says, else ``standard``.
            error: Error code or class name of a call that failed; None without one.
            http_status: HTTP status of the answer, which decides whether a failure was
                billed; None when not known.

        Raises:
            ConfigError: If an argument is not allowed, such as a time without a zone.

        Example:
            >>> recorder = Recorder()
            >>> with attribution(team="search") as spend:
            ...     recorder.record(
            ...         "Converse",
            ...         {"usage": {"inputTokens": 1200, "outputTokens": 540}},
            ...         model_id="us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            ...         region="us-east-1",
            ...     )
            >>> spend.calls
            1
        """
        report = Report(
            answer,
            headers or {},
            request,
            started_at,
            duration_s,
            tier,
            latency_mode,
            error,
            http_status,
        )
        self._lifecycle.report(operation, model_id, region, report, tags or {})

    def budgets(self) -> list[BudgetStatus]:
        """Return the status of each budget, for each value that it keeps apart.

        What other processes have spent is as recent as the last exchange with the
        store. Empty without budgets.
        """
        # Imported by those who have budgets, and who ask for them.
        from ..budgets.guard import BudgetGuard  # noqa: PLC0415

        return [
            status
            for guard in self.guards
            if isinstance(guard, BudgetGuard)
            for status in guard.statuses()
        ]

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Deliver every finished call to wherever sinks send it.

        Args:
            timeout_s: Seconds to take at most, over all sinks.

        Returns:
            False when a sink failed or the time was not enough.
        """
        deadline = monotonic() + timeout_s
        is_done = self._queue.drain(timeout_s)
        left_s = max(0.0, deadline - monotonic())
        waits = Waits()
        self._delivery.start_flush(waits, left_s, self._queue.start_job)
        return waits.wait_until(deadline) and is_done

    def close(self) -> None:
        """End open streams as given up, deliver everything, close the sinks.

        Every recorder that is still in use is closed when Python exits, all of them
        within the seconds of the setting ``exit_timeout_s``. This takes twice ten
        seconds at most.
        """
        if not self._is_closed:
            _close_together([self], _CLOSE_S, 2 * _CLOSE_S)

    def _start_closing(self) -> None:
        self._is_closed = True
        if self._lifecycle.drains is not None:
            self._lifecycle.drains.close()
        self._lifecycle.give_up_streams()
        self._queue.hurry()

    def _start_delivery(self, waits: Waits, timeout_s: float) -> None:
        self._delivery.start_flush(waits, timeout_s, self._queue.start_job)
        self._delivery.start_closing(waits, self._queue.start_job)

    def _profile_answered(self, arn: str, model: ModelRef | None) -> None:
        """Have the calls through *arn* corrected, on the thread that looked it up.

        By way of the queue, so that a sink is never called twice at once; and a few at
        a time, so that no caller waits long for the queue.
        """
        answer = ProfileAnswer(arn, model)
        self._queue.put(answer)
        self._queue.drain()
        waiting = self._finalizer.profiles
        if waiting is not None:
            for _ in range(waiting.corrections_left(arn)):
                self._queue.put(answer)
                self._queue.drain()


def _checked(guard: Guard) -> Guard:
    # As a contained error in each call it would let all calls through.
    if not isinstance(guard, Guard):
        raise ConfigError(
            f"{guard!r} is no guard; expected an object with a method check(start)"
        )
    return guard


_RECORDERS: weakref.WeakSet[Recorder] = weakref.WeakSet()


def lifecycle_of(recorder: Recorder) -> CallLifecycle:
    """Return what the doors of *recorder* use."""
    return recorder._lifecycle  # noqa: SLF001 -- no user of a recorder needs it


def flush_all(timeout_s: float) -> bool:
    """Flush every recorder that is in use, within *timeout_s* over all of them."""
    deadline = monotonic() + timeout_s
    is_done = True
    for recorder in list(_RECORDERS):
        if recorder.is_closed:
            continue
        try:
            is_done &= recorder.flush(max(0.0, deadline - monotonic()))
        except Exception as fault:  # of a class that somebody has derived
            recorder.faults.note("flush", fault)
            is_done = False
    return is_done


def _end_waiting_calls() -> None:
    """End the calls that wait for an answer, which does not come any more.

    A daemon thread waits, or the traceback of an exception that ended the program
    holds the call, past the last exit handler. Looked for once, so that no call pays
    for being found.
    """
    for each in gc.get_objects():
        if type(each) is Call and each.is_waiting:
            each.lifecycle.call_dropped(each)


def _close_together(
    recorders: Sequence[Recorder], handle_s: float, within_s: float
) -> None:
    """Close *recorders*, none of which waits for the sinks of another.

    Args:
        recorders: None of them is closed.
        handle_s: Seconds to wait for calls that have ended to be recorded.
        within_s: Seconds to take in all.
    """
    began = monotonic()
    for recorder in recorders:
        recorder._start_closing()  # noqa: SLF001 -- of this module
    try:
        for recorder in recorders:
            left_s = max(0.0, began + handle_s - monotonic())
            recorder._queue.close(left_s)  # noqa: SLF001 -- as above
    finally:  # Ctrl-C ends the wait, and sinks still deliver what they have
        waits = Waits()
        left_s = max(0.0, began + within_s - monotonic())
        for recorder in recorders:
            recorder._start_delivery(waits, left_s)  # noqa: SLF001 -- as above
        waits.wait_until(began + within_s)


def _close_all() -> None:
    if not _RECORDERS:
        return
    _end_waiting_calls()
    recorders = [each for each in list(_RECORDERS) if not each.is_closed]
    timeout_s = max(
        (each._exit_timeout_s for each in recorders),  # noqa: SLF001
        default=DEFAULT_EXIT_TIMEOUT_S,
    )
    left_s = exit_time_left(timeout_s)
    # A recorder that a slow sink holds up, as with `immediate`, leaves time to others.
    _close_together(recorders, left_s / 2, left_s)
    for recorder in recorders:
        # Exit handlers of the application that run after this one may make calls.
        lifecycle_of(recorder).deliver_at_once(partial(recorder.flush, _LATE_S))


_CLOSE_S = 10.0
_LATE_S = 1.0
on_exit(_close_all, ExitOrder.RECORDERS)
