"""Records of finished calls: what was read, at what price, with what certainty."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from .._model.call_groups import CallGroup
from .._model.model_id import ModelKind, ModelRef, parse_model_id
from .._model.record import (
    CallRecord,
    Outcome,
    PriceReason,
    PriceState,
    PriceStatus,
    Quote,
    UsageReading,
    moment,
)
from .._model.record_ids import IDS
from .._model.usage import GUARDRAIL_UNITS, Unit, Usage
from .._readers import (
    Events,
    merge_request,
    operation_named,
    plain_name,
    read_unfinished,
    request_reader,
    status_without_answer,
)
from .call import Call
from .call_target import CallTarget
from .price_state import REQUEST_NOT_READ, USAGE_UNREADABLE, price_state

if TYPE_CHECKING:
    from ..pricing import PriceTable
    from ..pricing._rate_sheet import Pricer


def read_stream(call: Call, events: Events) -> UsageReading:
    """Read the events of *call*, and judge how it ended where that is open."""
    target, opening = call.target, call.answer
    read = target.operation.read_events
    reading = read(events, target.model) if read is not None else None
    if reading is not None:
        target.learn(events, reading)
        call.outcome = call.outcome or _OK
    else:
        reading = _read_unfinished(target, events)
        call.outcome = call.outcome or (_OK if call.was_read else Outcome.ABANDONED)
    if reading.error is not None:
        end_in_error(call, reading.error)
    if isinstance(opening, UsageReading):
        reading.tier = reading.tier or opening.tier
        reading.latency_mode = reading.latency_mode or opening.latency_mode
    return reading


def end_in_error(call: Call, error: str) -> None:
    """Note that the answer of *call*, which came whole, states an error."""
    call.outcome = Outcome.ERROR
    call.error = call.error or error


def _read_unfinished(target: CallTarget, events: Events) -> UsageReading:
    if events.first is None:
        return UsageReading(
            note="the stream ended before its first event",
            code=PriceReason.STREAM_UNFINISHED,
        )
    return read_unfinished(
        events,
        target.model,
        tokens_per_event=target.tokens_per_event,
        tokens_per_byte=target.tokens_per_byte,
    )


def judge_dropped(call: Call) -> None:
    """Judge what became of a call that was dropped without an answer."""
    was_sent = bool(call.retries)
    call.error = call.error or ("Interrupted" if was_sent else "NotSent")
    call.outcome = Outcome.ABANDONED if was_sent else Outcome.ERROR
    call.failure = status_without_answer(call.error, was_sent=was_sent)


def build_record(
    call: Call, reading: UsageReading, prices: PriceTable | None
) -> CallRecord:
    """Build the record of *call*, which has ended, priced as far as it can be.

    Args:
        call: The call, with how it ended.
        reading: What the answer stated.
        prices: The price table; None to leave the call unpriced.
    """
    outcome = call.outcome or _OK
    target = call.target
    at = moment(call.started_at)
    if call.facts is not None and call.failure is None:
        merge_request(reading, call.facts)
    elif target.read_request is not None and outcome is _OK:
        _mark_request_not_read(reading)
    if call.has_guardrail and call.failure is None:
        _mark_unknown_guardrail(reading)
    model = target.model
    if reading.invoked_model is not None:
        model = routed(model, reading.invoked_model)
    tier = reading.tier or "default"
    latency_mode = reading.latency_mode or "standard"
    counts = reading.counts
    usage = None if counts is None else Usage.of(counts)
    if usage is not None and call.failure is None and prices is not None:
        pricer = target.pricer
        if pricer is None or pricer.model is not model:
            pricer = target.pricer = _pricer_of(model, target.region, prices)
        quote = pricer.quote(usage, tier, latency_mode, at, reading.assumed)
    else:
        quote = None
    earlier = () if target.operation.is_free else _earlier_attempts(call)
    status, reason, code = price_state(reading, quote, _failure(call), earlier)
    return CallRecord(
        id=IDS.text(IDS.take()),
        started_at=at,
        operation=target.operation.name,
        model=model,
        region=target.region,
        tier=tier,
        latency_mode=latency_mode,
        tags=call.tags,
        usage=usage,
        usage_source="" if usage is None else reading.source,
        cost=None if quote is None or status is _UNPRICED else quote.cost,
        price_status=status,
        price_reason=reason,
        price_reason_code=code,
        duration_s=_duration_s(call),
        time_to_first_chunk_s=call.time_to_first_chunk_s if call.is_timed else None,
        outcome=outcome,
        error=call.error,
        attempts=call.attempts,
        request_id=plain_name(call.request_id),
        doubtful_attempts=call.doubtful_attempts,
        request_hash=call.request_hash,
    )


def bare_record(call: Call) -> CallRecord:
    """Build the record of *call* from what was known before it was answered.

    The last resort, where reading or pricing its answer has failed altogether.
    """
    target = call.target
    return CallRecord(
        id=IDS.text(IDS.take()),
        started_at=moment(call.started_at),
        operation=target.operation.name,
        model=target.model,
        region=target.region,
        tier="default",
        latency_mode="standard",
        tags=call.tags,
        usage=None,
        usage_source="",
        cost=None,
        price_status=PriceStatus.UNPRICED,
        price_reason=USAGE_UNREADABLE.reason,
        price_reason_code=USAGE_UNREADABLE.code,
        duration_s=_duration_s(call),
        time_to_first_chunk_s=None,
        outcome=call.outcome or _OK,
        error=call.error,
        attempts=call.attempts,
        request_id=plain_name(call.request_id),
        doubtful_attempts=call.doubtful_attempts,
        request_hash=call.request_hash,
    )


def _duration_s(call: Call) -> float | None:
    if not call.is_timed:
        return None
    return (call.started if call.ended is None else call.ended) - call.started


def group_of(
    record: CallRecord, reading: UsageReading, pricer: Pricer | None
) -> CallGroup | None:
    """Return the group of calls like the one of *record*; None if it has none."""
    cost, usage = record.cost, record.usage
    if (
        pricer is None
        or cost is None
        or usage is None
        or cost.usage is not usage
        or record.price_status is not _PRICED
        or record.model is not pricer.model
        or reading.estimated
        or reading.missing
        or reading.uncounted
    ):
        return None
    resolved = pricer.resolved(
        usage, record.tier, record.latency_mode, record.started_at, reading.assumed
    )
    if resolved is None or resolved.validity is None:
        return None
    starts, ends, max_units = resolved.validity
    return CallGroup(record, cost, starts=starts, ends=ends, most=max_units)


def _pricer_of(model: ModelRef, region: str, prices: PriceTable) -> Pricer:
    from ..pricing._table import pricer_of  # noqa: PLC0415 -- as late as the table itself

    return pricer_of(prices, model, region)


def _failure(call: Call) -> PriceState | None:
    failure = call.failure
    if failure is not None and call.target.operation.is_free:
        return failure._replace(status=PriceStatus.FREE)
    return failure


def _earlier_attempts(call: Call) -> tuple[str, ...]:
    """Doubtful attempts but the last, where the call failed with that one."""
    doubtful = call.doubtful_attempts
    if not doubtful:
        return ()
    has_failed = call.failure is not None and doubtful[-1] == call.error
    return doubtful[:-1] if has_failed else doubtful


def price_again(
    record: CallRecord, reading: UsageReading, model: ModelRef, prices: PriceTable
) -> CallRecord:
    """Return *record* as a call of *model*, which was unknown when its answer was read.

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
            price_reason=REQUEST_NOT_READ,
            price_reason_code=PriceReason.REQUEST_NOT_READ,
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
        assumed_cache_unit=reading.assumed,
    )
    if quote.status is PriceStatus.PRICED and _may_count_twice(record, usage, model):
        quote = Quote(quote.cost, *_MAY_COUNT_TWICE)
    status, reason, code = price_state(reading, quote, None, record.doubtful_attempts)
    return record._replace(
        model=model,
        cost=None if status is _UNPRICED else quote.cost,
        price_status=status,
        price_reason=reason,
        price_reason_code=code,
    )


