"""Each kind of async client, each operation, each way of ending: one right record."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

pytest.importorskip("aiobotocore", reason="needs the extra aio")

from aio_clients import CONFIG, client_of, new_session
from aiobotocore.session import AioSession
from cells import BODIES, HEADERS, PLAIN, STREAMS, Operation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from bedrock_attrib import (
    CallRecord,
    CallStart,
    Recorder,
    Spend,
    TagPolicyError,
    Usage,
    attribution,
    instrument,
    uninstrument,
)
from bedrock_attrib._instrument.observers import error_name
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.metrics import OpenTelemetrySink
from bedrock_attrib.testing import (
    Fault,
    FaultKind,
    ListSink,
    Reply,
    Simulator,
    bedrock_simulator,
)

try:
    import aioboto3
except ImportError:
    aioboto3 = None

pytestmark = [pytest.mark.drops_streams, pytest.mark.matrix]


# Kinds of clients.

Kind = Callable[[Simulator, Recorder], Any]
KINDS: dict[str, Kind] = {}


def kind(make: Callable[[Simulator, Recorder], AsyncIterator[Any]]) -> Kind:
    """Have *make* among the kinds of clients."""
    manager = asynccontextmanager(make)
    KINDS[make.__name__] = manager
    return manager


@kind
async def a_client(simulator: Simulator, recorder: Recorder) -> AsyncIterator[Any]:
    """aiobotocore's client."""
    async with client_of(simulator) as client:
        yield instrument(client, recorder=recorder)


@kind
async def a_session(simulator: Simulator, recorder: Recorder) -> AsyncIterator[Any]:
    """A client of aiobotocore's session."""
    session = instrument(new_session(), recorder=recorder)
    async with client_of(simulator, session) as client:
        yield client


class _OwnSession(AioSession):
    """What frameworks make of a session."""


@kind
async def a_sub_session(simulator: Simulator, recorder: Recorder) -> AsyncIterator[Any]:
    """A client of a copy of a session of a framework's own class."""
    session = instrument(new_session(_OwnSession), recorder=recorder)
    async with client_of(simulator, copy.copy(session)) as client:
        yield client


@kind
async def a_pickled_config(
    simulator: Simulator, recorder: Recorder
) -> AsyncIterator[Any]:
    """A client whose settings came from another process."""
    session = instrument(new_session(), recorder=recorder)
    config = pickle.loads(pickle.dumps(CONFIG))  # noqa: S301 -- our own
    async with client_of(simulator, session, config=config) as client:
        yield client


@kind
async def everything_later(
    simulator: Simulator, recorder: Recorder
) -> AsyncIterator[Any]:
    """A session that was made after everything was instrumented."""
    instrument(recorder=recorder)
    try:
        async with client_of(simulator) as client:
            yield client
    finally:
        uninstrument()


@kind
async def everything_session(
    simulator: Simulator, recorder: Recorder
) -> AsyncIterator[Any]:
    """A session that existed when everything was instrumented."""
    session = new_session()
    instrument(recorder=recorder, include_existing=True)
    try:
        async with client_of(simulator, session) as client:
            yield client
    finally:
        uninstrument()


@kind
async def everything_client(
    simulator: Simulator, recorder: Recorder
) -> AsyncIterator[Any]:
    """A client that existed when everything was instrumented."""
    async with client_of(simulator) as client:
        instrument(recorder=recorder, include_existing=True)
        try:
            yield client
        finally:
            uninstrument()


@kind
async def all_at_once(simulator: Simulator, recorder: Recorder) -> AsyncIterator[Any]:
    """A client that was instrumented in every way, each twice."""
    session = new_session()
    for _ in range(2):
        instrument(session, recorder=recorder)
        instrument(recorder=recorder)
    try:
        async with client_of(simulator, session) as client:
            for _ in range(2):
                instrument(client, recorder=recorder)
                instrument(recorder=recorder)
            yield client
    finally:
        uninstrument()


