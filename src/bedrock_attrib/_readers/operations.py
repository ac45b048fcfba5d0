"""Table of bedrock-runtime's operations, and how each is metered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._model.model_id import (
    GUARDRAIL_CHECKS_MODEL,
    GUARDRAIL_MODEL,
    ModelKind,
    ModelRef,
)
from .._model.record import UsageReading
from .asked import ASKED_PARAMETERS
from .responses import (
    Kept,
    Parsed,
    keep_converse,
    keep_headers,
    keep_nothing,
    keep_usage,
    keep_whole_headers,
    read_converse,
    read_free,
    read_guardrail,
    read_guardrail_checks,
    read_invoke,
    read_invoke_stream,
    read_nothing,
    read_unknown,
)
from .streams import Events, read_converse_events, read_invoke_events

NO_MODEL = ModelRef("none", None, None, None, ModelKind.FOUNDATION_MODEL)


@dataclass(frozen=True, slots=True)
class Operation:
    """Metering of one operation of bedrock-runtime.

    Attributes:
        name: As AWS spells it.
        read: Reads what ``keep`` has stored of an answer.
        members: Members of the answer that ``keep`` looks at.
        keep: Stores what ``read`` needs of a parsed answer, before any body or stream
            is touched; None if the body may say more.
        model: Model of an operation that names none.
        stream: Member of the answer that holds its event stream.
        read_events: Reads the final statement of a stream; None while it has not come.
        body: Member of the answer that holds an unread body.
        request: Parameter that a few models need counts from.
        guardrail: Parameter that says a guardrail is applied.
        noted: Parameters that a call notes when it starts.
    """

    name: str
    read: Callable[[Any, ModelRef], UsageReading]
    members: tuple[str, ...] = ()
    keep: Callable[[Parsed], Kept | None] = keep_nothing
    model: ModelRef = NO_MODEL
    stream: str | None = None
    read_events: Callable[[Events, ModelRef], UsageReading | None] | None = None
    body: str | None = None
    request: str | None = None
    guardrail: str = ""
    noted: frozenset[str] = ASKED_PARAMETERS

    @property
    def is_free(self) -> bool:
        """Return whether AWS charges nothing for the operation, however it ends."""
        return self.read is read_free


# botocore 1.44.5, service model of bedrock-runtime, checked 2026-11-23. The last three
# are no operations of an AWS SDK: runtime and mantle serve them to the clients of
# OpenAI and Anthropic. Amazon Bedrock user guide, "Responses API" and "Chat
# Completions API", checked 2026-11-25.
OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation(
            "Converse",
            read_converse,
            members=(
                "usage",
                "serviceTier",
                "performanceConfig",
                "trace",
                "stopReason",
            ),
            keep=keep_converse,
            guardrail="guardrailConfig",
            noted=ASKED_PARAMETERS | {"guardrailConfig"},
        ),
        Operation(
            "ConverseStream",
            read_nothing,
            stream="stream",
            read_events=read_converse_events,
            guardrail="guardrailConfig",
            noted=ASKED_PARAMETERS | {"guardrailConfig"},
        ),
        Operation(
            "InvokeModel",
            read_invoke,
            members=("ResponseMetadata",),
            keep=keep_whole_headers,
            body="body",
            request="body",
            guardrail="guardrailIdentifier",
            noted=ASKED_PARAMETERS | {"guardrailIdentifier"},
        ),
        Operation(
            "InvokeModelWithResponseStream",
            read_invoke_stream,
            keep=keep_headers,
            stream="body",
            read_events=read_invoke_events,
            request="body",
            guardrail="guardrailIdentifier",
            noted=ASKED_PARAMETERS | {"guardrailIdentifier"},
        ),
        Operation(
            "ApplyGuardrail",
            read_guardrail,
            members=("usage",),
            keep=keep_usage,
            model=GUARDRAIL_MODEL,
        ),
        Operation(
            "InvokeGuardrailChecks",
            read_guardrail_checks,
            members=("usage",),
            keep=keep_usage,
            model=GUARDRAIL_CHECKS_MODEL,
        ),
        Operation("StartAsyncInvoke", read_nothing, request="modelInput"),
        Operation("GetAsyncInvoke", read_free),
        Operation("ListAsyncInvokes", read_free),
        Operation("CountTokens", read_free),
        *(
            Operation(
                name,
                read_invoke,
                members=("ResponseMetadata",),
                keep=keep_whole_headers,
                read_events=read_invoke_events,
                body="body",
                guardrail="guardrailIdentifier",
                noted=ASKED_PARAMETERS | {"guardrailIdentifier"},
            )
            for name in ("ChatCompletions", "Responses", "Messages")
        ),
    )
}


def operation_named(name: str) -> Operation:
    """Return the row for *name*; an unknown operation is read as unknown."""
    return OPERATIONS.get(name) or Operation(name, read_unknown)
