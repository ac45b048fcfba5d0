"""Responses of operations that run no model.

Shapes: botocore 1.44.5, service models bedrock-runtime 2023-09-30 and bedrock
2023-04-20.
"""

from __future__ import annotations

from . import _counts
from ._account import AsyncInvocation
from ._converse import assessment
from ._wire import AwsError, Exchange, JsonObject

# A fixed time, so that responses are reproducible.
_MOMENT = "2026-01-01T00:00:00Z"


def count_tokens_body(exchange: Exchange) -> JsonObject:
    """Return the JSON body of CountTokens: the whole prompt, cached tokens included."""
    usage = exchange.reply.usage
    counted = None if usage is None else usage.input_tokens
    return {"inputTokens": counted or 0}


def apply_guardrail_body(exchange: Exchange) -> JsonObject:
    """Return the JSON body of ApplyGuardrail."""
    reply = exchange.reply
    action = "GUARDRAIL_INTERVENED" if reply.guardrail_intervened else "NONE"
    return {
        "usage": _counts.guardrail_usage(reply.usage),
        "action": action,
        "outputs": [{"text": reply.text}] if reply.guardrail_intervened else [],
        "assessments": [assessment(reply.usage)],
    }


def guardrail_checks_body(exchange: Exchange) -> JsonObject:
    """Return the JSON body of InvokeGuardrailChecks, without findings."""
    usage = _counts.guardrail_checks_usage(exchange.reply.usage)
    return {"results": {check: {"results": []} for check in usage}, "usage": usage}


def start_async_invoke_body(exchange: Exchange) -> JsonObject:
    """Return the JSON body of StartAsyncInvoke, and store the invocation."""
    output = exchange.request.fields().get("outputDataConfig", {})
    invocation = AsyncInvocation(exchange.number, exchange.resource, output)
    exchange.account.add_invocation(invocation)
    return {"invocationArn": invocation.arn}


def get_async_invoke_body(exchange: Exchange) -> JsonObject:
    """Return the JSON body of GetAsyncInvoke: every invocation is completed at once."""
    invocation = exchange.account.invocations.get(exchange.resource)
    if invocation is None:
        raise AwsError("ValidationException", "no such invocation")
    return _fields_of(invocation)


def list_async_invokes_body(exchange: Exchange) -> JsonObject:
    """Return the JSON body of ListAsyncInvokes: all of them, latest first."""
    invocations = list(exchange.account.invocations.values())
    return {"asyncInvokeSummaries": [_fields_of(one) for one in reversed(invocations)]}


def _fields_of(invocation: AsyncInvocation) -> JsonObject:
    return {
        "invocationArn": invocation.arn,
        "modelArn": invocation.model_arn,
        "status": "Completed",
        "submitTime": _MOMENT,
        "lastModifiedTime": _MOMENT,
        "endTime": _MOMENT,
        "outputDataConfig": invocation.output,
    }


def inference_profile_body(exchange: Exchange) -> JsonObject:
    """Return the JSON body of GetInferenceProfile."""
    profile = exchange.account.profiles.get(exchange.resource)
    if profile is None:
        raise AwsError("ResourceNotFoundException", "no such inference profile")
    return {
        "inferenceProfileName": profile.name,
        "inferenceProfileArn": profile.arn,
        "inferenceProfileId": profile.id,
        "models": [{"modelArn": arn} for arn in profile.model_arns],
        "status": "ACTIVE",
        "type": "APPLICATION" if profile.is_application else "SYSTEM_DEFINED",
        "createdAt": _MOMENT,
        "updatedAt": _MOMENT,
    }
