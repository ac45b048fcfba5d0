"""Kind of client x operation x way of ending: exactly one record, and the right one."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.endpoint
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.loaders import Loader, create_loader
from botocore.session import Session
from streams import (
    MESSAGES,
    MODEL,
    USAGE,
    close_unread,
    drop_unread,
    fail_in_loop,
    read_all,
    read_in_runs,
    read_in_thread,
    read_into,
    read_lines,
    stop_at_final_event,
)

from bedrock_attrib import (
    CallRecord,
    Recorder,
    TagPolicyError,
    Unit,
    Usage,
    attribution,
    instrument,
    uninstrument,
)
from bedrock_attrib.testing import (
    Fault,
    FaultKind,
    ListSink,
    Reply,
    Simulator,
    bedrock_simulator,
)

pytestmark = [pytest.mark.drops_streams, pytest.mark.matrix]

# What is called.

UNITS = Usage(
    {
        Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 3,
        Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 0,
        Unit.GUARDRAIL_WORD_TEXT_UNIT: 2,
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_TEXT_UNIT: 0,
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_FREE_TEXT_UNIT: 0,
        Unit.GUARDRAIL_CONTEXTUAL_GROUNDING_TEXT_UNIT: 0,
    }
)
CHECKS = Usage({Unit.GUARDRAIL_CHECKS_CONTENT_TEXT_UNIT: 3})
VIDEO = Usage({Unit.OUTPUT_VIDEO_SECOND_720P: 6})
CONVERSE = {"modelId": MODEL, "messages": MESSAGES}
INVOKE = {"modelId": MODEL, "body": b"{}"}


@dataclass(frozen=True, slots=True)
class Operation:
    """A call and what it is metered as, where nothing happens to it.

    Attributes:
        name: As AWS spells it.
        method: Of the client.
        params: What is passed.
        reply: What the endpoint says.
        usage: What is recorded.
        status: Price status.
        stream: Member of the answer that holds an event stream.
        body: Member of the answer that holds a body which has to be read.
    """

    name: str
    method: str
    params: dict[str, Any] = field(default_factory=dict)
    reply: Reply = field(default_factory=Reply)
    usage: Usage = field(default_factory=lambda: Usage({}))
    status: str = "free"
    stream: str = ""
    body: str = ""


CHUNKED = Reply(usage=USAGE, chunks=10, text="0123456789")
OPERATIONS = {
    "Converse": Operation(
        "Converse", "converse", CONVERSE, Reply(usage=USAGE), USAGE, "priced"
    ),
    "ConverseStream": Operation(
        "ConverseStream",
        "converse_stream",
        CONVERSE,
        CHUNKED,
        USAGE,
        "priced",
        stream="stream",
    ),
    "InvokeModel, by headers": Operation(
        "InvokeModel", "invoke_model", INVOKE, Reply(usage=USAGE), USAGE, "priced"
    ),
    "InvokeModel, by its body": Operation(
        "InvokeModel",
        "invoke_model",
        INVOKE,
        Reply(usage=USAGE, token_headers=False),
        USAGE,
        "priced",
        body="body",
    ),
    "InvokeModelWithResponseStream": Operation(
        "InvokeModelWithResponseStream",
        "invoke_model_with_response_stream",
        INVOKE,
        CHUNKED,
        USAGE,
        "priced",
        stream="body",
    ),
    "ApplyGuardrail": Operation(
        "ApplyGuardrail",
        "apply_guardrail",
        {
            "guardrailIdentifier": "gr0",
            "guardrailVersion": "1",
            "source": "INPUT",
            "content": [{"text": {"text": "Hello"}}],
        },
        Reply(usage=UNITS),
        UNITS,
        "priced",
    ),
    "InvokeGuardrailChecks": Operation(
        "InvokeGuardrailChecks",
        "invoke_guardrail_checks",
        {"messages": MESSAGES, "checks": {}},
        Reply(usage=CHECKS),
        CHECKS,
        "priced",
    ),
    "StartAsyncInvoke": Operation(
        "StartAsyncInvoke",
        "start_async_invoke",
        {
            "modelId": "amazon.nova-reel-v1:0",
            "modelInput": {"taskType": "TEXT_VIDEO"},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://bucket"}},
        },
        usage=VIDEO,
        status="estimated",  # it is billed when it succeeds
    ),
    "GetAsyncInvoke": Operation(
        "GetAsyncInvoke", "get_async_invoke", {"invocationArn": "ARN"}
    ),
    "ListAsyncInvokes": Operation("ListAsyncInvokes", "list_async_invokes"),
    "CountTokens": Operation(
        "CountTokens",
        "count_tokens",
        {"modelId": MODEL, "input": {"converse": {"messages": []}}},
    ),
}

# By what.


@cache
def service_models() -> Loader:
    """AWS's service models, read once: most of the time that a new client takes."""
    return create_loader()


