"""Queue sink: a slow sink behind a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TypeAlias

from .._model.call_groups import FinishedCalls, GroupedCall, record_of
from .._model.record import CallRecord
from .._runtime.batch_queue import BatchQueue
from .._runtime.contained_errors import PROCESS_ERRORS, ContainedErrors, logger
from .._runtime.fork import ResetOrder, after_fork
from .protocols import CorrectingSink, GroupedSink, LossySink, PullSink, Sink

_Item: TypeAlias = CallRecord | GroupedCall | Callable[[], None]

Waiting: TypeAlias = Callable[[float], bool]
"""Waits so many seconds; False when something failed or the time was not enough."""


class QueueSink:
    """Hands records to a slow sink on a thread of its own.

    A recorder does this for every sink that does not say ``returns_at_once``; make one
    yourself to choose its bounds. It can be corrected, or read, if that sink can.

    Example:
        >>> sink = QueueSink(MyDatabaseSink(), max_pending=500_000)  # doctest: +SKIP
    """

    accepts_groups = True
    returns_at_once = True

    def __init__(
        self,
        sink: Sink,
        *,
        max_pending: int = 100_000,
        interval_s: float = 1.0,
        faults: ContainedErrors = PROCESS_ERRORS,
        may_reopen: bool = False,
    ) -> None:
        """Wrap *sink*.

        Args:
            sink: Is written to on the queue's thread, one record after the other.
            max_pending: Records held at most; more are dropped and counted.
            interval_s: Seconds for which records gather before they are handed on.
            faults: Where exceptions of *sink* are counted.
            may_reopen: Whether records after `close` are handed on all the same.
        """
        self._sink = sink
        self._name = type(sink).__name__
        self._faults = faults
        self._max_pending = max_pending
        self._takes_batches = accepts_groups(sink)
        self._queue: BatchQueue[_Item] = BatchQueue(
            self._write_all,
            name=f"bedrock-attrib-{self._name}",
            faults=faults,
            max_pending=max_pending,
            may_reopen=may_reopen,
            interval_s=interval_s,
            on_first_drop=self._warn,
        )
        self._forget()
        after_fork(self._forget, ResetOrder.FIGURES)
        # Only then, as a sink that has a `correct` is corrected, and so on.
        if isinstance(sink, CorrectingSink):
            self.correct = self._correct_by(sink)
        if isinstance(sink, PullSink):
            self.pull_with = self._pull_by(sink)

    def _forget(self) -> None:
        self._failed = 0
        self._has_logged_losses = False

    @property
    def dropped(self) -> int:
        """Records that never reached the sink, or that it says it has lost."""
        lost = self._queue.dropped + self._failed
        return lost + self._sink.dropped if isinstance(self._sink, LossySink) else lost

    def _warn(self) -> None:
        if self._queue.is_closed:
            return  # which is logged by `close`
        logger.warning(
            "%s is slower than calls come: %d records wait for it, and more are "
            "dropped. bedrock_attrib.sink.dropped counts them. No Bedrock call is "
            "affected",
            self._name,
            self._max_pending,
        )

    def _correct_by(
        self, sink: CorrectingSink
    ) -> Callable[[CallRecord, CallRecord], None]:
        def correct(before: CallRecord, after: CallRecord) -> None:
            self._queue.put(partial(sink.correct, before, after))

        return correct

    def _pull_by(self, sink: PullSink) -> Callable[[Callable[[], None]], None]:
        def pull_with(pull: Callable[[], None]) -> None:
            def pull_and_drain() -> None:
                pull()
                self._queue.drain()

            sink.pull_with(pull_and_drain)

        return pull_with

    def write(self, record: CallRecord) -> None:
        """Take one record."""
        self._queue.put(record)

    def write_batch(self, batch: FinishedCalls) -> None:
        """Take all of *batch*; records are made on the queue's thread."""
        self._queue.put_all(batch.entries)

    def _write_all(self, items: list[_Item]) -> None:
        batch = FinishedCalls()
        for item in items:
            if not isinstance(item, (CallRecord, GroupedCall)):
                self._write_batch(batch)
                batch = FinishedCalls()
                self._contain(item)
            elif not self._takes_batches:
                self._contain(partial(self._write_one, item))
            elif isinstance(item, GroupedCall):
                batch.add_grouped(item)
            else:
                batch.add(item)
        self._write_batch(batch)

    def _write_one(self, item: CallRecord | GroupedCall) -> None:
        self._sink.write(record_of(item))

    def _write_batch(self, batch: FinishedCalls) -> None:
        if batch.entries and isinstance(self._sink, GroupedSink):
            write = partial(self._sink.write_batch, batch)
            self._contain(write, records=len(batch.entries))

    def _contain(self, write: Callable[[], object], *, records: int = 1) -> None:
        try:
            write()
        except BaseException as error:  # of the sink's: this is our own thread
            self._faults.note(self._name, error)
            self._failed += records

    def flush(self, timeout_s: float) -> bool:
        """Wait until what is pending was handed on, and flush the sink."""
        return self.start_flush(timeout_s)(timeout_s)

    def start_flush(self, timeout_s: float) -> Waiting:
        """Have the sink flushed on its thread, within *timeout_s* from now."""
        deadline = monotonic() + timeout_s
        answers: list[bool] = []

        def flush() -> None:
            left_s = max(0.0, deadline - monotonic())
            answers.append(bool(self._sink.flush(left_s)))

        wait = self._start(flush)
        return lambda seconds: wait(seconds) and answers == [True]

    def close(self) -> None:
        """Wait until what is pending was handed on, then close the sink.

        After ten seconds what is left is dropped and counted.
        """
        self.start_closing()(_CLOSE_S)

    def start_closing(self) -> Waiting:
        """Have the sink closed on its thread, after what is pending."""
        wait = self._start(self._sink.close)

        def close(seconds: float) -> bool:
            is_done = wait(seconds)
            self._queue.close(0.0)
            self._log_losses()
            return is_done

        return close

    def _start(self, job: Callable[[], object]) -> Waiting:
        def contained() -> None:
            try:
                job()
            except BaseException as error:  # as in `_contain`
                self._faults.note(self._name, error)

        return self._queue.start_job(contained)

    def _log_losses(self) -> None:
        dropped = self._queue.dropped
        if dropped and not self._has_logged_losses:
            self._has_logged_losses = True
            logger.warning("%s was closed without %d records", self._name, dropped)


def accepts_groups(sink: Sink) -> bool:
    """Return whether *sink* takes batches: its class says so itself."""
    # What a class has inherited is no word of its own; see `GroupedSink`.
    return bool(vars(type(sink)).get("accepts_groups")) and isinstance(
        sink, GroupedSink
    )


_CLOSE_S = 10.0
