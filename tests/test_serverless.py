"""Metering where a process is frozen between two invocations."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from waiting import HANG_S, wait_until

from bedrock_attrib import (
    Recorder,
    attribution,
    configure,
    current_tags,
    instrument,
)
from bedrock_attrib.serverless import flush, flush_after
from bedrock_attrib.testing import ListSink, Simulator, bedrock_simulator

CALL: dict[str, Any] = {"modelId": "us.amazon.nova-micro-v1:0", "messages": []}


class Flushed:
    """A sink that counts how often it was flushed, and what it then held.

    Attributes:
        flushes: Number of records at each flush.
        timeouts_s: Seconds that each flush was given.
        result: What a flush returns.
        delay_s: Seconds that it takes.
    """

    def __init__(self) -> None:
        self.flushes: list[int] = []
        self.timeouts_s: list[float] = []
        self.result: bool | Exception = True
        self.delay_s = 0.0
        self._records = 0

    def write(self, record: object) -> None:
        """Count a record."""
        self._records += 1

    def flush(self, timeout_s: float) -> bool:
        """Note that it was asked."""
        time.sleep(min(timeout_s, self.delay_s))
        self.flushes.append(self._records)
        self.timeouts_s.append(timeout_s)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def close(self) -> None:
        """Nothing to release."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A Bedrock for all tests here."""
    with bedrock_simulator() as simulator:
        yield simulator


@pytest.fixture
def sink() -> Iterator[Flushed]:
    """The only sink of the default recorder."""
    sink = Flushed()
    configure(metrics=False, sinks=[sink])
    yield sink
    sink.delay_s = 0.0
    configure()


@pytest.fixture
def call(simulator: Simulator, sink: Flushed) -> Callable[[], object]:
    """Makes one call, told to the sink."""
    client = instrument(simulator.client())
    return lambda: client.converse(**CALL)


def test_a_function(sink: Flushed, call: Callable[[], object]) -> None:
    """What it returns passes, and each call is delivered before it does."""

    @flush_after
    def handler(event: int, context: None) -> int:
        """Answer."""
        call()
        return event + 1

    assert (handler(1, None), handler(2, context=None)) == (2, 3)
    assert sink.flushes == [1, 2]
    assert (handler.__name__, handler.__doc__) == ("handler", "Answer.")


def test_a_function_that_fails(sink: Flushed, call: Callable[[], object]) -> None:
    """Its exception passes, after the flush."""

    @flush_after()
    def handler(event: object, context: object) -> None:
        call()
        raise KeyError(event)

    with pytest.raises(KeyError, match="mine"):
        handler("mine", None)
    assert sink.flushes == [1]


def test_a_coroutine(sink: Flushed, call: Callable[[], object]) -> None:
    """The loop goes on while it is flushed, and so do other invocations."""
    sink.delay_s = 0.2

    @flush_after(timeout_s=HANG_S)
    async def handler(event: int, context: None) -> int:
        await asyncio.to_thread(call)
        return event

    async def both() -> list[int]:
        return await asyncio.gather(handler(1, None), handler(2, None))

    found = asyncio.run(both())
    assert inspect.iscoroutinefunction(handler)
    assert (found, max(sink.flushes)) == ([1, 2], 2)


def test_a_coroutine_that_is_cancelled(
    sink: Flushed, call: Callable[[], object]
) -> None:
    """It ends cancelled, and what it did is delivered."""
    is_called = asyncio.Event()

    @flush_after
    async def handler(event: object, context: object) -> None:
        call()
        is_called.set()
        await asyncio.sleep(HANG_S)

    async def cancel() -> bool:
        task = asyncio.create_task(handler(None, None))
        await is_called.wait()
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(cancel())
    assert sink.flushes == [1]


def test_a_generator(sink: Flushed, call: Callable[[], object]) -> None:
    """Values pass both ways; it is flushed once, when it has ended."""

    @flush_after
    def handler(event: int, context: None) -> Iterator[Any]:
        call()
        sent = yield event
        try:
            yield sent
        except ValueError as error:
            yield error.args
        return "end"

    steps = handler(1, None)
    found = [next(steps), steps.send("sent"), steps.throw(ValueError("in"))]
    assert (found, sink.flushes) == ([1, "sent", ("in",)], [])
    with pytest.raises(StopIteration, match="end"):
        next(steps)
    closed = handler(2, None)
    next(closed)
    closed.close()
    assert sink.flushes == [1, 2]
    assert inspect.isgeneratorfunction(handler)


