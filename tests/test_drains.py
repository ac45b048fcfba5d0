"""Abandoned streams that are read on in the background, by setting."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.config import Config as ClientConfig
from botocore.eventstream import EventStream
from streams import (
    MODEL,
    OPENERS,
    USAGE,
    bind_to_itself,
    break_early,
    canned_stream,
    converse_stream,
    drop_in_cycle,
    drop_unread,
    fail_in_loop,
    start_and_drop,
)
from waiting import HANG_S, wait_until

from bedrock_attrib import CallRecord, Recorder, Unit, attribution, instrument
from bedrock_attrib._config import Config
from bedrock_attrib._instrument.abandoned_streams import can_be_read_on, read_on
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib._runtime.background import BackgroundReaders
from bedrock_attrib._runtime.contained_errors import ContainedErrors
from bedrock_attrib.testing import (
    Fault,
    FaultKind,
    ListSink,
    Reply,
    Simulator,
    bedrock_simulator,
)

pytestmark = pytest.mark.drops_streams

REPLY = Reply(usage=USAGE, chunks=10, text="0123456789", chunk_interval_s=0.005)
THREAD = "bedrock-attrib-drain"

# botocore and urllib3 keep connections where no public name leads.
# ruff: noqa: SLF001


@pytest.fixture(autouse=True)
def _idle() -> Iterator[None]:
    """What a test dropped is read on before it is collected."""
    yield
    wait_until_idle()


@pytest.fixture
def simulator(module_simulator: Simulator) -> Simulator:
    """The endpoint, answering ten pieces of text, one after the other."""
    module_simulator.reply(REPLY)
    return module_simulator


MakeClient = Callable[..., BaseClient]


@pytest.fixture
def make_client(simulator: Simulator, sink: ListSink) -> Iterator[MakeClient]:
    """Makes clients whose abandoned streams are drained."""
    recorders = []

    def make(client: BaseClient | None = None, **settings: Any) -> BaseClient:
        config = Config(abandoned_streams="drain", **settings)
        recorders.append(Recorder(sinks=(sink,), config=config))
        return instrument(client or simulator.client(), recorder=recorders[-1])

    yield make
    for recorder in recorders:
        recorder.close()


ENDS = (
    break_early,
    fail_in_loop,
    drop_unread,
    start_and_drop,
    drop_in_cycle,
    bind_to_itself,
)


def wait_for(sink: ListSink, count: int) -> list[CallRecord]:
    """The records, once there are *count*."""
    gc.collect()
    wait_until(lambda: len(sink.records) >= count)
    assert len(sink.records) == count
    return list(sink.records)


def draining() -> int:
    """Threads that read on now."""
    return sum(thread.name == THREAD for thread in threading.enumerate())


def wait_until_idle() -> None:
    """Wait until no thread reads on."""
    wait_until(lambda: not draining())


@pytest.mark.parametrize("operation", OPENERS)
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_counts_are_exact(
    make_client: MakeClient,
    sink: ListSink,
    operation: str,
    end: Callable[[Any], None],
) -> None:
    """A dropped stream is one abandoned call with the counts that AWS bills."""
    with attribution(team="search") as spend:
        end(OPENERS[operation](make_client()))
    (record,) = wait_for(sink, 1)
    assert record.outcome is Outcome.ABANDONED
    assert record.error is None
    assert record.usage == USAGE
    assert record.price_status is PriceStatus.PRICED
    assert record.tags == {"team": "search"}
    # 100 x 3, 50 x 15 and 20 x 0.30 USD for a million tokens.
    assert spend.cost == Decimal("0.001056")
    wait_until_idle()
    assert len(sink.records) == 1


def test_the_caller_waits_for_nothing(make_client: MakeClient, sink: ListSink) -> None:
    """What is read on is not read on the caller's thread."""
    with bedrock_simulator() as stalled:
        stalled.reply(Reply(chunks=10, fault=Fault(FaultKind.STALL, after=4)))
        client = make_client(stalled.client(), drain_max_s=HANG_S)
        break_early(converse_stream(client))
        assert sink.records == []  # to look is to settle, and that does not wait either
        wait_until(draining)
    (record,) = wait_for(sink, 1)
    assert record.price_status is PriceStatus.ESTIMATED


def test_the_time_of_reading_on_is_not_the_calls(
    simulator: Simulator, make_client: MakeClient, sink: ListSink
) -> None:
    """A call lasts until its stream is dropped."""
    simulator.reply(Reply(usage=USAGE, chunks=10, chunk_interval_s=0.1))
    client = make_client()
    start = perf_counter()
    break_early(converse_stream(client))
    gc.collect()
    sink.records  # noqa: B018 -- to look is to settle
    dropped_after_s = perf_counter() - start
    (record,) = wait_for(sink, 1)
    assert record.usage == USAGE
    assert record.duration_s <= dropped_after_s


