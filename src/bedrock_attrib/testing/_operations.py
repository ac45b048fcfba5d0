"""Which operation a request asks for, and how each operation answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from ._answers import (
    CONVERSE,
    CONVERSE_STREAM,
    INVOKE_MODEL,
    INVOKE_MODEL_STREAM,
    PlainShape,
    StreamShape,
)
from ._wire import WireRequest


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the service.

    Attributes:
        name: As AWS spells it.
        method: HTTP method.
        path: Path pattern; its group names the model or another resource.
        shape: How it answers.
    """

    name: str
    method: str
    path: re.Pattern[str]
    shape: PlainShape | StreamShape


def _operation(
    name: str, method: str, template: str, shape: PlainShape | StreamShape
) -> Operation:
    pattern = re.escape(template).replace(r"\{id\}", "(?P<id>[^/]+)")
    return Operation(name, method, re.compile(pattern), shape)


# botocore 1.44.5, service models bedrock-runtime 2023-09-30 and bedrock 2023-04-20.
_OPERATIONS = (
    _operation("Converse", "POST", "/model/{id}/converse", CONVERSE),
    _operation(
        "ConverseStream", "POST", "/model/{id}/converse-stream", CONVERSE_STREAM
    ),
    _operation("InvokeModel", "POST", "/model/{id}/invoke", INVOKE_MODEL),
    _operation(
        "InvokeModelWithResponseStream",
        "POST",
        "/model/{id}/invoke-with-response-stream",
        INVOKE_MODEL_STREAM,
    ),
)


def route(request: WireRequest) -> tuple[Operation, str] | None:
    """The operation that *request* asks for and the resource that it names.

    A client may quote an ARN in the path or not, so its slashes count as part of it
    in either form. None for a path that no operation has.
    """
    path = request.path.partition("?")[0]
    for operation in _OPERATIONS:
        match = operation.path.fullmatch(path)
        if match is not None and operation.method == request.method:
            return operation, unquote(match.groupdict().get("id") or "")
    return None