def botocore_session() -> Session:
    """A new one."""
    session = Session()
    session.register_component("data_loader", service_models())
    return session


def boto3_session() -> boto3.Session:
    """A new one."""
    return boto3.Session(botocore_session=botocore_session())


def client_of(maker: Any, simulator: Simulator) -> BaseClient:
    """A client made by boto3 or a botocore session, without the simulator's help."""
    make = getattr(maker, "create_client", None) or maker.client
    client: BaseClient = make(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=simulator.endpoint_url,
        aws_access_key_id="simulated",
        aws_secret_access_key="simulated",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    return client


Kind = Callable[[Simulator, Recorder], AbstractContextManager[BaseClient]]


@contextmanager
def plain_client(simulator: Simulator, recorder: Recorder) -> Iterator[BaseClient]:
    """A client that is instrumented itself."""
    yield instrument(simulator.client(), recorder=recorder)


@contextmanager
def made_before(simulator: Simulator, recorder: Recorder) -> Iterator[BaseClient]:
    """A client that has been in use before anyone thought of cost."""
    client = simulator.client()
    client.converse(**CONVERSE)
    yield instrument(client, recorder=recorder)


@contextmanager
def of_a_boto3_session(
    simulator: Simulator, recorder: Recorder
) -> Iterator[BaseClient]:
    """A client of an instrumented session of boto3."""
    session = instrument(boto3_session(), recorder=recorder)
    yield simulator.client(session=session)


@contextmanager
def of_a_botocore_session(
    simulator: Simulator, recorder: Recorder
) -> Iterator[BaseClient]:
    """A client of an instrumented session of botocore."""
    session = instrument(botocore_session(), recorder=recorder)
    yield client_of(session, simulator)


@contextmanager
def of_a_sub_session(simulator: Simulator, recorder: Recorder) -> Iterator[BaseClient]:
    """A client of a session around an instrumented one of botocore."""
    session = instrument(botocore_session(), recorder=recorder)
    yield simulator.client(session=boto3.Session(botocore_session=session))


@contextmanager
def of_the_default_session(
    simulator: Simulator, recorder: Recorder
) -> Iterator[BaseClient]:
    """`boto3.client()`, where the default session was there before us."""
    before, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, boto3_session()
    instrument(recorder=recorder)
    try:
        yield client_of(boto3, simulator)
    finally:
        uninstrument()
        boto3.DEFAULT_SESSION = before


@contextmanager
def of_everything(simulator: Simulator, recorder: Recorder) -> Iterator[BaseClient]:
    """A client of a session that came after `instrument()`."""
    instrument(recorder=recorder)
    try:
        yield simulator.client(session=boto3_session())
    finally:
        uninstrument()


@contextmanager
def found_by_everything(
    simulator: Simulator, recorder: Recorder
) -> Iterator[BaseClient]:
    """A client that existed before `instrument(include_existing=True)`."""
    client = simulator.client(session=boto3_session())
    client.converse(**CONVERSE)
    instrument(recorder=recorder, include_existing=True)
    try:
        yield client
    finally:
        uninstrument()


@contextmanager
def with_retries(simulator: Simulator, recorder: Recorder) -> Iterator[BaseClient]:
    """A client with its own settings, which tries again."""
    config = Config(
        retries={"total_max_attempts": 3, "mode": "legacy"},  # never tires
        read_timeout=20,
        user_agent_extra="app/1",
    )
    yield instrument(simulator.client(config=config), recorder=recorder)


@contextmanager
def with_pickled_config(
    simulator: Simulator, recorder: Recorder
) -> Iterator[BaseClient]:
    """A client whose settings came from another process."""
    config = pickle.loads(pickle.dumps(Config(read_timeout=20)))  # noqa: S301 -- ours
    yield instrument(simulator.client(config=config), recorder=recorder)


KINDS: dict[str, Kind] = {
    kind.__name__: kind
    for kind in (
        plain_client,
        made_before,
        of_a_boto3_session,
        of_a_botocore_session,
        of_a_sub_session,
        of_the_default_session,
        of_everything,
        found_by_everything,
        with_retries,
        with_pickled_config,
    )
}

# How it ends.


@dataclass(frozen=True, slots=True)
class Ending:
    """What becomes of a call.

    Attributes:
        end: Does it, with the answer.
        outcome: Of the record.
        error: Of the record.
        status: Price status; empty for that of the operation.
        usage: ``all`` for that of the operation, ``some`` for an estimate, ``none``.
        attempts: HTTP attempts; 0 for as many as the client makes.
        replies: What the endpoint says at first, made of what it would say.
        send: Raises in the place of the network.
        more: Parameters that nobody knows.
        applies: To which kinds and operations.
    """

    end: Callable[[Any], None]
    outcome: str = "ok"
    error: str | None = None
    status: str = ""
    usage: str = "all"
    attempts: int = 1
    replies: Callable[[Reply], tuple[Reply, ...]] = lambda _: ()
    send: Callable[[], None] | None = None
    more: dict[str, Any] = field(default_factory=dict)
    applies: Callable[[str, Operation], bool] = lambda _kind, _operation: True


def is_stream(_kind: str, operation: Operation) -> bool:
    """Event streams."""
    return bool(operation.stream)


def is_body(_kind: str, operation: Operation) -> bool:
    """Bodies that have to be read."""
    return bool(operation.body)


def tries_again(kind: str, _operation: Operation) -> bool:
    """Clients with retries."""
    return kind == with_retries.__name__


def close_half_way(stream: Any) -> None:
    """Close it after an event."""
    next(iter(stream))
    stream.close()


def break_off(stream: Any) -> None:
    """Leave the loop after an event."""
    for _ in stream:
        break


def read_what_breaks(reader: Any) -> None:
    """Read until it breaks."""
    with suppress(Exception):
        read_all(reader)


def read_at_once(body: Any) -> None:
    """Read all of it."""
    with suppress(Exception):
        body.read()


def read_in_block(body: Any) -> None:
    """Read what is underneath."""
    with body as raw:
        raw.read()


def broken_by(kind: FaultKind, after: int) -> Callable[[Reply], tuple[Reply, ...]]:
    """The reply, broken."""

    def broken(reply: Reply) -> tuple[Reply, ...]:
        fields = {name: getattr(reply, name) for name in Reply.__dataclass_fields__}
        return (Reply(**(fields | {"fault": Fault(kind, after=after)})),)

    return broken


def fail_with(code: str, times: int = 3) -> Callable[[Reply], tuple[Reply, ...]]:
    """As many errors as there are attempts."""
    return lambda _: (Reply(error=code),) * times


def no_connection() -> None:
    """Nothing listens."""
    raise EndpointConnectionError(endpoint_url="http://localhost")


def no_answer() -> None:
    """Nothing is said."""
    raise ReadTimeoutError(endpoint_url="http://localhost")


def interrupt() -> None:
    """The user presses a key."""
    raise KeyboardInterrupt


STREAM_ERROR = "modelStreamErrorException"
ENDINGS = {
    # Without an answer.
    "turned away": Ending(
        drop_unread,
        "error",
        "ValidationException",
        "free",
        "none",
        replies=fail_with("ValidationException"),
    ),
    "throttled": Ending(
        drop_unread,
        "error",
        "ThrottlingException",
        "free",
        "none",
        attempts=0,
        replies=fail_with("ThrottlingException"),
    ),
    "server error": Ending(
        drop_unread,
        "error",
        "InternalServerException",
        "unpriced",
        "none",
        attempts=0,
        replies=fail_with("InternalServerException"),
    ),
    "no connection": Ending(
        drop_unread,
        "error",
        "EndpointConnectionError",
        "free",
        "none",
        attempts=0,
        send=no_connection,
    ),
    "timeout": Ending(
        drop_unread,
        "error",
        "ReadTimeoutError",
        "unpriced",
        "none",
        attempts=0,
        send=no_answer,
    ),
    "interrupted": Ending(
        drop_unread, "abandoned", "Interrupted", "unpriced", "none", send=interrupt
    ),
    "wrong parameters": Ending(
        drop_unread, "error", "NotSent", "free", "none", more={"nonsense": 1}
    ),
    # With one.
    "answered": Ending(read_all),
    "answered after a refusal": Ending(
        read_all,
        attempts=2,
        replies=fail_with("ThrottlingException", 1),
        applies=tries_again,
    ),
    "answered after a fault": Ending(
        read_all,
        status="partial",
        attempts=2,
        replies=fail_with("InternalServerException", 1),
        applies=tries_again,
    ),
    "read in a thread": Ending(read_in_thread, applies=is_stream),
    "read by two": Ending(read_in_runs, applies=is_stream),
    "read to the last": Ending(stop_at_final_event, applies=is_stream),
    "dropped": Ending(
        drop_unread, "abandoned", None, "unpriced", "none", applies=is_stream
    ),
    "closed": Ending(
        close_unread, "abandoned", None, "unpriced", "none", applies=is_stream
    ),
    "closed half-way": Ending(
        close_half_way, "abandoned", None, "estimated", "some", applies=is_stream
    ),
    "broken off": Ending(
        break_off, "abandoned", None, "estimated", "some", applies=is_stream
    ),
    "failed in the loop": Ending(
        fail_in_loop, "abandoned", None, "estimated", "some", applies=is_stream
    ),
    "error event": Ending(
        read_what_breaks,
        "error",
        STREAM_ERROR,
        "estimated",
        "some",
        replies=broken_by(FaultKind.EXCEPTION_EVENT, 3),
        applies=is_stream,
    ),
    "cut": Ending(
        read_what_breaks,
        "error",
        "ProtocolError",
        "estimated",
        "some",
        replies=broken_by(FaultKind.CUT, 3),
        applies=is_stream,
    ),
    "read by lines": Ending(read_lines, applies=is_body),
    "read into a buffer": Ending(read_into, applies=is_body),
    "read in a block": Ending(read_in_block, applies=is_body),
    "body dropped": Ending(
        drop_unread, "abandoned", None, "unpriced", "none", applies=is_body
    ),
    "body closed": Ending(
        close_unread, "ok", None, "unpriced", "none", applies=is_body
    ),
    "body cut": Ending(
        read_at_once,
        "error",
        "ResponseStreamingError",
        "unpriced",
        "none",
        replies=broken_by(FaultKind.CUT, 1),
        applies=is_body,
    ),
}


# All of it.


@dataclass(frozen=True, slots=True)
class Bench:
    """One kind of client on one endpoint.

    Attributes:
        simulator: The endpoint.
        client: The client.
        sink: What it recorded.
        invocation: ARN of an asynchronous invocation.
    """

    simulator: Simulator
    client: BaseClient
    sink: ListSink
    invocation: str

    def call(self, operation: Operation, ending: Ending) -> None:
        """Make the call and let it end."""
        simulator, client = self.simulator, self.client
        params = dict(operation.params) | ending.more
        if "invocationArn" in params:
            params["invocationArn"] = self.invocation
        simulator.reply(operation.reply)
        for reply in reversed(ending.replies(operation.reply)):
            simulator.reply(reply, times=1)
        send = self._send_by(ending.send)
        client.meta.events.register_first("before-send.bedrock-runtime", send)
        try:
            with suppress(BaseException):
                answer = getattr(client, operation.method)(**params)
                reader = answer.pop(operation.stream or operation.body or "none", ())
                del answer
                ending.end(reader)
        finally:
            client.meta.events.unregister("before-send.bedrock-runtime", send)

    def _send_by(self, send: Callable[[], None] | None) -> Callable[..., None]:
        def sending(**_: object) -> None:
            if send is not None:
                send()

        return sending

    def records(self) -> list[CallRecord]:
        """What was recorded; what lives on in a circle of exceptions is collected."""
        if not self.sink.records:
            gc.collect()
        return list(self.sink.records)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One endpoint for all of it."""
    with bedrock_simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def invocation(simulator: Simulator) -> str:
    """ARN of an asynchronous invocation that nobody metered."""
    start = OPERATIONS["StartAsyncInvoke"]
    answer = simulator.client().start_async_invoke(**start.params)
    return str(answer["invocationArn"])


class Benches:
    """One bench at a time, as some kinds of clients change the whole process."""

    def __init__(self, simulator: Simulator, invocation: str) -> None:
        self._simulator = simulator
        self._invocation = invocation
        self._stack = ExitStack()
        self._bench: tuple[str, Bench] | None = None

    def bench(self, kind: str) -> Bench:
        """The bench of *kind*; the one before it is closed."""
        if self._bench is None or self._bench[0] != kind:
            self.close()
            self._simulator.reply(Reply())
            sink = ListSink()
            recorder = Recorder(sinks=(sink,))
            self._stack.callback(recorder.close)
            client = self._stack.enter_context(KINDS[kind](self._simulator, recorder))
            bench = Bench(self._simulator, client, sink, self._invocation)
            self._bench = kind, bench
        return self._bench[1]

    def close(self) -> None:
        """Close the bench that is open."""
        self._bench = None
        self._stack.close()


@pytest.fixture(scope="module")
def benches(simulator: Simulator, invocation: str) -> Iterator[Benches]:
    """Benches of all kinds."""
    benches = Benches(simulator, invocation)
    yield benches
    benches.close()


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore tries again at once."""
    at_once = SimpleNamespace(sleep=lambda _seconds: None)
    monkeypatch.setattr(botocore.endpoint, "time", at_once)


CELLS = [
    (kind, operation, ending)
    for kind in KINDS
    for operation in OPERATIONS
    for ending in ENDINGS
    if ENDINGS[ending].applies(kind, OPERATIONS[operation])
]


@pytest.mark.usefixtures("_no_waiting")
@pytest.mark.parametrize(("kind", "operation", "ending"), CELLS)
def test_one_record(benches: Benches, kind: str, operation: str, ending: str) -> None:
    """Whoever calls what, and however it ends, it is one call with its tags."""
    called, ended, bench = OPERATIONS[operation], ENDINGS[ending], benches.bench(kind)
    if not hasattr(bench.client, called.method):
        pytest.skip(f"this botocore has no {called.name}")
    bench.sink.records.clear()
    with attribution(team=kind, ending=ending) as spend:
        bench.call(called, ended)
    (record,) = bench.records()
    usage = {"all": called.usage, "none": None}.get(ended.usage, record.usage)
    status = ended.status or called.status
    if called.status == "free":
        status = "free"
    attempts = ended.attempts or (3 if tries_again(kind, called) else 1)
    assert record.operation == called.name
    assert record.tags == {"team": kind, "ending": ending}
    assert (record.outcome.value, record.error) == (ended.outcome, ended.error)
    assert record.usage == usage
    assert (record.usage is None) == (ended.usage == "none")
    assert record.price_status.value == status
    assert record.attempts == attempts
    assert spend.calls == 1


def test_a_refusal_is_one_record_too(benches: Benches, simulator: Simulator) -> None:
    """A call that a guard refuses is recorded, whichever operation it is."""
    benches.close()

    class Refusing:
        def check(self, start: object) -> None:
            raise TagPolicyError("no team")

    sink = ListSink()
    recorder = Recorder(sinks=(sink,), guards=(Refusing(),))
    client = instrument(simulator.client(), recorder=recorder)
    for operation in OPERATIONS.values():
        if hasattr(client, operation.method):
            sink.records.clear()
            with pytest.raises(TagPolicyError):
                getattr(client, operation.method)(**operation.params)
            (record,) = sink.records
            assert record.operation == operation.name
            assert record.outcome.value == "error"
            assert record.price_status.value == "free"
    recorder.close()


def test_every_operation_that_answers_is_here(simulator: Simulator) -> None:
    """A new operation of botocore has to be given its row; one answers both ways."""
    known = simulator.client().meta.service_model.operation_names
    names = {operation.name for operation in OPERATIONS.values()}
    assert set(known) - names <= {"InvokeModelWithBidirectionalStream"}