def test_an_async_generator(sink: Flushed, call: Callable[[], object]) -> None:
    """The same for an asynchronous one."""

    @flush_after
    async def handler(event: int, context: None) -> AsyncIterator[Any]:
        call()
        sent = yield event
        try:
            yield sent
        except ValueError as error:
            yield error.args

    async def run() -> list[object]:
        steps = handler(1, None)
        found = [
            await anext(steps),
            await steps.asend("sent"),
            await steps.athrow(ValueError("in")),
            len(sink.flushes),
        ]
        with pytest.raises(StopAsyncIteration):
            await anext(steps)
        closed = handler(2, None)
        await anext(closed)
        await closed.aclose()
        return found

    assert asyncio.run(run()) == [1, "sent", ("in",), 0]
    assert sink.flushes == [1, 2]
    assert inspect.isasyncgenfunction(handler)


def test_a_coroutine_behind_a_plain_function(
    sink: Flushed, call: Callable[[], object]
) -> None:
    """Decorators below may hide what kind of function it is."""

    async def inner(event: int, context: None) -> int:
        call()
        return event

    @flush_after(tags=lambda event: {"team": f"team-{event}"})
    def handler(*args: Any) -> Any:
        return inner(*args)

    assert asyncio.run(handler(5, None)) == 5
    assert sink.flushes == [1]


def test_only_handlers_can_be_decorated() -> None:
    """A class, or what cannot be called, is told at once."""
    for wrong in (dict, "handler"):
        with pytest.raises(TypeError, match="flush_after decorates handlers, not"):
            flush_after(wrong)  # type: ignore[call-overload]


def test_tags_of_an_invocation(sink: Flushed) -> None:
    """They come from its event, and hold for the invocation alone."""

    @flush_after(tags=lambda event: {"team": event["team"]})
    def handler(event: dict[str, str], context: None) -> dict[str, str]:
        return dict(current_tags())

    with attribution(app="shop"):
        assert handler({"team": "search"}, None) == {"app": "shop", "team": "search"}
        assert dict(current_tags()) == {"app": "shop"}


@pytest.mark.parametrize("event", [{}, {"team": "a,b"}, None])
def test_tags_that_cannot_be_had(sink: Flushed, event: Any) -> None:
    """The invocation goes on without them."""

    @flush_after(tags=lambda event: {"team": event["team"]})
    def handler(event: object, context: object) -> dict[str, str]:
        return dict(current_tags())

    assert handler(event, None) == {}


def test_an_invocation_without_an_event(sink: Flushed) -> None:
    """Nobody is asked for tags then."""
    assert flush_after(tags=lambda event: {"team": event})(lambda: 1)() == 1


class Context:
    """What Lambda says of an invocation."""

    def __init__(self, remaining_ms: int) -> None:
        self._remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds that are left."""
        return self._remaining_ms


@pytest.mark.parametrize(
    ("context", "timeout_s", "expected_s"),
    [
        (None, 1000, 1000),
        (Context(2_000_000), 1000, 1000),
        (Context(1_000_000), 2000, 999.9),
        (Context(50), 10, 0),
    ],
)
def test_it_keeps_to_its_time(
    sink: Flushed, context: Context | None, timeout_s: float, expected_s: float
) -> None:
    """A tenth of a second of what Lambda allows is left, whatever is not done."""

    @flush_after(timeout_s=timeout_s)
    def handler(event: object, context: object) -> str:
        return "done"

    assert handler(None, context) == "done"
    wait_until(lambda: sink.timeouts_s)  # which is flushed on a thread of its own
    (given_s,) = sink.timeouts_s
    # Less what was needed until then, which is more on a busy machine.
    assert max(0, expected_s - HANG_S) <= given_s <= expected_s


@pytest.mark.parametrize("result", [False, OSError("disk")])
def test_a_flush_that_fails(sink: Flushed, *, result: bool | Exception) -> None:
    """It is told by its result; the handler's result is its own."""
    sink.result = result
    assert flush_after(lambda: 1)() == 1
    assert not flush(1.0)


def test_a_recorder_that_fails(sink: Flushed) -> None:
    """One of one's own may raise what it likes."""

    class Broken(Recorder):
        def flush(self, timeout_s: float = 10.0) -> bool:
            if self.is_closed:
                return True
            raise OSError

    broken = Broken()
    assert flush_after(lambda: 1)() == 1
    assert not flush()
    assert broken.faults.counts() == {"flush": 2}
    assert sink.flushes == [0, 0]
    broken.close()


