"""Each stream ends its call exactly once, however it ends."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import os
import pickle
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.eventstream import EventStream, NoInitialResponseError
from botocore.exceptions import EventStreamError, ResponseStreamingError
from botocore.response import StreamingBody
from streams import (
    MESSAGES,
    MODEL,
    OPENERS,
    USAGE,
    WRITES,
    body_of,
    break_early,
    canned_stream,
    close_twice,
    close_unread,
    converse_stream,
    drop_in_cycle,
    drop_unread,
    fail_in_loop,
    invoke_stream,
    read_all,
    read_at_once,
    read_in_runs,
    read_in_thread,
    read_into,
    read_lines,
    read_then_close,
    read_twice,
    stop_at_final_event,
)
from waiting import HANG_S, wait_until

from bedrock_attrib import (
    CallRecord,
    Recorder,
    Unit,
    attribution,
    configure,
    instrument,
    uninstrument,
)
from bedrock_attrib._config import Config
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.sinks import QueueSink
from bedrock_attrib.testing import (
    Fault,
    FaultKind,
    ListSink,
    Reply,
    Simulator,
    tokens,
)

pytestmark = pytest.mark.drops_streams


@pytest.fixture
def simulator(module_simulator: Simulator) -> Simulator:
    """The endpoint, answering ten pieces of text."""
    module_simulator.reply(Reply(usage=USAGE, chunks=10, text="0123456789"))
    return module_simulator


WHOLE = (
    read_all,
    read_twice,
    read_in_runs,
    read_then_close,
    read_in_thread,
    stop_at_final_event,
)
PARTIAL = (
    break_early,
    close_unread,
    close_twice,
    fail_in_loop,
    drop_unread,
    drop_in_cycle,
)


def one_record(sink: ListSink) -> CallRecord:
    """The only record, after everything droppable was collected."""
    gc.collect()
    (record,) = sink.records
    return record


@pytest.mark.parametrize("operation", OPENERS)
@pytest.mark.parametrize("end", WHOLE, ids=lambda end: end.__name__)
def test_whole_stream(
    client: BaseClient, sink: ListSink, operation: str, end: Callable[[Any], None]
) -> None:
    """A stream whose final counts were seen is one priced call with its tags."""
    with attribution(team="search") as spend:
        stream = OPENERS[operation](client)
    end(stream)
    del stream
    record = one_record(sink)
    assert record.operation == operation
    assert record.outcome is Outcome.OK
    assert record.usage == USAGE
    assert record.tags == {"team": "search"}
    assert record.price_status is PriceStatus.PRICED
    # 100 x 3, 50 x 15 and 20 x 0.30 USD for a million tokens.
    assert spend.cost == Decimal("0.001056")
    assert spend.calls == 1
    assert record.time_to_first_chunk_s is not None
    assert 0 < record.time_to_first_chunk_s <= record.duration_s


@pytest.mark.parametrize("operation", OPENERS)
@pytest.mark.parametrize("end", PARTIAL, ids=lambda end: end.__name__)
def test_partial_stream(
    client: BaseClient, sink: ListSink, operation: str, end: Callable[[Any], None]
) -> None:
    """A stream given up is one abandoned call whose price is marked as estimated."""
    with attribution(team="search") as spend:
        stream = OPENERS[operation](client)
    end(stream)
    del stream
    record = one_record(sink)
    assert record.outcome is Outcome.ABANDONED
    assert record.error is None
    assert record.tags == {"team": "search"}
    assert spend.calls == 1
    if end in (close_unread, drop_unread):
        assert record.usage is None
        assert record.price_status is PriceStatus.UNPRICED
        assert record.price_reason == "the stream ended before its first event"
    else:
        assert record.price_status is PriceStatus.ESTIMATED
        assert record.usage_source.endswith("estimate")
        assert "output is a lower bound" in record.price_reason


@pytest.mark.parametrize("operation", OPENERS)
def test_break_ends_the_call_without_garbage_collection(
    client: BaseClient, recorder: Recorder, operation: str
) -> None:
    """A stream dropped by `break` is recorded soon, though botocore's is a cycle."""
    gc.disable()
    try:
        with attribution(team="search") as spend:
            break_early(OPENERS[operation](client))
        assert spend.calls == 1
    finally:
        gc.enable()


