"""Operations of the simulator: paths and response writers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from ._answers import EventStreamWriter, JsonWriter, ResponseWriter
from ._converse import converse_body, converse_frames
from ._interfaces import CHAT_COMPLETIONS, MESSAGES, RESPONSES
from ._invoke import (
    invoke_body,
    invoke_frames,
    invoke_headers,
    invoke_stream_headers,
)
from ._services import (
    apply_guardrail_body,
    count_tokens_body,
    get_async_invoke_body,
    guardrail_checks_body,
    inference_profile_body,
    list_async_invokes_body,
    start_async_invoke_body,
)
from ._wire import WireRequest


@dataclass(frozen=True, slots=True)
class SimulatedOperation:
    """An operation of the service.

    Attributes:
        name: As AWS spells it.
        method: HTTP method.
        path: Its path; ``{id}`` names the model or another resource, ``*`` is any
            part.
        writer: Writer of its responses.
    """

    name: str
    method: str
    path: str
    writer: ResponseWriter

    @property
    def pattern(self) -> re.Pattern[str]:
        """``path`` as a regular expression; an ARN may contain unquoted slashes."""
        named = self.path.replace("{id}", "(?P<id>.+)").replace("*", "[^/]+")
        return re.compile(named)


# botocore 1.44.5, service models bedrock-runtime 2023-09-30 and bedrock 2023-04-20.
OPERATIONS = (
    SimulatedOperation(
        "Converse",
        "POST",
        "/model/{id}/converse",
        JsonWriter(converse_body, sort_keys=True),
    ),
    SimulatedOperation(
        "ConverseStream",
        "POST",
        "/model/{id}/converse-stream",
        EventStreamWriter(converse_frames),
    ),
    SimulatedOperation(
        "InvokeModel",
        "POST",
        "/model/{id}/invoke",
        JsonWriter(invoke_body, invoke_headers),
    ),
    SimulatedOperation(
        "InvokeModelWithResponseStream",
        "POST",
        "/model/{id}/invoke-with-response-stream",
        EventStreamWriter(invoke_frames, invoke_stream_headers),
    ),
    SimulatedOperation(
        "CountTokens",
        "POST",
        "/model/{id}/count-tokens",
        JsonWriter(count_tokens_body),
    ),
    SimulatedOperation(
        "ApplyGuardrail",
        "POST",
        "/guardrail/{id}/version/*/apply",
        JsonWriter(apply_guardrail_body),
    ),
    SimulatedOperation(
        "InvokeGuardrailChecks",
        "POST",
        "/guardrail-checks/invoke",
        JsonWriter(guardrail_checks_body),
    ),
    SimulatedOperation(
        "StartAsyncInvoke",
        "POST",
        "/async-invoke",
        JsonWriter(start_async_invoke_body),
    ),
    SimulatedOperation(
        "GetAsyncInvoke",
        "GET",
        "/async-invoke/{id}",
        JsonWriter(get_async_invoke_body),
    ),
    SimulatedOperation(
        "ListAsyncInvokes",
        "GET",
        "/async-invoke",
        JsonWriter(list_async_invokes_body),
    ),
    SimulatedOperation(
        "GetInferenceProfile",
        "GET",
        "/inference-profiles/{id}",
        JsonWriter(inference_profile_body),
    ),
    # For the clients of OpenAI and Anthropic; runtime and mantle differ in the path.
    *(
        SimulatedOperation(name, "POST", f"{front}/v1/{path}", writer)
        for name, path, writer, fronts in (
            ("ChatCompletions", "chat/completions", CHAT_COMPLETIONS, ("", "/openai")),
            ("Responses", "responses", RESPONSES, ("", "/openai")),
            ("Messages", "messages", MESSAGES, ("", "/anthropic")),
        )
        for front in fronts
    ),
)
_PATTERNS = tuple((operation, operation.pattern) for operation in OPERATIONS)


def route(request: WireRequest) -> tuple[SimulatedOperation, str] | None:
    """Return the requested operation and the resource that it names.

    The resource is in the path, else the model in the body; empty if neither names
    one. None for an unknown path.
    """
    path = request.path.partition("?")[0]
    for operation, pattern in _PATTERNS:
        match = pattern.fullmatch(path)
        if match is not None and operation.method == request.method:
            named = match.groupdict().get("id")
            if named is None:
                fields = request.fields()
                return operation, str(fields.get("modelId") or fields.get("model", ""))
            return operation, unquote(named)
    return None
