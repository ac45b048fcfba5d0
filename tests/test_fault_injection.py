"""Whatever of ours breaks, the caller's result and exception stay the same."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from streams import MESSAGES, MODEL, body_of, converse_stream, invoke_stream

import bedrock_attrib._instrument.event_handlers as client_module
import bedrock_attrib._readers.raw_http as raw_http_module
import bedrock_attrib._readers.responses as responses_module
import bedrock_attrib._readers.streams as events_module
import bedrock_attrib._recording.finalizer as finalizer_module
import bedrock_attrib._recording.lifecycle as lifecycle_module
from bedrock_attrib import CallRecord, PriceTable, Recorder, attribution, instrument
from bedrock_attrib._attribution.spend import SpendSums
from bedrock_attrib._model.record import PriceStatus
from bedrock_attrib._recording.call import Call
from bedrock_attrib._recording.call_target import CallTargets
from bedrock_attrib._recording.finalizer import Finalizer
from bedrock_attrib._recording.lifecycle import CallLifecycle
from bedrock_attrib.pricing._rate_sheet import ModelPricer
from bedrock_attrib.testing import (
    ListSink,
    Reply,
    Simulator,
    bedrock_simulator,
    tokens,
)

pytestmark = pytest.mark.drops_streams

WRITES = tokens(input_tokens=10, output_tokens=5, cache_write_1h_tokens=70)


class BoomError(Exception):
    """The fault that is injected."""


def boom(*_args: object, **_kwargs: object) -> Any:
    """Fail."""
    raise BoomError


def converse(client: BaseClient) -> object:
    """A plain call."""
    return client.converse(modelId=MODEL, messages=MESSAGES)["usage"]


def invoke(client: BaseClient) -> object:
    """A call whose body has to be watched."""
    return body_of(client).read()[-30:]


def stream(client: BaseClient) -> object:
    """A stream read to its end."""
    return len(list(converse_stream(client)))


def stream_to_the_last(client: BaseClient) -> object:
    """The other stream, left at its last event."""
    count = 0
    for event in invoke_stream(client):
        count += 1
        if b"invocationMetrics" in event["chunk"]["bytes"]:
            break
    return count


def refused(client: BaseClient) -> object:
    """A call that AWS turns away."""
    with pytest.raises(ClientError) as caught:
        client.converse(modelId="unknown", messages=MESSAGES)
    return caught.value.response["Error"]


def rerank(client: BaseClient) -> object:
    """A call whose request has to be looked at."""
    answer = client.invoke_model(modelId="cohere.rerank-v3-5:0", body=b"{}")
    return len(answer["body"].read()) > 0


USES = (converse, invoke, stream, stream_to_the_last, refused, rerank)

# Every place of ours that works during a call: where, and what breaks there.
PLACES: dict[str, tuple[Any, str]] = {
    "start of a call": (CallLifecycle, "start"),
    "call targets": (CallTargets, "of"),
    "a call's own object": (Call, "__init__"),
    "attribution in force": (lifecycle_module, "current_attribution"),
    "attempts": (client_module, "_doubtful_error"),
    "answer": (client_module, "_take_answer"),
    "error status": (CallLifecycle, "rejected"),
    "classifying an error": (lifecycle_module, "status_of_refusal"),
    "end of an answer": (CallLifecycle, "answered"),
    "end of a stream": (CallLifecycle, "stream_ended"),
    "dropped call": (CallLifecycle, "call_dropped"),
    "opening a stream": (client_module, "observe_stream"),
    "opening a body": (client_module, "observe_body"),
    "need of a body": (responses_module, "_may_lack"),
    "open streams": (CallLifecycle, "answer_opened"),
    "reading a body": (raw_http_module, "read_body"),
    "counts of a stream": (events_module, "read_fields"),
    "reading a stream": (finalizer_module, "read_stream"),
    "building a record": (finalizer_module, "build_record"),
    "spend": (SpendSums, "add"),
    "price look-up": (ModelPricer, "quote"),
    "loading prices": (PriceTable, "bundled"),
    "finalizing": (Finalizer, "_finalize_one"),
    "end": (CallLifecycle, "_end"),
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One endpoint for the tests of this file."""
    with bedrock_simulator() as simulator:
        simulator.reply(Reply(usage=WRITES))
        simulator.reply(Reply(error="ValidationException"), model_id="unknown")
        yield simulator