def test_a_stream_that_is_held_goes_on(client: BaseClient, sink: ListSink) -> None:
    """A stream that somebody may read on is not given up, however long it pauses."""
    stream = converse_stream(client)
    next(iter(stream))
    for _ in range(3):
        assert sink.records == []
    read_all(stream)
    (record,) = sink.records
    assert record.outcome is Outcome.OK


def test_a_held_stream_is_given_up_when_it_is_let_go(
    client: BaseClient, recorder: Recorder
) -> None:
    """Nobody has to ask: the recorder looks for itself after a while."""
    told: list[CallRecord] = []
    plain = PlainSink(told)
    recorder = Recorder(sinks=(plain,))
    uninstrument(client)
    stream = converse_stream(instrument(client, recorder=recorder))
    gc.disable()
    try:
        next(iter(stream))
        time.sleep(0.2)
        assert told == []
        del stream
        wait_until(lambda: told)
    finally:
        gc.enable()
    assert [record.outcome for record in told] == [Outcome.ABANDONED]


class PlainSink:
    """A sink that nobody settles for."""

    def __init__(self, told: list[CallRecord]) -> None:
        self.write = told.append

    def flush(self, timeout_s: float) -> bool:
        """Nothing is pending."""
        return timeout_s >= 0

    def close(self) -> None:
        """Nothing is held."""


def test_abandoned_keeps_the_first_events(client: BaseClient, sink: ListSink) -> None:
    """Anthropic's first chunk states input and cache, which are kept as they are."""
    break_early(invoke_stream(client))
    record = one_record(sink)
    assert record.usage is not None
    assert record.usage[Unit.INPUT_TOKEN] == 100
    assert record.usage[Unit.CACHE_READ_TOKEN] == 20


def test_estimate_learns(client: BaseClient, sink: ListSink) -> None:
    """What whole streams used for an event is what a dropped one is taken to use."""
    for _ in range(30):
        read_all(converse_stream(client))
    break_early(converse_stream(client))
    gc.collect()
    whole, dropped = sink.records[0], sink.records[-1]
    assert whole.usage is not None
    assert dropped.usage is not None
    # 50 tokens in 14 events; two events were seen.
    assert dropped.usage[Unit.OUTPUT_TOKEN] == round(2 * 50 / 14)
    # 120 tokens of prompt for this request, whatever its size.
    assert dropped.usage[Unit.INPUT_TOKEN] == 120


@pytest.mark.parametrize("operation", OPENERS)
def test_exception_event(
    simulator: Simulator, client: BaseClient, sink: ListSink, operation: str
) -> None:
    """An error event in a good answer reaches the caller and ends the call as error."""
    fault = Fault(FaultKind.EXCEPTION_EVENT, after=3)
    simulator.reply(Reply(usage=USAGE, chunks=10, fault=fault), times=1)
    with pytest.raises(EventStreamError) as caught:
        read_all(OPENERS[operation](client))
    record = one_record(sink)
    assert record.outcome is Outcome.ERROR
    assert record.error == caught.value.response["Error"]["Code"]
    assert record.price_status is PriceStatus.ESTIMATED


@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.BAD_CHECKSUM])
@pytest.mark.parametrize("operation", OPENERS)
def test_broken_stream(
    simulator: Simulator,
    client: BaseClient,
    sink: ListSink,
    operation: str,
    kind: FaultKind,
) -> None:
    """A connection cut or a spoilt frame raises what it raises without us."""
    reply = Reply(usage=USAGE, chunks=10, fault=Fault(kind, after=3))
    simulator.reply(reply, times=2)
    errors = []
    for each in (simulator.client(), client):
        with pytest.raises(Exception) as caught:  # noqa: PT011 -- compared below
            read_all(OPENERS[operation](each))
        errors.append(type(caught.value))
    assert errors[0] is errors[1]
    record = one_record(sink)
    assert record.outcome is Outcome.ERROR
    assert record.error == errors[1].__name__


