"""What goes over the wire: a request as it came, an answer as it will go."""

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
    """A request as it came.

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
        """The JSON body; empty when it is no JSON object."""
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
        resource: What the path names: a model id, an ARN, a guardrail id.
        model_id: Base model id that decides the family; empty when not known.
        request: The request itself.
        reply: What to answer.
        account: What earlier requests and the test left behind.
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
    """What a request asks for cannot be had; the client gets it as an AWS error.

    Attributes:
        code: AWS error code.
        message: Text of the error.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Ending(Enum):
    """What happens after the last piece of an answer."""

    COMPLETE = "complete"
    CUT = "cut"
    STALL = "stall"
    NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """An answer as it will go over the wire.

    Attributes:
        status: HTTP status.
        headers: Headers in order, those of the transport left out.
        pieces: Body, in parts that are sent one by one.
        is_stream: Whether the body's length is told only by its end.
        declared_bytes: Length that a plain body promises.
        delay_s: Seconds before the first byte.
        interval_s: Seconds between two pieces.
        ending: What happens after the last piece.
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
