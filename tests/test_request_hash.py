"""Requests that are the same have the same hash, whichever way they are made."""

from __future__ import annotations

import hmac
import io
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import pytest
from botocore.client import BaseClient
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_attrib import CallRecord, CallStart, Recorder, TagPolicyError, instrument
from bedrock_attrib import httpx as door
from bedrock_attrib._config import Config
from bedrock_attrib._recording.request_hash import RequestHasher
from bedrock_attrib.testing import ListSink, Reply, Simulator, bedrock_simulator

KEY = "a secret of thirty-two characters"
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PATH = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
CONVERSE = {"modelId": MODEL, "messages": MESSAGES}
INVOKE = {"modelId": MODEL, "body": b'{"messages":[]}'}
HASHED = Config(request_hash_key=KEY)  # type: ignore[arg-type]  # as the environment


@pytest.fixture
def recorder(sink: ListSink) -> Recorder:
    """A recorder with a key."""
    return Recorder(sinks=[sink], config=HASHED)


@pytest.fixture
def client(simulator: Simulator, recorder: Recorder) -> Iterator[BaseClient]:
    """A client in whose metering nothing may go wrong."""
    client = simulator.client()
    yield instrument(client, recorder=recorder)
    assert recorder.faults.counts() == {}


def of(operation: str, **params: Any) -> str | None:
    """The hash of a request."""
    return RequestHasher(KEY).hash(operation, params)


def hashes(sink: ListSink) -> list[str | None]:
    """The hashes of all calls so far."""
    return [record.request_hash for record in sink.records]


# What a hash is.


def test_an_hmac_of_the_canonical_request() -> None:
    """HMAC-SHA256 under the key, of sorted JSON, cut to 128 bits."""
    text = '["Converse",{"inferenceConfig":{"maxTokens":5},"modelId":"m"}]'
    expected = hmac.new(KEY.encode(), text.encode(), sha256).hexdigest()[:32]
    found = of("Converse", modelId="m", inferenceConfig={"maxTokens": 5})
    assert found == expected


def test_another_key_gives_another_hash() -> None:
    """Without the key nobody can tell what a hash stands for."""
    assert RequestHasher("other" * 8).hash("Converse", CONVERSE) != of(
        "Converse", **CONVERSE
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
PARAMS = st.dictionaries(st.sampled_from(["messages", "system", "x", "größe"]), VALUES)


def turned(value: Any) -> Any:
    """*value* with the keys of all objects the other way round."""
    if isinstance(value, dict):
        return {key: turned(each) for key, each in reversed(value.items())}
    return [turned(each) for each in value] if isinstance(value, list) else value


@settings(deadline=None)
@given(PARAMS)
def test_the_order_of_keys_does_not_count(params: dict[str, Any]) -> None:
    """Whoever builds a request in another order asks the same."""
    assert of("Converse", **turned(params)) == of("Converse", **params)


@settings(deadline=None)
@given(PARAMS, PARAMS)
def test_equal_hashes_mean_equal_requests(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    """Any other value, however deep, gives another hash."""
    # In Python True equals 1, and in a request it does not.
    is_same = repr(ordered(one)) == repr(ordered(other))
    assert (of("Converse", **one) == of("Converse", **other)) is is_same


def ordered(value: Any) -> Any:
    """*value* with keys in order, to be compared by how it is written."""
    if isinstance(value, dict):
        return [(key, ordered(value[key])) for key in sorted(value)]
    return [None, *map(ordered, value)] if isinstance(value, list) else value


@settings(deadline=None)
@given(PARAMS, st.sampled_from(["messages", "system", "new"]))
def test_a_changed_value_changes_the_hash(params: dict[str, Any], name: str) -> None:
    """One value more, or another one, is another request."""
    assert of("Converse", **params | {name: "changed, in a way nobody guesses"}) != of(
        "Converse", **params
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"requestMetadata": {"request": "17"}},
        {"serviceTier": {"type": "flex"}},
        {"performanceConfig": {"latency": "optimized"}},
        {"projectIdentifier": "p"},
    ],
)
def test_what_does_not_change_the_answer_does_not_count(
    changes: dict[str, Any],
) -> None:
    """Who asks, and how fast it is to be, is no other question."""
    assert of("Converse", **CONVERSE, **changes) == of("Converse", **CONVERSE)


@pytest.mark.parametrize(
    "changes",
    [
        {"modelId": "us.amazon.nova-pro-v1:0"},
        {"inferenceConfig": {"temperature": 0.5}},
        {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}},
        {"system": [{"text": "Be brief."}]},
        {"messages": [{"role": "user", "content": [{"text": "Hello "}]}]},
    ],
)
def test_what_changes_the_answer_counts(changes: dict[str, Any]) -> None:
    """Model, parameters, guardrail and every character of the text."""
    assert of("Converse", **CONVERSE | changes) != of("Converse", **CONVERSE)


