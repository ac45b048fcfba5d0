"""Keyed hash of a request, equal for equal requests; no text is stored.

A hash under a secret key: without the key, nobody can test guesses against the hashes.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

_BYTES = (bytes, bytearray)
_DIGITS = 32
# A streaming operation asks for the same work as its plain twin.
_TWINS = {
    "ConverseStream": "Converse",
    "InvokeModelWithResponseStream": "InvokeModel",
}
# What is about the call and not about its answer: who asks, how fast, where the answer
# goes and in how many pieces it comes. botocore 1.44.5, service model of
# bedrock-runtime; OpenAI's OpenAPI document 2.3.0, CreateChatCompletionRequest and
# CreateResponse; anthropic 2.14.0, MessageCreateParams; checked 2026-11-25.
_BESIDE_THE_ANSWER = frozenset(
    "requestMetadata projectIdentifier serviceTier performanceConfig "
    "performanceConfigLatency contentType clientRequestToken outputDataConfig tags "
    "stream stream_options metadata user safety_identifier service_tier store "
    "prompt_cache_key prompt_cache_retention background speed user_profile_id "
    "workspace_id".split()
)
# OpenAI's Responses: the same words ask something else as the conversation goes on.
_CONVERSATION = "conversation"
# What is answered unless something else is asked for, in one piece or in many.
_USUAL_ANSWERS = frozenset(
    "application/json */* application/vnd.amazon.eventstream text/event-stream".split()
)


class RequestHasher:
    """Gives equal requests equal hashes, under one key.

    Keeps the key and nothing of what it is given.
    """

    __slots__ = ("_keyed",)

    def __init__(self, key: str) -> None:
        """Hash under *key*."""
        self._keyed = hmac.new(key.encode("utf-8", "surrogatepass"), digestmod=sha256)

    def __repr__(self) -> str:
        return "RequestHasher()"

    def hash(self, operation: str, params: Mapping[str, Any]) -> str | None:
        """The hash of a request: 32 hexadecimal digits.

        The order of keys does not count, and neither does what is about the call alone,
        such as request metadata or the tier. The body of InvokeModel counts to the
        byte.

        Args:
            operation: As AWS spells it; a streaming one counts as its plain twin.
            params: As boto3 takes them. Nothing in it is read that can be read once.

        Returns:
            None where a part is a file, which must not be read here; and for a turn of
            a conversation that the server keeps, which asks more than it says.
        """
        if _CONVERSATION in params:
            return None
        rest = {name: value for name, value in params.items() if _counts(name, value)}
        body = rest.pop("body", None)
        if isinstance(body, str):
            body = body.encode()
        elif body is not None and not isinstance(body, _BYTES):
            return None
        try:
            # Every break of a line within is written \n, so that the one below, and
            # nothing else, divides it from the body.
            text = _ENCODE([_TWINS.get(operation, operation), rest])
        except _FileError:
            return None
        keyed = self._keyed.copy()
        keyed.update(text.encode("ascii"))
        if body is not None:
            keyed.update(b"\n")
            keyed.update(body)
        return keyed.hexdigest()[:_DIGITS]


def _counts(name: str, value: object) -> bool:
    if name == "accept":
        return value not in _USUAL_ANSWERS
    return name not in _BESIDE_THE_ANSWER


class _FileError(Exception):
    """A part of the request is a file."""


def _blob(value: object) -> dict[str, str]:
    if isinstance(value, _BYTES):
        return {"": sha256(value).hexdigest()}
    if hasattr(value, "read"):
        raise _FileError
    raise TypeError(type(value).__name__)


_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_blob).encode