def test_a_stream_that_was_closed_is_estimated(
    make_client: MakeClient, sink: ListSink
) -> None:
    """Who closes a stream has told AWS to stop; nothing is read on."""
    with closing(converse_stream(make_client())) as stream:
        next(iter(stream))
    del stream
    (record,) = sink.records
    assert record.outcome is Outcome.ABANDONED
    assert record.price_status is PriceStatus.ESTIMATED
    assert draining() == 0


def test_a_whole_stream_is_as_ever(make_client: MakeClient, sink: ListSink) -> None:
    """A stream that is read to its end ends there, and is botocore's own type."""
    stream = converse_stream(make_client())
    assert isinstance(stream, EventStream)
    assert len(list(stream)) == 14
    (record,) = sink.records
    assert (record.outcome, record.usage) == (Outcome.OK, USAGE)
    del stream
    gc.collect()
    assert len(sink.records) == 1
    assert draining() == 0


def test_a_stream_left_at_its_final_event_is_not_read_on(
    make_client: MakeClient, sink: ListSink
) -> None:
    """Its counts are known already."""
    for event in converse_stream(make_client()):
        if "metadata" in event:
            break
    (record,) = sink.records
    assert (record.outcome, record.usage) == (Outcome.OK, USAGE)
    assert draining() == 0


def test_a_stream_that_is_held_is_left_alone(
    simulator: Simulator, make_client: MakeClient, sink: ListSink
) -> None:
    """However long somebody pauses, the stream is his; no bound counts before."""
    simulator.reply(Reply(usage=USAGE, chunks=10))
    client = make_client(drain_max_s=2)
    stream = converse_stream(client)
    next(iter(stream))
    time.sleep(2.1)
    assert sink.records == []
    assert draining() == 0
    del stream
    (record,) = wait_for(sink, 1)
    assert record.usage == USAGE


def test_a_stalled_server_is_given_up(
    simulator: Simulator, make_client: MakeClient, sink: ListSink
) -> None:
    """A server that falls silent costs a thread no longer than the setting says."""
    fault = Fault(FaultKind.STALL, after=4)
    simulator.reply(
        Reply(usage=USAGE, chunks=10, chunk_interval_s=0.001, fault=fault), times=3
    )
    client = make_client(drain_max_s=0.5)
    for _ in range(3):
        break_early(converse_stream(client))
    records = wait_for(sink, 3)
    wait_until_idle()
    assert {record.price_status for record in records} == {PriceStatus.ESTIMATED}
    assert {record.outcome for record in records} == {Outcome.ABANDONED}
    assert len(list(converse_stream(client))) == 14  # and the client works on


def test_events_are_bounded(
    simulator: Simulator, make_client: MakeClient, sink: ListSink
) -> None:
    """What was read on of a stream that is too long still tells how much it was."""
    break_early(converse_stream(make_client(drain_max_events=3)))
    (record,) = wait_for(sink, 1)
    assert record.price_status is PriceStatus.ESTIMATED
    assert record.usage is not None
    assert record.usage[Unit.OUTPUT_TOKEN] == 5  # two events, and three


@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.EXCEPTION_EVENT])
def test_a_rest_that_breaks_is_estimated(
    simulator: Simulator, make_client: MakeClient, sink: ListSink, kind: FaultKind
) -> None:
    """What breaks after the caller has gone is no error of the caller's call."""
    reply = Reply(
        usage=USAGE, chunks=10, chunk_interval_s=0.005, fault=Fault(kind, after=6)
    )
    simulator.reply(reply, times=1)
    break_early(converse_stream(make_client()))
    (record,) = wait_for(sink, 1)
    assert (record.outcome, record.error) == (Outcome.ABANDONED, None)
    assert record.price_status is PriceStatus.ESTIMATED


def test_threads_are_bounded(
    simulator: Simulator, make_client: MakeClient, sink: ListSink
) -> None:
    """More streams than threads wait for their turn."""
    client = make_client(drain_threads=2)
    streams = [converse_stream(client) for _ in range(12)]
    for stream in streams:
        break_early(stream)
    del stream
    streams.clear()
    most = 0
    while len(sink.records) < 12:
        most = max(most, draining())
        time.sleep(0.002)
    assert 1 <= most <= 2
    assert {str(record.usage) for record in sink.records} == {str(USAGE)}


