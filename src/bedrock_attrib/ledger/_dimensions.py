"""Dimensions of calls: what many calls share beside their tags, stored once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from operator import itemgetter
from typing import Any

from .._model.cost import Cost, Rates
from .._model.model_id import ModelKind, ModelRef, Scope
from .._model.record import CallRecord, Outcome, PriceReason, PriceStatus
from .._model.usage import Unit, Usage


def _read_by(load: Callable[[Any], object]) -> dict[str, object]:
    """Return metadata of a field that is not stored as the text that it is."""
    return {"load": load}


def _read_units(units: list[str]) -> tuple[Unit, ...]:
    return tuple(map(Unit, units))


@dataclass(frozen=True, slots=True)
class CallDimensions:
    """Everything that many calls share, but for their tags.

    An attribute with the name of a field of `CallRecord` is stored and exported without
    further code.

    Attributes:
        operation: Operation name as AWS spells it.
        model: The model that was called.
        region: Calling region.
        tier: Service tier that served the call.
        latency_mode: ``standard`` or ``optimized``.
        usage_source: Statement of the response that the usage was read from; empty
            without usage.
        price_status: How far the cost can be trusted.
        outcome: How the call ended.
        price_reason_code: Main cause of a status that is not plainly ``priced``.
        error: AWS error code or exception class name, or None.
        doubtful_attempts: Error of each attempt before the last that may be billed.
        currency: ISO 4217 code; None without a cost.
        rates_id: Id of the rates that the cost follows from; None for none.
        unpriced_units: Units that were counted and have no rate.
    """

    operation: str
    model: ModelRef
    region: str
    tier: str
    latency_mode: str
    usage_source: str
    price_status: PriceStatus = field(metadata=_read_by(PriceStatus))
    outcome: Outcome = field(metadata=_read_by(Outcome))
    price_reason_code: PriceReason | None = field(
        default=None, metadata=_read_by(PriceReason)
    )
    error: str | None = None
    doubtful_attempts: tuple[str, ...] = field(default=(), metadata=_read_by(tuple))
    currency: str | None = None
    rates_id: int | None = None
    unpriced_units: tuple[Unit, ...] = field(default=(), metadata=_read_by(_read_units))

    @classmethod
    def of(cls, record: CallRecord, rates_id: int | None = None) -> CallDimensions:
        """Return the dimensions of *record*, and the id of its rates if any."""
        values = zip(RECORD_DIMENSIONS, dimension_values(record), strict=True)
        cost = record.cost
        return cls(
            **dict(values),
            currency=None if cost is None else cost.currency,
            rates_id=rates_id,
            unpriced_units=() if cost is None else cost.unpriced_units,
        )


MODEL_NAMES = {
    "requested": "requested_model",
    "model_id": "model_id",
    "vendor": "vendor",
    "scope": "scope",
    "kind": "model_kind",
    "geography": "geography",
}
"""Names, in stored objects and exported columns, of the attributes of a model."""

_LOAD_MODEL: Mapping[str, Callable[[Any], object]] = {"scope": Scope, "kind": ModelKind}
_LOAD: dict[str, Callable[[Any], Any] | None] = {
    each.name: each.metadata.get("load")
    for each in fields(CallDimensions)
    if each.name != "model"
}
RECORD_DIMENSIONS = tuple(
    each.name for each in fields(CallDimensions) if each.name in CallRecord._fields
)
"""Dimensions that are fields of a record; the others follow from its cost."""

# By place, which takes half the time of a look-up by name.
dimension_values = itemgetter(*map(CallRecord._fields.index, RECORD_DIMENSIONS))
"""Takes the values of `RECORD_DIMENSIONS` from a record."""


def write_dimensions(dimensions: CallDimensions) -> str:
    """Return *dimensions* as text, the same for equal dimensions."""
    values = {name: getattr(dimensions, name) for name in _LOAD}
    for attribute, name in MODEL_NAMES.items():
        values[name] = getattr(dimensions.model, attribute)
    known = {name: value for name, value in values.items() if value not in (None, ())}
    return json.dumps(known, sort_keys=True, ensure_ascii=False)


def read_dimensions(text: str) -> CallDimensions:
    """Return the dimensions that `write_dimensions` wrote."""
    known = json.loads(text)
    model = {
        attribute: _loaded(known.get(name), _LOAD_MODEL.get(attribute))
        for attribute, name in MODEL_NAMES.items()
    }
    values = {
        name: _loaded(known[name], load)
        for name, load in _LOAD.items()
        if name in known
    }
    return CallDimensions(model=ModelRef(**model), **values)


def _loaded(value: Any, load: Callable[[Any], object] | None) -> Any:  # noqa: ANN401 -- JSON
    return value if value is None or load is None else load(value)


def is_derived(record: CallRecord) -> bool:
    """Return whether the cost of *record* follows from its counts and rates."""
    cost = record.cost
    if cost is None or cost.usage is None:
        return False
    return cost.usage is record.usage or cost.usage == record.usage


def cost_of(
    dimensions: CallDimensions,
    rates: Rates | None,
    usage: Usage | None,
    given: Decimal | None,
) -> Cost | None:
    """Return the cost of one call, or None.

    Args:
        dimensions: The dimensions of the call.
        rates: The rates that its cost follows from.
        usage: Its counts.
        given: Its amount, where that follows from no rates.
    """
    if dimensions.currency is None:
        return None
    if rates is not None and usage is not None:
        return Cost.at(rates, usage, dimensions.currency, dimensions.unpriced_units)
    if given is None:
        return None
    return Cost(given, dimensions.currency, {}, {}, dimensions.unpriced_units)
