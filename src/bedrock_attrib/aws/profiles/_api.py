"""GetInferenceProfile: requests, and the meaning of its errors.

Built on botocore 1.44.5's model of ``bedrock``; not yet tested with a real account.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import boto3
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
)

WAY_OUT = "map it to its model under [models]"
WHAT = "its application inference profile could not be looked up"

_NOT_ALLOWED_FOR_S = 3600.0
_NO_ANSWER_FOR_S = 600.0
# The resolver pauses between attempts: botocore would sleep on its thread.
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=10,
    retries={"total_max_attempts": 1, "mode": "standard"},
)
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
)


class ProfileClient(Protocol):
    """Methods used of boto3's ``bedrock`` client."""

    def get_inference_profile(self, *, inferenceProfileIdentifier: str) -> Any:  # noqa: N803, ANN401 -- AWS's own name; untyped
        """Return one inference profile with its models."""

    def close(self) -> None:
        """Close its connections."""


@dataclass(frozen=True, slots=True)
class LookupFailure:
    """Consequence of a failed look-up.

    Attributes:
        kind: The first failure of each kind is logged as a warning.
        way_out: What the user can do.
        for_s: Seconds until the next request.
        is_final: False if the attempt is repeated soon.
    """

    kind: str
    way_out: str
    for_s: float
    is_final: bool = True


_NOT_THERE = LookupFailure("not there", WAY_OUT, math.inf)
_NOT_ALLOWED = LookupFailure(
    "not allowed",
    f"allow bedrock:GetInferenceProfile, or {WAY_OUT}",
    _NOT_ALLOWED_FOR_S,
)
_NO_ANSWER = LookupFailure("no answer", WAY_OUT, _NO_ANSWER_FOR_S, is_final=False)

# By AWS's error code; any other error may be temporary, like throttling.
_FAILURES = {
    "ResourceNotFoundException": _NOT_THERE,
    "ValidationException": _NOT_THERE,
    "AccessDenied": _NOT_ALLOWED,
    "AccessDeniedException": _NOT_ALLOWED,
    "InvalidClientTokenId": _NOT_ALLOWED,
    "UnauthorizedOperation": _NOT_ALLOWED,
    "UnrecognizedClientException": _NOT_ALLOWED,
}


def failure_of(error: Exception) -> LookupFailure:
    """Return the consequence of *error*."""
    if isinstance(error, _NO_CREDENTIALS):
        return _NOT_ALLOWED
    return _FAILURES.get(name_of(error), _NO_ANSWER)


def name_of(error: Exception) -> str:
    """Return AWS's error code of *error*, or its class name."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code") or "ClientError")
    return type(error).__name__


class ProfileApi:
    """Client of the control planes, one per region, created when first needed."""

    def __init__(
        self,
        session: boto3.Session | None,
        client_for: Callable[[str], ProfileClient] | None,
    ) -> None:
        """Make clients with *client_for*, *session*, or a new session."""
        self._session = session
        self._client_for = client_for
        self._clients: dict[str, ProfileClient] = {}

    def members_of(self, arn: str, region: str) -> tuple[str, ...]:
        """Return ARNs of the foundation models of *arn*; raises botocore's errors."""
        client = self._clients.get(region)
        if client is None:
            client = (self._client_for or self._new_client)(region)
            self._clients[region] = client
        answer = client.get_inference_profile(inferenceProfileIdentifier=arn)
        return tuple(str(model["modelArn"]) for model in answer["models"])

    def _new_client(self, region: str) -> ProfileClient:
        session = boto3.Session() if self._session is None else self._session
        client = session.client("bedrock", region_name=region, config=_CONFIG)
        return cast("ProfileClient", client)

    def forget(self) -> None:
        """Drop the clients, which in a forked child are its parent's."""
        self._clients = {}

    def close(self) -> None:
        """Close the clients created here."""
        if self._client_for is None:
            for client in self._clients.values():
                client.close()
        self.forget()