@pytest.fixture(autouse=True)
def _nothing_left_pending() -> Iterator[None]:
    """Finalize streams that a test dropped before the next test breaks things."""
    yield
    gc.collect()
    for recorder in [each for each in gc.get_objects() if type(each) is Recorder]:
        recorder.flush()


@pytest.fixture
def expected(simulator: Simulator) -> list[object]:
    """What a bare client gets."""
    return [use(simulator.client()) for use in USES]


@pytest.mark.parametrize("place", PLACES)
def test_fault_of_ours(
    simulator: Simulator,
    expected: list[object],
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The caller notices nothing; the fault is counted, and told once per kind."""
    sink = ListSink()
    recorder = Recorder(sinks=(sink,))
    client = instrument(simulator.client(), recorder=recorder)
    target, name = PLACES[place]
    with monkeypatch.context() as patch:
        patch.setattr(target, name, boom)
        with attribution(team="search") as spend:
            found = [use(client) for _ in range(2) for use in USES]
        recorder.flush()
    assert spend.calls <= len(found)
    assert found == expected * 2
    assert sum(recorder.faults.counts().values()) >= 1
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    told = [message.split(" (raised")[0] for message in warnings]
    assert sorted(told) == sorted(set(told))
    assert told


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_faulty_sink(simulator: Simulator, use: Callable[[BaseClient], object]) -> None:
    """One sink that fails keeps no other from being told."""

    class Broken(ListSink):
        def write(self, record: CallRecord) -> None:
            raise BoomError(record.id)

        def flush(self, timeout_s: float) -> bool:
            raise BoomError(timeout_s)

        def close(self) -> None:
            raise BoomError

    sink = ListSink()
    recorder = Recorder(sinks=(Broken(), sink))
    client = instrument(simulator.client(), recorder=recorder)
    use(client)
    assert len(sink.records) == 1
    assert recorder.flush() is False
    recorder.close()
    assert recorder.faults.counts() == {"Broken": 4}


def test_faulty_prices_leave_the_usage(simulator: Simulator) -> None:
    """A price look-up that fails leaves usage, no price and the reason."""

    class Broken(PriceTable):
        quote = boom

    sink = ListSink()
    prices = Broken.__new__(Broken)
    recorder = Recorder(prices, sinks=(sink,))
    usage = tokens(input_tokens=10, output_tokens=5)
    simulator.reply(Reply(usage=usage), times=1)
    converse(instrument(simulator.client(), recorder=recorder))
    (record,) = sink.records
    assert record.usage == usage
    assert record.cost is None
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason == "the price could not be found; see the log"


def test_faulty_clock(simulator: Simulator, expected: list[object]) -> None:
    """A clock that fails costs the record, not the call."""
    recorder = Recorder(clock=boom)
    client = instrument(simulator.client(), recorder=recorder)
    assert [use(client) for use in USES] == expected
    assert recorder.faults.counts() == {"start": 6}


def test_strange_answer(simulator: Simulator) -> None:
    """An answer of a shape that nobody expects is recorded as unknown, not as zero."""
    sink = ListSink()
    recorder = Recorder(sinks=(sink,))
    client = instrument(simulator.client(), recorder=recorder)
    simulator.reply(Reply(body=b'{"usage": {}}'), times=1)
    client.converse(modelId=MODEL, messages=MESSAGES)
    (record,) = sink.records
    assert record.usage is None
    assert record.price_status is PriceStatus.UNPRICED
