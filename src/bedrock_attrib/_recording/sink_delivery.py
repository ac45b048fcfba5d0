"""Delivery to sinks: which wait behind a queue, and all of them within one time.

A sink of the application may take long, or for ever. Neither calls nor metrics wait for
it: it is written to, flushed and closed on a thread of ours, for a bounded time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Protocol, TypeAlias, runtime_checkable

from .._runtime.contained_errors import ContainedErrors
from .._sinks.protocols import Guard, LossySink, Sink, StoreGuard
from .._sinks.queue_sink import QueueSink, Waiting

MAX_PENDING = 20_000
"""Records that wait for a sink of the application."""

StartJob: TypeAlias = Callable[[Callable[[], object]], Waiting]


@runtime_checkable
class _TimedSink(Protocol):
    """Sink that can be closed in a bounded time."""

    def close_within(self, timeout_s: float) -> None:
        """Close, in *timeout_s* at most."""


class Waits:
    """What there is to wait for until sinks are flushed or closed.

    Attributes:
        at_once: Sinks that return at once; what flushes or closes them.
        threads: Jobs that run already, on threads of ours.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.at_once: list[Waiting] = []
        self.threads: list[Waiting] = []

    def wait_until(self, deadline: float) -> bool:
        """Wait for all until *deadline*, by the monotonic clock.

        Returns:
            False when a sink failed or the time was not enough.
        """
        # The threads are at work meanwhile, and one that hangs takes time from nobody.
        answers = [
            wait(max(0.0, deadline - monotonic()))
            for wait in (*self.at_once, *self.threads)
        ]
        return all(answers)


class SinkDelivery:
    """The sinks of one recorder.

    Attributes:
        sinks: What to write to, in order: each sink, or a queue before it.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        guards: Sequence[StoreGuard],
        faults: ContainedErrors,
        *,
        is_immediate: bool,
    ) -> None:
        """Put queues before those of *sinks* that may take long.

        Args:
            sinks: As the application gave them.
            guards: Guards with a store, which are flushed and closed after the sinks.
            faults: Where their exceptions are counted.
            is_immediate: Whether each call waits until it is in all of them.
        """
        self._faults = faults
        self._guards = tuple(guards)
        self._names = [type(sink).__name__ for sink in sinks]
        self.sinks = tuple(
            sink
            if is_immediate or isinstance(sink, Guard) or returns_at_once(type(sink))
            else QueueSink(
                sink,
                max_pending=MAX_PENDING,
                interval_s=0.0,
                faults=faults,
                may_reopen=True,  # as calls may end after the recorder is closed
            )
            for sink in sinks
        )

    def losses(self) -> dict[str, int]:
        """Return the records that were lost so far, by class of the sink."""
        lost: Counter[str] = Counter()
        for name, sink in zip(self._names, self.sinks, strict=True):
            if isinstance(sink, LossySink):
                lost[name] += sink.dropped
        return dict(lost)

    def start_flush(self, waits: Waits, timeout_s: float, start_job: StartJob) -> None:
        """Start to flush all sinks, and add them to *waits*.

        Args:
            waits: Those that return at once are flushed when it is waited for.
            timeout_s: Seconds from now that each may take.
            start_job: Calls sinks that have no thread.
        """
        deadline = monotonic() + timeout_s
        for name, sink in zip(self._names, self.sinks, strict=True):
            if type(sink) is QueueSink:
                waits.threads.append(sink.start_flush(timeout_s))
            elif returns_at_once(type(sink)):
                flush = partial(self._contain, name, partial(_flush, sink))
                waits.at_once.append(flush)
            else:
                flush_by = partial(_flush_by, deadline, sink)
                waits.threads.append(self._on_thread(name, flush_by, start_job))
        for guard in self._guards:
            flush_guard = partial(self._contain, type(guard).__name__, guard.flush)
            waits.at_once.append(flush_guard)

    def start_closing(self, waits: Waits, start_job: StartJob) -> None:
        """Start to close all sinks, as `start_flush` does."""
        for name, sink in zip(self._names, self.sinks, strict=True):
            if type(sink) is QueueSink:
                waits.threads.append(sink.start_closing())
            elif returns_at_once(type(sink)):
                close = partial(self._contain, name, partial(_close_in, sink))
                waits.at_once.append(close)
            else:
                close_it = partial(_close, sink)
                waits.threads.append(self._on_thread(name, close_it, start_job))
        for guard in self._guards:
            close_guard = partial(_close_in, guard)
            waits.at_once.append(
                partial(self._contain, type(guard).__name__, close_guard)
            )

    def _on_thread(
        self, name: str, call: Callable[[], bool], start_job: StartJob
    ) -> Waiting:
        answers: list[bool] = []

        def job() -> None:
            try:
                answers.append(call())
            except BaseException as fault:  # of the sink's: this is our own thread
                self._faults.note(name, fault)

        wait = start_job(job)
        return lambda seconds: wait(seconds) and answers == [True]

    def _contain(
        self, name: str, call: Callable[[float], bool], seconds: float
    ) -> bool:
        try:
            return call(seconds)
        except Exception as fault:
            self._faults.note(name, fault)
            return False


def returns_at_once(kind: type) -> bool:
    """Return whether a sink of class *kind* says that it never keeps a caller waiting.

    A class that is derived from such a one, and takes records itself, must say it too.
    """
    for each in kind.__mro__:
        own = vars(each)
        if "returns_at_once" in own:
            return bool(own["returns_at_once"])
        if not own.keys().isdisjoint(_TAKES_RECORDS):
            return False
    return False


_TAKES_RECORDS = ("write", "write_batch", "correct")


def _flush_by(deadline: float, sink: Sink) -> bool:
    return bool(sink.flush(max(0.0, deadline - monotonic())))


def _flush(sink: Sink, timeout_s: float) -> bool:
    return bool(sink.flush(timeout_s))


def _close(sink: Sink | StoreGuard) -> bool:
    sink.close()
    return True


def _close_in(sink: Sink | StoreGuard, timeout_s: float) -> bool:
    if isinstance(sink, _TimedSink):
        sink.close_within(timeout_s)
        return True
    return _close(sink)
