"""Responses of InvokeModel and InvokeModelWithResponseStream."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

from .._model.usage import Usage
from . import _counts
from ._converse import GUARDRAIL_ID, assessment, padded
from ._event_stream import encode_event
from ._reply import Reply
from ._wire import AwsError, Exchange, JsonObject, as_json
from .families import Family, family_of


def invoke_body(exchange: Exchange) -> JsonObject:
    """Return the JSON body of InvokeModel, in the family's format."""
    return family_of(exchange).body(exchange) | _guardrail_fields(exchange.reply)


def invoke_headers(exchange: Exchange) -> dict[str, str]:
    """Return headers of InvokeModel: token counts, latency, tier, latency mode."""
    reply = exchange.reply
    headers = {"X-Amzn-Bedrock-Invocation-Latency": str(reply.latency_ms)}
    if reply.token_headers:
        stated = family_of(exchange).header_counts
        headers |= _counts.token_headers(reply.usage, stated)
    return headers | served_headers(reply)


def invoke_stream_headers(exchange: Exchange) -> dict[str, str]:
    """Return headers of InvokeModelWithResponseStream, without token counts."""
    stated = {"X-Amzn-Bedrock-Content-Type": "application/json"}
    return stated | served_headers(exchange.reply)


def served_headers(reply: Reply) -> dict[str, str]:
    """Return tier and latency mode that served the call: names of botocore 1.44.5."""
    served = {
        "X-Amzn-Bedrock-Service-Tier": reply.service_tier,
        "X-Amzn-Bedrock-PerformanceConfig-Latency": reply.latency_mode,
    }
    return {name: value for name, value in served.items() if value is not None}


def invoke_frames(exchange: Exchange) -> Iterator[bytes]:
    """Yield the frames of InvokeModelWithResponseStream, metrics in the last one."""
    for chunk in _with_metrics(exchange, _chunks_of(exchange)):
        payload: JsonObject = {"bytes": b64encode(as_json(chunk)).decode()}
        yield encode_event("chunk", as_json(padded(payload)))


def _chunks_of(exchange: Exchange) -> list[JsonObject]:
    family: Family = family_of(exchange)
    if family.chunks is None:
        raise AwsError(
            "ValidationException", f"{family.name} models do not support streaming"
        )
    return list(family.chunks(exchange))


def _with_metrics(exchange: Exchange, chunks: list[JsonObject]) -> Iterator[JsonObject]:
    reply = exchange.reply
    yield from chunks[:-1]
    counts = reply.metrics_usage if reply.metrics_usage is not None else reply.usage
    closing = _guardrail_fields(reply)
    if counts is not None:
        closing["amazon-bedrock-invocationMetrics"] = _metrics(reply, counts)
    yield chunks[-1] | closing | dict(reply.extra)


def _metrics(reply: Reply, counts: Usage) -> JsonObject:
    latency = {
        "invocationLatency": reply.latency_ms,
        "firstByteLatency": reply.latency_ms,
    }
    return _counts.metrics_fields(counts) | latency


def _guardrail_fields(reply: Reply) -> JsonObject:
    """Return a guardrail's action and trace, as InvokeModel names them.

    Amazon Bedrock user guide, guardrails with InvokeModel, checked 2026-11-23.
    """
    trace: JsonObject = {}
    if _counts.has_guardrail_units(reply.usage):
        trace["input"] = {GUARDRAIL_ID: assessment(reply.usage)}
    if reply.output_guardrail_usage is not None:
        trace["outputs"] = [{GUARDRAIL_ID: assessment(reply.output_guardrail_usage)}]
    if not trace and not reply.guardrail_intervened:
        return {}
    action = "INTERVENED" if reply.guardrail_intervened else "NONE"
    fields: JsonObject = {"amazon-bedrock-guardrailAction": action}
    return fields | ({"amazon-bedrock-trace": {"guardrail": trace}} if trace else {})
