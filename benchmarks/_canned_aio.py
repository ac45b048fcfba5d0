"""Canned answers for async clients: a real aiobotocore client without a transport.

As `_canned`: aiobotocore runs in full, only the socket is left out. Nothing waits, so
what an instrumentation adds can be compared with what it adds to a call of boto3.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from _canned import MESSAGES, MODEL
from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.awsrequest import HeadersDict


class _Content:
    """What aiobotocore asks of the content of aiohttp's response."""

    def __init__(self, body: bytes) -> None:
        self._body = io.BytesIO(body)

    async def read(self, amount: int = -1) -> bytes:
        return self._body.read(amount)

    async def iter_chunks(self) -> AsyncIterator[tuple[bytes, bool]]:
        yield self._body.read(), True

    def at_eof(self) -> bool:
        return self._body.tell() == len(self._body.getbuffer())


class _Raw:
    """What aiobotocore asks of aiohttp's response."""

    url = "http://canned"

    def __init__(self, body: bytes) -> None:
        self.content = _Content(body)

    async def read(self) -> bytes:
        return await self.content.read()

    def close(self) -> None:
        """Nothing is held."""


def canned_aio_client(answer: tuple[dict[str, str], bytes]) -> Any:
    """What is entered to get a client that gets *answer* to every request."""
    headers, body = answer
    all_headers = {**headers, "content-length": str(len(body))}

    def send(request: Any, **_: Any) -> AioAWSResponse:
        return AioAWSResponse(request.url, 200, HeadersDict(all_headers), _Raw(body))

    session = AioSession()
    session.get_component("event_emitter").register(
        "before-send.bedrock-runtime", send, "canned"
    )
    return session.create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=AioConfig(retries={"total_max_attempts": 1}),
    )


AioCall = Callable[[Any], Awaitable[object]]


async def converse(client: Any) -> object:
    """One Converse call."""
    return await client.converse(modelId=MODEL, messages=MESSAGES)


async def invoke(client: Any) -> object:
    """One InvokeModel call, its body read."""
    answer = await client.invoke_model(modelId=MODEL, body=b"{}")
    return await answer["body"].read()


async def converse_stream(client: Any) -> object:
    """One ConverseStream call, read to the end."""
    answer = await client.converse_stream(modelId=MODEL, messages=MESSAGES)
    return sum([1 async for _ in answer["stream"]])


async def invoke_stream(client: Any) -> object:
    """One InvokeModelWithResponseStream call, read to the end."""
    answer = await client.invoke_model_with_response_stream(modelId=MODEL, body=b"{}")
    return sum([1 async for _ in answer["body"]])
