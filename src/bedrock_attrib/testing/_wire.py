"""Requests and responses on the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from ._account import SimulatedAccount
from ._reply import Reply

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A received request.

    Attributes:
        method: ``GET`` or ``POST``.
        path: Path and query, still quoted.
        headers: Headers by lower-case name.
        body: The body's bytes.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def fields(self) -> JsonObject:
        """Return the JSON body; empty if it is not a JSON object."""
        try:
            fields = json.loads(self.body)
        except ValueError:
            return {}
        return fields if isinstance(fields, dict) else {}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of a known operation, and the reply chosen for it.

    Attributes:
        operation: Operation name as AWS spells it.
        resource: Resource in the path: a model id, an ARN, a guardrail id.
        model_id: Base model id, which decides the family; empty if unknown.
        request: The request itself.
        reply: Chosen reply.
        account: State left by earlier requests and the test.
        number: Ordinal of the request, from one.
    """

    operation: str
    resource: str
    model_id: str
    request: WireRequest
    reply: Reply
    account: SimulatedAccount
    number: int


class AwsError(Exception):
    """A request cannot be fulfilled; the client receives an AWS error.

    Attributes:
        code: AWS error code.
        message: Text of the error.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Ending(Enum):
    """Behaviour after the last part of a response."""

    COMPLETE = "complete"
    CUT = "cut"
    STALL = "stall"
    NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """A response to be sent.

    Attributes:
        status: HTTP status.
        headers: Headers in order, without those of the transport.
        pieces: Parts of the body, sent one by one.
        is_stream: Whether the length of the body is not declared.
        declared_bytes: Declared length of a plain body.
        delay_s: Seconds before the first byte.
        interval_s: Seconds between two parts.
        ending: Behaviour after the last part.
    """

    status: int
    headers: Mapping[str, str]
    pieces: tuple[bytes, ...]
    is_stream: bool = False
    declared_bytes: int = 0
    delay_s: float = 0.0
    interval_s: float = 0.0
    ending: Ending = Ending.COMPLETE


def as_json(value: Mapping[str, object], *, sort_keys: bool = False) -> bytes:
    """Write *value* as Bedrock does: compact, and sorted where Converse sorts."""
    text = json.dumps(
        value, separators=(",", ":"), sort_keys=sort_keys, ensure_ascii=False
    )
    return text.encode()
