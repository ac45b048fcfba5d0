"""Calls of the demo, as an application makes them with boto3."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Protocol

from ._jobs import Job
from ._plan import Step

Answer = Mapping[str, Any]


class BedrockClient(Protocol):
    """The part of boto3's bedrock-runtime client that the demo uses."""

    @property
    def meta(self) -> Any:  # noqa: ANN401 - botocore has no types
        """Metadata of the client."""

    @property
    def exceptions(self) -> Any:  # noqa: ANN401 - made by boto3 at run time
        """Exception classes, ``ClientError`` among them."""

    def converse(self, **params: object) -> Answer:
        """Call Converse."""

    def converse_stream(self, **params: object) -> Answer:
        """Call ConverseStream."""

    def invoke_model(self, **params: object) -> Answer:
        """Call InvokeModel."""

    def invoke_model_with_response_stream(self, **params: object) -> Answer:
        """Call InvokeModelWithResponseStream."""

    def apply_guardrail(self, **params: object) -> Answer:
        """Call ApplyGuardrail."""

    def count_tokens(self, **params: object) -> Answer:
        """Call CountTokens."""


_TIER = "serviceTier"
_TEXT = "A request of the demo."
_CONTENT = [{"text": _TEXT}]
_MESSAGES = [{"role": "user", "content": _CONTENT}]
_CHAT_BODY = {"messages": [{"role": "user", "content": _TEXT}], "max_tokens": 1024}
# Request bodies by how the model id begins; all others take messages.
_BODIES: Mapping[str, Mapping[str, object]] = {
    "amazon.titan-embed": {"inputText": _TEXT},
    "amazon.nova-canvas": {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": _TEXT},
        "imageGenerationConfig": {"numberOfImages": 2, "quality": "standard"},
    },
    "cohere.rerank": {"query": _TEXT, "documents": [_TEXT] * 40, "api_version": 2},
}


def make_call(client: BedrockClient, step: Step) -> None:
    """Make the call of *step*, and read its answer as far as the step states.

    Raises:
        botocore.exceptions.ClientError: If the endpoint answers with an error.
    """
    _CALLS[step.job.operation](client, step)


def _converse(client: BedrockClient, step: Step) -> None:
    client.converse(modelId=step.job.target, messages=_MESSAGES)


def _converse_stream(client: BedrockClient, step: Step) -> None:
    answer = client.converse_stream(modelId=step.job.target, messages=_MESSAGES)
    _read(answer["stream"], step.events)


def _invoke_model(client: BedrockClient, step: Step) -> None:
    job = step.job
    tier = _tier(client, job)
    answer = client.invoke_model(modelId=job.target, body=_body(job), **tier)
    answer["body"].read()


def _invoke_stream(client: BedrockClient, step: Step) -> None:
    answer = client.invoke_model_with_response_stream(
        modelId=step.job.target, body=_body(step.job)
    )
    _read(answer["body"], step.events)


def _apply_guardrail(client: BedrockClient, step: Step) -> None:
    client.apply_guardrail(
        guardrailIdentifier=step.job.target,
        guardrailVersion="1",
        source="INPUT",
        content=[{"text": {"text": _TEXT}}],
    )


def _count_tokens(client: BedrockClient, step: Step) -> None:
    client.count_tokens(
        modelId=step.job.target, input={"converse": {"messages": _MESSAGES}}
    )


def _read(events: Iterable[object], limit: int | None) -> None:
    """Read *events*, at most *limit*; the stream then stays open, as after `break`."""
    for _ in islice(events, limit):
        pass


def _tier(client: BedrockClient, job: Job) -> Mapping[str, str]:
    """Return the parameter of the tier, which boto3 1.40.61 does not know yet."""
    known = client.meta.service_model.operation_model(job.operation).input_shape.members
    return {_TIER: job.tier} if job.tier is not None and _TIER in known else {}


def _body(job: Job) -> str:
    bodies = (body for start, body in _BODIES.items() if job.target.startswith(start))
    return json.dumps(next(bodies, _CHAT_BODY))


_CALLS: Mapping[str, Callable[[BedrockClient, Step], None]] = {
    "Converse": _converse,
    "ConverseStream": _converse_stream,
    "InvokeModel": _invoke_model,
    "InvokeModelWithResponseStream": _invoke_stream,
    "ApplyGuardrail": _apply_guardrail,
    "CountTokens": _count_tokens,
}