@kind
async def an_aioboto3_session(
    simulator: Simulator, recorder: Recorder
) -> AsyncIterator[Any]:
    """A client of aioboto3's session."""
    session = aioboto3.Session(botocore_session=new_session())
    async with client_of(simulator, instrument(session, recorder=recorder)) as client:
        yield client


@kind
async def an_aioboto3_client(
    simulator: Simulator, recorder: Recorder
) -> AsyncIterator[Any]:
    """aioboto3's client."""
    session = aioboto3.Session(botocore_session=new_session())
    async with client_of(simulator, session) as client:
        yield instrument(client, recorder=recorder)


# Ways of ending.


@dataclass(frozen=True)
class End:
    """A way in which a call ends, and what is recorded of it.

    Attributes:
        take: Is given what makes the call, or a stream or body, and ends it. Gives the
            error that came of it, if one did.
        outcome: How it is recorded to have ended.
        status: Recorded price status; None where it depends on the operation.
        error: Recorded error; "" for the one that the caller got.
        fault: How the answer breaks; None for a whole one.
        reply: Answer that is given instead; None for the operation's own.
    """

    take: Callable[..., Any]
    outcome: Outcome = Outcome.OK
    status: PriceStatus | None = None
    error: str | None = None
    fault: Fault | None = None
    reply: Reply | None = None


class _Stop(Exception):  # noqa: N818 -- what an application may raise
    """Raised in the caller's loop."""


async def _cancel(waiting: Any, begun: asyncio.Event | None = None) -> None:
    """Cancel a task that waits for *waiting*, soon after it has *begun* to."""
    task = asyncio.ensure_future(waiting)
    if begun is not None:
        await begun.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def answered(call: Callable[..., Any]) -> None:
    """The answer came."""
    await call()


async def failed(call: Callable[..., Any]) -> BaseException:
    """An error came, or nothing."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- of many kinds
        await call()
    return caught.value


async def cancelled(call: Callable[..., Any]) -> None:
    """The task was cancelled before the answer came."""
    await _cancel(call())


async def timed_out(call: Callable[..., Any]) -> None:
    """The caller waited no longer."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await call()


async def invalid(call: Callable[..., Any]) -> None:
    """botocore refused the parameters."""
    with pytest.raises(Exception, match="Parameter validation failed"):
        await call(nonsense=1)


async def refused(call: Callable[..., Any]) -> None:
    """A guard refused the call."""
    with attribution(team="blocked"), pytest.raises(TagPolicyError):
        await call()


_SLOW = Reply(latency_s=600)
_LOST, _FREE = PriceStatus.UNPRICED, PriceStatus.FREE
ANSWERS = {
    "answered": End(answered),
    "throttled": End(
        failed, Outcome.ERROR, _FREE, "", reply=Reply(error="ThrottlingException")
    ),
    "cut": End(failed, Outcome.ERROR, _LOST, "", Fault(FaultKind.NO_ANSWER)),
    "cancelled": End(cancelled, Outcome.ABANDONED, _LOST, "Interrupted", reply=_SLOW),
    "timed_out": End(timed_out, Outcome.ABANDONED, _LOST, "Interrupted", reply=_SLOW),
    "invalid": End(invalid, Outcome.ERROR, _FREE, "NotSent"),
    "refused": End(refused, Outcome.ERROR, _FREE, "TagPolicyError"),
}


async def read_all(stream: Any) -> None:
    """Read to the end."""
    async for _ in stream:
        pass


async def read_twice(stream: Any) -> None:
    """Read to the end, then ask again."""
    assert len([event async for event in stream]) > 3
    assert [event async for event in stream] == []


async def read_in_runs(stream: Any) -> None:
    """Read one event, then the rest with another iterator."""
    await anext(aiter(stream))
    await read_all(stream)


async def read_by_a_task(stream: Any) -> None:
    """Read in another task."""
    async with asyncio.TaskGroup() as group:
        group.create_task(read_all(stream))