def test_connections_go_back_to_their_pool(
    simulator: Simulator, make_client: MakeClient, sink: ListSink
) -> None:
    """Many abandoned streams are read over the few connections of the client."""
    config = ClientConfig(max_pool_connections=2)
    client = make_client(simulator.client(config=config))
    for number in range(12):
        break_early(converse_stream(client))
        wait_for(sink, number + 1)
        wait_until_idle()
    manager = client._endpoint.http_session._manager
    (pool,) = (manager.pools[key] for key in manager.pools.keys())  # noqa: SIM118
    assert pool.num_connections <= 2
    assert {str(record.usage) for record in sink.records} == {str(USAGE)}


def test_a_connection_gets_its_patience_back(
    simulator: Simulator, make_client: MakeClient, sink: ListSink
) -> None:
    """What was waited for at most while reading on does not bind the next call."""
    config = ClientConfig(read_timeout=30, max_pool_connections=1)
    client = make_client(simulator.client(config=config), drain_max_s=20)
    break_early(converse_stream(client))
    wait_for(sink, 1)
    wait_until_idle()
    manager = client._endpoint.http_session._manager
    (pool,) = (manager.pools[key] for key in manager.pools.keys())  # noqa: SIM118
    connection = pool.pool.get_nowait()
    assert connection.sock.gettimeout() == 30


def test_closing_the_recorder_gives_up(simulator: Simulator, sink: ListSink) -> None:
    """A stream that is being read on when the recorder closes is estimated, once."""
    simulator.reply(Reply(usage=USAGE, chunks=10, chunk_interval_s=0.2))
    recorder = Recorder(sinks=(sink,), config=Config(abandoned_streams="drain"))
    client = instrument(simulator.client(), recorder=recorder)
    break_early(converse_stream(client))
    recorder.flush()
    assert draining() == 1
    recorder.close()
    (record,) = sink.records
    assert record.price_status is PriceStatus.ESTIMATED
    wait_until_idle()
    simulator.reply(REPLY)
    break_early(converse_stream(client))  # after its time
    recorder.flush()
    gc.collect()
    assert len(sink.records) == 2


def test_a_slow_stream_is_given_up(
    simulator: Simulator, make_client: MakeClient, sink: ListSink
) -> None:
    """A stream that goes on for longer than the setting says is not read to its end."""
    simulator.reply(Reply(usage=USAGE, chunks=10, chunk_interval_s=0.5), times=1)
    break_early(converse_stream(make_client(drain_max_s=2)))
    (record,) = wait_for(sink, 1)
    assert record.price_status is PriceStatus.ESTIMATED
    assert record.usage is not None
    assert 2 <= record.usage[Unit.OUTPUT_TOKEN] < 50


def test_a_stream_without_a_connection_is_estimated(sink: ListSink) -> None:
    """What is read from no socket can't be waited for within bounds, so it is not."""
    client, recorder = canned_stream(Config(abandoned_streams="drain"), sink)
    stream = converse_stream(client)
    assert not can_be_read_on(stream)
    read_on(stream, lambda _: True, until=perf_counter() + HANG_S, max_events=5)
    break_early(stream)
    del stream
    (record,) = sink.records
    assert record.price_status is PriceStatus.ESTIMATED
    recorder.close()


def test_jobs_are_refused_when_too_many_wait() -> None:
    """Where streams are dropped faster than they are read, some are estimated."""
    faults = ContainedErrors()
    drains = BackgroundReaders(threads=1, max_s=1, max_events=1, faults=faults)
    free = threading.Event()
    done: list[int] = []

    def wait() -> None:
        free.wait(HANG_S)

    def fail() -> None:
        raise RuntimeError

    assert drains.submit(wait)
    wait_until(lambda: not drains.waiting)
    assert drains.submit(fail)
    for number in range(255):
        assert drains.submit(partial(done.append, number))
    assert not drains.submit(wait)
    free.set()
    wait_until_idle()
    assert done == list(range(255))
    assert faults.counts() == {"drain": 1}
    drains.close()
    assert not drains.submit(wait)


class _NoThread(threading.Thread):
    """A thread for which the machine has no room."""

    def start(self) -> None:
        """Fail as Python does."""
        if self.name == THREAD:
            raise RuntimeError("can't start new thread")
        super().start()


