"""An async client's requests are hashed as those of boto3 are."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("aiobotocore", reason="needs the extra aio")

from aio_clients import client_of

from bedrock_attrib import Recorder, instrument
from bedrock_attrib._config import Config
from bedrock_attrib._recording.request_hash import RequestHasher
from bedrock_attrib.testing import ListSink, Simulator

KEY = "a secret of thirty-two characters"
CONVERSE = {
    "modelId": "us.amazon.nova-pro-v1:0",
    "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
}
INVOKE = {"modelId": "us.amazon.nova-pro-v1:0", "body": b'{"messages":[]}'}


async def call_each(simulator: Simulator, recorder: Recorder) -> None:
    """A call, a stream, and a call whose body is raw."""
    async with client_of(simulator) as client:
        instrument(client, recorder=recorder)
        await client.converse(**CONVERSE)
        answer = await client.converse_stream(**CONVERSE)
        async for _ in answer["stream"]:
            pass
        answer = await client.invoke_model(**INVOKE)
        await answer["body"].read()


def test_equal_requests_have_equal_hashes(simulator: Simulator, sink: ListSink) -> None:
    """Whichever client makes them, and whether the answer is a stream or not."""
    settings = Config(request_hash_key=KEY)  # type: ignore[arg-type]  # as from outside
    recorder = Recorder(sinks=[sink], config=settings)
    asyncio.run(call_each(simulator, recorder))
    hasher = RequestHasher(KEY)
    expected = [hasher.hash("Converse", CONVERSE)] * 2
    expected.append(hasher.hash("InvokeModel", INVOKE))
    assert [record.request_hash for record in sink.records] == expected
    assert recorder.faults.counts() == {}
    recorder.close()