async def read_then_close(stream: Any) -> None:
    """Read to the end and close."""
    await read_all(stream)
    stream.close()


async def stop_at_final_event(stream: Any) -> None:
    """Leave the loop on the event that states the counts."""
    async for event in stream:
        text = str(event)
        if "'metadata'" in text or "invocationMetrics" in text:
            break


async def break_early(stream: Any) -> None:
    """Leave the loop after two events."""
    count = 0
    async for _ in stream:
        count += 1
        if count == 2:
            break


async def close_unread(stream: Any) -> None:
    """Close without reading."""
    stream.close()


async def close_twice(stream: Any) -> None:
    """Read an event, close, close again."""
    await anext(aiter(stream))
    stream.close()
    stream.close()


async def close_iterator(stream: Any) -> None:
    """Read an event and close the iterator alone."""
    iterator = aiter(stream)
    await anext(iterator)
    await iterator.aclose()


async def fail_in_loop(stream: Any) -> None:
    """Raise in the loop that reads."""
    with suppress(_Stop):
        async for _ in stream:
            raise _Stop


async def cancel_in_loop(stream: Any) -> None:
    """Be cancelled in the loop that reads, while something else is awaited."""
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in stream:
            begun.set()
            await asyncio.sleep(600)

    await _cancel(read(), begun)


async def cancel_waiting(stream: Any) -> None:
    """Be cancelled while an event is waited for."""
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in stream:
            begun.set()

    await _cancel(read(), begun)


async def time_out_waiting(stream: Any) -> None:
    """Wait for the next event no longer than 0.05 seconds."""
    await anext(aiter(stream))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await read_all(stream)


async def drop_unread(_stream: Any) -> None:
    """Do nothing with it."""


async def drop_in_cycle(stream: Any) -> None:
    """Leave it to the garbage collection, with a half-read iterator."""
    iterator = aiter(stream)
    await anext(iterator)
    cycle: list[Any] = [iterator, stream]
    cycle.append(cycle)


async def broken(stream: Any) -> BaseException:
    """Read until it breaks."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- of many kinds
        await read_all(stream)
    return caught.value


def _ends(*takes: Callable[..., Any], **same: Any) -> dict[str, End]:
    return {take.__name__: End(take, **same) for take in takes}


_GUESSED = PriceStatus.ESTIMATED
_GIVEN_UP = {"outcome": Outcome.ABANDONED, "status": _GUESSED}
STREAM_ENDS = {
    **_ends(read_all, read_twice, read_in_runs, read_by_a_task, read_then_close),
    **_ends(stop_at_final_event),
    **_ends(break_early, close_twice, close_iterator, drop_in_cycle, **_GIVEN_UP),
    **_ends(fail_in_loop, cancel_in_loop, **_GIVEN_UP),
    **_ends(
        *(cancel_waiting, time_out_waiting),
        fault=Fault(FaultKind.STALL, after=3),
        **_GIVEN_UP,
    ),
    **_ends(close_unread, drop_unread, outcome=Outcome.ABANDONED, status=_LOST),
    **{
        f"broken_by_{kind}": End(
            broken, Outcome.ERROR, _GUESSED, "", Fault(kind, after=3)
        )
        for kind in (FaultKind.EXCEPTION_EVENT, FaultKind.CUT, FaultKind.BAD_CHECKSUM)
    },
}


async def read_at_once(body: Any) -> None:
    """read()."""
    assert await body.read()


async def read_negative(body: Any) -> None:
    """read(-1), which is all."""
    assert await body.read(-1)


async def read_odd_pieces(body: Any) -> None:
    """read(7) until nothing comes."""
    while await body.read(7):
        pass


async def read_exact_length(body: Any) -> None:
    """Read all that there is, and never ask for the end."""
    text = b""
    while not _is_whole(text):
        text += await body.read(1_000_000)


def _is_whole(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


async def read_lines(body: Any) -> None:
    """iter_lines()."""
    assert [line async for line in body.iter_lines()]


async def read_chunks(body: Any) -> None:
    """iter_chunks(5)."""
    assert [chunk async for chunk in body.iter_chunks(5)]


async def read_by_iteration(body: Any) -> None:
    """async for piece in body."""
    await read_all(body)


async def read_by_anext(body: Any) -> None:
    """anext(body) until it stops."""
    with suppress(StopAsyncIteration):
        while True:
            await anext(body)


async def read_into(body: Any) -> None:
    """readinto(buffer)."""
    buffer = bytearray(16)
    while await body.readinto(buffer):
        pass


async def read_readlines(body: Any) -> None:
    """readlines()."""
    assert await body.readlines()


async def read_in_block(body: Any) -> None:
    """async with body as inner."""
    async with body as inner:
        assert await inner.read()


async def read_then_close_body(body: Any) -> None:
    """read(), then close() twice."""
    await body.read()
    body.close()
    body.close()


async def cancel_body(body: Any) -> None:
    """Be cancelled in the middle."""
    await _cancel(body.read())


async def cancel_into(body: Any) -> None:
    """Be cancelled in the middle, reading into a buffer."""

    async def read() -> None:
        while await body.readinto(bytearray(1_000)):
            pass

    await _cancel(read())


async def drop_body(_body: Any) -> None:
    """Do nothing with it."""


async def broken_body(body: Any) -> BaseException:
    """read() of a connection that is cut."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- of many kinds
        await body.read()
    return caught.value


