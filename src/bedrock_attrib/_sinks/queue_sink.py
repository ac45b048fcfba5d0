"""Queue sink: a slow sink behind a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from .._model.call_groups import FinishedCalls, GroupedCall, record_of
from .._model.record import CallRecord
from .._runtime.batch_queue import BatchQueue
from .._runtime.contained_errors import PROCESS_ERRORS
from .protocols import CorrectingSink, Sink

_Item: TypeAlias = CallRecord | GroupedCall | Callable[[], None]


class QueueSink:
    """Hands records to a slow sink on a thread of its own.

    It can be corrected if that sink can.

    Example:
        >>> Recorder(sinks=(QueueSink(MyDatabaseSink()),))  # doctest: +SKIP
    """

    accepts_groups = True

    def __init__(
        self, sink: Sink, *, max_pending: int = 100_000, interval_s: float = 1.0
    ) -> None:
        """Wrap *sink*.

        Args:
            sink: Is written to on the queue's thread, one record after the other.
            max_pending: Records held at most; more are dropped and counted.
            interval_s: Seconds for which records gather before they are handed on.
        """
        self._sink = sink
        self._failed = 0
        self._queue: BatchQueue[_Item] = BatchQueue(
            self._write_all,
            name=f"bedrock-attrib-{type(sink).__name__}",
            faults=PROCESS_ERRORS,
            max_pending=max_pending,
            interval_s=interval_s,
        )
        if isinstance(sink, CorrectingSink):
            # Only then, as a sink that has a `correct` is corrected.
            self.correct = self._correct_by(sink)

    @property
    def dropped(self) -> int:
        """Records that never reached the sink."""
        return self._queue.dropped + self._failed

    def _correct_by(
        self, sink: CorrectingSink
    ) -> Callable[[CallRecord, CallRecord], None]:
        def correct(before: CallRecord, after: CallRecord) -> None:
            self._queue.put(partial(sink.correct, before, after))

        return correct

    def write(self, record: CallRecord) -> None:
        """Take one record."""
        self._queue.put(record)

    def write_batch(self, batch: FinishedCalls) -> None:
        """Take all of *batch*; records are made on the queue's thread."""
        self._queue.put_all(batch.entries)

    def _write_all(self, items: list[_Item]) -> None:
        for item in items:
            try:
                if isinstance(item, (CallRecord, GroupedCall)):
                    self._sink.write(record_of(item))
                else:
                    item()
            except BaseException as error:  # of the sink's: this is our own thread
                PROCESS_ERRORS.note(type(self._sink).__name__, error)
                self._failed += 1

    def flush(self, timeout_s: float) -> bool:
        """Wait until what is pending was handed on, and flush the sink."""
        return self._queue.drain(timeout_s) and self._sink.flush(timeout_s)

    def close(self) -> None:
        """Wait until what is pending was handed on, then close the sink."""
        self._queue.close()
        self._sink.close()
