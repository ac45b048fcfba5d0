"""One metered client, and the record of each call that a test makes with it."""

from __future__ import annotations

import gc
import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.client import BaseClient

from bedrock_attrib import CallRecord, Recorder, attribution, instrument
from bedrock_attrib.testing import ListSink, Reply, Simulator, bedrock_simulator
from bedrock_attrib.testing._event_stream import encode_event

MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
GUARDRAIL = {"guardrailIdentifier": "gr0", "guardrailVersion": "1"}


def read_whole(body: Any) -> None:
    """Read a body at once."""
    body.read()


class Meter:
    """Makes one call after the other and gives the record of each.

    Attributes:
        client: The instrumented client.
        simulator: What answers.
    """

    def __init__(self, simulator: Simulator) -> None:
        """Instrument a client of *simulator*."""
        self.simulator = simulator
        self._sink = ListSink()
        self._faults: dict[str, int] = {}
        self.recorder = Recorder(sinks=(self._sink,))
        self.client: BaseClient = instrument(simulator.client(), recorder=self.recorder)

    def needs(self, shape: str, member: str) -> None:
        """Skip a test where botocore does not know a member of an answer."""
        model = self.client.meta.service_model
        if member not in model.shape_for(shape).members:
            pytest.skip(f"this botocore knows no {shape}.{member}")

    def invoke(
        self,
        model_id: str,
        reply: Reply,
        request: object = None,
        *,
        read: Callable[[Any], None] = read_whole,
        **params: object,
    ) -> CallRecord:
        """InvokeModel, its body read by *read*; *request* is JSON, or what is sent."""
        answer = self._call(
            "invoke_model", reply, modelId=model_id, body=_sent(request), **params
        )
        read(answer["body"])
        del answer
        return self.record()

    def invoke_stream(
        self, model_id: str, reply: Reply, request: object = None, **params: object
    ) -> CallRecord:
        """InvokeModelWithResponseStream, read to the end."""
        method = "invoke_model_with_response_stream"
        answer = self._call(
            method, reply, modelId=model_id, body=_sent(request), **params
        )
        for _ in answer["body"]:
            pass
        return self.record()

    def converse(self, model_id: str, reply: Reply, **params: object) -> CallRecord:
        """Converse."""
        self._call("converse", reply, modelId=model_id, messages=MESSAGES, **params)
        return self.record()

    def converse_stream(
        self, model_id: str, reply: Reply, **params: object
    ) -> CallRecord:
        """ConverseStream, read to the end."""
        answer = self._call(
            "converse_stream", reply, modelId=model_id, messages=MESSAGES, **params
        )
        for _ in answer["stream"]:
            pass
        return self.record()

    def call(self, method: str, reply: Reply, **params: object) -> CallRecord:
        """Call *method* whose answer is complete when it returns."""
        self._call(method, reply, **params)
        return self.record()

    def record(self) -> CallRecord:
        """The only record since the last call was made."""
        if not self._sink.records:
            gc.collect()  # an answer that was not read to its end
        (record,) = self._sink.records
        assert self.recorder.faults.counts() == self._faults
        return record

    def _call(self, method: str, reply: Reply, **params: object) -> Any:
        self._sink.records.clear()
        self._faults = self.recorder.faults.counts()
        self.simulator.reply(reply)
        with attribution(team="search"):
            return getattr(self.client, method)(**params)


def _sent(request: object) -> object:
    is_json = request is None or isinstance(request, dict)
    return json.dumps(request or {"messages": []}) if is_json else request


@pytest.fixture(scope="session")
def meter() -> Iterator[Meter]:
    """A metered client of an endpoint on this machine."""
    with bedrock_simulator() as simulator:
        yield Meter(simulator)


@pytest.fixture(scope="session")
def chunk_frames() -> Callable[..., tuple[bytes, ...]]:
    """Makes frames of InvokeModelWithResponseStream from documents or JSON text."""

    def make(*chunks: Mapping[str, object] | str) -> tuple[bytes, ...]:
        return tuple(encode_event("chunk", _payload(chunk)) for chunk in chunks)

    return make


def _payload(chunk: Mapping[str, object] | str) -> bytes:
    text = chunk if isinstance(chunk, str) else json.dumps(chunk)
    return json.dumps({"bytes": b64encode(text.encode()).decode()}).encode()
