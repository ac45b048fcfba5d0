"""Bedrock endpoint on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

import boto3
from botocore.client import BaseClient
from botocore.config import Config

from .._model.model_id import parse_model_id
from ..errors import ConfigError
from ._account import InferenceProfile, SimulatedAccount
from ._answers import answer_exchange, with_headers
from ._aws_errors import error_answer
from ._clients import make_client
from ._operations import route
from ._recordings import RECORDING_HEADER, Recording, recorded_answer
from ._reply import Reply
from ._script import Script
from ._server import LoopbackServer
from ._wire import Exchange, WireAnswer, WireRequest

# Headers with credentials: not stored.
_SECRET_HEADERS = frozenset({"authorization", "x-amz-security-token"})
_REQUEST_ID = "x-amzn-requestid"


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request that the simulator received.

    Attributes:
        operation: Operation name as AWS spells it; empty for an unknown path.
        model_id: Model id, ARN or other resource as the caller named it.
        headers: Headers by lower-case name, credentials left out.
        body_bytes: Length of the body.
        body: The body, only with ``keep_bodies``.
    """

    operation: str
    model_id: str
    headers: Mapping[str, str]
    body_bytes: int
    body: bytes | None = field(default=None, repr=False)


class Simulator:
    """A Bedrock endpoint on the loopback interface; `bedrock_simulator` makes one.

    Every request gets a default reply unless `reply` sets another one. Thread-safe.

    Attributes:
        endpoint_url: URL, for ``endpoint_url`` of a client.
        requests: Received requests, oldest first.

    Example:
        >>> with bedrock_simulator() as simulator:
        ...     client = simulator.client()
        ...     answer = client.converse(modelId="amazon.nova-lite-v1:0", messages=[])
        >>> answer["usage"]["inputTokens"]
        12
    """

    def __init__(self, *, port: int = 0, keep_bodies: bool = False) -> None:
        self.requests: list[SeenRequest] = []
        self._keep_bodies = keep_bodies
        self._script = Script()
        self._clients: list[BaseClient] = []
        self._account = SimulatedAccount()
        self._recordings: dict[str, Recording] = {}
        self._numbers = count(1)
        try:
            self._server = LoopbackServer(self._respond, port=port)
        except OSError as error:
            raise ConfigError(
                f"cannot listen on port {port} of 127.0.0.1: {error}; name another "
                f"port, or 0 for a free one"
            ) from error
        self.endpoint_url = self._server.url

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make boto3 use this endpoint, with dummy credentials.

        For an application or a framework that creates its own clients.
        """
        return {
            "AWS_ACCESS_KEY_ID": "simulated",
            "AWS_SECRET_ACCESS_KEY": "simulated",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_BEDROCK": self.endpoint_url,
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.endpoint_url,
        }

    def client(
        self,
        service_name: str = "bedrock-runtime",
        *,
        session: boto3.Session | None = None,
        region_name: str = "us-east-1",
        config: Config | None = None,
    ) -> BaseClient:
        """Create a boto3 client of this endpoint, with dummy credentials.

        Args:
            service_name: ``bedrock-runtime``, or ``bedrock`` for inference profiles.
            session: Session that creates it; None for a new one.
            region_name: Calling region, which decides prices.
            config: Merged into the default, which makes one attempt per call.
        """
        client = make_client(
            service_name,
            self.endpoint_url,
            session=session,
            region_name=region_name,
            config=config,
        )
        self._clients.append(client)
        return client

    def reply(
        self,
        reply: Reply,
        *,
        operation: str | None = None,
        model_id: str | None = None,
        times: int | None = None,
    ) -> None:
        """Answer with *reply* from now on; of matching replies, the latest applies.

        Args:
            reply: The reply.
            operation: Only for this operation, as AWS spells it; None for all.
            model_id: Only for this model, as callers write it; None for all.
            times: Number of uses, after which the earlier rule applies; None for no
                limit.

        Raises:
            ConfigError: If *times* is below one.
        """
        self._script.add(reply, operation=operation, model_id=model_id, times=times)

    def add_profile(self, profile: InferenceProfile) -> None:
        """Add *profile* to GetInferenceProfile, by its id and its ARN.

        A model call with either is answered in the format of its first model.
        """
        self._account.add_profile(profile)

    def serve(self, recordings: Iterable[Recording]) -> None:
        """Answer requests of `replay` with *recordings*."""
        self._recordings |= {recording.id: recording for recording in recordings}

    def reset(self) -> None:
        """Forget all requests, replies, profiles and recordings; number ids anew.

        The port stays the same, so clients of the endpoint still work. For one
        simulator that serves many tests.
        """
        self.requests.clear()
        self._script.clear()
        self._account.clear()
        self._recordings = {}
        self._numbers = count(1)

    def close(self) -> None:
        """Stop answering, within a second, and close the clients made here.

        Calling it again has no effect.
        """
        self._server.close()
        while self._clients:
            self._clients.pop().close()

    def _respond(self, request: WireRequest) -> WireAnswer:
        number = next(self._numbers)
        answer = self._answer(request, number)
        if any(name.lower() == _REQUEST_ID for name in answer.headers):
            return answer
        return with_headers(answer, {_REQUEST_ID: str(UUID(int=number))})

    def _answer(self, request: WireRequest, number: int) -> WireAnswer:
        found = route(request)
        if found is None:
            self._note(request, "", "")
            return error_answer("UnknownOperationException", "no such operation")
        operation, resource = found
        self._note(request, operation.name, resource)
        recording_id = request.headers.get(RECORDING_HEADER)
        if recording_id is not None:
            return self._recorded(recording_id)
        exchange = Exchange(
            operation=operation.name,
            resource=resource,
            model_id=self._model_id(resource),
            request=request,
            reply=self._script.choose(operation.name, resource),
            account=self._account,
            number=number,
        )
        return answer_exchange(exchange, operation.writer)

    def _recorded(self, recording_id: str) -> WireAnswer:
        recording = self._recordings.get(recording_id)
        if recording is None:
            message = f"recording {recording_id} is not served here; see serve()"
            return error_answer("ResourceNotFoundException", message)
        return recorded_answer(recording)

    def _note(self, request: WireRequest, operation: str, resource: str) -> None:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in _SECRET_HEADERS
        }
        body = request.body if self._keep_bodies else None
        seen = SeenRequest(operation, resource, headers, len(request.body), body)
        self.requests.append(seen)

    def _model_id(self, resource: str) -> str:
        """Return the base model of *resource*, which may be a known profile."""
        profile = self._account.profiles.get(resource)
        named = (
            resource if profile is None else next(iter(profile.model_arns), resource)
        )
        return parse_model_id(named).model_id or ""


@contextmanager
def bedrock_simulator(
    *, port: int = 0, keep_bodies: bool = False
) -> Iterator[Simulator]:
    """Run a Bedrock endpoint on this machine for a ``with`` block.

    Args:
        port: Port of 127.0.0.1; 0 for any free one.
        keep_bodies: Whether `SeenRequest.body` contains the text of requests, which
            may be a prompt.

    Raises:
        ConfigError: If the port is not available.
    """
    simulator = Simulator(port=port, keep_bodies=keep_bodies)
    try:
        yield simulator
    finally:
        simulator.close()
