"""How AWS is asked for the members of a profile, and what its refusals mean.

Built on botocore 1.44.5's model of ``bedrock``; not yet tried with a real account.
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
# The pauses between attempts are the resolver's: botocore would sleep in one.
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
    """What is used of boto3's client of ``bedrock``."""

    def get_inference_profile(self, *, inferenceProfileIdentifier: str) -> Any:  # noqa: N803, ANN401 -- AWS's own name; untyped
        """One inference profile, with its models."""

    def close(self) -> None:
        """Close its connections."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a look-up that failed.

    Attributes:
        kind: Of each kind the first is told.
        way_out: What a user can do.
        for_s: Seconds for which AWS is not asked again.
        is_final: False if the attempt is to be repeated soon.
    """

    kind: str
    way_out: str
    for_s: float
    is_final: bool = True


_NOT_THERE = Verdict("not there", WAY_OUT, math.inf)
_NOT_ALLOWED = Verdict(
    "not allowed",
    f"allow bedrock:GetInferenceProfile, or {WAY_OUT}",
    _NOT_ALLOWED_FOR_S,
)
_NO_ANSWER = Verdict("no answer", WAY_OUT, _NO_ANSWER_FOR_S, is_final=False)

# By AWS's error code; whatever is not here may pass, as throttling does.
_VERDICTS = {
    "ResourceNotFoundException": _NOT_THERE,
    "ValidationException": _NOT_THERE,
    "AccessDenied": _NOT_ALLOWED,
    "AccessDeniedException": _NOT_ALLOWED,
    "InvalidClientTokenId": _NOT_ALLOWED,
    "UnauthorizedOperation": _NOT_ALLOWED,
    "UnrecognizedClientException": _NOT_ALLOWED,
}


def verdict_on(error: Exception) -> Verdict:
    """What becomes of a look-up that ended in *error*."""
    if isinstance(error, _NO_CREDENTIALS):
        return _NOT_ALLOWED
    return _VERDICTS.get(name_of(error), _NO_ANSWER)


def name_of(error: Exception) -> str:
    """AWS's error code of *error*, or its class name."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code") or "ClientError")
    return type(error).__name__


class ProfileApi:
    """Asks the control plane of each region, by a client made when first needed."""

    def __init__(
        self,
        session: boto3.Session | None,
        client_for: Callable[[str], ProfileClient] | None,
    ) -> None:
        """Make clients by *client_for*, else by *session*, else by a new session."""
        self._session = session
        self._client_for = client_for
        self._clients: dict[str, ProfileClient] = {}

    def members_of(self, arn: str, region: str) -> tuple[str, ...]:
        """ARNs of the foundation models behind *arn*; raises as botocore does."""
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
        """Let go of the clients, as a forked child must: they are its parent's."""
        self._clients = {}

    def close(self) -> None:
        """Close the clients that were made here."""
        if self._client_for is None:
            for client in self._clients.values():
                client.close()
        self.forget()
