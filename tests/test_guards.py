"""Guards see the size of a request, and what they reserve is settled once."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bedrock_attrib import (
    CallRecord,
    CallStart,
    ConfigError,
    Recorder,
    RefusedError,
    instrument,
)
from bedrock_attrib._instrument.targets import current_handlers
from bedrock_attrib.sinks import RequestSize
from bedrock_attrib.testing import Reply, Simulator, bedrock_simulator

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]


class Held:
    """A reservation that notes how it was settled."""

    def __init__(self) -> None:
        self.settled: list[tuple[str, str]] = []

    def settle(self, record: CallRecord) -> None:
        """Note outcome and price status."""
        self.settled.append((record.outcome.value, record.price_status.value))


class Reserving:
    """A guard that reserves something for each call."""

    def __init__(self) -> None:
        self.held: list[Held] = []
        self.starts: list[CallStart] = []
        self.sizes: list[RequestSize | None] = []

    def check(self, start: CallStart) -> Held:
        """Reserve."""
        self.starts.append(start)
        self.sizes.append(start.request_size)
        self.held.append(Held())
        return self.held[-1]

    @property
    def settled(self) -> list[list[tuple[str, str]]]:
        """How each was settled."""
        return [held.settled for held in self.held]


class Refusing:
    """A guard that refuses every call."""

    def check(self, start: CallStart) -> None:
        """Refuse."""
        raise RefusedError(start.operation)


class Failing:
    """A guard with a fault."""

    def check(self, start: CallStart) -> None:
        """Fail."""
        raise ZeroDivisionError(start.operation)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A Bedrock endpoint."""
    with bedrock_simulator() as simulator:
        yield simulator


@pytest.fixture
def guard() -> Reserving:
    """A guard that reserves."""
    return Reserving()


def client_of(simulator: Simulator, *guards: Any) -> tuple[Any, Recorder]:
    """A client whose calls *guards* check."""
    recorder = Recorder(guards=guards)
    return instrument(simulator.client(), recorder=recorder), recorder


def test_an_answer(simulator: Simulator, guard: Reserving) -> None:
    """A call that was answered settles its reservation with its price."""
    client, recorder = client_of(simulator, guard)
    client.converse(modelId=CLAUDE, messages=MESSAGES)
    recorder.flush()
    assert guard.settled == [[("ok", "priced")]]


def test_each_call_settles_its_own(simulator: Simulator, guard: Reserving) -> None:
    """Equal calls settle one reservation each, before the next call is checked."""
    seen: list[int] = []

    class Counting(Reserving):
        def check(self, start: CallStart) -> Held:
            seen.append(sum(map(len, self.settled)))
            return super().check(start)

    counting = Counting()
    client, recorder = client_of(simulator, counting, guard)
    for _ in range(4):
        client.converse(modelId=CLAUDE, messages=MESSAGES)
    recorder.flush()
    assert counting.settled == guard.settled == [[("ok", "priced")]] * 4
    assert seen == [0, 1, 2, 3]


def test_an_error(simulator: Simulator, guard: Reserving) -> None:
    """A call that AWS rejected releases its reservation."""
    client, recorder = client_of(simulator, guard)
    simulator.reply(Reply(error="ValidationException"), times=1)
    with pytest.raises(ClientError):
        client.converse(modelId=CLAUDE, messages=MESSAGES)
    recorder.flush()
    assert guard.settled == [[("error", "free")]]


def test_an_abandoned_stream(simulator: Simulator, guard: Reserving) -> None:
    """A stream that was left settles its reservation with the estimate."""
    client, recorder = client_of(simulator, guard)
    stream = client.converse_stream(modelId=CLAUDE, messages=MESSAGES)["stream"]
    next(iter(stream))
    assert guard.settled == [[]]
    stream.close()
    recorder.flush()
    assert guard.settled == [[("abandoned", "estimated")]]


def test_a_dropped_call(simulator: Simulator, guard: Reserving) -> None:
    """A call that never came to be sent releases its reservation."""
    client, recorder = client_of(simulator, guard)

    def refuse(**_: object) -> None:
        raise ValueError("not sent")

    client.meta.events.register("before-call.bedrock-runtime", refuse)
    with pytest.raises(ValueError, match="not sent"):
        client.converse(modelId=CLAUDE, messages=MESSAGES)
    gc.collect()
    recorder.flush()
    assert guard.settled == [[("error", "free")]]


def test_a_later_guard_refuses(simulator: Simulator, guard: Reserving) -> None:
    """What was reserved before another guard refused is released."""
    client, recorder = client_of(simulator, guard, Failing(), Refusing(), guard)
    with pytest.raises(RefusedError, match="Converse"):
        client.converse(modelId=CLAUDE, messages=MESSAGES)
    recorder.flush()
    assert guard.settled == [[("error", "free")]]
    assert recorder.faults.counts() == {"Failing": 1}


