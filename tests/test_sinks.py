"""Sinks and guards are told by protocol, and slow ones stand behind a queue."""

from __future__ import annotations

import threading

import pytest
from waiting import HANG_S, wait_until

from bedrock_attrib import CallRecord, CallStart, Recorder, instrument
from bedrock_attrib.sinks import (
    CorrectingSink,
    Guard,
    PullSink,
    QueueSink,
    Sink,
)
from bedrock_attrib.testing import ListSink, Reply, bedrock_simulator

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]


class Slow:
    """A sink of an application, with nothing but what the protocol asks for."""

    def __init__(self, *, fails_on: int | None = None) -> None:
        self.records: list[CallRecord] = []
        self.threads: set[str] = set()
        self.flushed: list[float] = []
        self.closed = 0
        self._fails_on = fails_on
        self._seen = 0

    def write(self, record: CallRecord) -> None:
        """Take one record."""
        self._seen += 1
        self.threads.add(threading.current_thread().name)
        if self._seen == self._fails_on:
            raise RuntimeError(record.id)
        self.records.append(record)

    def flush(self, timeout_s: float) -> bool:
        """Note how much time there is."""
        self.flushed.append(timeout_s)
        return True

    def close(self) -> None:
        """Count."""
        self.closed += 1


def test_protocols() -> None:
    """What has the methods is a sink; a pull sink is read by others; guards check."""

    class Checker:
        def check(self, start: CallStart) -> None:
            """Let pass."""

    assert isinstance(Slow(), Sink)
    assert isinstance(QueueSink(Slow()), Sink)
    assert isinstance(ListSink(), PullSink)
    assert not isinstance(Slow(), PullSink)
    assert isinstance(Checker(), Guard)
    assert not isinstance(Checker(), Sink)


@pytest.fixture(scope="module")
def records() -> list[CallRecord]:
    """Five records of real calls."""
    sink = ListSink()
    with bedrock_simulator() as simulator:
        simulator.reply(Reply())
        client = instrument(simulator.client(), recorder=Recorder(sinks=(sink,)))
        for _ in range(5):
            client.converse(modelId=CLAUDE, messages=MESSAGES)
        return list(sink.records)


def test_written_on_another_thread(records: list[CallRecord]) -> None:
    """Records reach the sink one after the other, on a thread named after it."""
    slow = Slow()
    queued = QueueSink(slow, interval_s=0.01)
    for record in records:
        queued.write(record)
    wait_until(lambda: len(slow.records) == 5)
    assert slow.records == records
    assert slow.threads == {"bedrock-attrib-Slow"}
    queued.close()


def test_flush(records: list[CallRecord]) -> None:
    """Flushing hands on what is pending, then flushes the sink in the time left."""
    slow = Slow()
    queued = QueueSink(slow, interval_s=60)
    for record in records:
        queued.write(record)
    assert slow.records == []
    assert queued.flush(HANG_S) is True
    assert slow.records == records
    assert [0 < left_s <= HANG_S for left_s in slow.flushed] == [True]
    queued.close()


def test_flush_that_fails() -> None:
    """What the sink says of its flush is passed on."""

    class Full(Slow):
        def flush(self, timeout_s: float) -> bool:
            """Is never done."""
            return super().flush(timeout_s) and False

    assert QueueSink(Full()).flush(1.0) is False


def test_flush_behind_a_stuck_write(records: list[CallRecord]) -> None:
    """A write that takes longer than the time given makes the flush fail."""
    began, go = threading.Event(), threading.Event()

    class Stuck(Slow):
        def write(self, record: CallRecord) -> None:
            """Wait for the test."""
            began.set()
            go.wait(HANG_S)
            super().write(record)

    stuck = Stuck()
    queued = QueueSink(stuck, interval_s=0.001)
    queued.write(records[0])
    assert began.wait(HANG_S)
    assert queued.flush(0.01) is False
    assert stuck.flushed == []
    go.set()
    queued.close()
    assert len(stuck.records) == 1


