"""What-if report: cost of a period with another model, tier, scope or cache."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from ..._model.cost import ZERO, add
from ..._model.model_names import model_named
from ...ledger import Ledger
from ...pricing import PriceTable
from .._dimensions import dimension_named, dimensions_of
from .._selection import Selection
from .._tables.price_coverage import PriceCoverage, add_known
from .._tables.remarks import remarks_on
from .alternative import Alternative
from .repricing import Repriced, Repricer
from .single_calls import QUOTIENT, only_currency


@dataclass(slots=True)
class Repricing:
    """Actual and alternative cost of some calls.

    Attributes:
        calls: Calls that have both prices.
        actual: Their actual cost, exact; None if all calls lack one of the prices.
        instead: Their alternative cost, exact; None like ``actual``.
        estimated: Part of ``instead`` with estimated prices.
        excluded: Calls that lack one of the prices, excluded from the figures above.
        excluded_cost: Their cost, as far as known; None if unknown.
    """

    calls: int = 0
    actual: Decimal | None = ZERO
    instead: Decimal | None = ZERO
    estimated: Decimal = ZERO
    excluded: int = 0
    excluded_cost: Decimal | None = ZERO

    @property
    def saved(self) -> Decimal | None:
        """Return the saving; negative if the alternative costs more."""
        if self.actual is None or self.instead is None:
            return None
        return add(self.actual, self.instead.copy_negate())

    @property
    def saved_share(self) -> Decimal | None:
        """Return ``saved`` as a share of ``actual``; None if that is zero."""
        saved = self.saved
        if saved is None or not self.actual:
            return None
        return QUOTIENT.divide(saved, self.actual)

    def add(self, part: Repriced) -> None:
        """Add the figures of *part*."""
        if part.actual is None or part.instead is None:
            before = self.excluded_cost if self.excluded else None
            self.excluded_cost = add_known(before, part.actual)
            self.excluded += part.calls
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
    """One row: calls that share their values.

    Attributes:
        keys: Value of each dimension; None for calls without one.
        repricing: Actual and alternative cost.
    """

    keys: tuple[str | None, ...]
    repricing: Repricing


@dataclass(frozen=True, slots=True)
class ExcludedCalls:
    """Calls without one of the prices.

    Attributes:
        model: Their model.
        reason: The missing price.
        calls: How many there are.
        cost: Their cost, as far as known; None if unknown.
    """

    model: str
    reason: str
    calls: int
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class WhatIfReport:
    """Period priced in another way.

    Attributes:
        by: Names of the dimensions.
        since: First moment; None for an empty ledger.
        until: The moment after the last; None for an empty ledger.
        currency: Currency of all amounts.
        alternative: The alternative.
        assumptions: Assumptions of the figures, in sentences.
        rows: Those that save most first.
        total: All calls.
        excluded: Calls that could not be compared; the most expensive first.
        remarks: Limits of the figures, in sentences.
    """

    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    currency: str
    alternative: Alternative
    assumptions: tuple[str, ...]
    rows: tuple[WhatIfRow, ...]
    total: Repricing
    excluded: tuple[ExcludedCalls, ...]
    remarks: tuple[str, ...] = ()


def what_if(
    ledger: Ledger,
    alternative: Alternative,
    by: Sequence[str] = ("team",),
    selection: Selection | None = None,
    *,
    prices: PriceTable | None = None,
) -> WhatIfReport:
    """Price a period in another way.

    Counts are those of the ledger; amounts are exact, by `PriceTable.quote`, at the
    list prices of the days of the calls. Calls without one of the prices are listed and
    excluded from both sums.

    Args:
        ledger: The ledger to read.
        alternative: The alternative.
        by: Tags and dimensions (`DIMENSION_NAMES`).
        selection: Which calls; None for all.
        prices: Price table; None for the bundled one.

    Raises:
        ConfigError: If the alternative is not valid, *by* names time or units, or
            amounts are in several currencies.
        LedgerError: If the ledger cannot be read.
    """
    table = PriceTable.bundled() if prices is None else prices
    if alternative.model is not None:
        named = model_named(alternative.model, table.model_ids)
        alternative = replace(alternative, model=named)
    alternative.check(table)
    dimensions = dimensions_of("what-if", by)
    chosen = selection or Selection()
    totals = RepricingTotals(tuple(by))
    since, until = chosen.since, chosen.until
    with ledger.reading() as reader:
        whole = reader.span()
        points = [] if whole is None else [*chosen.span(whole)]
        remarks = remarks_on(reader, chosen, points, dimensions)
        if points:
            since, until = points
            repricer = Repricer(table, alternative)
            totals.add(repricer.reprice(reader, chosen, since, until))
    return WhatIfReport(
        tuple(by),
        since,
        until,
        only_currency(totals.currencies),
        alternative,
        tuple(alternative.assumptions()),
        totals.rows(),
        totals.total,
        totals.excluded(),
        (*remarks, *totals.coverage.remarks(with_parts=False)),
    )


@dataclass(slots=True)
class RepricingTotals:
    """Totals of repriced calls, by dimensions.

    Attributes:
        by: Names of the dimensions.
        groups: Totals of each row.
        lacking: Calls that could not be compared, by model and reason.
        currencies: Currencies of their cost.
        total: Totals of all calls.
        coverage: Calls that are not exactly priced.
    """

    by: tuple[str, ...]
    groups: dict[tuple[str | None, ...], Repricing] = field(default_factory=dict)
    lacking: dict[tuple[str, str], ExcludedCalls] = field(default_factory=dict)
    currencies: set[str | None] = field(default_factory=set)
    total: Repricing = field(default_factory=Repricing)
    coverage: PriceCoverage = field(default_factory=PriceCoverage)

    def add(self, parts: Iterable[Repriced]) -> None:
        """Add *parts*."""
        reads = [dimension_named(name).read for name in self.by]
        for part in parts:
            keys = tuple(read(part.tags, part.dimensions) for read in reads)
            self.groups.setdefault(keys, Repricing()).add(part)
            self.total.add(part)
            self.currencies.add(part.dimensions.currency)
            self.coverage.note(part.dimensions.price_status, part.calls)
            _note_lacking(self.lacking, part)

    def rows(self) -> tuple[WhatIfRow, ...]:
        """Return the rows, the largest saving first."""
        return tuple(_ordered(self.groups))

    def excluded(self) -> tuple[ExcludedCalls, ...]:
        """Return the excluded calls, the most expensive first."""
        return tuple(sorted(self.lacking.values(), key=_by_cost))


def _note_lacking(
    lacking: dict[tuple[str, str], ExcludedCalls], part: Repriced
) -> None:
    if not part.reason:
        return
    model = part.dimensions.model.requested
    before = lacking.get((model, part.reason))
    calls, cost = (0, None) if before is None else (before.calls, before.cost)
    lacking[model, part.reason] = ExcludedCalls(
        model, part.reason, calls + part.calls, add_known(cost, part.actual)
    )


def _by_cost(each: ExcludedCalls) -> tuple[Decimal, int, str]:
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
