"""Canned answers: a real boto3 client without a transport.

botocore runs in full, from parameter validation to parsing; only the socket is left
out, so that what an instrumentation adds is not lost in the noise of the network.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import boto3
import urllib3
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.config import Config

from bedrock_attrib.testing._event_stream import encode_event

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "x" * 200}]}]
_USAGE = {
    "inputTokens": 12,
    "outputTokens": 40,
    "totalTokens": 1252,
    "cacheReadInputTokens": 1000,
    "cacheWriteInputTokens": 200,
    "cacheDetails": [
        {"ttl": "1h", "inputTokens": 150},
        {"ttl": "5m", "inputTokens": 50},
    ],
}
_METRICS = {
    "inputTokenCount": 12,
    "outputTokenCount": 40,
    "invocationLatency": 500,
    "firstByteLatency": 100,
    "cacheReadInputTokenCount": 1000,
    "cacheWriteInputTokenCount": 0,
}


def converse_answer() -> tuple[dict[str, str], bytes]:
    """Headers and body of Converse."""
    body = {
        "output": {"message": {"role": "assistant", "content": [{"text": "y" * 600}]}},
        "stopReason": "end_turn",
        "usage": _USAGE,
        "metrics": {"latencyMs": 500},
    }
    return {"content-type": "application/json"}, json.dumps(body).encode()


def invoke_answer(
    text_bytes: int = 600, *, cache_writes: int = 0
) -> tuple[dict[str, str], bytes]:
    """Headers and body of InvokeModel, with an answer of *text_bytes*."""
    body = {
        "type": "message",
        "content": [{"type": "text", "text": "y" * text_bytes}],
        "usage": {
            "input_tokens": 12,
            "output_tokens": 40,
            "cache_creation": {
                "ephemeral_5m_input_tokens": 0,
                "ephemeral_1h_input_tokens": cache_writes,
            },
        },
    }
    headers = {
        "content-type": "application/json",
        "x-amzn-bedrock-input-token-count": "12",
        "x-amzn-bedrock-output-token-count": "40",
        "x-amzn-bedrock-cache-read-input-token-count": "1000",
        "x-amzn-bedrock-cache-write-input-token-count": str(cache_writes),
    }
    return headers, json.dumps(body).encode()


def converse_stream_answer(events: int) -> tuple[dict[str, str], bytes]:
    """Headers and frames of ConverseStream with *events* events."""
    frames = [_frame("messageStart", {"role": "assistant"})]
    delta = {"contentBlockIndex": 0, "delta": {"text": "word "}}
    frames += [_frame("contentBlockDelta", delta) for _ in range(events - 3)]
    frames.append(_frame("messageStop", {"stopReason": "end_turn"}))
    frames.append(_frame("metadata", {"usage": _USAGE, "metrics": {"latencyMs": 5}}))
    return _STREAM_HEADERS, b"".join(frames)


def invoke_stream_answer(events: int) -> tuple[dict[str, str], bytes]:
    """Headers and frames of InvokeModelWithResponseStream with *events* events."""
    start = {"input_tokens": 12, "output_tokens": 1, "cache_read_input_tokens": 1000}
    delta = {"type": "content_block_delta", "delta": {"text": "word "}}
    chunks: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"usage": start}},
        *(delta for _ in range(events - 3)),
        {"type": "message_delta", "usage": {"output_tokens": 40}},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": _METRICS},
    ]
    return _STREAM_HEADERS, b"".join(_chunk(chunk) for chunk in chunks)


_STREAM_HEADERS = {"content-type": "application/vnd.amazon.eventstream"}


def _chunk(payload: dict[str, Any]) -> bytes:
    encoded = base64.b64encode(json.dumps(payload).encode()).decode()
    return _frame("chunk", {"bytes": encoded})


def _frame(kind: str, payload: dict[str, Any]) -> bytes:
    return encode_event(kind, json.dumps(payload).encode())


def canned_client(answer: tuple[dict[str, str], bytes]) -> BaseClient:
    """A client that gets *answer* to every request."""
    headers, body = answer

    def send(request: Any, **_: Any) -> AWSResponse:
        raw = urllib3.HTTPResponse(
            body=io.BytesIO(body),
            headers=headers,
            status=200,
            preload_content=False,
            decode_content=False,
        )
        all_headers = {**headers, "content-length": str(len(body))}
        return AWSResponse(request.url, 200, urllib3.HTTPHeaderDict(all_headers), raw)

    client = boto3.Session().client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.meta.events.register("before-send.bedrock-runtime", send)
    return client


Call = Callable[[BaseClient], object]


def converse(client: BaseClient) -> object:
    """One Converse call."""
    return client.converse(modelId=MODEL, messages=MESSAGES)


def invoke(client: BaseClient, body: bytes = b"{}") -> object:
    """One InvokeModel call, its body read."""
    return client.invoke_model(modelId=MODEL, body=body)["body"].read()


def converse_stream(client: BaseClient) -> object:
    """One ConverseStream call, read to the end."""
    answer = client.converse_stream(modelId=MODEL, messages=MESSAGES)
    return sum(1 for _ in answer["stream"])


def invoke_stream(client: BaseClient) -> object:
    """One InvokeModelWithResponseStream call, read to the end."""
    answer = client.invoke_model_with_response_stream(modelId=MODEL, body=b"{}")
    return sum(1 for _ in answer["body"])
