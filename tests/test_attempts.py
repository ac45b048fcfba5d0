"""botocore's hidden retries: counted, and what AWS may have billed of them is told."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from waiting import HANG_S

from bedrock_attrib import CallRecord, Recorder, attribution, instrument
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.aws.profiles import ProfileResolver
from bedrock_attrib.testing import (
    Fault,
    FaultKind,
    InferenceProfile,
    ListSink,
    Reply,
    Simulator,
)

pytestmark = pytest.mark.drops_streams

MODEL = "amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
READ_TIMEOUT_S = 1  # within which a busy machine has to give the other answers


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """botocore tries again at once; what a test dropped is collected within it."""
    at_once = SimpleNamespace(sleep=lambda _seconds: None)
    monkeypatch.setattr(botocore.endpoint, "time", at_once)
    yield
    gc.collect()


def retrying(
    simulator: Simulator, recorder: Recorder, mode: str = "standard", attempts: int = 3
) -> BaseClient:
    """A metered client that makes so many attempts."""
    config = Config(
        retries={"total_max_attempts": attempts, "mode": mode},
        read_timeout=READ_TIMEOUT_S,
    )
    return instrument(simulator.client(config=config), recorder=recorder)


def converse(client: BaseClient) -> Any:
    """One call."""
    return client.converse(modelId=MODEL, messages=MESSAGES)


def told(record: CallRecord) -> tuple[int, tuple[str, ...], str, str]:
    """What a record says of attempts and price."""
    return (
        record.attempts,
        record.doubtful_attempts,
        record.price_status.value,
        record.price_reason,
    )


# What goes wrong at first; then attempts, price status and reason of the call.
THROTTLED = Reply(error="ThrottlingException")
NOT_READY = Reply(error="ModelNotReadyException")
BROKEN = Reply(error="InternalServerException")
BUSY = Reply(error="ServiceUnavailableException")
SILENT = Reply(latency_s=600)
CLOSED = Reply(fault=Fault(FaultKind.NO_ANSWER))

TOO = "AWS may have billed an earlier attempt too: "
TOO_MANY = "AWS may have billed earlier attempts too: "
TURNED_AWAY = "ThrottlingException; not billed"
UNFINISHED = "the stream ended before its final counts; output is a lower bound"
FIRST: dict[str, tuple[Reply, tuple[str, ...], str, str]] = {
    "throttled": (THROTTLED, (), "priced", ""),
    "server error": (
        BROKEN,
        ("InternalServerException",),
        "partial",
        f"{TOO}InternalServerException",
    ),
    "busy": (
        BUSY,
        ("ServiceUnavailableException",),
        "partial",
        f"{TOO}ServiceUnavailableException",
    ),
    "timeout": (SILENT, ("ReadTimeoutError",), "partial", f"{TOO}ReadTimeoutError"),
    "connection closed": (
        CLOSED,
        ("ConnectionClosedError",),
        "partial",
        f"{TOO}ConnectionClosedError",
    ),
}


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
@pytest.mark.parametrize("kind", FIRST)
def test_one_attempt_fails(
    simulator: Simulator, recorder: Recorder, sink: ListSink, mode: str, kind: str
) -> None:
    """The call is counted once, whatever the mode, and the doubt is named."""
    first, doubtful, status, reason = FIRST[kind]
    client = retrying(simulator, recorder, mode)
    simulator.reply(first, times=1)
    with attribution(team="search") as spend:
        converse(client)
    (record,) = sink.records
    assert told(record) == (2, doubtful, status, reason)
    assert record.outcome is Outcome.OK
    assert record.cost is not None
    assert spend.cost == record.cost.total  # what is known of it
    assert spend.unpriced_calls == (status == "partial")


def test_several_attempts_fail(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Each attempt that may be billed is named, in order, and no other one."""
    client = retrying(simulator, recorder, attempts=5)
    for reply in (CLOSED, THROTTLED, SILENT):  # the latest is answered first
        simulator.reply(reply, times=1)
    converse(client)
    assert told(sink.records[0]) == (
        4,
        ("ReadTimeoutError", "ConnectionClosedError"),
        "partial",
        f"{TOO_MANY}ReadTimeoutError, ConnectionClosedError",
    )


@pytest.mark.parametrize(
    ("reply", "error", "name"),
    [
        (SILENT, ReadTimeoutError, "ReadTimeoutError"),
        (CLOSED, ConnectionClosedError, "ConnectionClosedError"),
    ],
    ids=["timeout", "connection closed"],
)
def test_every_attempt_fails(
    simulator: Simulator,
    recorder: Recorder,
    sink: ListSink,
    reply: Reply,
    error: type[Exception],
    name: str,
) -> None:
    """A call that never got an answer is unpriced, and says how often it was sent."""
    simulator.reply(reply, times=2)
    with pytest.raises(error):
        converse(retrying(simulator, recorder, attempts=2))
    assert told(sink.records[0]) == (
        2,
        (name, name),
        "unpriced",
        f"{name}: no answer came, and AWS may have billed the call; {TOO}{name}",
    )


