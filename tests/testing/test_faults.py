"""What a client raises when an answer breaks."""

from __future__ import annotations

from contextlib import closing
from time import perf_counter

import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.eventstream import ChecksumMismatch
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EventStreamError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from urllib3.exceptions import ProtocolError
from urllib3.exceptions import ReadTimeoutError as UrllibReadTimeoutError

from bedrock_attrib.testing import Fault, FaultKind, Reply, Simulator

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HELLO = [{"role": "user", "content": [{"text": "Hello"}]}]
IMPATIENT = Config(read_timeout=1.5)


def events_until_error(
    client: BaseClient, error: type[Exception], match: str | None = None
) -> list[str]:
    """Names of the events that came before ConverseStream raised *error*."""
    answer = client.converse_stream(modelId=CLAUDE, messages=HELLO)
    seen = []
    with closing(answer["stream"]) as events, pytest.raises(error, match=match):
        seen.extend(next(iter(event)) for event in events)
    return seen


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 403),
        ("InternalServerException", 500),
        ("ModelErrorException", 424),
        ("ModelNotReadyException", 429),
        ("ModelTimeoutException", 408),
        ("ResourceNotFoundException", 404),
        ("ServiceQuotaExceededException", 400),
        ("ServiceUnavailableException", 503),
        ("ThrottlingException", 429),
        ("ValidationException", 400),
        ("SomethingNewException", 400),
    ],
)
def test_an_error_has_the_status_of_its_code(
    simulator: Simulator, client: BaseClient, code: str, status: int
) -> None:
    """The client raises the code with AWS's HTTP status."""
    simulator.reply(Reply(error=code, error_message="No."))

    with pytest.raises(ClientError) as caught:
        client.invoke_model(modelId=CLAUDE, body=b"{}")

    assert caught.value.response["Error"] == {"Code": code, "Message": "No."}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_an_error_may_have_another_status_and_more_fields(
    simulator: Simulator, client: BaseClient
) -> None:
    """What the reply sets wins over AWS's model."""
    simulator.reply(
        Reply(
            error="ModelErrorException",
            status=500,
            extra={"originalStatusCode": 502},
        )
    )

    with pytest.raises(client.exceptions.ModelErrorException) as caught:
        client.converse(modelId=CLAUDE, messages=HELLO)

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert caught.value.response["originalStatusCode"] == 502


@pytest.mark.parametrize(
    "exception_type",
    [
        "internalServerException",
        "modelStreamErrorException",
        "serviceUnavailableException",
        "throttlingException",
        "validationException",
    ],
)
def test_an_exception_event_ends_a_stream(
    simulator: Simulator, client: BaseClient, exception_type: str
) -> None:
    """The client raises EventStreamError after the events that came before it."""
    fault = Fault(FaultKind.EXCEPTION_EVENT, after=2, error=exception_type)
    simulator.reply(Reply(fault=fault))

    seen = events_until_error(client, EventStreamError, exception_type)

    assert seen == ["messageStart", "contentBlockDelta"]


def test_a_timeout_event_ends_a_stream_of_invoke_model(
    simulator: Simulator, client: BaseClient
) -> None:
    """InvokeModel's streams know modelTimeoutException as well."""
    fault = Fault(FaultKind.EXCEPTION_EVENT, error="modelTimeoutException")
    simulator.reply(Reply(fault=fault))

    answer = client.invoke_model_with_response_stream(modelId=CLAUDE, body=b"{}")

    with (
        closing(answer["body"]) as events,
        pytest.raises(EventStreamError, match="modelTimeoutException"),
    ):
        list(events)


def test_a_cut_ends_a_stream_early(simulator: Simulator, client: BaseClient) -> None:
    """The client raises urllib3's ProtocolError after two events."""
    simulator.reply(Reply(fault=Fault(FaultKind.CUT, after=2)))

    seen = events_until_error(client, ProtocolError)

    assert seen == ["messageStart", "contentBlockDelta"]


def test_a_cut_body_is_shorter_than_promised(
    simulator: Simulator, client: BaseClient
) -> None:
    """The reader of InvokeModel's body gets an error instead of half an answer."""
    simulator.reply(Reply(fault=Fault(FaultKind.CUT)))

    answer = client.invoke_model(modelId=CLAUDE, body=b"{}")

    with closing(answer["body"]) as body, pytest.raises(ResponseStreamingError):
        body.read()


def test_a_wrong_checksum_is_noticed(simulator: Simulator, client: BaseClient) -> None:
    """The decoder of botocore refuses the frame and none of the later ones is read."""
    simulator.reply(Reply(fault=Fault(FaultKind.BAD_CHECKSUM, after=1)))

    assert events_until_error(client, ChecksumMismatch) == ["messageStart"]


def test_a_plain_answer_has_no_frame_to_spoil(
    simulator: Simulator, client: BaseClient
) -> None:
    """Faults of frames leave an answer without frames as it is."""
    simulator.reply(Reply(fault=Fault(FaultKind.BAD_CHECKSUM)))

    answer = client.converse(modelId=CLAUDE, messages=HELLO)

    assert answer["stopReason"] == "end_turn"


def test_a_stalled_stream_times_out(simulator: Simulator) -> None:
    """The client waits for as long as it was told, and then raises."""
    simulator.reply(Reply(fault=Fault(FaultKind.STALL, after=2)))
    client = simulator.client(config=IMPATIENT)

    seen = events_until_error(client, UrllibReadTimeoutError)

    assert seen == ["messageStart", "contentBlockDelta"]


def test_a_slow_answer_times_out(simulator: Simulator) -> None:
    """Waiting for the first byte is a read timeout."""
    simulator.reply(Reply(latency_s=600.0))
    client = simulator.client(config=IMPATIENT)

    with pytest.raises(ReadTimeoutError):
        client.converse(modelId=CLAUDE, messages=HELLO)


def test_no_answer_is_a_closed_connection(
    simulator: Simulator, client: BaseClient
) -> None:
    """The client raises ConnectionClosedError: nobody knows what was billed."""
    simulator.reply(Reply(fault=Fault(FaultKind.NO_ANSWER)))

    with pytest.raises(ConnectionClosedError):
        client.converse(modelId=CLAUDE, messages=HELLO)


def test_latency_comes_before_the_answer_and_between_its_frames(
    simulator: Simulator, client: BaseClient
) -> None:
    """Seven frames with six pauses after a first wait."""
    simulator.reply(Reply(latency_s=0.05, chunk_interval_s=0.02))

    started = perf_counter()
    answer = client.converse_stream(modelId=CLAUDE, messages=HELLO)
    events = iter(answer["stream"])
    next(events)
    first = perf_counter() - started
    last = list(events)[-1]
    whole = perf_counter() - started

    assert first >= 0.05
    assert whole >= 0.05 + 6 * 0.02
    assert last["metadata"]["metrics"] == {"latencyMs": 50}


def test_closing_does_not_wait_for_a_stall(simulator: Simulator) -> None:
    """A simulator closes although connections are stalled, slow and idle."""
    simulator.reply(Reply(fault=Fault(FaultKind.STALL)), operation="ConverseStream")
    simulator.reply(
        Reply(chunk_interval_s=6000.0), operation="InvokeModelWithResponseStream"
    )
    client = simulator.client()
    client.converse(modelId=CLAUDE, messages=HELLO)
    stalled = client.converse_stream(modelId=CLAUDE, messages=HELLO)["stream"]
    slow = client.invoke_model_with_response_stream(modelId=CLAUDE, body=b"{}")["body"]

    simulator.close()

    with closing(stalled), closing(slow), pytest.raises(ProtocolError):
        list(slow)
