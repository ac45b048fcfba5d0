"""A client is metered by events alone and stays what it was."""

from __future__ import annotations

from decimal import Decimal

import boto3
import botocore
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError, ReadTimeoutError
from botocore.session import Session as BotocoreSession
from botocore.stub import Stubber
from waiting import HANG_S

from bedrock_attrib import (
    CallStart,
    ConfigError,
    Recorder,
    TagPolicyError,
    Unit,
    Usage,
    attribution,
    get_recorder,
    instrument,
    uninstrument,
)
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.testing import (
    Fault,
    FaultKind,
    ListSink,
    Reply,
    Simulator,
    tokens,
)

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]


def test_converse_is_recorded(client: BaseClient, sink: ListSink) -> None:
    """A call gives one record with model, usage, price, tags and times."""
    with attribution(team="search") as spend:
        answer = client.converse(modelId=MODEL, messages=MESSAGES)
    (record,) = sink.records
    assert record.operation == "Converse"
    assert record.model.requested == MODEL
    assert record.model.model_id == "anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert record.region == "us-east-1"
    assert record.tags == {"team": "search"}
    assert record.usage == {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}
    assert record.usage_source == "converse.usage"
    assert record.cost is not None
    # 12 x 3.30 and 8 x 16.50 USD for a million tokens.
    assert record.cost.total == Decimal("0.0001716")
    assert record.price_status is PriceStatus.PRICED
    assert record.outcome is Outcome.OK
    assert record.error is None
    assert record.attempts == 1
    assert record.request_id == answer["ResponseMetadata"]["RequestId"]
    assert record.started_at.utcoffset() is not None
    assert record.duration_s > 0
    assert spend.cost == Decimal("0.0001716")
    assert spend.calls == 1


def test_same_client_comes_back(simulator: Simulator, recorder: Recorder) -> None:
    """Instrumenting returns the object it was given, of the class it had."""
    client = simulator.client()
    kind = type(client)
    assert instrument(client, recorder=recorder) is client
    assert type(client) is kind


def test_answer_is_untouched(simulator: Simulator, client: BaseClient) -> None:
    """The parsed answer equals that of a bare client, and so do the bytes of a body."""
    bare = simulator.client()
    answers = [c.converse(modelId=MODEL, messages=MESSAGES) for c in (bare, client)]
    for answer in answers:
        del answer["ResponseMetadata"]
    assert answers[0] == answers[1]
    simulator.reply(Reply(body=b'{"usage": {"input_tokens": 1}}'), times=2)
    bodies = [
        c.invoke_model(modelId=MODEL, body=b"{}")["body"].read() for c in (bare, client)
    ]
    assert bodies[0] == bodies[1]


def test_twice_is_once(
    simulator: Simulator, client: BaseClient, sink: ListSink
) -> None:
    """A second instrumenting with the same recorder changes nothing."""
    recorder = sink_recorder(client)
    instrument(client, recorder=recorder)
    client.converse(modelId=MODEL, messages=MESSAGES)
    assert len(sink.records) == 1


def sink_recorder(client: BaseClient) -> Recorder:
    """The recorder that *client* was instrumented with."""
    for _, answer in client.meta.events.emit("bedrock-attrib-who.bedrock-runtime"):
        recorder: Recorder = answer.recorder
        return recorder
    raise AssertionError("not instrumented")


def test_another_recorder_is_refused(client: BaseClient) -> None:
    """One client has one recorder."""
    with pytest.raises(ConfigError, match=r"another recorder.*uninstrument\(\)"):
        instrument(client, recorder=Recorder())


def test_other_service_is_refused(recorder: Recorder) -> None:
    """A client of another service is named in the error."""
    other = boto3.client("s3", region_name="us-east-1")
    with pytest.raises(
        TypeError, match="client of s3; expected one of bedrock-runtime"
    ):
        instrument(other, recorder=recorder)


def test_other_object_is_refused(recorder: Recorder) -> None:
    """What is no client and no session is refused with its type."""
    with pytest.raises(TypeError, match="cannot instrument int; expected"):
        instrument(3, recorder=recorder)


def test_uninstrument(client: BaseClient, sink: ListSink) -> None:
    """After taking it back nothing is recorded; twice is fine."""
    uninstrument(client)
    uninstrument(client)
    client.converse(modelId=MODEL, messages=MESSAGES)
    assert sink.records == []


