"""JSON texts of tags and rates, which many calls share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from .._model.cost import Rate, Rates
from .._model.tags import Tags
from .._model.usage import Unit


def write_tags(tags: Tags) -> str:
    """Return *tags* as text, the same for equal tags."""
    return json.dumps(dict(tags), sort_keys=True, ensure_ascii=False)


def read_tags(text: str) -> Tags:
    """Return the tags that `write_tags` wrote."""
    return Tags(json.loads(text))


def write_rates(rates: Rates) -> str:
    """Return *rates* as text, the same for equal rates."""
    by_unit = {unit: _rate_fields(rate) for unit, rate in rates.items()}
    return json.dumps(by_unit, sort_keys=True)


def _rate_fields(rate: Rate) -> dict[str, Any]:
    fields = rate._asdict()
    del fields["unit"]
    return {name: _as_json(value) for name, value in fields.items()}


def _as_json(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def read_rates(text: str) -> Rates:
    """Return the rates that `write_rates` wrote."""
    by_unit = json.loads(text)
    return Rates({Unit(unit): _rate(unit, known) for unit, known in by_unit.items()})


def _rate(unit: str, known: Mapping[str, Any]) -> Rate:
    return Rate(
        **{
            **known,
            "unit": Unit(unit),
            "price": Decimal(known["price"]),
            "amount": Decimal(known["amount"]),
            "valid_from": _day(known["valid_from"]),
            "valid_to": _day(known["valid_to"]),
            "sources": tuple(known["sources"]),
            "list_price": _amount(known["list_price"]),
        }
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
