"""How a finished call becomes a record: what was read, at what price, how sure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from .._model.call_groups import Alike
from .._model.model_id import ModelKind, ModelRef, parse_model_id
from .._model.record import CallRecord, Outcome, PriceStatus, Quote, Reading, moment
from .._model.record_ids import IDS
from .._model.usage import GUARDRAIL_UNITS, Unit, Usage
from .._readers import (
    Events,
    merge_request,
    operation_named,
    read_unfinished,
    request_reader,
    status_without_answer,
    with_earlier_attempts,
)
from .call import Call
from .call_target import Route

if TYPE_CHECKING:
    from ..pricing import PriceTable
    from ..pricing._model_pricer import AnyTill


def read_stream(call: Call, events: Events) -> Reading:
    """What the events of *call* said; judges how it ended, where that is open."""
    route, opening = call.route, call.answer
    read = route.operation.read_events
    reading = read(events, route.model) if read is not None else None
    if reading is not None:
        route.learn(events, reading)
        call.outcome = call.outcome or _OK
    else:
        reading = _read_unfinished(route, events)
        call.outcome = call.outcome or (_OK if call.was_read else Outcome.ABANDONED)
    if isinstance(opening, Reading):
        reading.tier = reading.tier or opening.tier
        reading.latency_mode = reading.latency_mode or opening.latency_mode
    return reading


def _read_unfinished(route: Route, events: Events) -> Reading:
    if events.first is None:
        return Reading(note="the stream ended before its first event")
    return read_unfinished(
        events,
        route.model,
        tokens_per_event=route.tokens_per_event,
        tokens_per_byte=route.tokens_per_byte,
    )


def judge_dropped(call: Call) -> None:
    """Say of a call that was dropped without an answer what became of it."""
    was_sent = bool(call.retries)
    call.error = call.error or ("Interrupted" if was_sent else "NotSent")
    call.outcome = Outcome.ABANDONED if was_sent else Outcome.ERROR
    call.failure = status_without_answer(call.error, was_sent=was_sent)


def build_record(call: Call, reading: Reading, prices: PriceTable | None) -> CallRecord:
    """The record of *call*, which has ended, priced as far as it can be.

    Args:
        call: The call, with how it ended.
        reading: What the answer stated.
        prices: The price table; None to leave the call unpriced.
    """
    outcome = call.outcome or _OK
    route = call.route
    at = moment(call.started_at)
    if call.facts is not None and call.failure is None:
        merge_request(reading, call.facts)
    elif route.read_request is not None and outcome is _OK:
        reading.missing = reading.missing or _REQUEST_NOT_READ
    if call.has_guardrail and call.failure is None:
        _mark_unknown_guardrail(reading)
    model = route.model
    if reading.invoked_model is not None:
        model = routed(model, reading.invoked_model)
    tier = reading.tier or "default"
    latency_mode = reading.latency_mode or "standard"
    counts = reading.counts
    usage = None if counts is None else Usage.of(counts)
    if usage is not None and call.failure is None and prices is not None:
        till = route.till
        if till is None or till.model is not model:
            till = route.till = _till_of(model, route.region, prices)
        quote = till.quote(usage, tier, latency_mode, at, reading.assumed)
    else:
        quote = Quote(None, *(_failure(call) or _unknown(reading)))
    cost, status, reason = quote
    if reading.estimated or reading.missing:
        status, reason = _doubted(quote, reading)
    if call.doubtful_attempts and not route.operation.is_free:
        earlier = _earlier_attempts(call)
        status, reason = with_earlier_attempts(status, reason, earlier)
    values = (
        IDS.text(IDS.take()),
        at,
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
        (call.ended or call.started) - call.started if call.is_timed else None,
        call.time_to_first_chunk_s if call.is_timed else None,
        outcome,
        call.error,
        call.attempts,
        call.request_id,
        call.doubtful_attempts,
        call.request_hash,
    )
    return tuple.__new__(CallRecord, values)  # in half the time of naming each


def alike_of(
    record: CallRecord, reading: Reading, till: AnyTill | None
) -> Alike | None:
    """What plain calls like the one of *record* have in common, if that can be said."""
    cost, usage = record.cost, record.usage
    if (
        till is None
        or cost is None
        or usage is None
        or cost.usage is not usage
        or record.price_status is not _PRICED
        or record.model is not till.model
        or reading.estimated
        or reading.missing
    ):
        return None
    known = till.known(usage, record.tier, record.latency_mode, reading.assumed)
    if known is None or known.rates is not cost.rates:
        return None
    return Alike(record, cost, starts=known.starts, ends=known.ends, most=known.most)


def _till_of(model: ModelRef, region: str, prices: PriceTable) -> AnyTill:
    from ..pricing._table import till_of  # noqa: PLC0415 -- as late as the table itself

    return till_of(prices, model, region)


def _failure(call: Call) -> tuple[PriceStatus, str] | None:
    failure = call.failure
    if failure is not None and call.route.operation.is_free:
        return PriceStatus.FREE, failure[1]
    return failure


def _earlier_attempts(call: Call) -> tuple[str, ...]:
    """Doubtful attempts but the last, where the call failed with that one."""
    doubtful = call.doubtful_attempts
    has_failed = call.failure is not None and doubtful[-1] == call.error
    return doubtful[:-1] if has_failed else doubtful


def price_again(
    record: CallRecord, reading: Reading, model: ModelRef, prices: PriceTable
) -> CallRecord:
    """*record* as a call of *model*, which was not known when its answer was read.

    Args:
        record: The record; its own time and usage are priced.
        reading: What the answer stated.
        model: The model that was called.
        prices: The price table.
    """
    if _bills_by_request(record.operation, model):
        return record._replace(
            model=model,
            cost=None,
            price_status=PriceStatus.UNPRICED,
            price_reason=_REQUEST_NOT_READ,
        )
    usage = record.usage
    if usage is None:
        return record._replace(model=model)
    quote = prices.quote(
        model,
        usage,
        region=record.region,
        tier=record.tier,
        latency_mode=record.latency_mode,
        at=record.started_at,
        assumed=reading.assumed,
    )
    cost, status, reason = quote
    if reading.estimated or reading.missing:
        status, reason = _doubted(quote, reading)
    if status is PriceStatus.PRICED and _may_count_twice(record, usage, model):
        status, reason = PriceStatus.ESTIMATED, _MAY_COUNT_TWICE
    status, reason = with_earlier_attempts(status, reason, record.doubtful_attempts)
    return record._replace(
        model=model, cost=cost, price_status=status, price_reason=reason
    )


_REQUEST_NOT_READ = "what it bills stands in the request, which was not read"
_MAY_COUNT_TWICE = (
    "the stream was read before its model was known, and its input may count cached "
    "tokens too"
)


def _bills_by_request(operation: str, model: ModelRef) -> bool:
    row = operation_named(operation)
    return row.request is not None and request_reader(model.model_id) is not None


def _may_count_twice(record: CallRecord, usage: Usage, model: ModelRef) -> bool:
    """Whether the reader of streams would have looked closer, had it known *model*.

    Streams of OpenAI models through Converse can count cached tokens twice:
    maximhq/bifrost pull request 6942, 2026-09-07.
    """
    return (
        model.vendor == "openai"
        and record.operation == "ConverseStream"
        and bool(usage.get(Unit.CACHE_READ_TOKEN))
    )


def _unknown(reading: Reading) -> tuple[PriceStatus, str]:
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


# Looking a member up on its enum costs more than the rest of a line.
_OK, _PRICED = Outcome.OK, PriceStatus.PRICED