@pytest.mark.parametrize("operation", OPENERS)
def test_types_stay_botocores(
    simulator: Simulator, client: BaseClient, operation: str
) -> None:
    """The stream is botocore's own type and yields what it yields without us."""
    reply = Reply(usage=USAGE, chunks=4, text="same")
    simulator.reply(reply, times=2)
    bare, metered = OPENERS[operation](simulator.client()), OPENERS[operation](client)
    assert isinstance(metered, EventStream)
    found, expected = list(metered), list(bare)
    assert [set(event) for event in expected] == [set(event) for event in found]
    assert len(expected) == len(found)


def test_it_looks_like_botocores(simulator: Simulator, client: BaseClient) -> None:
    """It has what botocore's stream has, and the caller may hang things on it."""
    bare, metered = converse_stream(simulator.client()), converse_stream(client)
    assert set(dir(bare)) <= set(dir(metered))
    assert vars(bare).keys() <= vars(metered).keys()
    assert not hasattr(metered, "no_such_thing")
    metered.note = "mine"
    assert metered.note == "mine"
    assert copy.copy(metered).note == "mine"
    for each in (bare, metered):
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(each)
        with pytest.raises(TypeError, match="cannot pickle"):
            copy.deepcopy(each)
        assert len(list(each)) == 14


class OtherStream(EventStream):
    """A stream of somebody's own kind, which counts what it gives."""

    count = 0

    def __iter__(self) -> Iterator[Any]:
        for event in super().__iter__():
            self.count += 1
            yield event


