"""Who spent what on what: the sums of a ledger by any dimensions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from .._errors import ConfigError
from .._money import ZERO, add
from .._record import Outcome, PriceStatus
from .._usage import Unit, Usage
from ..ledger import Ledger, Reader, Sum
from ._dimensions import Dimension, dimension_named
from ._selection import Selection, Step, edges

UNIT = "unit"
_NOT_WHOLLY_PRICED = frozenset({PriceStatus.UNPRICED, PriceStatus.PARTIAL})


@dataclass(slots=True)
class Spend:
    """What some calls add up to.

    Attributes:
        calls: Finished calls, failed and abandoned ones included.
        failed: Those that ended with an error.
        abandoned: Those that were given up.
        unpriced: Those whose cost is not, or not wholly, in ``cost``.
        attempts: HTTP attempts of all of them.
        duration_s: Seconds from start to finish, of all of them.
        usage: Counts by unit.
        cost: Exact amount by currency; empty where nothing is priced.
        estimated: The part of it whose counts or prices are estimated.
    """

    calls: int = 0
    failed: int = 0
    abandoned: int = 0
    unpriced: int = 0
    attempts: int = 0
    duration_s: float = 0.0
    usage: dict[Unit, int] = field(default_factory=dict)
    cost: dict[str, Decimal] = field(default_factory=dict)
    estimated: dict[str, Decimal] = field(default_factory=dict)

    def add(self, part: Sum) -> None:
        """Add *part*."""
        kind = part.kind
        self.calls += part.calls
        self.failed += part.calls if kind.outcome is Outcome.ERROR else 0
        self.abandoned += part.calls if kind.outcome is Outcome.ABANDONED else 0
        self.unpriced += part.calls if kind.price_status in _NOT_WHOLLY_PRICED else 0
        self.attempts += part.attempts
        self.duration_s += part.duration_s
        for unit, count in part.usage.items():
            self.usage[unit] = self.usage.get(unit, 0) + count
        if part.cost is not None and kind.currency is not None:
            _add_to(self.cost, kind.currency, part.cost)
            if kind.price_status is PriceStatus.ESTIMATED:
                _add_to(self.estimated, kind.currency, part.cost)


def _add_to(amounts: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    amounts[currency] = add(amounts.get(currency, ZERO), amount)


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One line of a report.

    Attributes:
        keys: Value of each dimension, None for calls that have none. A stretch of time
            is given as its begin, in ISO form.
        spend: What these calls add up to.
    """

    keys: tuple[str | None, ...]
    spend: Spend


@dataclass(frozen=True, slots=True)
class SpendReport:
    """Spend by dimensions.

    Attributes:
        by: Names of the dimensions.
        since: First moment.
        until: The moment after the last.
        rows: The most expensive first, or by time where time comes first.
        rest: What is not shown, where only the top was asked for; None otherwise.
        total: All calls of the report.
    """

    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    rows: tuple[SpendRow, ...]
    rest: SpendRow | None
    total: Spend


def spend_by(
    ledger: Ledger,
    by: Sequence[str] = ("team",),
    selection: Selection | None = None,
    *,
    top: int | None = None,
) -> SpendReport:
    """Sum up calls by dimensions.

    Args:
        ledger: What was kept.
        by: Tags, dimensions (`bedrock_attrib.reports.NAMES`), ``unit``, and at most one
            of ``hour``, ``day``, ``week`` and ``month``.
        selection: Which calls; None for all.
        top: How many rows to show at most; the others are summed up.

    Raises:
        ConfigError: If a dimension is named twice, or time is.
        LedgerError: If the ledger cannot be read.
    """
    chosen = selection or Selection()
    step = _step_among(by)
    dimensions = [
        None if name in (UNIT, step) else dimension_named(name) for name in by
    ]
    groups: dict[tuple[str | None, ...], Spend] = {}
    total = Spend()
    with ledger.reading() as reader:
        whole = reader.span()
        if whole is None:
            return SpendReport(tuple(by), chosen.since, chosen.until, (), None, total)
        since, until = chosen.span(whole)
        for start, part in _parts(reader, step, since, until):
            if not chosen.lets_pass(part.tags, part.kind):
                continue
            total.add(part)
            for keys, piece in _split(by, dimensions, start, part):
                group = groups.get(keys)
                if group is None:
                    group = groups[keys] = Spend()
                group.add(piece)
    rows = [SpendRow(keys, spend) for keys, spend in groups.items()]
    rows.sort(key=_by_time if step is not None and by[0] == step else _by_cost)
    shown, rest = _top(rows, top)
    return SpendReport(tuple(by), since, until, tuple(shown), rest, total)


