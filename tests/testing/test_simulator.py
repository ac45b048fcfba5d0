"""What a real boto3 client gets from the simulator."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from urllib3.exceptions import ProtocolError

from bedrock_attrib.testing import (
    Fault,
    FaultKind,
    Reply,
    Simulator,
    bedrock_simulator,
    tokens,
)

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
THREE_ATTEMPTS = Config(retries={"total_max_attempts": 3, "mode": "standard"})
HELLO = [{"role": "user", "content": [{"text": "Hello"}]}]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulator that is closed after the test."""
    with bedrock_simulator() as running:
        yield running


def test_converse_answers_without_any_script(simulator: Simulator) -> None:
    """A new simulator answers Converse with a text and its usage."""
    answer = simulator.client().converse(modelId=CLAUDE, messages=HELLO)

    assert answer["output"]["message"] == {
        "role": "assistant",
        "content": [{"text": "Hello from this machine."}],
    }
    assert answer["usage"] == {
        "inputTokens": 12,
        "outputTokens": 8,
        "totalTokens": 20,
    }
    assert answer["stopReason"] == "end_turn"


def test_converse_stream_ends_with_metadata(simulator: Simulator) -> None:
    """The last event of ConverseStream tells the usage."""
    simulator.reply(Reply(usage=tokens(input_tokens=3, output_tokens=5)))

    stream = simulator.client().converse_stream(modelId=CLAUDE, messages=HELLO)
    events = list(stream["stream"])

    assert [next(iter(event)) for event in events] == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert events[-1]["metadata"]["usage"] == {
        "inputTokens": 3,
        "outputTokens": 5,
        "totalTokens": 8,
    }


def test_invoke_model_tells_usage_in_headers_and_body(simulator: Simulator) -> None:
    """InvokeModel counts tokens in its headers as in its body."""
    answer = simulator.client().invoke_model(modelId=CLAUDE, body=b"{}")

    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-input-token-count"] == "12"
    assert headers["x-amzn-bedrock-output-token-count"] == "8"
    assert json.loads(answer["body"].read())["usage"] == {
        "input_tokens": 12,
        "output_tokens": 8,
    }


def test_an_error_holds_for_as_many_times_as_told(simulator: Simulator) -> None:
    """A throttled call raises once; the next one succeeds."""
    client = simulator.client()
    simulator.reply(Reply(error="ThrottlingException"), times=1)

    with pytest.raises(client.exceptions.ThrottlingException) as caught:
        client.converse(modelId=CLAUDE, messages=HELLO)

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert client.converse(modelId=CLAUDE, messages=HELLO)["stopReason"] == "end_turn"


def test_a_retry_succeeds_after_a_scripted_error(simulator: Simulator) -> None:
    """A client that retries gets the answer that follows the error."""
    simulator.reply(Reply(error="ServiceUnavailableException"), times=2)
    client = simulator.client(config=THREE_ATTEMPTS)

    answer = client.converse(modelId=CLAUDE, messages=HELLO)

    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    assert len(simulator.requests) == 3


def test_an_exception_event_ends_the_stream(simulator: Simulator) -> None:
    """The client raises EventStreamError in mid-stream."""
    simulator.reply(Reply(fault=Fault(FaultKind.EXCEPTION_EVENT, after=2)))

    stream = simulator.client().converse_stream(modelId=CLAUDE, messages=HELLO)
    seen = []
    with (
        closing(stream["stream"]) as events,
        pytest.raises(EventStreamError, match="modelStreamErrorException"),
    ):
        seen.extend(events)

    assert [next(iter(event)) for event in seen] == [
        "messageStart",
        "contentBlockDelta",
    ]


def test_a_cut_breaks_the_connection(simulator: Simulator) -> None:
    """The client finds that the answer ended too early."""
    simulator.reply(Reply(fault=Fault(FaultKind.CUT, after=1)))

    stream = simulator.client().converse_stream(modelId=CLAUDE, messages=HELLO)

    with closing(stream["stream"]) as events, pytest.raises(ProtocolError):
        list(events)


def test_an_unknown_path_is_an_unknown_operation(simulator: Simulator) -> None:
    """An operation of another service is refused."""
    client = simulator.client("bedrock")

    with pytest.raises(ClientError, match="UnknownOperationException"):
        client.list_foundation_models()