def test_a_coroutine_without_a_loop(sink: Flushed) -> None:
    """Where there is no loop of asyncio, it is flushed on the spot."""

    @flush_after
    async def handler(event: int, context: None) -> int:
        return event

    with pytest.raises(StopIteration, match="7"):
        handler(7, None).send(None)
    assert sink.flushes == [0]


def test_every_recorder_is_flushed(simulator: Simulator, sink: Flushed) -> None:
    """Recorders of one's own are, but not those that are closed."""
    other, closed = ListSink(), Flushed()
    recorder = Recorder(sinks=(other,))
    over = Recorder(sinks=(closed,))
    over.close()
    instrument(simulator.client(), recorder=recorder).converse(**CALL)
    assert flush()
    assert (len(other.records), len(sink.flushes), len(closed.flushes)) == (1, 1, 1)


class Provider(MeterProvider):
    """A provider whose exporter hangs until it is let go."""

    def __init__(self) -> None:
        super().__init__([InMemoryMetricReader()], shutdown_on_exit=False)
        self.is_free = threading.Event()
        self.flushes = 0

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Hang."""
        self.flushes += 1
        self.is_free.wait(HANG_S)
        if self.flushes == 1:
            message = "no answer"
            raise OSError(message)
        return True


def _pushes() -> int:
    """Threads that export."""
    names = [thread.name for thread in threading.enumerate()]
    return names.count("bedrock-attrib-push")


def test_an_exporter_that_hangs(simulator: Simulator) -> None:
    """It is left behind on one thread, whatever the number of invocations."""
    provider = Provider()
    configure(meter_provider=provider)
    before = _pushes()
    assert [flush(0.05) for _ in range(5)] == [False] * 5
    assert (provider.flushes, _pushes()) == (1, before + 1)
    provider.is_free.set()
    assert flush(HANG_S)
    assert provider.flushes == 2
    configure()


# A process is frozen as soon as its handler has returned.

FUNCTION = """
from bedrock_attrib.serverless import flush_after
set_provider()
client = make_client()

@flush_after(tags=lambda event: {"team": event})
def handler(event, context):
    client.converse(**CALL)
    return list(client.converse_stream(**CALL)["stream"])[-1]

for event in ("search", "ads"):
    handler(event, None)
    os.kill(os.getpid(), signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing freezes here")
def test_a_frozen_process_has_told_everything(tmp_path: Path) -> None:
    """Metrics of an invocation have arrived when the process is stopped after it."""
    pytest.importorskip(
        "opentelemetry.exporter.otlp.proto.http", reason="needs the extra otlp"
    )
    from programs import METERED, stage  # noqa: PLC0415 -- needs the extra otlp

    with stage(tmp_path) as found:
        program = found.write(METERED + FUNCTION)
        arrived = []
        with found.running(sys.executable, program) as process:
            for _ in range(2):
                _, status = os.waitpid(process.pid, os.WUNTRACED)
                assert os.WIFSTOPPED(status)
                arrived.append(found.collector.values("bedrock_attrib.calls", "team"))
                process.send_signal(signal.SIGCONT)
            assert process.wait(HANG_S) == -signal.SIGKILL
        assert arrived == [{"search": 2}, {"search": 2, "ads": 2}]
        assert found.recordings == 4


def test_a_deaf_collector_fails_no_handler(tmp_path: Path) -> None:
    """Invocations return in time where nobody takes the metrics."""
    pytest.importorskip(
        "opentelemetry.exporter.otlp.proto.http", reason="needs the extra otlp"
    )
    from programs import METERED, stage  # noqa: PLC0415 -- needs the extra otlp

    with socket.create_server(("127.0.0.1", 0)) as deaf, stage(tmp_path) as found:
        printed = found.python(
            METERED
            + """
from bedrock_attrib.serverless import flush_after
set_provider()
client = make_client()
client.converse(**CALL)
handler = flush_after(timeout_s=0.1)(lambda event, context: client.converse(**CALL))
for _ in range(3):
    handler(None, None)
print("returned", flush=True)
os._exit(0)
""",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{deaf.getsockname()[1]}",
            OTEL_EXPORTER_OTLP_METRICS_TIMEOUT="6000",
        )
    assert printed == "returned\n"