def test_boto3_session(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Clients made later from an instrumented session are metered, once."""
    session = instrument(boto3.Session(), recorder=recorder)
    client = instrument(simulator.client(session=session), recorder=recorder)
    client.converse(modelId=MODEL, messages=MESSAGES)
    assert len(sink.records) == 1
    with pytest.raises(ConfigError, match="directly or through its session"):
        instrument(client, recorder=Recorder())


def test_botocore_session(recorder: Recorder, sink: ListSink) -> None:
    """A botocore session is a target as well."""
    session = instrument(BotocoreSession(), recorder=recorder)
    client = session.create_client(
        "bedrock-runtime",
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    with Stubber(client) as stubber:
        stubber.add_response("count_tokens", {"inputTokens": 3})
        client.count_tokens(
            modelId="anthropic.claude-sonnet-4-20250514-v1:0",
            input={"converse": {"messages": MESSAGES}},
        )
    (record,) = sink.records
    assert record.region == "eu-west-1"
    assert record.price_status is PriceStatus.FREE


def test_everything(simulator: Simulator, recorder: Recorder, sink: ListSink) -> None:
    """Without a target, sessions created later are metered until it is taken back."""
    instrument(recorder=recorder)
    try:
        instrument(recorder=recorder)
        with pytest.raises(ConfigError, match="every session"):
            instrument(recorder=Recorder())
        inside = simulator.client(session=boto3.Session())
        inside.converse(modelId=MODEL, messages=MESSAGES)
    finally:
        uninstrument()
    uninstrument()
    outside = simulator.client(session=boto3.Session())
    outside.converse(modelId=MODEL, messages=MESSAGES)
    assert len(sink.records) == 1


def test_default_session(
    simulator: Simulator,
    recorder: Recorder,
    sink: ListSink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """boto3's default session is part of everything, and is given back."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    boto3.setup_default_session()
    instrument(recorder=recorder)
    try:
        client = boto3.client(
            "bedrock-runtime",
            region_name="us-east-1",
            endpoint_url=simulator.endpoint_url,
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )
        client.converse(modelId=MODEL, messages=MESSAGES)
    finally:
        uninstrument()
    assert len(sink.records) == 1


def test_no_monkey_patch(recorder: Recorder) -> None:
    """boto3's and botocore's own functions are the same objects as before."""
    before = _methods()
    instrument(recorder=recorder)
    after = _methods()
    uninstrument()
    assert before == after


def _methods() -> list[object]:
    kinds = (boto3, boto3.Session, BotocoreSession, BaseClient)
    return [member for kind in kinds for member in vars(kind).values()]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("ThrottlingException", PriceStatus.FREE),
        ("ValidationException", PriceStatus.FREE),
        ("AccessDeniedException", PriceStatus.FREE),
        ("ModelErrorException", PriceStatus.UNPRICED),
        ("InternalServerException", PriceStatus.UNPRICED),
    ],
)
def test_error_status(
    simulator: Simulator,
    client: BaseClient,
    sink: ListSink,
    error: str,
    kind: PriceStatus,
) -> None:
    """An error reaches the caller as itself; only a call turned away is free."""
    simulator.reply(Reply(error=error), times=1)
    with pytest.raises(ClientError) as caught:
        client.converse(modelId=MODEL, messages=MESSAGES)
    assert caught.value.response["Error"]["Code"] == error
    (record,) = sink.records
    assert record.outcome is Outcome.ERROR
    assert record.error == error
    assert record.usage is None
    assert record.cost is None
    assert record.price_status is kind


