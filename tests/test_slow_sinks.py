"""Sinks of applications may take long, fail in any way or hang, and harm nobody."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
from asyncio import CancelledError
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from waiting import HANG_S

from bedrock_attrib import (
    CallRecord,
    CallStart,
    Config,
    Recorder,
    Usage,
    attribution,
    configure,
    instrument,
)
from bedrock_attrib.sinks import QueueSink
from bedrock_attrib.testing import ListSink, Simulator, bedrock_simulator

NOTHING = Usage({})
NOVA = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]


class Blocked:
    """A sink that blocks in `write` until the test lets it go."""

    def __init__(self) -> None:
        self.began, self.go = threading.Event(), threading.Event()
        self.records: list[CallRecord] = []

    def write(self, record: CallRecord) -> None:
        """Wait for the test, then take the record."""
        self.began.set()
        self.go.wait(HANG_S)
        self.records.append(record)

    def flush(self, timeout_s: float) -> bool:
        """Nothing is pending."""
        return timeout_s >= 0

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A Bedrock endpoint on this machine."""
    with bedrock_simulator() as running:
        yield running


@pytest.fixture
def blocked() -> Iterator[Blocked]:
    """A sink that blocks until the test is over, or lets it go."""
    sink = Blocked()
    yield sink
    sink.go.set()


def counted_calls(reader: InMemoryMetricReader) -> int:
    """Calls that a collection shows."""
    data = reader.get_metrics_data()
    assert data is not None
    return sum(
        int(point.value)  # type: ignore[union-attr]  # of a sum
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "bedrock_attrib.calls"
        for point in metric.data.data_points
    )


def test_a_blocked_sink_holds_nobody_up(simulator: Simulator, blocked: Blocked) -> None:
    """Calls, spends, metrics and other sinks go on, and it gets each record later."""
    reader, kept = InMemoryMetricReader(), ListSink()
    recorder = configure(sinks=[blocked, kept], meter_provider=MeterProvider([reader]))
    client = instrument(simulator.client(), recorder=recorder)
    with attribution(team="search") as spend:
        client.converse(modelId=NOVA, messages=MESSAGES)
        assert blocked.began.wait(HANG_S)
        for _ in range(299):
            client.converse(modelId=NOVA, messages=MESSAGES)
    assert spend.calls == 300
    assert counted_calls(reader) == 300
    assert len(kept.records) == 300
    assert blocked.records == []
    assert recorder.flush(0.01) is False
    assert recorder.sinks[-2:] == (blocked, kept)
    blocked.go.set()
    assert recorder.flush(HANG_S) is True
    assert blocked.records == kept.records


def test_what_is_too_much_is_counted(
    blocked: Blocked, caplog: pytest.LogCaptureFixture
) -> None:
    """Behind 20,000 records more are dropped; the sink is named once."""
    recorder = Recorder(sinks=[blocked])

    def report(count: int) -> None:
        for _ in range(count):
            recorder.record("Converse", NOTHING, model_id=NOVA, region="us-east-1")

    report(1)
    assert blocked.began.wait(HANG_S)
    with attribution(team="search") as spend:
        report(20_003)
    with caplog.at_level(logging.WARNING, "bedrock_attrib"):
        assert spend.calls == 20_003
    assert recorder.losses == {"Blocked": 3}
    (message,) = [text for text in caplog.messages if text.startswith("Blocked")]
    assert message == (
        "Blocked is slower than calls come: 20000 records wait for it, and more are "
        "dropped. bedrock_attrib.sink.dropped counts them. No Bedrock call is affected"
    )
    blocked.go.set()
    recorder.close()
    assert len(blocked.records) == 20_001


class Asked(Blocked):
    """A guard as well."""

    def check(self, start: CallStart) -> None:
        """Let pass."""


class Quick(Blocked):
    """Says that it is quick."""

    returns_at_once = True


class NotSo(Quick):
    """Writes in a way of its own, and says nothing of it."""

    def write(self, record: CallRecord) -> None:
        """Write as before."""
        super().write(record)


class Named(Quick):
    """Writes as the class does that it is derived from."""


@pytest.mark.parametrize(
    ("kind", "is_immediate", "thread"),
    [
        (Blocked, False, "Blocked"),
        (Blocked, True, "recorder"),
        (Asked, False, "recorder"),
        (Quick, False, "recorder"),
        (Named, False, "recorder"),
        (NotSo, False, "NotSo"),
    ],
)
def test_which_have_a_thread(
    simulator: Simulator, kind: type[Blocked], *, is_immediate: bool, thread: str
) -> None:
    """All but those that say so, that are asked before calls, or with `immediate`."""
    names: list[str] = []

    class Noted(kind):  # type: ignore[misc, valid-type]  # a class from a list
        returns_at_once = getattr(kind, "returns_at_once", False) and kind is not NotSo

        def write(self, record: CallRecord) -> None:
            names.append(threading.current_thread().name)

    Noted.__name__ = kind.__name__
    recorder = Recorder(sinks=[Noted()], config=Config(immediate=is_immediate))
    client = instrument(simulator.client(), recorder=recorder)
    client.converse(modelId=NOVA, messages=MESSAGES)
    recorder.flush()
    assert names == [f"bedrock-attrib-{thread}"]
    recorder.close()