def test_bodies_count_to_the_byte() -> None:
    """The body of InvokeModel belongs to the model, and is not parsed."""
    body = '{"prompt": "größer"}'
    same = {of("InvokeModel", modelId=MODEL, body=each) for each in _as_bytes(body)}
    other = of("InvokeModel", modelId=MODEL, body=body.replace(" ", ""))
    assert (len(same), other in same) == (1, False)


def _as_bytes(body: str) -> list[str | bytes | bytearray]:
    return [body, body.encode(), bytearray(body.encode())]


def test_a_body_and_what_stands_before_it_are_kept_apart() -> None:
    """What ends one part and what begins the next cannot be exchanged."""
    assert of("InvokeModel", modelId="m", body=b"") != of("InvokeModel", modelId="m")
    assert of("InvokeModel", modelId="m", trace="x", body=b"y") != of(
        "InvokeModel", modelId="m", trace="", body=b"xy"
    )


@pytest.mark.parametrize("name", ["body", "other"])
def test_a_file_is_not_read(name: str) -> None:
    """What can be read once is left to whoever sends it."""
    file = io.BytesIO(b"{}")
    assert (of("InvokeModel", **{name: file}), file.tell()) == (None, 0)


def test_what_no_request_can_hold_is_refused() -> None:
    """Rather than given a hash that another request could have too."""
    with pytest.raises(TypeError, match=r"^set$"):
        of("Converse", x={1, 2})


def test_a_turn_of_a_kept_conversation_has_no_hash() -> None:
    """The same words ask something else after another turn."""
    assert of("Responses", model="m", input="And then?", conversation="conv_1") is None


def test_threads_share_a_hasher() -> None:
    """Each gets the hash of its own request."""
    hasher, numbers = RequestHasher(KEY), range(2_000)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: hasher.hash("Converse", {"x": n}), numbers))
    assert found == [of("Converse", x=number) for number in numbers]


# The doors.


def test_a_stream_asks_the_same(client: Any, sink: ListSink) -> None:
    """Converse and ConverseStream, and the two of InvokeModel, are the same work."""
    client.converse(**CONVERSE)
    list(client.converse_stream(**CONVERSE)["stream"])
    client.invoke_model(**INVOKE)["body"].read()
    list(client.invoke_model_with_response_stream(**INVOKE)["body"])
    expected = [of("Converse", **CONVERSE)] * 2 + [of("InvokeModel", **INVOKE)] * 2
    assert hashes(sink) == expected
    assert len(set(expected)) == 2


def test_a_call_that_fails_is_hashed(
    client: Any, sink: ListSink, simulator: Simulator
) -> None:
    """A request is known before its answer is."""
    simulator.reply(Reply(error="ValidationException"))
    with pytest.raises(client.exceptions.ValidationException):
        client.converse(**CONVERSE)
    assert hashes(sink) == [of("Converse", **CONVERSE)]


def test_a_body_that_is_a_file_has_no_hash(recorder: Recorder, sink: ListSink) -> None:
    """It is sent whole, and nothing counts as a fault."""
    with bedrock_simulator(keep_bodies=True) as simulator:
        client = instrument(simulator.client(), recorder=recorder)
        client.invoke_model(modelId=MODEL, body=io.BytesIO(b'{"a":1}'))["body"].read()
    assert (hashes(sink), simulator.requests[-1].body) == ([None], b'{"a":1}')
    assert recorder.faults.counts() == {}


def test_a_free_operation_has_no_hash(client: Any, sink: ListSink) -> None:
    """Nothing is saved by not doing it again."""
    client.count_tokens(modelId=MODEL, input={"converse": {"messages": MESSAGES}})
    assert hashes(sink) == [None]


def test_nothing_is_hashed_without_a_key(simulator: Simulator, sink: ListSink) -> None:
    """It is off unless somebody asks for it."""
    client = instrument(simulator.client(), recorder=Recorder(sinks=[sink]))
    client.converse(**CONVERSE)
    assert hashes(sink) == [None]


class _Refusing:
    def check(self, start: CallStart) -> None:
        raise TagPolicyError("no")


def test_a_refused_call_is_hashed(simulator: Simulator, sink: ListSink) -> None:
    """What was not sent was asked for all the same."""
    recorder = Recorder(sinks=[sink], guards=[_Refusing()], config=HASHED)
    client = instrument(simulator.client(), recorder=recorder)
    with pytest.raises(TagPolicyError):
        client.converse(**CONVERSE)
    assert hashes(sink) == [of("Converse", **CONVERSE)]