def test_no_thread_to_be_had(
    make_client: MakeClient, sink: ListSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no thread can be started any more, the stream is estimated."""
    client = make_client()
    monkeypatch.setattr(threading, "Thread", _NoThread)
    break_early(converse_stream(client))
    (record,) = wait_for(sink, 1)
    assert record.price_status is PriceStatus.ESTIMATED


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_reads_nothing_on(
    simulator: Simulator, make_client: MakeClient, sink: ListSink
) -> None:
    """Streams and sockets are the parent's; the child's own streams are drained."""
    client = make_client()
    stream = converse_stream(client)
    next(iter(stream))
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()

    def child(held: list[Any] = [stream]) -> None:  # noqa: B006 -- the child's copy
        held.clear()
        gc.collect()
        time.sleep(0.1)
        told.put((len(sink.records), draining()))
        break_early(converse_stream(client))
        told.put([str(record.usage) for record in wait_for(sink, 1)])

    process = context.Process(target=child)
    process.start()
    assert told.get() == (0, 0)
    assert told.get() == [str(USAGE)]
    process.join(HANG_S)
    del stream, child
    (record,) = wait_for(sink, 1)
    assert record.usage == USAGE


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_that_drops_a_stream_leaves_it_to_its_parent(
    simulator: Simulator, make_client: MakeClient, sink: ListSink
) -> None:
    """The child reads nothing from the socket that both have: the parent reads all."""
    simulator.reply(Reply(usage=USAGE, chunks=10, text="0" * 10, chunk_interval_s=0.05))
    client = make_client()
    stream = converse_stream(client)
    events = iter(stream)
    next(events)
    child = os.fork()
    if not child:
        is_draining = False
        with suppress(BaseException):
            del events, stream
            gc.collect()
            for _ in range(10):
                is_draining |= bool(sink.records) or draining() > 0
                time.sleep(0.02)
        os._exit(1 if is_draining or sink.records else 0)
    rest = sum(1 for _ in events)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert rest > 10
    (record,) = wait_for(sink, 1)
    assert (record.outcome, record.usage) == (Outcome.OK, USAGE)


PROGRAM = """
import sys
import boto3
from bedrock_attrib import configure, instrument

class Printing:
    def write(self, record):
        print(record.outcome, record.price_status)
    def flush(self, timeout_s):
        return True
    def close(self):
        pass

configure(sinks=[Printing()], metrics=False, abandoned_streams="drain",
          drain_max_s=6000)
client = instrument(boto3.client("bedrock-runtime"))
messages = [{"role": "user", "content": [{"text": "Hello"}]}]
answer = client.converse_stream(modelId=sys.argv[1], messages=messages)
for event in answer.pop("stream"):
    break
"""


def test_a_program_ends_without_waiting(simulator: Simulator, tmp_path: Path) -> None:
    """Python exits at once, and the stream is recorded as far as it was read."""
    fault = Fault(FaultKind.STALL, after=4)
    simulator.reply(Reply(chunks=10, chunk_interval_s=0.01, fault=fault), times=1)
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", path, MODEL],
        capture_output=True,
        check=True,
        env=os.environ
        | {
            "AWS_ACCESS_KEY_ID": "simulated",
            "AWS_SECRET_ACCESS_KEY": "simulated",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": simulator.endpoint_url,
        },
        text=True,
        timeout=HANG_S,
    )
    assert done.stdout == "abandoned estimated\n"
    assert "Traceback" not in done.stderr


# Memory.


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["estimate", "drain"])
def test_memory_stays_flat(setting: Any) -> None:
    """A thousand abandoned streams, however they are left, leave nothing behind."""
    client, recorder = canned_stream(Config(abandoned_streams=setting))

    def abandon(streams: int) -> int:
        for number in range(streams):
            ENDS[number % len(ENDS)](converse_stream(client))
            if number % 200 == 0:
                gc.collect()
        gc.collect()
        recorder.flush()
        gc.collect()
        wait_until_idle()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = abandon(300)
        after = abandon(1000)
    finally:
        tracemalloc.stop()
    recorder.close()
    assert after - before < 200_000  # bytes; one call that is kept takes 500


def test_a_stream_closed_at_the_end_of_its_answer(
    make_client: MakeClient, sink: ListSink
) -> None:
    """Closed once it has shown the end of the answer, it is read on for its counts."""
    client = make_client()
    stream = converse_stream(client)
    for event in stream:
        if "messageStop" in event:
            break
    stream.close()
    (record,) = wait_for(sink, 1)
    assert record.usage == USAGE
    assert record.price_status is PriceStatus.PRICED
    assert record.outcome is Outcome.ABANDONED
    stream = converse_stream(client)
    next(iter(stream))
    stream.close()  # in the midst of the answer: it is closed at once
    _, early = wait_for(sink, 2)
    assert early.price_status is not PriceStatus.PRICED
