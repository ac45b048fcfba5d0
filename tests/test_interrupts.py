"""What a signal handler of the application raises reaches the application."""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from waiting import HANG_S

from bedrock_attrib import CallRecord, CallStart, Recorder, instrument
from bedrock_attrib.testing import ListSink, Simulator, bedrock_simulator

NOVA = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGUSR1"), reason="needs POSIX signals"
)


class OverTimeError(Exception):
    """As the time limits of Celery and RQ are, an ordinary exception."""


def over(*_: object) -> None:
    """Be a signal handler that ends the job."""
    raise OverTimeError


class Over:
    """An object that does the same."""

    def __call__(self, *_: object) -> None:
        """End the job."""
        raise OverTimeError

    def stop(self, *_: object) -> None:
        """End the job."""
        raise OverTimeError


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A Bedrock endpoint on this machine."""
    with bedrock_simulator() as running:
        yield running


@pytest.fixture(
    params=[over, Over(), Over().stop, functools.partial(over)],
    ids=["function", "object", "method", "partial"],
)
def limit(request: pytest.FixtureRequest) -> Iterator[None]:
    """A signal handler of each kind."""
    before = signal.signal(signal.SIGUSR1, request.param)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("limit")
def test_in_a_guard(simulator: Simulator) -> None:
    """A time limit that strikes in a guard ends the job, and the call is recorded."""

    class Asking:
        def check(self, start: CallStart) -> None:
            signal.raise_signal(signal.SIGUSR1)

    sink = ListSink()
    recorder = Recorder(sinks=[sink], guards=[Asking()])
    client = instrument(simulator.client(), recorder=recorder)
    with pytest.raises(OverTimeError):
        client.converse(modelId=NOVA, messages=MESSAGES)
    assert recorder.faults.counts() == {}
    (record,) = sink.records
    assert (record.error, record.price_status.value) == ("OverTimeError", "free")


def test_a_fault_of_a_guard_is_none(simulator: Simulator) -> None:
    """The same exception, where no signal handler raised it, is contained."""

    class Failing:
        def check(self, start: CallStart) -> None:
            raise OverTimeError

    recorder = Recorder(guards=[Failing()])
    client = instrument(simulator.client(), recorder=recorder)
    answer = client.converse(modelId=NOVA, messages=MESSAGES)
    assert answer["stopReason"] == "end_turn"
    assert recorder.faults.counts() == {"Failing": 1}


@pytest.mark.usefixtures("limit")
def test_the_same_function_on_another_thread(simulator: Simulator) -> None:
    """What a sink raises on its thread stays there, whoever else calls it."""

    class Failing(ListSink):
        def write(self, record: CallRecord) -> None:
            over()

    recorder = Recorder(sinks=[Failing()])
    client = instrument(simulator.client(), recorder=recorder)
    client.converse(modelId=NOVA, messages=MESSAGES)
    recorder.flush()
    client.converse(modelId=NOVA, messages=MESSAGES)
    recorder.flush()
    assert recorder.faults.counts() == {"Failing": 2}


@pytest.mark.parametrize(
    "wait",
    [
        lambda recorder: recorder.flush(HANG_S),
        lambda recorder: recorder.close(),
    ],
    ids=["flush", "close"],
)
def test_while_waiting_for_a_sink(
    simulator: Simulator, wait: Callable[[Recorder], object]
) -> None:
    """It ends the wait, and the sink has each record once all the same."""
    began, go, pressed = (threading.Event() for _ in range(3))
    records: list[CallRecord] = []

    class Waiting:
        def write(self, record: CallRecord) -> None:
            began.set()
            go.wait(HANG_S)
            records.append(record)

        def flush(self, timeout_s: float) -> bool:
            return True

        def close(self) -> None:
            pass

    def end(*_: object) -> None:
        if not pressed.is_set():
            pressed.set()
            raise OverTimeError

    def press() -> None:
        began.wait(HANG_S)
        while not pressed.wait(0.05):  # Python may miss one just before it waits
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, end)
    recorder = Recorder(sinks=[Waiting()])
    client = instrument(simulator.client(), recorder=recorder)
    client.converse(modelId=NOVA, messages=MESSAGES)
    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(OverTimeError):
        wait(recorder)
    thread.join(HANG_S)
    signal.signal(signal.SIGUSR1, before)
    go.set()
    assert recorder.flush(HANG_S) is True
    assert len(records) == 1