@pytest.mark.parametrize("raised", [CancelledError, SystemExit, RuntimeError])
@pytest.mark.parametrize("is_immediate", [False, True])
def test_a_sink_that_raises_anything(
    simulator: Simulator, raised: type[BaseException], *, is_immediate: bool
) -> None:
    """Whatever a sink raises, anywhere, is contained and counted."""

    class Failing:
        def write(self, record: CallRecord) -> None:
            raise raised(record.id)

        def flush(self, timeout_s: float) -> bool:
            raise raised(timeout_s)

        def close(self) -> None:
            raise raised

    recorder = Recorder(sinks=[Failing()], config=Config(immediate=is_immediate))
    client = instrument(simulator.client(), recorder=recorder)
    answer = client.converse(modelId=NOVA, messages=MESSAGES)
    assert answer["stopReason"] == "end_turn"
    assert recorder.flush() is False
    recorder.close()
    # One of `write`; two of `flush`, which `close` begins with; one of `close`.
    assert recorder.faults.counts() == {"Failing": 4}


@pytest.mark.parametrize("method", ["flush", "close"])
@pytest.mark.parametrize("is_immediate", [False, True])
def test_a_sink_that_hangs_at_exit(
    tmp_path: Path, method: str, *, is_immediate: bool
) -> None:
    """The process ends after `exit_timeout_s`, and the ledger has the call."""
    path = tmp_path / "calls.db"
    program = f"""
import threading
from bedrock_attrib import Ledger, Usage, configure

class Hanging:
    def write(self, record): pass
    def flush(self, timeout_s): return True
    def close(self): pass
    def {method}(self, *args): print("hangs", flush=True); threading.Event().wait()

recorder = configure(
    sinks=[Hanging(), Ledger({str(path)!r})], metrics=False, exit_timeout_s=2,
    immediate={is_immediate},
)
recorder.record("Converse", Usage(dict()), model_id={NOVA!r}, region="us-east-1")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "hangs\n")
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM calls").fetchone() == (1,)


def test_a_sink_that_hangs_in_write_at_exit() -> None:
    """What it did not take is counted and logged."""
    program = f"""
import logging, threading
from bedrock_attrib import Usage, configure

class Hanging:
    def write(self, record): threading.Event().wait()
    def flush(self, timeout_s): return True
    def close(self): pass

logging.basicConfig(format="%(message)s")
recorder = configure(sinks=[Hanging()], metrics=False, exit_timeout_s=0.5)
for _ in range(3):
    recorder.record("Converse", Usage(dict()), model_id={NOVA!r}, region="us-east-1")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert ended.returncode == 0
    assert ended.stderr == "Hanging was closed without 3 records\n"


def test_a_queue_of_a_sink_with_batches(simulator: Simulator) -> None:
    """A sink that takes batches gets them from its queue too."""

    class Batches(ListSink):
        accepts_groups = True

        def write_batch(self, batch: object) -> None:
            self.batches.append(len(batch.entries))  # type: ignore[attr-defined]  # as above

        batches: list[int]

    sink = Batches()
    sink.batches = []
    recorder = Recorder(sinks=[QueueSink(sink, interval_s=60)])
    client = instrument(simulator.client(), recorder=recorder)
    for _ in range(3):
        client.converse(modelId=NOVA, messages=MESSAGES)
    recorder.flush()
    assert sum(sink.batches) == 3
    assert sink.records == []
    recorder.close()


def test_a_call_in_a_late_exit_handler(tmp_path: Path) -> None:
    """A call that ends after our own exit handler reaches sinks and ledger."""
    path = tmp_path / "calls.db"
    program = f"""
import atexit

@atexit.register
def late():
    recorder.record("Converse", Usage({{}}), model_id={NOVA!r}, region="us-east-1")

from bedrock_attrib import Usage, configure

class Printing:
    def write(self, record): print("written", flush=True)
    def flush(self, timeout_s): return True
    def close(self): print("closed", flush=True)

recorder = configure(sinks=[Printing()], metrics=False, ledger={str(path)!r})
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("closed\nwritten\n", "")
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM calls").fetchone() == (1,)
