"""Which operation a request asks for, and how each operation answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from ._answers import PlainShape, Shape, StreamShape
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
class Operation:
    """One operation of the service.

    Attributes:
        name: As AWS spells it.
        method: HTTP method.
        path: Its path; ``{id}`` names the model or another resource, ``*`` is any
            part.
        shape: How it answers.
    """

    name: str
    method: str
    path: str
    shape: Shape

    @property
    def pattern(self) -> re.Pattern[str]:
        """``path`` as an expression, in which an ARN may have its slashes bare."""
        named = self.path.replace("{id}", "(?P<id>.+)").replace("*", "[^/]+")
        return re.compile(named)


# botocore 1.44.5, service models bedrock-runtime 2023-09-30 and bedrock 2023-04-20.
OPERATIONS = (
    Operation(
        "Converse",
        "POST",
        "/model/{id}/converse",
        PlainShape(converse_body, sort_keys=True),
    ),
    Operation(
        "ConverseStream",
        "POST",
        "/model/{id}/converse-stream",
        StreamShape(converse_frames),
    ),
    Operation(
        "InvokeModel",
        "POST",
        "/model/{id}/invoke",
        PlainShape(invoke_body, invoke_headers),
    ),
    Operation(
        "InvokeModelWithResponseStream",
        "POST",
        "/model/{id}/invoke-with-response-stream",
        StreamShape(invoke_frames, invoke_stream_headers),
    ),
    Operation(
        "CountTokens",
        "POST",
        "/model/{id}/count-tokens",
        PlainShape(count_tokens_body),
    ),
    Operation(
        "ApplyGuardrail",
        "POST",
        "/guardrail/{id}/version/*/apply",
        PlainShape(apply_guardrail_body),
    ),
    Operation(
        "InvokeGuardrailChecks",
        "POST",
        "/guardrail-checks/invoke",
        PlainShape(guardrail_checks_body),
    ),
    Operation(
        "StartAsyncInvoke",
        "POST",
        "/async-invoke",
        PlainShape(start_async_invoke_body),
    ),
    Operation(
        "GetAsyncInvoke",
        "GET",
        "/async-invoke/{id}",
        PlainShape(get_async_invoke_body),
    ),
    Operation(
        "ListAsyncInvokes",
        "GET",
        "/async-invoke",
        PlainShape(list_async_invokes_body),
    ),
    Operation(
        "GetInferenceProfile",
        "GET",
        "/inference-profiles/{id}",
        PlainShape(inference_profile_body),
    ),
    # For the clients of OpenAI and Anthropic; runtime and mantle differ in the path.
    *(
        Operation(name, "POST", f"{front}/v1/{path}", shape)
        for name, path, shape, fronts in (
            ("ChatCompletions", "chat/completions", CHAT_COMPLETIONS, ("", "/openai")),
            ("Responses", "responses", RESPONSES, ("", "/openai")),
            ("Messages", "messages", MESSAGES, ("", "/anthropic")),
        )
        for front in fronts
    ),
)
_PATTERNS = tuple((operation, operation.pattern) for operation in OPERATIONS)


def route(request: WireRequest) -> tuple[Operation, str] | None:
    """The operation that *request* asks for, and the resource that it names.

    That is what the path names, or else the model in the body; empty where neither
    names any. None for a path that no operation has.
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
