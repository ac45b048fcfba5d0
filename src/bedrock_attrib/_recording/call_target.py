"""Call targets: what calls of one operation, model and region have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._model.model_id import ModelRef, parse_model_id
from .._model.usage import Usage
from .._readers import (
    Events,
    Operation,
    RequestReader,
    is_told_by_headers,
    operation_named,
    request_reader,
)
from .._runtime.bounded_cache import BoundedCache

if TYPE_CHECKING:
    from .._model.call_groups import CallGroup
    from .._model.record import UsageReading
    from ..pricing._rate_sheet import Pricer


@dataclass(slots=True)
class CallTarget:
    """Common facts of all calls of one operation to one model id.

    Attributes:
        operation: Row of the table of operations.
        model: The model as named.
        region: Calling region.
        read_request: Reader of the request, where this model needs one.
        reads_body: Whether a body may state more than its headers do.
        tokens_per_event: Output tokens of a stream event, learned from streams that
            ended, for estimating those that did not.
        tokens_per_byte: Input tokens of a request byte, learned likewise.
        pricer: Pricer of its last call; None before the first.
        groups: Groups of its calls that state the same units under the same tags and
            conditions; None where one call of the kind was seen.
    """

    operation: Operation
    model: ModelRef
    region: str
    read_request: RequestReader | None
    reads_body: bool = True
    tokens_per_event: float = 1.0
    tokens_per_byte: float = 0.25
    pricer: Pricer | None = None
    groups: BoundedCache[tuple[object, ...], CallGroup | None] = field(
        default_factory=lambda: BoundedCache(_MOST_GROUPS)
    )

    def learn(self, events: Events, reading: UsageReading) -> None:
        """Learn the ratios from a stream that came to its final counts."""
        if not events.count or reading.counts is None:
            return
        usage = Usage.of(reading.counts)
        output, prompt = usage.output_tokens, usage.input_tokens
        if output:
            found = output / events.count
            self.tokens_per_event += _LEARNING * (found - self.tokens_per_event)
        if prompt and events.request_bytes:
            found = prompt / events.request_bytes
            self.tokens_per_byte += _LEARNING * (found - self.tokens_per_byte)


_LEARNING = 0.25
_MOST_ROUTES = 4096
# botocore 1.44.5, bedrock-runtime Converse: modelId has 2,048 characters at most
# (checked 2026-12-01). What is longer fails, and is not remembered.
_LONGEST_MODEL_ID = 2048
# Kinds of calls to one target; tags may differ with every call.
_MOST_GROUPS = 1024


class CallTargets:
    """Routes by operation, ``modelId`` (None where it has none) and calling region."""

    def __init__(self) -> None:
        """Start with none; each is made when it is first looked up."""
        self._routes: BoundedCache[tuple[str, object, str], CallTarget]
        self._routes = BoundedCache(_MOST_ROUTES)

    def of(self, operation: str, model_id: object, region: str) -> CallTarget:
        """Return the target of a call."""
        key = (operation, model_id, region)
        target = self._routes.get(key)
        if target is None:
            target = _new_route(*key)
            if not _is_too_long(model_id):
                self._routes[key] = target
        return target


def _is_too_long(model_id: object) -> bool:
    """Return whether *model_id* is longer than any that Bedrock takes."""
    return isinstance(model_id, str) and len(model_id) > _LONGEST_MODEL_ID


def _new_route(operation: str, model_id: object, region: str) -> CallTarget:
    row = operation_named(operation)
    parse = parse_model_id.__wrapped__ if _is_too_long(model_id) else parse_model_id
    model = parse(model_id) if isinstance(model_id, str) else row.model
    reader = request_reader(model.model_id) if row.request is not None else None
    reads_body = not is_told_by_headers(model.model_id)
    return CallTarget(row, model, region, reader, reads_body)