async def broken_into(body: Any) -> BaseException:
    """readinto() of a connection that is cut."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- of many kinds
        await read_into(body)
    return caught.value


_HALF = Fault(FaultKind.CUT, after=1)
BODY_ENDS = {
    **_ends(read_at_once, read_negative, read_odd_pieces, read_exact_length),
    **_ends(read_lines, read_chunks, read_by_iteration, read_by_anext, read_into),
    **_ends(read_readlines, read_in_block, read_then_close_body),
    # Whatever of it was not read, headers said in part; else nothing is known.
    **_ends(drop_body, outcome=Outcome.ABANDONED),
    **_ends(
        *(cancel_body, cancel_into),
        outcome=Outcome.ABANDONED,
        fault=replace(_HALF, kind=FaultKind.STALL),
    ),
    **_ends(broken_body, broken_into, outcome=Outcome.ERROR, error="", fault=_HALF),
}


# The matrix.


@dataclass(frozen=True)
class Cell:
    """One operation that ends in one way."""

    operation: Operation
    end: End
    name: str

    @property
    def reply(self) -> Reply:
        """What the endpoint answers."""
        reply = self.end.reply or self.operation.reply
        return replace(reply, fault=self.end.fault)

    @property
    def has_reader(self) -> bool:
        """Whether the end is one of a stream or body, and not of the call itself."""
        return self.operation.reader is not None and self.end not in ANSWERS.values()

    def expected(self, record: CallRecord) -> tuple[Usage | None, PriceStatus]:
        """Usage and price status to record; a guess may be as *record* has it."""
        end, operation = self.end, self.operation
        if end.outcome is Outcome.OK:
            return operation.usage, operation.status
        if end in BODY_ENDS.values():
            has_headers = operation.reply.token_headers
            return (HEADERS, _GUESSED) if has_headers else (None, _LOST)
        assert end.status is not None
        if operation.status is PriceStatus.FREE:
            return None, PriceStatus.FREE  # whatever becomes of it
        if end.status is not _GUESSED:
            return None, end.status
        assert record.usage
        return record.usage, _GUESSED


CELLS = [
    Cell(operation, end, f"{operation.name}-{name}-{number}")
    for operations, ends in (
        (PLAIN, ANSWERS),
        (STREAMS, ANSWERS | STREAM_ENDS),
        (BODIES, BODY_ENDS),
    )
    for number, operation in enumerate(operations)
    for name, end in ends.items()
    if not (name == "answered" and operation.reader)  # what follows has other names
]


@dataclass
class Bench:
    """What the cells of one kind of client run on: one loop, client and recorder."""

    runner: asyncio.Runner
    simulator: Simulator
    client: Any
    sink: ListSink
    recorder: Recorder
    metrics: InMemoryMetricReader
    ran: int = 0


class _Refuser:
    """A guard that refuses one team."""

    def check(self, start: CallStart) -> None:
        if start.tags.get("team") == "blocked":
            raise TagPolicyError("team blocked may not call")


_HERE = [name for name in KINDS if aioboto3 is not None or "aioboto3" not in name]


@pytest.mark.skipif(aioboto3 is None, reason="aioboto3 wants botocore 1.40.61")
def test_aioboto3_is_among_them() -> None:
    """With aioboto3 its sessions and clients are kinds like others."""
    assert {"an_aioboto3_session", "an_aioboto3_client"} <= set(_HERE)


@pytest.fixture(scope="module", params=_HERE)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """One kind of client, over all cells."""
    sink, reader = ListSink(), InMemoryMetricReader()
    metrics = OpenTelemetrySink(meter_provider=MeterProvider(metric_readers=[reader]))
    recorder = Recorder(sinks=(sink, metrics), guards=(_Refuser(),))
    with bedrock_simulator() as simulator, asyncio.Runner() as runner:
        manager = KINDS[request.param](simulator, recorder)
        client = runner.run(manager.__aenter__())
        yield Bench(runner, simulator, client, sink, recorder, reader)
        runner.run(manager.__aexit__(None, None, None))
        del client, manager
        gc.collect()  # what a cell dropped, while its own warnings are expected
    recorder.close()


async def _run(cell: Cell, client: Any) -> tuple[Spend, str | None]:
    """Make the call of *cell* within its tags, and end it outside of them."""
    with attribution(cell=cell.name) as spend:
        call = partial(cell.operation.call, client)
        if not cell.has_reader:
            error = await cell.end.take(call)
        else:
            answer = await call()
    if cell.has_reader:
        error = await cell.end.take(answer.pop(cell.operation.reader))
    return spend, None if error is None else error_name(error)


async def _collected(sink: ListSink, before: int) -> list[CallRecord]:
    """The records of the call that just ran, once what it dropped is collected."""
    await asyncio.sleep(0)  # what closes a dropped iterator is a task of the loop
    if len(sink.records) == before:
        gc.collect()
        await asyncio.sleep(0.01)
        gc.collect()
    return sink.records[before:]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_one_record(bench: Bench, cell: Cell) -> None:
    """Whatever client, operation and end: one record, with its tags and counts."""
    bench.simulator.reply(cell.reply)
    before = len(bench.sink.records)
    spend, error = bench.runner.run(_run(cell, bench.client))
    (record,) = bench.runner.run(_collected(bench.sink, before))
    bench.ran += 1
    assert record.operation == cell.operation.name
    assert record.tags["cell"] == cell.name
    assert record.outcome is cell.end.outcome
    assert record.error == (error if cell.end.error == "" else cell.end.error)
    assert (record.usage, record.price_status) == cell.expected(record)
    assert spend.calls == 1
    assert bench.recorder.faults.counts() == {}


def test_nothing_came_later(bench: Bench) -> None:
    """After all cells of a kind of client there is one record and count for each."""
    gc.collect()
    bench.runner.run(asyncio.sleep(0))
    assert len(bench.sink.records) == bench.ran
    assert len({record.id for record in bench.sink.records}) == bench.ran
    assert _calls_in(bench.metrics) == bench.ran


def _calls_in(reader: InMemoryMetricReader) -> int:
    data = reader.get_metrics_data()
    if data is None:
        return 0
    (scope,) = data.resource_metrics[0].scope_metrics
    (calls,) = [m for m in scope.metrics if m.name == "bedrock_attrib.calls"]
    return sum(point.value for point in calls.data.data_points)