def test_a_reservation_that_fails(simulator: Simulator, guard: Reserving) -> None:
    """A fault in settling is contained, and the other reservations are settled."""

    class Broken:
        def check(self, start: CallStart) -> Any:
            assert start
            return self

        def settle(self, record: CallRecord) -> None:
            raise KeyboardInterrupt(record.id)

    client, recorder = client_of(simulator, Broken(), guard)
    client.converse(modelId=CLAUDE, messages=MESSAGES)
    recorder.flush()
    assert guard.settled == [[("ok", "priced")]]
    assert recorder.faults.counts() == {"Broken": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork(simulator: Simulator, guard: Reserving) -> None:
    """A call that is open at a fork is settled by the parent alone."""
    client, recorder = client_of(simulator, guard)
    stream = client.converse_stream(modelId=CLAUDE, messages=MESSAGES)["stream"]
    child = os.fork()
    if child == 0:
        stream.close()
        recorder.flush()
        os._exit(len(guard.held[0].settled))
    _, status = os.waitpid(child, 0)
    list(stream)
    recorder.flush()
    assert os.waitstatus_to_exitcode(status) == 0
    assert guard.settled == [[("ok", "priced")]]


def test_size_of_a_conversation(simulator: Simulator, guard: Reserving) -> None:
    """Texts, tools, images and documents are measured, and nothing of them stays."""
    client, _ = client_of(simulator, guard)
    schema = {"inputSchema": {"json": {"type": "object"}}, "name": "look"}
    client.converse(
        modelId=CLAUDE,
        system=[{"text": "Be brief"}],
        messages=[
            {
                "role": "user",
                "content": [
                    {"text": "Grüße"},
                    {"image": {"format": "png", "source": {"bytes": b"1234"}}},
                    {
                        "document": {
                            "format": "pdf",
                            "name": "a",
                            "source": {"bytes": b"12345"},
                        }
                    },
                    {"cachePoint": {"type": "default"}},
                ],
            }
        ],
        toolConfig={"tools": [{"toolSpec": schema}]},
        inferenceConfig={"maxTokens": 300},
    )
    assert guard.sizes == [
        RequestSize(
            max_tokens=300,
            text_bytes=15,
            tool_bytes=77,
            images=1,
            image_bytes=4,
            documents=1,
            document_bytes=5,
            messages=2,
            writes_cache=True,
        )
    ]
    assert "Be brief" not in repr(guard.starts[0])


@pytest.mark.parametrize(
    ("body", "max_tokens"),
    [
        ('{"max_tokens": 30}', 30),
        ('{"max_tokens": 30, "n": 3}', 90),
        ('{"max_output_tokens": 33}', 33),
        ('{"inferenceConfig": {"max_new_tokens": 31}}', 31),
        ('{"textGenerationConfig": {"maxTokenCount": 32}}', 32),
        ('{"max_tokens": "many"}', None),
        ("[]", None),
        ("{", None),
    ],
)
def test_size_of_a_body(body: str, max_tokens: int | None) -> None:
    """The body of InvokeModel counts as text; a limit in it is found."""
    from bedrock_attrib._readers.request_size import request_size  # noqa: PLC0415

    expected = RequestSize(max_tokens=max_tokens, text_bytes=len(body))
    assert request_size({"body": body.encode()}) == expected
    assert request_size({"body": body}) == expected


@pytest.mark.parametrize(
    "params",
    [
        {"body": iter(())},
        {"modelId": "arn:prompt", "promptVariables": {"topic": {"text": "x"}}},
        {"messages": [], "promptVariables": {"topic": {"text": "x"}}},
        {"guardrailIdentifier": "g", "content": [{"text": {"text": "long"}}]},
        {"modelId": "amazon.nova-reel-v1:1", "modelInput": {"prompt": "x"}},
    ],
    ids=["file", "prompt", "prompt and messages", "guardrail", "async invoke"],
)
def test_a_size_that_is_not_known(params: dict[str, Any]) -> None:
    """A request that cannot be measured has no size, rather than one of zero."""
    from bedrock_attrib._readers.request_size import request_size  # noqa: PLC0415

    assert request_size(params) is None


def test_size_of_documents_as_text() -> None:
    """A document may be given as text or as parts, and both are its bytes."""
    from bedrock_attrib._readers.request_size import request_size  # noqa: PLC0415

    sources = [
        {"text": "Grüße"},
        {"content": [{"text": "ab"}, {"text": "c"}]},
        {"s3Location": {"uri": "s3://bucket/key"}},
    ]
    content = [{"document": {"name": "d", "source": source}} for source in sources]
    found = request_size({"messages": [{"role": "user", "content": content}]})
    assert found == RequestSize(documents=3, document_bytes=10, messages=1)


def test_the_highest_of_two_limits_is_the_bound() -> None:
    """An upper bound holds whichever limit of a body a model goes by."""
    from bedrock_attrib._readers.request_size import request_size  # noqa: PLC0415

    body = '{"max_tokens": 5, "max_completion_tokens": 900}'
    expected = RequestSize(max_tokens=900, text_bytes=47)
    assert request_size({"body": body}) == expected


def test_a_start_that_is_stored(simulator: Simulator) -> None:
    """A guard that stores starts has nothing of the requests."""
    starts: list[CallStart] = []

    class Storing:
        def check(self, start: CallStart) -> None:
            starts.append(start)

    client, _ = client_of(simulator, Storing())
    client.converse(modelId=CLAUDE, messages=MESSAGES)
    assert starts[0].request_size is None


def test_amended_parameters(simulator: Simulator, guard: Reserving) -> None:
    """What amends parameters runs before guards; its faults are contained."""

    def fail(_operation: str, _params: dict[str, Any]) -> None:
        raise ZeroDivisionError

    def limit(operation: str, params: dict[str, Any]) -> None:
        assert operation == "Converse"
        params["inferenceConfig"] = {"maxTokens": 7}

    client, _ = client_of(simulator, guard)
    handlers = current_handlers(client.meta.events)
    assert handlers is not None
    handlers.amendments = (fail, limit)
    client.converse(modelId=CLAUDE, messages=MESSAGES)
    assert [size.max_tokens for size in guard.sizes if size is not None] == [7]


def test_a_function_is_no_guard() -> None:
    """It would let every call through, so that it is refused when it is configured."""
    with pytest.raises(ConfigError, match=r"is no guard; expected an object with"):
        Recorder(guards=[lambda _: None])  # type: ignore[list-item]