def _step_among(by: Sequence[str]) -> Step | None:
    if len(set(by)) < len(by):
        raise ConfigError(f"a report by {', '.join(by)} names a dimension twice")
    steps = [Step(name) for name in by if name in set(Step)]
    if len(steps) > 1:
        raise ConfigError(f"a report goes by one of {', '.join(steps)}, not by several")
    return steps[0] if steps else None


def _parts(
    reader: Reader, step: Step | None, since: datetime, until: datetime
) -> Iterator[tuple[str, Sum]]:
    """Sums of the span, each with the begin of its stretch."""
    if step is None:
        yield from (("", part) for part in reader.sums(since, until))
        return
    for start, parts in reader.steps(edges(step, since, until)):
        label = stretch_label(step, start)
        yield from ((label, part) for part in parts)


def stretch_label(step: Step, start: datetime) -> str:
    """How a stretch that begins at *start* is named: ``2026-11-25`` or ``2026-11``."""
    if step is Step.HOUR:
        return start.replace(minute=0, second=0, microsecond=0).isoformat(
            timespec="minutes"
        )
    return f"{start:%Y-%m}" if step is Step.MONTH else start.date().isoformat()


def _split(
    by: Sequence[str],
    dimensions: Iterable[Dimension | None],
    start: str,
    part: Sum,
) -> Iterator[tuple[tuple[str | None, ...], Sum]]:
    """*part* under its keys; by unit, one piece for each."""
    keys = tuple(
        start if each is None else each.read(part.tags, part.kind)
        for each in dimensions
    )
    if UNIT not in by:
        yield keys, part
        return
    place = by.index(UNIT)
    for unit, count in part.usage.items():
        amount = part.by_unit.get(unit)
        piece = part._replace(
            usage=Usage.of({unit: count}), cost=amount, by_unit=_only(unit, amount)
        )
        yield (*keys[:place], unit, *keys[place + 1 :]), piece


def _only(unit: Unit, amount: Decimal | None) -> Mapping[Unit, Decimal]:
    return {} if amount is None else {unit: amount}


def _by_cost(row: SpendRow) -> tuple[object, ...]:
    amount = sum(row.spend.cost.values(), ZERO)
    return (amount.copy_negate(), -row.spend.calls, _text(row))


def _by_time(row: SpendRow) -> tuple[object, ...]:
    return (row.keys[0], *_by_cost(row))


def _text(row: SpendRow) -> tuple[str, ...]:
    return tuple(key or "" for key in row.keys)


def _top(
    rows: list[SpendRow], top: int | None
) -> tuple[list[SpendRow], SpendRow | None]:
    if top is None or len(rows) <= top:
        return rows, None
    rest = Spend()
    for row in rows[top:]:
        merge(rest, row.spend)
    return rows[:top], SpendRow((), rest)


def merge(total: Spend, more: Spend) -> None:
    """Add *more* to *total*."""
    total.calls += more.calls
    total.failed += more.failed
    total.abandoned += more.abandoned
    total.unpriced += more.unpriced
    total.attempts += more.attempts
    total.duration_s += more.duration_s
    for unit, count in more.usage.items():
        total.usage[unit] = total.usage.get(unit, 0) + count
    for currency, amount in more.cost.items():
        _add_to(total.cost, currency, amount)
    for currency, amount in more.estimated.items():
        _add_to(total.estimated, currency, amount)