def test_hidden_retries(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A retry that botocore hides is counted in attempts, and the call once."""
    config = Config(retries={"total_max_attempts": 3, "mode": "standard"})
    client = instrument(simulator.client(config=config), recorder=recorder)
    simulator.reply(Reply(error="ThrottlingException"), times=2)
    client.converse(modelId=MODEL, messages=MESSAGES)
    (record,) = sink.records
    assert record.attempts == 3
    assert record.outcome is Outcome.OK


def test_read_timeout_may_be_billed(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A call without an answer is unpriced, not free: AWS may have billed it."""
    client = instrument(
        simulator.client(config=Config(read_timeout=0.5)), recorder=recorder
    )
    simulator.reply(Reply(latency_s=HANG_S), times=1)
    with pytest.raises(ReadTimeoutError):
        client.converse(modelId=MODEL, messages=MESSAGES)
    (record,) = sink.records
    assert record.error == "ReadTimeoutError"
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason == (
        "ReadTimeoutError: no answer came, and AWS may have billed the call"
    )


def test_no_connection_is_free(recorder: Recorder, sink: ListSink) -> None:
    """A call that never reached a server cost nothing."""
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    instrument(client, recorder=recorder)
    with pytest.raises(botocore.exceptions.EndpointConnectionError):
        client.converse(modelId=MODEL, messages=MESSAGES)
    (record,) = sink.records
    assert record.error == "EndpointConnectionError"
    assert record.price_status is PriceStatus.FREE


def test_failed_validation(client: BaseClient, sink: ListSink) -> None:
    """Parameters that botocore refuses give a record of a call that was not sent."""
    with pytest.raises(ParamValidationError):
        client.converse(modelId=MODEL, messages="no list")
    (record,) = sink.records
    assert record.error == "NotSent"
    assert record.outcome is Outcome.ERROR
    assert record.price_status is PriceStatus.FREE


def test_interrupt_while_waiting(
    simulator: Simulator, client: BaseClient, sink: ListSink
) -> None:
    """A call given up while it waits is recorded as one that may be billed."""

    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    client.meta.events.register("before-send.bedrock-runtime", interrupt)
    with pytest.raises(KeyboardInterrupt):
        client.converse(modelId=MODEL, messages=MESSAGES)
    (record,) = sink.records
    assert record.error == "Interrupted"
    assert record.outcome is Outcome.ABANDONED
    assert record.price_status is PriceStatus.UNPRICED


class _Refuser:
    """A guard that refuses one team."""

    def __init__(self) -> None:
        self.starts: list[CallStart] = []

    def check(self, start: CallStart) -> None:
        self.starts.append(start)
        if start.tags.get("team") == "blocked":
            raise TagPolicyError("team blocked may not call")


def test_guard_refuses_before_sending(simulator: Simulator, sink: ListSink) -> None:
    """A refusal reaches the caller and the request is never sent."""
    guard = _Refuser()
    recorder = Recorder(sinks=(sink,), guards=(guard,))
    client = instrument(simulator.client(), recorder=recorder)
    seen = len(simulator.requests)
    with attribution(team="blocked"), pytest.raises(TagPolicyError, match="may not"):
        client.converse(modelId=MODEL, messages=MESSAGES)
    assert len(simulator.requests) == seen
    client.converse(modelId=MODEL, messages=MESSAGES)
    refused, passed = sink.records
    assert (refused.error, refused.price_status) == ("TagPolicyError", PriceStatus.FREE)
    assert passed.outcome is Outcome.OK
    assert guard.starts[0].operation == "Converse"
    assert guard.starts[0].model.requested == MODEL


def test_guard_that_breaks_lets_pass(simulator: Simulator, sink: ListSink) -> None:
    """A guard's own fault is contained and counted; the call goes on."""

    class Broken:
        def check(self, start: CallStart) -> None:
            raise RuntimeError(start.operation)

    recorder = Recorder(sinks=(sink,), guards=(Broken(),))
    client = instrument(simulator.client(), recorder=recorder)
    client.converse(modelId=MODEL, messages=MESSAGES)
    assert recorder.faults.counts() == {"Broken": 1}
    assert len(sink.records) == 1


def test_every_operation_once(
    simulator: Simulator, client: BaseClient, sink: ListSink
) -> None:
    """Each operation of the runtime gives exactly one record with its price status."""
    usage = {Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 2, Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 1}
    simulator.reply(
        Reply(usage=tokens(input_tokens=1) + Usage(usage)), operation="ApplyGuardrail"
    )
    client.apply_guardrail(
        guardrailIdentifier="gr",
        guardrailVersion="1",
        source="INPUT",
        content=[{"text": {"text": "Hello"}}],
    )
    started = client.start_async_invoke(
        modelId="amazon.nova-reel-v1:0",
        modelInput={"videoGenerationConfig": {"durationSeconds": 6}},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://bucket"}},
    )
    client.get_async_invoke(invocationArn=started["invocationArn"])
    client.list_async_invokes()
    client.count_tokens(
        modelId="anthropic.claude-sonnet-4-20250514-v1:0",
        input={"converse": {"messages": MESSAGES}},
    )
    found = [
        (r.operation, r.price_status.value, r.cost and str(r.cost.total.normalize()))
        for r in sink.records
    ]
    assert found == [
        ("ApplyGuardrail", "priced", "0.00045"),
        ("StartAsyncInvoke", "estimated", "0.48"),
        ("GetAsyncInvoke", "free", "0"),
        ("ListAsyncInvokes", "free", "0"),
        ("CountTokens", "free", "0"),
    ]


def test_prompt_arn_without_answer_body(
    simulator: Simulator, client: BaseClient, sink: ListSink
) -> None:
    """An opaque id gives usage without a price, and the reason."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
    client.converse(modelId=arn, messages=MESSAGES)
    (record,) = sink.records
    assert record.usage == {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}
    assert record.cost is None
    assert record.price_status is PriceStatus.UNPRICED
    assert "application inference profile" in record.price_reason.replace("_", " ")


def test_caller_may_change_the_answer(client: BaseClient, sink: ListSink) -> None:
    """What the caller does to its answer after the call does not reach the record."""
    answer = client.converse(modelId=MODEL, messages=MESSAGES)
    answer["usage"]["inputTokens"] = 999
    answer.pop("usage")
    (record,) = sink.records
    assert record.usage == {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}


def test_answer_that_breaks_off(
    simulator: Simulator, client: BaseClient, sink: ListSink
) -> None:
    """An answer whose connection is cut fails as it would, and is recorded once."""
    simulator.reply(Reply(fault=Fault(FaultKind.NO_ANSWER)), times=1)
    with pytest.raises(botocore.exceptions.ConnectionClosedError):
        client.converse(modelId=MODEL, messages=MESSAGES)
    (record,) = sink.records
    assert record.error == "ConnectionClosedError"
    assert record.price_status is PriceStatus.UNPRICED


def test_stubbed_client(recorder: Recorder, sink: ListSink) -> None:
    """An answer of botocore's Stubber is read like any other, and costs nothing."""
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    instrument(client, recorder=recorder)
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 12, "outputTokens": 8, "totalTokens": 20},
        "metrics": {"latencyMs": 1},
    }
    with Stubber(client) as stubber:
        stubber.add_response("converse", answer)
        stubber.add_client_error("converse", "InternalServerException", "", 500)
        client.converse(modelId=MODEL, messages=MESSAGES)
        with pytest.raises(ClientError):
            client.converse(modelId=MODEL, messages=MESSAGES)
    record, failed = sink.records
    assert record.outcome is Outcome.OK
    assert record.usage == {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}
    assert failed.error == "InternalServerException"
    for each in sink.records:
        assert each.price_status is PriceStatus.FREE
        assert each.price_reason == "answered without AWS"
        assert each.cost is None


def test_uninstrument_reaches_clients_made_meanwhile(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Clients of a session that is no longer instrumented are metered no more."""
    session = instrument(boto3.Session(), recorder=recorder)
    client = simulator.client(session=session)
    uninstrument(session)
    client.converse(modelId=MODEL, messages=MESSAGES)
    assert sink.records == []
    instrument(client, recorder=recorder)
    client.converse(modelId=MODEL, messages=MESSAGES)
    assert len(sink.records) == 1


def test_the_default_recorder_by_name(simulator: Simulator) -> None:
    """Naming the default recorder is the same as leaving it out."""
    client = instrument(simulator.client())
    assert instrument(client, recorder=get_recorder()) is client


def test_a_signed_url_is_no_call(
    simulator: Simulator, sink: ListSink, caplog: pytest.LogCaptureFixture
) -> None:
    """What somebody else may call with it, and when, is not known here."""
    recorder = Recorder(sinks=(sink,))
    client = instrument(simulator.client(), recorder=recorder)
    url = client.generate_presigned_url(
        "invoke_model", Params={"modelId": MODEL, "body": b"{}"}
    )
    recorder.flush()
    assert "Signature=" in url
    assert sink.records == []
    assert recorder.faults.counts() == {}
    assert caplog.records == []
