"""Reports as JSON: amounts are exact, so they are text."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from ..._model.formatting import digits
from ..._model.usage import Unit
from ...reports import (
    ChargesReport,
    SpendReport,
    SpendRow,
    SpendTotals,
    UnattributedReport,
    UnpricedReport,
)
from .._json import JsonObject, amount_json

_UNIT_ORDER = {unit: number for number, unit in enumerate(Unit)}


def spend_json(report: SpendReport) -> JsonObject:
    """Write all of *report*."""
    return {
        "by": list(report.by),
        **_span(report.since, report.until),
        "currencies": list(report.currencies),
        "rows": [_row(report, row) for row in report.rows],
        "rest": None
        if report.rest is None
        else {"rows": report.hidden_rows, **_spend(report.rest.spend, report)},
        "total": _spend(report.total, report) | _calls(report.total),
        "remarks": list(report.remarks),
    }


def _row(report: SpendReport, row: SpendRow) -> JsonObject:
    keys = dict(zip(report.by, row.keys, strict=True))
    return {"keys": keys, **_spend(row.spend, report)}


def _spend(spend: SpendTotals, report: SpendReport) -> JsonObject:
    found = _calls(spend) if report.counts_calls else {}
    shares = {c: report.share(spend, c) for c in spend.cost}
    return {
        **found,
        "usage": usage_json(spend),
        "cost": _amounts(spend.cost),
        "estimated": _amounts(spend.estimated),
        "share": _amounts(shares),
        "per_call": _amounts({c: spend.per_call(c) for c in spend.fully_priced}),
        "per_1000_tokens": _amounts(
            {c: spend.per_1000_tokens(c) for c in spend.fully_priced}
        ),
    }


def _calls(spend: SpendTotals) -> JsonObject:
    return {
        "calls": spend.calls,
        "failed_calls": spend.failed,
        "abandoned_calls": spend.abandoned,
        "unpriced_calls": spend.unpriced,
        "attempts": spend.attempts,
        "duration_s": round(spend.duration_s, 6),
    }


def usage_json(spend: SpendTotals) -> JsonObject:
    """Write the counts of *spend* in the order of units."""
    units = sorted(spend.usage, key=_UNIT_ORDER.__getitem__)
    return {unit.value: spend.usage[unit] for unit in units}


def _amounts(amounts: dict[str, Decimal] | dict[str, Decimal | None]) -> JsonObject:
    return {
        currency: None if amount is None else amount_json(amount)
        for currency, amount in amounts.items()
    }


def _span(since: datetime | None, until: datetime | None) -> JsonObject:
    return {"since": _time(since), "until": _time(until)}


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def charges_json(report: ChargesReport) -> JsonObject:
    """Write all of *report*."""
    return {
        **_span(report.since, report.until),
        "rows": [
            {
                "model": row.model,
                "unit": None if row.unit is None else row.unit.value,
                "scope": row.scope or None,
                "region": row.region or None,
                "tier": row.tier or None,
                "count": row.count,
                "price": None if row.price is None else digits(row.price),
                "per": row.per,
                "amount": amount_json(row.amount),
                "currency": row.currency,
                "list_price": None
                if row.list_price is None
                else digits(row.list_price),
            }
            for row in report.rows
        ],
        "total": {name: amount_json(each) for name, each in report.total.items()},
        "remarks": list(report.remarks),
    }


def unattributed_json(report: UnattributedReport) -> JsonObject:
    """Write all of *report*."""
    return {
        "tags": list(report.tags),
        "by": list(report.by),
        **_span(report.since, report.until),
        "rows": [
            {
                "missing": list(row.missing),
                "keys": dict(zip(report.by, row.keys, strict=True)),
                "first_hour": _time(row.first_hour),
                "last_hour": _time(row.last_hour),
                **_calls(row.spend),
                "usage": usage_json(row.spend),
                "cost": _amounts(row.spend.cost),
            }
            for row in report.rows
        ],
        "lacking": {
            **_calls(report.lacking),
            "usage": usage_json(report.lacking),
            "cost": _amounts(report.lacking.cost),
        },
        "total": {**_calls(report.total), "cost": _amounts(report.total.cost)},
        "remarks": list(report.remarks),
    }


def unpriced_json(report: UnpricedReport) -> JsonObject:
    """Write all of *report*."""
    return {
        **_span(report.since, report.until),
        "calls": report.calls,
        "all_calls": report.all_calls,
        "rows": [
            {
                "reason": row.reason,
                "reason_code": row.reason_code,
                "status": row.status.value,
                "model": row.model,
                "region": row.region,
                "tier": row.tier,
                "calls": row.calls,
                "usage": {
                    unit.value: row.usage[unit]
                    for unit in sorted(row.usage, key=_UNIT_ORDER.__getitem__)
                },
                "unpriced_units": _texts(row.unpriced_units),
                "advice": row.advice,
            }
            for row in report.rows
        ],
        "remarks": list(report.remarks),
    }


def _texts(units: Iterable[Unit]) -> list[str]:
    return [unit.value for unit in units]
