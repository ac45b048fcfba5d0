"""Who spent what on what: the sums of a ledger by any dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal

from .._errors import ConfigError
from .._money import ZERO, add, multiply
from .._record import Outcome, PriceStatus
from .._usage import OUTPUT_TOKEN_UNITS, PROMPT_UNITS, Unit
from ..ledger import Ledger, Reader, Sum
from ._dimensions import dimension_named
from ._known import NOT_WHOLLY_PRICED
from ._remarks import remarks_on
from ._selection import Selection, Step, edges, is_before, stretch_label

UNIT = "unit"
TOKEN_UNITS = PROMPT_UNITS | OUTPUT_TOKEN_UNITS
# Means and shares are quotients, so that they are rounded: to so many digits.
_ROUNDED = Context(prec=12, rounding=ROUND_HALF_EVEN)
_PER_TOKENS = Decimal(1000)

Progress = Callable[[int, int], None]
"""Told how many steps of how many are done."""


@dataclass(slots=True)
class Whole:
    """What calls with a whole price add up to: what means are taken of.

    Attributes:
        calls: How many there are.
        cost: Their exact amount.
        tokens: All their tokens; in a report by unit, all that is counted.
        token_cost: The part of the amount that is of these.
    """

    calls: int = 0
    cost: Decimal = ZERO
    tokens: int = 0
    token_cost: Decimal = ZERO


@dataclass(slots=True)
class Spend:
    """What some calls add up to.

    Attributes:
        calls: Finished calls, failed and abandoned ones included. Zero in the rows of a
            report by unit: a ledger's sums do not tell which call used which units.
        failed: Those that ended with an error.
        abandoned: Those that were given up.
        unpriced: Those whose cost is not, or not wholly, in ``cost``.
        attempts: HTTP attempts of all of them.
        duration_s: Seconds from start to finish, of all of them.
        usage: Counts by unit.
        cost: Exact amount by currency; empty where nothing is priced.
        estimated: The part of it whose counts or prices are estimated.
        whole: By currency, the calls whose price is whole and what they come to.
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
    whole: dict[str, Whole] = field(default_factory=dict)

    @property
    def input_tokens(self) -> int:
        """Tokens of prompts, cached ones included."""
        return sum(n for unit, n in self.usage.items() if unit in PROMPT_UNITS)

    @property
    def output_tokens(self) -> int:
        """Tokens generated."""
        return sum(n for unit, n in self.usage.items() if unit in OUTPUT_TOKEN_UNITS)

    def per_call(self, currency: str) -> Decimal | None:
        """Mean amount of the calls that have a whole price; None without one."""
        whole = self.whole.get(currency)
        return None if whole is None else _quotient(whole.cost, whole.calls)

    def per_1000_tokens(self, currency: str) -> Decimal | None:
        """Amount for 1,000 tokens of any kind, cached ones too; None without tokens.

        Of calls with a whole price, and of their tokens alone: what images or
        guardrails cost is not in it. In a report by unit: for 1,000 of the unit.
        """
        whole = self.whole.get(currency)
        if whole is None:
            return None
        return _quotient(multiply(whole.token_cost, _PER_TOKENS), whole.tokens)

    def add(self, part: Sum) -> None:
        """Add *part*."""
        kind = part.kind
        self.calls += part.calls
        self.failed += part.calls if kind.outcome is Outcome.ERROR else 0
        self.abandoned += part.calls if kind.outcome is Outcome.ABANDONED else 0
        self.unpriced += part.calls if kind.price_status in NOT_WHOLLY_PRICED else 0
        self.attempts += part.attempts
        self.duration_s += part.duration_s
        for unit, count in part.usage.items():
            self.usage[unit] = self.usage.get(unit, 0) + count
        if part.cost is None or kind.currency is None:
            return
        _add_to(self.cost, kind.currency, part.cost)
        if kind.price_status is PriceStatus.ESTIMATED:
            _add_to(self.estimated, kind.currency, part.cost)
        if kind.price_status not in NOT_WHOLLY_PRICED:
            self.add_whole(kind.currency, _whole_of(part, part.cost))

    def add_unit(self, unit: Unit | None, count: int, part: Sum) -> None:
        """Add what *part* used of *unit*; for None, the amount that is of no unit."""
        kind = part.kind
        amount = _amount_beside(part) if unit is None else part.by_unit.get(unit)
        if unit is not None:
            self.usage[unit] = self.usage.get(unit, 0) + count
        if amount is None or kind.currency is None:
            return
        _add_to(self.cost, kind.currency, amount)
        if kind.price_status is PriceStatus.ESTIMATED:
            _add_to(self.estimated, kind.currency, amount)
        self.add_whole(kind.currency, Whole(0, amount, count, amount))

    def add_whole(self, currency: str, more: Whole) -> None:
        """Add calls with a whole price."""
        whole = self.whole.setdefault(currency, Whole())
        whole.calls += more.calls
        whole.tokens += more.tokens
        whole.cost = add(whole.cost, more.cost)
        whole.token_cost = add(whole.token_cost, more.token_cost)


