"""Who is told about a call, and who may refuse one: the two protocols."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, runtime_checkable

from .._model.call_groups import Batch, Entry, record_of
from .._model.record import CallRecord, CallStart
from .._runtime.batch_queue import BatchQueue
from .._runtime.contained_errors import Faults, Note, for_each


@runtime_checkable
class Sink(Protocol):
    """Takes every finished call.

    ``write`` is called for one record at a time, from the recorder's thread or from one
    that settles calls by looking at figures, so it must be quick; wrap a slow sink in
    `QueueSink`. An exception is contained, counted and logged.
    """

    def write(self, record: CallRecord) -> None:
        """Take one record."""

    def flush(self, timeout_s: float) -> bool:
        """Deliver what is pending; False when ``timeout_s`` was not enough."""

    def close(self) -> None:
        """Deliver what is pending and release everything."""


@runtime_checkable
class SettlingSink(Sink, Protocol):
    """A sink that is read by others, and then has to hold every call that ended."""

    def settle_with(self, settle: Callable[[], None]) -> None:
        """Take a function to call before being read; it may write more records."""


@runtime_checkable
class CorrectingSink(Sink, Protocol):
    """A sink that can take back what it was told of a call, for what became known.

    A call through a profile that is still being looked up is told at once, unpriced,
    and corrected when its model is known.
    """

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Take *after* instead of *before*, which was written; never during a write.

        Args:
            before: The record as it was given to ``write``.
            after: The same call: same id, same usage. Model, cost, price status and
                price reason may differ.
        """


@runtime_checkable
class LossySink(Sink, Protocol):
    """A sink that may lose records, and tells how many it has lost."""

    @property
    def dropped(self) -> int:
        """Records that were lost so far."""


@runtime_checkable
class BatchSink(Sink, Protocol):
    """A sink that takes calls as they are settled: many at once, most of them alike.

    For this library's own: it is known by the name of its method, which is therefore
    none that a sink of somebody else may have.
    """

    def write_together(self, batch: Batch, note: Note) -> None:
        """Take all of *batch*, instead of one ``write`` for each of its records.

        Args:
            batch: Calls that were settled together.
            note: Takes a fault with some of them, which the others are not to miss.
        """


BatchWriter = Callable[[Batch, Note], None]
"""Tells a sink of a batch; see `BatchSink.write_together`."""


def batch_writer(sink: Sink) -> BatchWriter:
    """What tells *sink* of a batch: at once if it can take that, else one by one.

    A sink that is derived from one of those, with a ``write`` of its own, gets records.
    """
    if isinstance(sink, BatchSink) and _has_its_own(sink):
        return sink.write_together
    write = sink.write

    def tell_each(batch: Batch, note: Note) -> None:
        for_each(batch.records, write, note)

    return tell_each


def _has_its_own(sink: BatchSink) -> bool:
    """Whether ``write_together`` comes from where ``write`` does, or later."""
    for kind in type(sink).__mro__:
        if "write_together" in vars(kind):
            return True
        if "write" in vars(kind):
            return False
    return False


@runtime_checkable
class Guard(Protocol):
    """May refuse a call before it is sent."""

    def check(self, start: CallStart) -> None:
        """Look at a call about to be sent.

        Raises:
            RefusedError: To refuse it. It reaches the caller; any other exception
                is contained and the call goes on.
        """


class QueueSink:
    """Hands records to a slow sink on a thread of its own.

    It can be corrected if that sink can.

    Example:
        >>> Recorder(sinks=(QueueSink(MyDatabaseSink()),))  # doctest: +SKIP
    """

    def __init__(
        self, sink: Sink, *, max_pending: int = 100_000, interval_s: float = 1.0
    ) -> None:
        """Wrap *sink*.

        Args:
            sink: Told on the queue's thread, one record after the other.
            max_pending: Records kept at most; more are dropped and counted.
            interval_s: Seconds for which records gather before they are handed on.
        """
        self._sink = sink
        self._faults = Faults()
        self._queue: BatchQueue[CallRecord | Entry | Callable[[], None]] = BatchQueue(
            self._write_all,
            name=f"bedrock-attrib-{type(sink).__name__}",
            faults=self._faults,
            max_pending=max_pending,
            interval_s=interval_s,
            is_resumed=True,
        )
        if isinstance(sink, CorrectingSink):
            # Only then: whoever has a `correct` is told of corrections.
            self.correct = self._correct_by(sink)

    @property
    def dropped(self) -> int:
        """Records that never reached the sink."""
        return self._queue.dropped + sum(self._faults.counts().values())

    def _correct_by(
        self, sink: CorrectingSink
    ) -> Callable[[CallRecord, CallRecord], None]:
        def correct(before: CallRecord, after: CallRecord) -> None:
            self._queue.put(partial(sink.correct, before, after))

        return correct

    def write(self, record: CallRecord) -> None:
        """Take one record."""
        self._queue.put(record)

    def write_together(self, batch: Batch, note: Note) -> None:  # noqa: ARG002 -- see BatchSink
        """Take all of *batch*; records are made on the queue's thread."""
        self._queue.put_all(batch.entries)

    def _write_all(self, items: list[CallRecord | Entry | Callable[[], None]]) -> None:
        done = 0
        try:
            for item in items:
                done += 1
                try:
                    if isinstance(item, tuple):
                        self._sink.write(record_of(item))
                    else:
                        item()
                except Exception as error:
                    self._faults.note(type(self._sink).__name__, error)
        finally:  # what Ctrl-C leaves comes again
            del items[:done]

    def flush(self, timeout_s: float) -> bool:
        """Hand on what is pending, on this thread, and flush the sink."""
        return self._queue.drain(timeout_s) and self._sink.flush(timeout_s)

    def close(self) -> None:
        """Hand on what is pending, then close the sink."""
        self._queue.close()
        self._sink.close()