def test_a_refusal_after_a_timeout_is_not_free(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """That the last attempt cost nothing says nothing of those before it."""
    simulator.reply(THROTTLED)
    simulator.reply(SILENT, times=1)
    with pytest.raises(ClientError):
        converse(retrying(simulator, recorder, attempts=2))
    assert told(sink.records[0]) == (
        2,
        ("ReadTimeoutError",),
        "unpriced",
        f"rejected with {TURNED_AWAY}; {TOO}ReadTimeoutError",
    )


def test_no_connection_after_a_timeout_is_not_free(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A last attempt that was never sent does not make the first one free."""
    client = retrying(simulator, recorder, attempts=2)
    sent: list[str] = []

    def send(request: Any, **_: object) -> None:
        sent.append(request.url)  # the request itself would keep the call
        if len(sent) == 2:
            raise EndpointConnectionError(endpoint_url=request.url)

    client.meta.events.register("before-send.bedrock-runtime", send)
    simulator.reply(SILENT, times=1)
    with pytest.raises(EndpointConnectionError):
        converse(client)
    assert told(sink.records[0]) == (
        2,
        ("ReadTimeoutError",),
        "unpriced",
        f"EndpointConnectionError: the request was not sent; {TOO}ReadTimeoutError",
    )


def test_an_interrupted_retry(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A call that is interrupted in its second attempt tells of the first."""
    client = retrying(simulator, recorder)
    sent: list[str] = []

    def send(request: Any, **_: object) -> None:
        sent.append(request.url)  # the request itself would keep the call
        if len(sent) == 2:
            raise KeyboardInterrupt

    client.meta.events.register("before-send.bedrock-runtime", send)
    simulator.reply(SILENT, times=1)
    with suppress(KeyboardInterrupt):
        converse(client)
    gc.collect()
    (record,) = sink.records
    assert record.doubtful_attempts == ("ReadTimeoutError",)
    assert record.price_reason == (
        "Interrupted: no answer came, and AWS may have billed the call; "
        f"{TOO}ReadTimeoutError"
    )


def test_what_is_free_stays_free(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A timeout before a call that was never sent: nothing reached AWS at all."""
    client = retrying(simulator, recorder, attempts=2)

    def send(request: Any, **_: object) -> None:
        raise EndpointConnectionError(endpoint_url=request.url)

    client.meta.events.register("before-send.bedrock-runtime", send)
    with pytest.raises(EndpointConnectionError):
        converse(client)
    assert told(sink.records[0]) == (
        2,
        (),
        "free",
        "EndpointConnectionError: the request was not sent",
    )


def test_a_stream_after_a_timeout(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """The attempt before a stream is told, however the stream ends."""
    client = retrying(simulator, recorder)
    simulator.reply(Reply(), times=2)
    simulator.reply(SILENT, times=1)
    stream = client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"]
    assert len(list(stream)) == 7
    simulator.reply(SILENT, times=1)
    dropped = client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"]
    next(iter(dropped))
    del dropped
    gc.collect()  # the exception of the first attempt keeps the answer of the second
    whole, left = sink.records
    assert told(whole)[2:] == ("partial", f"{TOO}ReadTimeoutError")
    assert told(left)[2:] == (
        "partial",
        f"{UNFINISHED}; {TOO}ReadTimeoutError",
    )


def test_a_timeout_in_mid_stream(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A stream that falls silent is an error, estimated from what was seen."""
    fault = Fault(FaultKind.STALL, after=4)
    simulator.reply(Reply(chunks=10, chunk_interval_s=0.01, fault=fault), times=1)
    client = retrying(simulator, recorder)
    stream = client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"]
    with pytest.raises(Exception, match="timed out"):
        list(stream)
    (record,) = sink.records
    assert (record.outcome, record.error) == (Outcome.ERROR, "ReadTimeoutError")
    assert record.attempts == 1
    assert record.doubtful_attempts == ()
    assert record.price_status is PriceStatus.ESTIMATED


def test_a_late_price_keeps_the_doubt(simulator: Simulator, sink: ListSink) -> None:
    """A call that is priced when its profile is known is no surer than before."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
    model = f"arn:aws:bedrock:us-east-1::foundation-model/{MODEL}"
    simulator.add_profile(InferenceProfile(arn=arn, model_arns=(model,)))
    resolver = ProfileResolver(
        client_for=lambda region: simulator.client("bedrock", region_name=region)
    )
    recorder = Recorder(sinks=(sink,), profiles=resolver)
    simulator.reply(BROKEN, times=1)
    retrying(simulator, recorder).converse(modelId=arn, messages=MESSAGES)
    assert recorder.flush(HANG_S)
    assert resolver.wait(HANG_S)
    recorder.flush()
    assert [told(record)[2:] for record in sink.records] == [
        (
            "partial",
            f"priced after its profile was looked up; {TOO}InternalServerException",
        )
    ]
    recorder.close()
    resolver.close()
