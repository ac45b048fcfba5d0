"""What a period would have cost with another model, tier, scope or cache."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from ..._model.cost import ZERO, add
from ...ledger import Ledger
from ...pricing import PriceTable
from .._dimensions import dimension_named, dimensions_of
from .._selection import Selection
from .._tables.price_coverage import Doubts, add_known
from .._tables.remarks import remarks_on
from .alternative import Alternative
from .calls import QUOTIENT, only_currency
from .repricing import Repriced, Repricer


@dataclass(slots=True)
class Repricing:
    """What some calls cost, and would have cost.

    Attributes:
        calls: Calls that have both prices.
        actual: What these cost, exact; None when all calls lack one of the prices.
        instead: What they would have cost, exact; None like ``actual``.
        estimated: Part of ``instead`` whose price is likely rather than certain.
        left_out: Calls that lack one of the prices; in no figure above.
        left_out_cost: What these cost, as far as that is known; None if not at all.
    """

    calls: int = 0
    actual: Decimal | None = ZERO
    instead: Decimal | None = ZERO
    estimated: Decimal = ZERO
    left_out: int = 0
    left_out_cost: Decimal | None = ZERO

    @property
    def saved(self) -> Decimal | None:
        """How much less it would have been; negative where it would have been more."""
        if self.actual is None or self.instead is None:
            return None
        return add(self.actual, self.instead.copy_negate())

    @property
    def saved_share(self) -> Decimal | None:
        """``saved`` as a share of ``actual``; None where that is nothing."""
        saved = self.saved
        if saved is None or not self.actual:
            return None
        return QUOTIENT.divide(saved, self.actual)

    def add(self, part: Repriced) -> None:
        """Add *part*."""
        if part.actual is None or part.instead is None:
            before = self.left_out_cost if self.left_out else None
            self.left_out_cost = add_known(before, part.actual)
            self.left_out += part.calls
            if not self.calls:
                self.actual = self.instead = None
            return
        self.calls += part.calls
        self.actual = add_known(self.actual, part.actual)
        self.instead = add_known(self.instead, part.instead)
        if part.is_estimated:
            self.estimated = add(self.estimated, part.instead)


@dataclass(frozen=True, slots=True)
class WhatIfRow:
    """One line: calls that share their values.

    Attributes:
        keys: Value of each dimension; None for calls that have none.
        repricing: What they cost, and would have cost.
    """

    keys: tuple[str | None, ...]
    repricing: Repricing


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Calls that could not be compared.

    Attributes:
        model: Their model.
        reason: What is missing.
        calls: How many there are.
        cost: What they cost, as far as that is known; None if not at all.
    """

    model: str
    reason: str
    calls: int
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A period priced another way.

    Attributes:
        by: Names of the dimensions.
        since: First moment; None where nothing was kept.
        until: The moment after the last; None where nothing was kept.
        currency: Currency of all amounts.
        alternative: The other way.
        assumptions: What is taken for granted, in sentences.
        rows: Those that save most first.
        total: All calls.
        left_out: What could not be compared and why; the most expensive first.
        remarks: What a reader of the figures must know, in sentences.
    """

    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    currency: str
    alternative: Alternative
    assumptions: tuple[str, ...]
    rows: tuple[WhatIfRow, ...]
    total: Repricing
    left_out: tuple[LeftOut, ...]
    remarks: tuple[str, ...] = ()


def what_if(
    ledger: Ledger,
    alternative: Alternative,
    by: Sequence[str] = ("team",),
    selection: Selection | None = None,
    *,
    prices: PriceTable | None = None,
) -> WhatIf:
    """Price a period another way.

    Counts are those of the ledger; amounts are exact, by `PriceTable.quote`, at the
    list prices of the days of the calls. What lacks a price is told and left out of
    both sums, so that like is compared with like.

    Args:
        ledger: What was kept.
        alternative: What is to be different.
        by: Tags and dimensions (`bedrock_attrib.reports.NAMES`).
        selection: Which calls; None for all.
        prices: What things cost; None for the bundled table.

    Raises:
        ConfigError: If the alternative makes no sense, *by* names time or units, or
            amounts are in several currencies.
        LedgerError: If the ledger cannot be read.
    """
    table = PriceTable.bundled() if prices is None else prices
    alternative.check(table)
    dimensions = dimensions_of("what-if", by)
    chosen = selection or Selection()
    gathered = Gathered(tuple(by))
    since, until = chosen.since, chosen.until
    with ledger.reading() as reader:
        whole = reader.span()
        points = [] if whole is None else [*chosen.span(whole)]
        remarks = remarks_on(reader, chosen, points, dimensions)
        if points:
            since, until = points
            repricer = Repricer(table, alternative)
            gathered.take(repricer.reprice(reader, chosen, since, until))
    return WhatIf(
        tuple(by),
        since,
        until,
        only_currency(gathered.currencies),
        alternative,
        tuple(alternative.assumptions()),
        gathered.rows(),
        gathered.total,
        gathered.left_out(),
        (*remarks, *gathered.doubts.remarks(with_parts=False)),
    )


@dataclass(slots=True)
class Gathered:
    """Repriced calls, added up by dimensions.

    Attributes:
        by: Names of the dimensions.
        groups: What the calls of each line come to.
        lacking: What could not be compared, by model and reason.
        currencies: Currencies of what they cost.
        total: All of them.
        doubts: Calls without a plain price.
    """

    by: tuple[str, ...]
    groups: dict[tuple[str | None, ...], Repricing] = field(default_factory=dict)
    lacking: dict[tuple[str, str], LeftOut] = field(default_factory=dict)
    currencies: set[str | None] = field(default_factory=set)
    total: Repricing = field(default_factory=Repricing)
    doubts: Doubts = field(default_factory=Doubts)

    def take(self, parts: Iterable[Repriced]) -> None:
        """Add *parts*."""
        reads = [dimension_named(name).read for name in self.by]
        for part in parts:
            keys = tuple(read(part.tags, part.kind) for read in reads)
            self.groups.setdefault(keys, Repricing()).add(part)
            self.total.add(part)
            self.currencies.add(part.kind.currency)
            self.doubts.note(part.kind.price_status, part.calls)
            _note_lacking(self.lacking, part)

    def rows(self) -> tuple[WhatIfRow, ...]:
        """The lines, those that save most first."""
        return tuple(_ordered(self.groups))

    def left_out(self) -> tuple[LeftOut, ...]:
        """What could not be compared, the most expensive first."""
        return tuple(sorted(self.lacking.values(), key=_most_expensive))


def _note_lacking(lacking: dict[tuple[str, str], LeftOut], part: Repriced) -> None:
    if not part.reason:
        return
    model = part.kind.model.requested
    before = lacking.get((model, part.reason))
    calls, cost = (0, None) if before is None else (before.calls, before.cost)
    lacking[model, part.reason] = LeftOut(
        model, part.reason, calls + part.calls, add_known(cost, part.actual)
    )


def _most_expensive(each: LeftOut) -> tuple[Decimal, int, str]:
    return (each.cost or ZERO).copy_negate(), -each.calls, each.model


def _ordered(groups: dict[tuple[str | None, ...], Repricing]) -> list[WhatIfRow]:
    rows = [WhatIfRow(keys, repricing) for keys, repricing in groups.items()]
    return sorted(
        rows,
        key=lambda row: (
            (row.repricing.saved or ZERO).copy_negate(),
            tuple(key or "" for key in row.keys),
        ),
    )
