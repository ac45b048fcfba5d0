"""The Bedrock endpoint on this machine: scripts in, answers out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from threading import Lock
from uuid import UUID

import boto3
from botocore.client import BaseClient
from botocore.config import Config

from .._errors import ConfigError
from .._model_id import parse_model_id
from ._answers import answer_exchange
from ._aws_errors import error_answer
from ._operations import route
from ._reply import Reply
from ._server import LoopbackServer
from ._wire import Answer, Exchange, WireRequest

# Headers that say who asks: they are not kept.
_SECRET_HEADERS = frozenset({"authorization", "x-amz-security-token"})
_DEFAULT_CONFIG = Config(
    retries={"total_max_attempts": 1, "mode": "standard"},
    max_pool_connections=64,
)


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request that the simulator answered.

    Attributes:
        operation: Operation name as AWS spells it; empty for an unknown path.
        model_id: Model id, ARN or other resource as the caller named it.
        headers: Headers by lower-case name, credentials left out.
        body_bytes: Length of the body.
        body: The body, only if the simulator was told to keep bodies.
    """

    operation: str
    model_id: str
    headers: Mapping[str, str]
    body_bytes: int
    body: bytes | None = None


@dataclass(slots=True)
class _Rule:
    reply: Reply
    operation: str | None
    model_id: str | None
    times_left: int | None

    def takes(self, operation: str, model_id: str) -> bool:
        return (
            self.operation in (None, operation)
            and self.model_id in (None, model_id)
            and self.times_left != 0
        )


class Simulator:
    """A Bedrock endpoint on the loopback interface; `bedrock_simulator` makes one.

    It answers every request with a default reply until told otherwise. It may be
    used from several threads.

    Attributes:
        endpoint_url: Where it answers, for ``endpoint_url`` of a client.
        requests: What it was asked, oldest first.

    Example:
        >>> with bedrock_simulator() as simulator:
        ...     client = simulator.client()
        ...     answer = client.converse(modelId="amazon.nova-lite-v1:0", messages=[])
        >>> answer["usage"]["inputTokens"]
        12
    """

    def __init__(self, *, keep_bodies: bool = False) -> None:
        self.requests: list[SeenRequest] = []
        self._keep_bodies = keep_bodies
        self._rules: list[_Rule] = []
        self._clients: list[BaseClient] = []
        self._lock = Lock()
        self._numbers = count(1)
        self._server = LoopbackServer(self._respond)
        self.endpoint_url = self._server.url

    def client(
        self,
        service_name: str = "bedrock-runtime",
        *,
        session: boto3.Session | None = None,
        region_name: str = "us-east-1",
        config: Config | None = None,
    ) -> BaseClient:
        """Make a boto3 client of this endpoint, with dummy credentials.

        Args:
            service_name: ``bedrock-runtime``, or ``bedrock`` for inference profiles.
            session: Session that makes it; None for a new one.
            region_name: Calling region, which decides prices.
            config: Laid over the default, which makes one attempt per call.
        """
        maker = boto3.Session() if session is None else session
        client = maker.client(
            service_name,
            region_name=region_name,
            endpoint_url=self.endpoint_url,
            aws_access_key_id="simulated",
            aws_secret_access_key="simulated",
            config=_DEFAULT_CONFIG if config is None else _DEFAULT_CONFIG.merge(config),
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
        """Answer with *reply* from now on; of those that fit, the latest holds.

        Args:
            reply: What to answer.
            operation: Only for this operation, as AWS spells it; None for all.
            model_id: Only for this model, as callers write it; None for all.
            times: Only so often, then the rule before it holds again; None for ever.

        Raises:
            ConfigError: If *times* is below one.
        """
        if times is not None and times < 1:
            raise ConfigError(f"times is {times}; expected 1 or more, or None")
        with self._lock:
            self._rules.append(_Rule(reply, operation, model_id, times))

    def close(self) -> None:
        """Stop answering, within a second, and close the clients made here.

        Closing twice is fine.
        """
        self._server.close()
        while self._clients:
            self._clients.pop().close()

    def _respond(self, request: WireRequest) -> Answer:
        number = next(self._numbers)
        answer = self._answer(request, number)
        headers = {"x-amzn-RequestId": str(UUID(int=number)), **answer.headers}
        return replace(answer, headers=headers)

    def _answer(self, request: WireRequest, number: int) -> Answer:
        found = route(request)
        operation, resource = ("", "") if found is None else (found[0].name, found[1])
        self._note(request, operation, resource)
        if found is None:
            return error_answer("UnknownOperationException", "no such operation")
        exchange = Exchange(
            operation=operation,
            resource=resource,
            model_id=self._model_id(resource),
            body=request.body,
            reply=self._choose(operation, resource),
            number=number,
        )
        return answer_exchange(exchange, found[0].shape)

    def _note(self, request: WireRequest, operation: str, resource: str) -> None:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in _SECRET_HEADERS
        }
        body = request.body if self._keep_bodies else None
        seen = SeenRequest(operation, resource, headers, len(request.body), body)
        self.requests.append(seen)

    def _choose(self, operation: str, resource: str) -> Reply:
        with self._lock:
            for rule in reversed(self._rules):
                if rule.takes(operation, resource):
                    if rule.times_left is not None:
                        rule.times_left -= 1
                    return rule.reply
        return _DEFAULT_REPLY

    def _model_id(self, resource: str) -> str:
        return parse_model_id(resource).model_id or ""


_DEFAULT_REPLY = Reply()


@contextmanager
def bedrock_simulator(*, keep_bodies: bool = False) -> Iterator[Simulator]:
    """Run a Bedrock endpoint on this machine for the length of a ``with`` block.

    Args:
        keep_bodies: Whether `SeenRequest.body` holds the text of requests, which
            may be somebody's prompt.
    """
    simulator = Simulator(keep_bodies=keep_bodies)
    try:
        yield simulator
    finally:
        simulator.close()