_MAY_COUNT_TWICE = PriceState(
    PriceStatus.ESTIMATED,
    "the stream was read before its model was known, and its input may count cached "
    "tokens too",
    PriceReason.USAGE_ESTIMATED,
)


def _bills_by_request(operation: str, model: ModelRef) -> bool:
    row = operation_named(operation)
    return row.request is not None and request_reader(model.model_id) is not None


def _may_count_twice(record: CallRecord, usage: Usage, model: ModelRef) -> bool:
    """Return whether knowing *model* would have changed how a stream was read.

    Streams of OpenAI models through Converse can count cached tokens twice:
    maximhq/bifrost pull request 6942, 2026-09-07.
    """
    return (
        model.vendor == "openai"
        and record.operation == "ConverseStream"
        and bool(usage.get(Unit.CACHE_READ_TOKEN))
    )


def _mark_request_not_read(reading: UsageReading) -> None:
    if not reading.missing:
        reading.missing = REQUEST_NOT_READ
        reading.code = PriceReason.REQUEST_NOT_READ


def _mark_unknown_guardrail(reading: UsageReading) -> None:
    if reading.counts is None or not GUARDRAIL_UNITS.isdisjoint(reading.counts):
        return
    if not reading.missing:
        reading.missing = (
            "guardrail units, which are billed: switch the guardrail's trace on"
        )
        reading.code = PriceReason.GUARDRAIL_NOT_STATED


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
_UNPRICED = PriceStatus.UNPRICED
