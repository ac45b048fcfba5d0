"""How a finished call becomes a record: what was read, at what price, how sure."""

from __future__ import annotations

import itertools
import os
from functools import lru_cache
from time import perf_counter
from uuid import uuid4

from ._call import Call
from ._model_id import ModelKind, ModelRef, parse_model_id
from ._readers import merge_request
from ._record import CallRecord, Outcome, PriceStatus, Quote, Reading
from ._usage import GUARDRAIL_UNITS, Usage
from .pricing import PriceTable


Failure = tuple[PriceStatus, str]
"""Price status and reason of a call that left nothing to price."""


def build_record(
    call: Call,
    reading: Reading,
    prices: PriceTable | None,
    outcome: Outcome = Outcome.OK,
    error: str | None = None,
    failure: Failure | None = None,
) -> CallRecord:
    """The record of *call*, priced as far as it can be.

    Args:
        call: The call.
        reading: What the answer stated.
        prices: The price table; None only where there is nothing to price.
        outcome: How the call ended.
        error: AWS error code or exception class name; None without an error.
        failure: Set where there is nothing to price.
    """
    ended = call.ended if call.ended is not None else perf_counter()
    route = call.route
    if call.facts is not None and outcome is Outcome.OK:
        merge_request(reading, call.facts)
    if call.has_guardrail and failure is None:
        _mark_unknown_guardrail(reading)
    model = route.model
    if reading.invoked_model is not None:
        model = routed(model, reading.invoked_model)
    tier = reading.tier or "default"
    latency_mode = reading.latency_mode or "standard"
    counts = reading.counts
    usage = None if counts is None else Usage.of(counts)
    if usage is not None and failure is None and prices is not None:
        quote = prices.quote(
            model,
            usage,
            region=route.region,
            tier=tier,
            latency_mode=latency_mode,
            at=call.started_at,
            assumed=reading.assumed,
        )
    else:
        quote = Quote(None, *(failure or _unknown(reading)))
    cost, status, reason = quote
    if reading.estimated or reading.missing:
        status, reason = _doubted(quote, reading)
    return CallRecord(
        _IDS.next(),
        call.started_at,
        route.operation.name,
        model,
        route.region,
        tier,
        latency_mode,
        call.tags,
        usage,
        "" if usage is None else reading.source,
        cost,
        status,
        reason,
        ended - call.started,
        call.time_to_first_chunk_s,
        outcome,
        error,
        call.attempts,
        call.request_id,
    )


def _unknown(reading: Reading) -> Failure:
    reason = reading.note or reading.missing or "the answer states no usage"
    return PriceStatus.UNPRICED, reason


def _doubted(quote: Quote, reading: Reading) -> tuple[PriceStatus, str]:
    """Status of a price whose counts are estimated or not all known."""
    if quote.cost is None or quote.status is PriceStatus.PARTIAL:
        return quote.status, quote.reason
    if reading.missing:
        return PriceStatus.PARTIAL, f"not stated: {reading.missing}"
    return PriceStatus.ESTIMATED, reading.note or quote.reason


def _mark_unknown_guardrail(reading: Reading) -> None:
    if reading.counts is None or not GUARDRAIL_UNITS.isdisjoint(reading.counts):
        return
    reading.missing = reading.missing or (
        "guardrail units, which are billed: switch the guardrail's trace on"
    )


@lru_cache(maxsize=4096)
def routed(router: ModelRef, invoked: str) -> ModelRef:
    """The model that a prompt router invoked, under the name that was called."""
    model = parse_model_id(invoked)
    return ModelRef(
        router.requested,
        model.model_id,
        model.vendor,
        model.scope,
        ModelKind.PROMPT_ROUTER,
        model.geography,
    )


class _Ids:
    """Ids that are unique across processes, without a random number for each."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Take a new random prefix, as a forked child must."""
        self._prefix = uuid4().hex[:20]
        self._numbers = itertools.count()

    def next(self) -> str:
        """The next id: 32 hexadecimal digits."""
        return f"{self._prefix}{next(self._numbers):012x}"


_IDS = _Ids()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_IDS.restart)