def test_one_bad_record(records: list[CallRecord]) -> None:
    """A record that the sink cannot take is counted; the others of its batch arrive."""
    slow = Slow(fails_on=2)
    queued = QueueSink(slow, interval_s=60)
    for record in records:
        queued.write(record)
    queued.flush(HANG_S)
    assert slow.records == [records[0], *records[2:]]
    assert queued.dropped == 1
    queued.close()


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_a_sink_that_raises_anything(
    records: list[CallRecord], raised: type[BaseException]
) -> None:
    """Whatever a sink raises on the queue's thread is counted, and the next follow."""

    class Raising(Slow):
        def write(self, record: CallRecord) -> None:
            super().write(record)
            if len(self.records) == 1:
                raise raised

    sink = Raising()
    queue = QueueSink(sink, interval_s=60)
    for record in records:
        queue.write(record)
    assert queue.flush(HANG_S)
    assert sink.records == records
    assert queue.dropped == 1
    queue.close()


def test_full_queue(records: list[CallRecord]) -> None:
    """Above the bound records are dropped and counted, and nobody waits."""
    slow = Slow()
    queued = QueueSink(slow, max_pending=2, interval_s=60)
    for record in records:
        queued.write(record)
    assert queued.dropped == 3
    queued.flush(HANG_S)
    assert slow.records == records[:2]
    queued.close()


def test_close(records: list[CallRecord]) -> None:
    """Closing hands on what is pending and closes the sink; later records are lost."""
    slow = Slow()
    queued = QueueSink(slow, interval_s=60)
    queued.write(records[0])
    queued.close()
    assert slow.records == records[:1]
    assert slow.closed == 1
    queued.write(records[1])
    assert queued.dropped == 1


class Correctable(Slow):
    """A sink that can take back what it was told."""

    def __init__(self, *, fails_on: int | None = None) -> None:
        super().__init__(fails_on=fails_on)
        self.corrections: list[tuple[CallRecord, CallRecord]] = []

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Take a correction, if what it corrects is here."""
        if before not in self.records:
            raise LookupError(before.id)
        self.corrections.append((before, after))


def test_corrections(records: list[CallRecord]) -> None:
    """Corrections go through the queue after what they correct, where they can."""
    sink = Correctable()
    queued = QueueSink(sink, interval_s=60)
    assert isinstance(queued, CorrectingSink)
    queued.write(records[0])
    queued.correct(records[0], records[1])
    assert (sink.records, sink.corrections) == ([], [])
    queued.flush(HANG_S)
    assert sink.records == records[:1]
    assert sink.corrections == [(records[0], records[1])]
    assert queued.dropped == 0
    queued.close()


def test_correction_that_fails(records: list[CallRecord]) -> None:
    """A correction that the sink cannot take is counted, and the rest arrives."""
    sink = Correctable()
    queued = QueueSink(sink, interval_s=60)
    assert isinstance(queued, CorrectingSink)
    queued.correct(records[0], records[1])
    queued.write(records[2])
    queued.flush(HANG_S)
    assert sink.records == [records[2]]
    assert queued.dropped == 1
    queued.close()


def test_sink_that_cannot_be_corrected() -> None:
    """What cannot take corrections is not offered any through the queue either."""
    assert not isinstance(QueueSink(Slow()), CorrectingSink)


def test_behind_a_recorder() -> None:
    """A recorder's flush delivers through the queue, and its close closes the sink."""
    slow = Slow()
    recorder = Recorder(sinks=(QueueSink(slow, interval_s=60),))
    with bedrock_simulator() as simulator:
        client = instrument(simulator.client(), recorder=recorder)
        client.converse(modelId=CLAUDE, messages=MESSAGES)
    assert recorder.flush(HANG_S)
    assert [record.operation for record in slow.records] == ["Converse"]
    recorder.close()
    assert slow.closed == 1