def _whole_of(part: Sum, cost: Decimal) -> Whole:
    whole = Whole(part.calls, cost)
    for unit, amount in part.by_unit.items():
        if unit in TOKEN_UNITS:
            whole.tokens += part.usage.get(unit, 0)
            whole.token_cost = add(whole.token_cost, amount)
    return whole


def _amount_beside(part: Sum) -> Decimal | None:
    """The amount of *part* that stands for no unit, as it was given as a whole."""
    return part.cost if not part.by_unit and part.cost else None


def _quotient(amount: Decimal, count: int) -> Decimal | None:
    return _ROUNDED.divide(amount, Decimal(count)) if count else None


def _add_to(amounts: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    amounts[currency] = add(amounts.get(currency, ZERO), amount)


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One line of a report.

    Attributes:
        keys: Value of each dimension, None for calls that have none. An hour is given
            as its begin with the offset from UTC, a day as its date, a week as that of
            its Monday, a month as ``2026-11``.
        spend: What these calls add up to.
    """

    keys: tuple[str | None, ...]
    spend: Spend


@dataclass(frozen=True, slots=True)
class SpendReport:
    """Spend by dimensions.

    Attributes:
        by: Names of the dimensions.
        since: First moment, in the zone that was asked for.
        until: The moment after the last.
        rows: The most expensive first, or by time where time comes first.
        rest: What is not shown, where only the top was asked for; None otherwise.
        total: All calls of the report.
        hidden_rows: How many rows ``rest`` sums up.
        remarks: What a reader of the figures must know, in sentences.
    """

    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    rows: tuple[SpendRow, ...]
    rest: SpendRow | None
    total: Spend
    hidden_rows: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def counts_calls(self) -> bool:
        """Whether rows have a number of calls: not in a report by unit."""
        return UNIT not in self.by

    @property
    def currencies(self) -> tuple[str, ...]:
        """Currencies of the amounts: USD first, the others by name."""
        return ordered_currencies(self.total.cost)

    def share(self, spend: Spend, currency: str) -> Decimal | None:
        """The part of the total amount in percent; None where there is none."""
        total, part = self.total.cost.get(currency), spend.cost.get(currency)
        if not total or part is None:
            return None
        return _ROUNDED.divide(_ROUNDED.multiply(part, Decimal(100)), total)


def ordered_currencies(amounts: Iterable[str]) -> tuple[str, ...]:
    """USD first, in which AWS lists its prices, then the others by name."""
    return tuple(sorted(amounts, key=lambda currency: (currency != "USD", currency)))


def spend_by(
    ledger: Ledger,
    by: Sequence[str] = ("team",),
    selection: Selection | None = None,
    *,
    top: int | None = None,
    progress: Progress | None = None,
) -> SpendReport:
    """Sum up calls by dimensions.

    Args:
        ledger: What was kept.
        by: Tags, dimensions (`bedrock_attrib.reports.NAMES`), ``unit``, and at most one
            of ``hour``, ``day``, ``week`` and ``month``. None at all for one row.
        selection: Which calls; None for all.
        top: How many rows to show at most; the others are summed up.
        progress: Told after each stretch of time, where the report goes by time.

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
    # Text of hours does not sort by time where clocks are put back.
    places: dict[str, int] = {}
    total = Spend()
    with ledger.reading() as reader:
        whole = reader.span()
        if whole is None:
            empty = (chosen.since, chosen.until, (), None, total)
            told = tuple(remarks_on(reader, chosen, (), dimensions))
            return SpendReport(tuple(by), *empty, remarks=told)
        since, until = chosen.span(whole)
        points = _points(step, since, until, whole)
        for start, part in _parts(reader, step, points, progress):
            if not chosen.lets_pass(part.tags, part.kind):
                continue
            places.setdefault(start, len(places))
            total.add(part)
            keys = tuple(
                start if each is None else each.read(part.tags, part.kind)
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
        raise ConfigError(f"a report goes by one of {', '.join(steps)}, not by several")
    return steps[0] if steps else None


def _points(
    step: Step | None,
    since: datetime,
    until: datetime,
    whole: tuple[datetime, datetime],
) -> list[datetime]:
    """Where stretches begin and end; none of them lies outside the ledger."""
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
) -> Iterator[tuple[str, Sum]]:
    """Sums of each stretch, with its label."""
    for done, (start, parts) in enumerate(reader.steps(points), start=1):
        label = "" if step is None else stretch_label(step, start)
        yield from ((label, part) for part in parts)
        if progress is not None:
            progress(done, len(points) - 1)


def _add_by_unit(
    groups: dict[tuple[str | None, ...], Spend],
    keys: tuple[str | None, ...],
    by: Sequence[str],
    part: Sum,
) -> None:
    """Add *part* under *keys*; by unit, under one key for each unit."""
    if UNIT not in by:
        groups.setdefault(keys, Spend()).add(part)
        return
    place = by.index(UNIT)
    for unit, count in _units(part):
        name = None if unit is None else unit.value
        key = (*keys[:place], name, *keys[place + 1 :])
        groups.setdefault(key, Spend()).add_unit(unit, count, part)


def _units(part: Sum) -> Iterator[tuple[Unit | None, int]]:
    yield from part.usage.items()
    if _amount_beside(part) is not None:
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
    for currency, whole in more.whole.items():
        total.add_whole(currency, whole)
