"""Spend report: the sums of a ledger by any dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..._model.cost import ZERO
from ..._model.usage import Unit
from ...errors import ConfigError
from ...ledger import Aggregate, Ledger, Reader
from .._calendar import Step, edges, is_before, stretch_label
from .._dimensions import dimension_named
from .._selection import Selection
from .remarks import remarks_on
from .spend_totals import ROUNDED, SpendTotals, amount_beside, merge, ordered_currencies

UNIT = "unit"
Progress = Callable[[int, int], None]
"""Called with the number of steps done and of all steps."""


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One line of a report.

    Attributes:
        keys: Value of each dimension, None for calls without one. An hour is its
            start with the offset from UTC, a day its date, a week the date of its
            Monday, a month ``2026-11``.
        spend: Totals of these calls.
    """

    keys: tuple[str | None, ...]
    spend: SpendTotals


@dataclass(frozen=True, slots=True)
class SpendReport:
    """Spend by dimensions.

    Attributes:
        by: Names of the dimensions.
        since: First moment, in the zone of the selection.
        until: The moment after the last.
        rows: The most expensive first, or by time where time comes first.
        rest: Sum of the hidden rows; None if all are shown.
        total: All calls of the report.
        hidden_rows: Number of rows in ``rest``.
        remarks: Limits of the figures, in sentences.
    """

    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    rows: tuple[SpendRow, ...]
    rest: SpendRow | None
    total: SpendTotals
    hidden_rows: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def counts_calls(self) -> bool:
        """Return whether rows have a number of calls: not in a report by unit."""
        return UNIT not in self.by

    @property
    def currencies(self) -> tuple[str, ...]:
        """Return the currencies of the amounts: USD first, the others by name."""
        return ordered_currencies(self.total.cost)

    def share(self, spend: SpendTotals, currency: str) -> Decimal | None:
        """Return the part of the total amount in percent; None if undefined."""
        total, part = self.total.cost.get(currency), spend.cost.get(currency)
        if not total or part is None:
            return None
        return ROUNDED.divide(ROUNDED.multiply(part, Decimal(100)), total)


def spend_by(
    ledger: Ledger,
    by: Sequence[str] = ("team",),
    selection: Selection | None = None,
    *,
    top: int | None = None,
    progress: Progress | None = None,
) -> SpendReport:
    """Aggregate up calls by dimensions.

    Args:
        ledger: The ledger to read.
        by: Tags, dimensions (`DIMENSION_NAMES`), ``unit``, and at most one
            of ``hour``, ``day``, ``week`` and ``month``. Empty for a single row.
        selection: Which calls; None for all.
        top: Most rows to show; the others are added up.
        progress: Called after each period of a report by time.

    Raises:
        ConfigError: If a dimension is named twice, or several periods are.
        LedgerError: If the ledger cannot be read.
    """
    chosen = selection or Selection()
    step = _step_among(by)
    dimensions = [
        None if name in (UNIT, step) else dimension_named(name) for name in by
    ]
    groups: dict[tuple[str | None, ...], SpendTotals] = {}
    # The text of hours does not sort by time where clocks are set back.
    places: dict[str, int] = {}
    total = SpendTotals()
    with ledger.reading() as reader:
        whole = reader.span()
        if whole is None:
            empty = (chosen.since, chosen.until, (), None, total)
            return SpendReport(
                tuple(by),
                *empty,
                remarks=tuple(remarks_on(reader, chosen, (), dimensions)),
            )
        since, until = chosen.span(whole)
        points = _points(step, since, until, whole)
        for start, part in _parts(reader, step, points, progress):
            if not chosen.matches(part.tags, part.dimensions):
                continue
            places.setdefault(start, len(places))
            total.add(part)
            keys = tuple(
                start if each is None else each.read(part.tags, part.dimensions)
                for each in dimensions
            )
            _add_by_unit(groups, keys, by, part)
        remarks = remarks_on(reader, chosen, points, dimensions)
    rows = [SpendRow(keys, spend) for keys, spend in groups.items()]
    currencies = ordered_currencies(total.cost)
    rows.sort(key=lambda row: _by_cost(row, currencies))
    if step is not None and by[0] == step:
        rows.sort(key=lambda row: places[row.keys[0] or ""])
    shown, rest = _top(rows, top)
    return SpendReport(
        tuple(by),
        since,
        until,
        tuple(shown),
        rest,
        total,
        len(rows) - len(shown),
        tuple(remarks),
    )


def _step_among(by: Sequence[str]) -> Step | None:
    if len(set(by)) < len(by):
        raise ConfigError(f"a report by {', '.join(by)} names a dimension twice")
    steps = [Step(name) for name in by if name in set(Step)]
    if len(steps) > 1:
        raise ConfigError(
            f"a report groups by one period only; choose one of {', '.join(steps)}"
        )
    return steps[0] if steps else None


def _points(
    step: Step | None,
    since: datetime,
    until: datetime,
    whole: tuple[datetime, datetime],
) -> list[datetime]:
    """Return the bounds of the periods, within the span of the ledger."""
    if step is None:
        return [since, until]
    start = whole[0].astimezone(since.tzinfo) if is_before(since, whole[0]) else since
    end = whole[1].astimezone(until.tzinfo) if is_before(whole[1], until) else until
    return edges(step, start, end)


def _parts(
    reader: Reader,
    step: Step | None,
    points: list[datetime],
    progress: Progress | None,
) -> Iterator[tuple[str, Aggregate]]:
    """Yield the sums of each period with its label."""
    for done, (start, parts) in enumerate(reader.steps(points), start=1):
        label = "" if step is None else stretch_label(step, start)
        yield from ((label, part) for part in parts)
        if progress is not None:
            progress(done, len(points) - 1)


def _add_by_unit(
    groups: dict[tuple[str | None, ...], SpendTotals],
    keys: tuple[str | None, ...],
    by: Sequence[str],
    part: Aggregate,
) -> None:
    """Add *part* to its group; by unit, to one group for each unit."""
    if UNIT not in by:
        groups.setdefault(keys, SpendTotals()).add(part)
        return
    place = by.index(UNIT)
    for unit, count in _units(part):
        name = None if unit is None else unit.value
        key = (*keys[:place], name, *keys[place + 1 :])
        groups.setdefault(key, SpendTotals()).add_unit(unit, count, part)


def _units(part: Aggregate) -> Iterator[tuple[Unit | None, int]]:
    yield from part.usage.items()
    if amount_beside(part) is not None:
        yield None, 0


def _by_cost(row: SpendRow, currencies: Iterable[str]) -> tuple[object, ...]:
    cost = row.spend.cost
    return (
        *(cost.get(currency, ZERO).copy_negate() for currency in currencies),
        -row.spend.calls,
        tuple(key or "" for key in row.keys),
    )


def _top(
    rows: list[SpendRow], top: int | None
) -> tuple[list[SpendRow], SpendRow | None]:
    if top is None or len(rows) <= top:
        return rows, None
    rest = SpendTotals()
    for row in rows[top:]:
        merge(rest, row.spend)
    return rows[:top], SpendRow((), rest)