def test_a_stream_of_another_kind(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A stream that another library made before us keeps its class and its ways."""
    client = simulator.client()

    def exchange(parsed: dict[str, Any], **_: object) -> None:
        parsed["stream"].__class__ = OtherStream

    client.meta.events.register_first("after-call.bedrock-runtime", exchange)
    instrument(client, recorder=recorder)
    for _ in range(2):
        stream = converse_stream(client)
        assert isinstance(stream, OtherStream)
        read_all(stream)
        assert stream.count == 14
    assert [record.usage for record in sink.records] == [USAGE, USAGE]
    assert recorder.faults.counts() == {}


def test_a_copy_is_read(client: BaseClient, sink: ListSink) -> None:
    """A shallow copy reads the same stream, and the call is one."""
    stream = converse_stream(client)
    twin = copy.copy(stream)
    del stream
    gc.collect()
    assert sink.records == []
    read_all(twin)
    assert [record.usage for record in sink.records] == [USAGE]


@pytest.mark.parametrize("operation", OPENERS)
def test_two_iterators_by_turns(
    client: BaseClient, sink: ListSink, operation: str
) -> None:
    """Whichever of two iterators gets the last events, they are seen."""
    stream = OPENERS[operation](client)
    one, other = iter(stream), iter(stream)
    seen = 0
    while True:
        for each in (one, other):
            if next(each, None) is not None:
                seen += 1
                continue
            break
        else:
            continue
        break
    assert seen > 10
    del one, other, each
    (record,) = sink.records
    assert (record.outcome, record.usage) == (Outcome.OK, USAGE)


@pytest.mark.parametrize("operation", OPENERS)
@pytest.mark.parametrize("odd", [0, 1])
def test_the_end_is_told_to_another_iterator(
    client: BaseClient, sink: ListSink, operation: str, odd: int
) -> None:
    """One iterator gets the last event, the other one hears that there is no more."""
    stream = OPENERS[operation](client)
    count = len(list(OPENERS[operation](client)))
    sink.records.clear()
    holder, reader = iter(stream), iter(stream)
    next(reader)
    for _ in range(count - 1):
        next(holder)
    assert next(reader, None) is None
    if odd:
        holder.close()  # type: ignore[attr-defined]  # a generator
    else:
        assert next(holder, None) is None
    (record,) = sink.records
    assert (record.outcome, record.usage) == (Outcome.OK, USAGE)


def test_two_threads_read_one_stream(
    sink: ListSink,
) -> None:
    """What one thread is refused, as another reads, does not end the call."""
    is_reading, may_go_on = threading.Event(), threading.Event()

    def hold() -> None:
        is_reading.set()
        may_go_on.wait(HANG_S)

    client, recorder = canned_stream(Config(), sink, before_read=hold)
    stream = converse_stream(client)
    events: list[Any] = []
    thread = threading.Thread(target=lambda: events.extend(stream))
    thread.start()
    assert is_reading.wait(HANG_S)
    with pytest.raises(ValueError, match="already executing"):
        read_all(stream)
    may_go_on.set()
    thread.join()
    assert len(events) == 10
    (record,) = sink.records
    assert record.outcome is Outcome.OK
    assert record.usage == tokens(input_tokens=12, output_tokens=8)
    recorder.close()


def test_a_generator_of_the_callers_is_suspended(
    client: BaseClient, sink: ListSink
) -> None:
    """A stream within a generator ends with the generator, read on or let go."""

    def texts() -> Iterator[str]:
        for event in converse_stream(client):
            delta = event.get("contentBlockDelta")
            if delta:
                yield delta["delta"]["text"]

    assert "".join(texts()) == "0123456789"
    half_way = texts()
    assert next(half_way) == "0"
    assert len(sink.records) == 1
    half_way.close()  # type: ignore[attr-defined]  # a generator
    assert [record.outcome for record in sink.records] == [
        Outcome.OK,
        Outcome.ABANDONED,
    ]


def test_reading_after_close(
    simulator: Simulator, client: BaseClient, sink: ListSink
) -> None:
    """What a closed stream still gives is what it gives without us; the call is one."""
    found = []
    for each in (simulator.client(), client):
        stream = converse_stream(each)
        next(iter(stream))
        stream.close()
        try:
            found.append(len(list(stream)))
        except Exception as error:  # noqa: BLE001 -- whichever it is
            found.append(type(error))
    assert found[0] == found[1]
    assert [record.outcome for record in sink.records] == [Outcome.ABANDONED]


def test_initial_response(client: BaseClient, sink: ListSink) -> None:
    """Asking for an initial response, which Bedrock does not send, is as without us."""
    stream = converse_stream(client)
    with pytest.raises(NoInitialResponseError):
        stream.get_initial_response()
    read_all(stream)
    assert one_record(sink).outcome is Outcome.OK


def test_closing_the_recorder_ends_open_streams(
    client: BaseClient, recorder: Recorder, sink: ListSink
) -> None:
    """A stream that is still held when the recorder closes is recorded as given up."""
    stream = converse_stream(client)
    next(iter(stream))
    recorder.close()
    (record,) = sink.records
    assert record.outcome is Outcome.ABANDONED
    stream.close()
    assert len(sink.records) == 1


def test_two_threads_end_a_stream_once(client: BaseClient, sink: ListSink) -> None:
    """Closing from several threads at once gives one record."""
    for number in range(20):
        stream = converse_stream(client)
        start = threading.Barrier(4)

        def close(stream: Any = stream, start: threading.Barrier = start) -> None:
            start.wait()
            stream.close()

        threads = [threading.Thread(target=close) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(sink.records) == number + 1


# Bodies of InvokeModel. With token headers nothing of a body is needed; without them,
# or for the lifetimes of cache writes, it is looked at as the caller reads it.


def read_odd_pieces(body: Any) -> None:
    """read(7) until nothing comes."""
    while body.read(7):
        pass


def read_exact_length(body: Any) -> None:
    """read(n) with the very length, never asking for the end."""
    body.read(1_000_000)


def read_chunks(body: Any) -> None:
    """iter_chunks(5)."""
    for _ in body.iter_chunks(5):
        pass


def read_chunks_of(body: Any, size: int) -> None:
    """iter_chunks(size)."""
    for _ in body.iter_chunks(size):
        pass


def read_by_iteration(body: Any) -> None:
    """for piece in body."""
    for _ in body:
        pass


def read_readlines(body: Any) -> None:
    """readlines()."""
    body.readlines()


BODY_READERS = (
    read_at_once,
    read_odd_pieces,
    read_exact_length,
    read_lines,
    read_chunks,
    read_by_iteration,
    read_into,
    read_readlines,
)


def test_headers_need_no_body(client: BaseClient, sink: ListSink) -> None:
    """Where a body says no more than headers, the record is there before it is read."""
    model = "meta.llama3-8b-instruct-v1:0"
    body = client.invoke_model(modelId=model, body=b"{}")["body"]
    (record,) = sink.records
    assert record.usage_source == "headers"
    assert type(body) is StreamingBody


@pytest.mark.parametrize("read", BODY_READERS, ids=lambda read: read.__name__)
def test_lifetimes_come_from_the_body(
    simulator: Simulator, client: BaseClient, sink: ListSink, read: Any
) -> None:
    """Cache writes are split by lifetime once the body was read, in whatever pieces."""
    simulator.reply(Reply(usage=WRITES), times=1)
    body = body_of(client)
    assert isinstance(body, StreamingBody)
    read(body)
    (record,) = sink.records
    assert record.usage == WRITES
    assert record.outcome is Outcome.OK
    body.close()
    assert len(sink.records) == 1


@pytest.mark.parametrize("read", BODY_READERS, ids=lambda read: read.__name__)
def test_body_without_headers(
    simulator: Simulator, client: BaseClient, sink: ListSink, read: Any
) -> None:
    """Without token headers the body tells, and the caller gets it whole."""
    simulator.reply(Reply(usage=WRITES, token_headers=False), times=1)
    read(body_of(client))
    gc.collect()
    (record,) = sink.records
    assert record.usage == WRITES
    assert record.usage_source == "body.usage (anthropic)"


def test_unread_body_keeps_what_headers_say(
    simulator: Simulator, client: BaseClient, sink: ListSink
) -> None:
    """A body that is dropped unread leaves counts, with the lifetime assumed."""
    simulator.reply(Reply(usage=WRITES), times=1)
    body_of(client)
    record = one_record(sink)
    assert record.outcome is Outcome.ABANDONED
    assert record.usage == {
        Unit.INPUT_TOKEN: 10,
        Unit.OUTPUT_TOKEN: 5,
        Unit.CACHE_WRITE_5M_TOKEN: 100,
    }


def test_big_body_is_not_kept(
    simulator: Simulator, client: BaseClient, sink: ListSink
) -> None:
    """Of a long body only head and tail are held; its counts are still found."""
    long = Reply(usage=WRITES, token_headers=False, text="x" * 3_000_000)
    simulator.reply(long, times=1)
    body = body_of(client)
    tracemalloc.start()
    read_chunks_of(body, 100_000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_500_000
    (record,) = sink.records
    assert record.usage == WRITES


def test_a_broken_body_is_an_error(
    simulator: Simulator, client: BaseClient, sink: ListSink
) -> None:
    """A body that breaks while it is read ends the call at once, as an error."""
    fault = Fault(FaultKind.CUT, after=1)
    simulator.reply(Reply(usage=WRITES, token_headers=False, fault=fault), times=1)
    body = body_of(client)
    with pytest.raises(ResponseStreamingError):
        body.read()
    (record,) = sink.records
    assert (record.outcome, record.error) == (Outcome.ERROR, "ResponseStreamingError")


def test_body_in_a_block(
    simulator: Simulator, client: BaseClient, sink: ListSink
) -> None:
    """Within `with body`, botocore hands out what is underneath, and that tells too."""
    simulator.reply(Reply(usage=WRITES), times=1)
    with body_of(client) as raw:
        raw.read()
    (record,) = sink.records
    assert record.outcome is Outcome.OK
    assert record.usage == WRITES


def test_caller_may_change_events(client: BaseClient, sink: ListSink) -> None:
    """What the caller does to the final event does not reach the record."""
    for event in converse_stream(client):
        if "metadata" in event:
            event["metadata"].pop("usage")
            event.pop("metadata")
    (record,) = sink.records
    assert record.usage == USAGE


def test_no_guess_from_a_large_request(client: BaseClient, sink: ListSink) -> None:
    """The size of an image says nothing of tokens: the input is told to be unknown."""
    image = {"image": {"format": "png", "source": {"bytes": b"x" * 200_000}}}
    answer = client.converse_stream(
        modelId=MODEL, messages=[{"role": "user", "content": [image]}]
    )
    break_early(answer.pop("stream"))
    record = one_record(sink)
    assert record.usage is not None
    assert Unit.INPUT_TOKEN not in record.usage
    assert record.price_status is PriceStatus.PARTIAL
    assert record.price_reason == "not stated: input tokens"


def test_configure_leaves_calls_that_are_on_their_way(simulator: Simulator) -> None:
    """A call that is answered after new settings reaches the sinks of the old ones."""
    sink = ListSink()
    before = configure(metrics=False, sinks=[QueueSink(sink)])
    client = instrument(simulator.client())
    is_sent, is_over = threading.Event(), threading.Event()

    def hold(**_: object) -> None:
        is_sent.set()
        is_over.wait(HANG_S)

    client.meta.events.register_last("before-send.bedrock-runtime", hold)
    thread = threading.Thread(
        target=client.converse, kwargs={"modelId": MODEL, "messages": MESSAGES}
    )
    thread.start()
    assert is_sent.wait(HANG_S)
    configure(metrics=False)
    is_over.set()
    thread.join()
    assert before.flush(HANG_S)
    assert [record.operation for record in sink.records] == ["Converse"]


def test_configure_leaves_open_streams(simulator: Simulator) -> None:
    """A stream that is being read goes on under the recorder that it began with."""
    sink = ListSink()
    configure(sinks=(sink,), metrics=False)
    stream = converse_stream(instrument(simulator.client()))
    next(iter(stream))
    configure(metrics=False)
    read_all(stream)
    assert [record.usage for record in sink.records] == [USAGE]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_open_streams_are_their_parents(
    client: BaseClient, recorder: Recorder, sink: ListSink
) -> None:
    """A forked child records no stream that its parent has open."""
    stream = converse_stream(client)
    next(iter(stream))
    told = multiprocessing.get_context("fork").SimpleQueue()

    def child() -> None:
        recorder.close()
        told.put(len(sink.records))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    assert told.get() == 0
    process.join(HANG_S)
    read_all(stream)
    assert [record.outcome for record in sink.records] == [Outcome.OK]


def test_closing_keeps_what_the_first_event_said(
    client: BaseClient, recorder: Recorder, sink: ListSink
) -> None:
    """A stream that is being read when the recorder closes keeps its first event."""
    running, other = iter(invoke_stream(client)), iter(converse_stream(client))
    next(running)
    next(other)
    recorder.close()
    by_operation = {record.operation: record for record in sink.records}
    converse = by_operation["ConverseStream"]
    assert converse.usage is not None
    assert converse.usage[Unit.OUTPUT_TOKEN] >= 1
    record = by_operation["InvokeModelWithResponseStream"]
    assert record.outcome is Outcome.ABANDONED
    assert record.usage is not None
    assert record.usage[Unit.INPUT_TOKEN] == 100
    assert record.usage[Unit.CACHE_READ_TOKEN] == 20
    assert record.usage[Unit.OUTPUT_TOKEN] >= 1
    assert record.price_status is PriceStatus.ESTIMATED
