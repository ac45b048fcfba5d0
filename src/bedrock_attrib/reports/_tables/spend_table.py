"""Table of a spend report."""

from __future__ import annotations

from collections.abc import Iterator

from ..._model.usage import Unit
from .spend_report import SpendReport, SpendRow
from .table import Column, ColumnType, Table, Value, key_columns

REST = "(rest)"
"""First column of the row that adds up the hidden rows."""
_UNIT_ORDER = {unit: number for number, unit in enumerate(Unit)}


def tabulate_spend(report: SpendReport) -> Table:
    """Return *report* as a table, with the rest and without the total.

    Each currency has columns of its own, named ``cost_usd``, ``estimated_usd``,
    ``share_usd`` (percent), ``per_call_usd`` and ``per_1000_tokens_usd``
    (``per_1000_usd`` by unit). Columns of counts have the names of their units.
    """
    figures = [*_count_columns(report)]
    for currency in report.currencies:
        figures += [
            Column(f"{name}_{currency.lower()}", ColumnType.AMOUNT)
            for name in _amount_names(report)
        ]
    columns = (*key_columns(report.by, figures), *figures)
    rows = [*report.rows, *([report.rest] if report.rest else [])]
    return Table(columns, [tuple(_values(report, row)) for row in rows])


def _count_columns(report: SpendReport) -> Iterator[Column]:
    if not report.counts_calls:
        yield Column("count", ColumnType.COUNT)
        return
    for name in ("calls", "failed_calls", "abandoned_calls", "unpriced_calls"):
        yield Column(name, ColumnType.COUNT)
    yield Column("attempts", ColumnType.COUNT)
    yield Column("duration_s", ColumnType.SECONDS)
    for unit in _units(report):
        yield Column(unit.value, ColumnType.COUNT)


def _units(report: SpendReport) -> list[Unit]:
    return sorted(report.total.usage, key=_UNIT_ORDER.__getitem__)


def _amount_names(report: SpendReport) -> tuple[str, ...]:
    last = "per_1000_tokens" if report.counts_calls else "per_1000"
    if report.counts_calls:
        return "cost", "estimated", "share", "per_call", last
    return "cost", "estimated", "share", last


def _values(report: SpendReport, row: SpendRow) -> Iterator[Value]:
    spend = row.spend
    yield from row.keys or (REST, *[None] * (len(report.by) - 1))[: len(report.by)]
    if report.counts_calls:
        yield from (spend.calls, spend.failed, spend.abandoned, spend.unpriced)
        yield spend.attempts
        yield round(spend.duration_s, 6)
        yield from (spend.usage.get(unit) for unit in _units(report))
    else:
        yield sum(spend.usage.values())
    for currency in report.currencies:
        yield spend.cost.get(currency)
        yield spend.estimated.get(currency)
        yield report.share(spend, currency)
        if report.counts_calls:
            yield spend.per_call(currency)
        yield spend.per_1000_tokens(currency)