def test_a_request_that_cannot_be_hashed_is_sent(
    simulator: Simulator,
    sink: ListSink,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The fault is counted, its message is not told, and the call goes on."""
    caplog.set_level(logging.DEBUG, logger="bedrock_attrib")
    client = instrument(simulator.client(), recorder=recorder)
    client = instrument(simulator.client(), recorder=recorder)
    # botocore sends what cannot be put in order.
    client.converse(**CONVERSE, additionalModelRequestFields={1: "SECRET", "a": 2})
    assert hashes(sink) == [None]
    assert recorder.faults.counts() == {"request hash": 1}
    assert "SECRET" not in caplog.text


class TestHttpx:
    """Requests of httpx clients, as AWS's own names call them."""

    @pytest.fixture
    def post(
        self, simulator: Simulator, recorder: Recorder, sink: ListSink
    ) -> Iterator[Any]:
        """Sends a request, and gives the hash of its call."""
        httpx = pytest.importorskip("httpx", reason="httpx is not installed")
        with httpx.Client(base_url=simulator.endpoint_url) as client:
            door.instrument(
                client,
                recorder=recorder,
                endpoint_url=simulator.endpoint_url,
                region="us-east-1",
            )

            def send(path: str, **settings: Any) -> str | None:
                client.post(path, **settings)
                return hashes(sink)[-1]

            yield send
        assert recorder.faults.counts() == {}

    @pytest.mark.parametrize("path", ["converse", "converse-stream"])
    def test_converse(self, post: Any, path: str) -> None:
        """The same request by boto3 or by httpx is the same."""
        body = {"requestMetadata": {"a": "b"}, "messages": MESSAGES}
        assert post(f"{PATH}/{path}", json=body) == of("Converse", **CONVERSE)

    def test_invoke(self, post: Any) -> None:
        """So is a body that is the same to the byte, under the same guardrail."""
        headers = {
            "X-Amzn-Bedrock-GuardrailIdentifier": "g",
            "X-Amzn-Bedrock-GuardrailVersion": "2",
        }
        guardrail = {"guardrailIdentifier": "g", "guardrailVersion": "2"}
        found = post(f"{PATH}/invoke", content=INVOKE["body"], headers=headers)
        assert found == of("InvokeModel", **INVOKE, **guardrail)

    def test_openai_and_anthropic(self, post: Any) -> None:
        """Whether it is to be streamed, and for which user, does not count."""
        chat = {"model": "openai.gpt-5.6-luna", "messages": MESSAGES}
        beside = {"stream": True, "stream_options": {}, "user": "u", "metadata": {}}
        for path in ("/v1/chat/completions", "/v1/responses", "/v1/messages"):
            plain = post(path, json=chat)
            assert plain is not None
            assert post(path, json=chat | beside) == plain
            assert post(path, json=chat | {"temperature": 1}) != plain

    def test_guardrails(self, post: Any) -> None:
        """The same text for another guardrail is another request."""
        body = {"source": "INPUT", "content": [{"text": {"text": "Hello"}}]}
        found = [post(f"/guardrail/{g}/version/1/apply", json=body) for g in "ab"]
        named = {"guardrailVersion": "1", **body}
        assert found == [
            of("ApplyGuardrail", guardrailIdentifier=each, **named) for each in "ab"
        ]

    def test_what_is_not_known_whole_has_no_hash(self, post: Any) -> None:
        """A body that comes piece by piece, or is no JSON, equals nothing."""
        assert post(f"{PATH}/converse", content=iter([b"{}"])) is None
        assert post(f"{PATH}/converse", content=b"no JSON") is None


def reported(operation: str, request: Any, model_id: str | None = MODEL) -> CallRecord:
    """The record of a call that was reported."""
    sink = ListSink()
    recorder = Recorder(sinks=[sink], config=HASHED)
    recorder.record(operation, model_id=model_id, region="us-east-1", request=request)
    assert recorder.faults.counts() == {}
    return sink.records[0]


def test_reported_calls() -> None:
    """A request that is reported, in whatever form, is the same too."""
    body = {"messages": MESSAGES}
    expected = of("Converse", **CONVERSE)
    for request in (CONVERSE, body, json.dumps(body), json.dumps(body).encode()):
        assert reported("Converse", request).request_hash == expected
    text = json.dumps(body)
    expected = of("InvokeModel", modelId=MODEL, body=text)
    for request in (body, text, text.encode()):
        assert reported("InvokeModel", request).request_hash == expected


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("Converse", None),
        ("Converse", b"no JSON"),
        ("ApplyGuardrail", {"source": "INPUT"}),
    ],
)
def test_a_reported_request_that_is_not_known_whole(
    operation: str, request_: Any
) -> None:
    """What is missing could make the difference, so that there is no hash."""
    assert reported(operation, request_, None).request_hash is None
