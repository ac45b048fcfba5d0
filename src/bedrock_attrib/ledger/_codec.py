"""How what calls share is written as text, and read back as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from .._model.cost import Cost, Rate, Rates
from .._model.model_id import ModelKind, ModelRef, Scope
from .._model.record import CallRecord, Outcome, PriceStatus
from .._model.tags import Tags
from .._model.usage import Unit, Usage


@dataclass(frozen=True, slots=True)
class Kind:
    """Everything about a call that many calls share, but for their tags.

    Attributes:
        operation: Operation name as AWS spells it.
        model: The model that was called.
        region: Calling region.
        tier: Service tier that served the call.
        latency_mode: ``standard`` or ``optimized``.
        usage_source: Which statement of the response was believed.
        price_status: How far the cost can be trusted.
        outcome: How the call ended.
        error: AWS error code or exception class name, or None.
        currency: ISO 4217 code; None without a cost.
        rates_id: Rates that the cost follows from; None for none.
        unpriced_units: Units that were counted and have no rate.
        doubtful_attempts: Error of each attempt before the last that may be billed.
    """

    operation: str
    model: ModelRef
    region: str
    tier: str
    latency_mode: str
    usage_source: str
    price_status: PriceStatus
    outcome: Outcome
    error: str | None
    currency: str | None
    rates_id: int | None
    unpriced_units: tuple[Unit, ...]
    doubtful_attempts: tuple[str, ...] = ()


def write_tags(tags: Tags) -> str:
    """*tags* as text that equal tags have in common."""
    return json.dumps(dict(tags), sort_keys=True, ensure_ascii=False)


def read_tags(text: str) -> Tags:
    """What `write_tags` wrote."""
    return Tags(json.loads(text))


def write_kind(record: CallRecord, rates_id: int | None) -> str:
    """What *record* shares with many others, as text that they have in common."""
    cost, model = record.cost, record.model
    shared = {
        "operation": record.operation,
        "requested": model.requested,
        "model_id": model.model_id,
        "vendor": model.vendor,
        "scope": model.scope,
        "kind": model.kind,
        "geography": model.geography,
        "region": record.region,
        "tier": record.tier,
        "latency_mode": record.latency_mode,
        "usage_source": record.usage_source,
        "price_status": record.price_status,
        "outcome": record.outcome,
        "error": record.error,
        "currency": None if cost is None else cost.currency,
        "rates": rates_id,
        "unpriced_units": [] if cost is None else list(cost.unpriced_units),
        "doubtful_attempts": list(record.doubtful_attempts),
    }
    known = {name: value for name, value in shared.items() if value not in (None, [])}
    return json.dumps(known, sort_keys=True, ensure_ascii=False)


def read_kind(text: str) -> Kind:
    """What `write_kind` wrote."""
    known = json.loads(text)
    get = known.get
    scope = get("scope")
    return Kind(
        operation=known["operation"],
        model=ModelRef(
            known["requested"],
            get("model_id"),
            get("vendor"),
            None if scope is None else Scope(scope),
            ModelKind(known["kind"]),
            get("geography"),
        ),
        region=known["region"],
        tier=known["tier"],
        latency_mode=known["latency_mode"],
        usage_source=get("usage_source", ""),
        price_status=PriceStatus(known["price_status"]),
        outcome=Outcome(known["outcome"]),
        error=get("error"),
        currency=get("currency"),
        rates_id=get("rates"),
        unpriced_units=tuple(Unit(unit) for unit in get("unpriced_units", ())),
        doubtful_attempts=tuple(get("doubtful_attempts", ())),
    )


def write_rates(rates: Rates) -> str:
    """*rates* as text that equal rates have in common."""
    by_unit = {unit: _rate_fields(rate) for unit, rate in rates.items()}
    return json.dumps(by_unit, sort_keys=True)


def _rate_fields(rate: Rate) -> dict[str, Any]:
    fields = rate._asdict()
    del fields["unit"]
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def read_rates(text: str) -> Rates:
    """What `write_rates` wrote."""
    by_unit = json.loads(text)
    return Rates({Unit(unit): _rate(unit, known) for unit, known in by_unit.items()})


def _rate(unit: str, known: Mapping[str, Any]) -> Rate:
    return Rate(
        unit=Unit(unit),
        price=Decimal(known["price"]),
        per=known["per"],
        amount=Decimal(known["amount"]),
        currency=known["currency"],
        region=known["region"],
        scope=known["scope"],
        tier=known["tier"],
        latency_mode=known["latency_mode"],
        context_band=known["context_band"],
        valid_from=_day(known["valid_from"]),
        valid_to=_day(known["valid_to"]),
        sources=tuple(known["sources"]),
        independent_sources=known["independent_sources"],
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def is_derived(record: CallRecord) -> bool:
    """Whether the amounts of *record* follow from its counts and its cost's rates."""
    cost = record.cost
    if cost is None or cost.usage is None:
        return False
    return cost.usage is record.usage or cost.usage == record.usage


def cost_of(
    kind: Kind, rates: Rates | None, usage: Usage | None, amount: Decimal | None
) -> Cost | None:
    """The cost of one call of *kind*, or None."""
    if kind.currency is None:
        return None
    if rates is not None and usage is not None:
        return Cost.at(rates, usage, kind.currency, kind.unpriced_units)
    if amount is None:
        return None
    return Cost(amount, kind.currency, {}, {}, kind.unpriced_units)
