"""Savings report: past savings, wasted spend and options to spend less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..._model.cost import ZERO
from ..._model.record import Outcome
from ...ledger import Aggregate, Ledger
from ...pricing import PriceTable
from .._dimensions import dimensions_of
from .._selection import Selection
from .._tables.price_coverage import PriceCoverage, add_known, known
from .._tables.remarks import remarks_on
from .savings_options import (
    SavingsEvidence,
    SavingsOption,
    SavingsOptionReport,
    keys_by,
    report_on,
)
from .single_calls import only_currency


@dataclass(slots=True)
class WastedSpend:
    """Spend on failed and abandoned calls.

    Attributes:
        keys: Value of each dimension, the model last; None for calls without one.
        failed: Calls that ended with an error.
        failed_cost: Their cost, as far as known; None if unknown.
        abandoned: Calls that were abandoned.
        abandoned_cost: Their cost, likewise.
        retries: Attempts beyond the first, of all calls; their cost is unknown.
    """

    keys: tuple[str | None, ...]
    failed: int = 0
    failed_cost: Decimal | None = None
    abandoned: int = 0
    abandoned_cost: Decimal | None = None
    retries: int = 0

    @property
    def cost(self) -> Decimal | None:
        """Return their total cost, as far as known."""
        return add_known(self.failed_cost, self.abandoned_cost)

    def add(self, part: Aggregate) -> None:
        """Add the figures of *part*."""
        cost = known(part.dimensions.price_status, part.cost)
        self.retries += max(0, part.attempts - part.calls)
        if part.dimensions.outcome is Outcome.ERROR:
            self.failed += part.calls
            self.failed_cost = add_known(self.failed_cost, cost)
        elif part.dimensions.outcome is Outcome.ABANDONED:
            self.abandoned += part.calls
            self.abandoned_cost = add_known(self.abandoned_cost, cost)


@dataclass(frozen=True, slots=True)
class SavingsReport:
    """Past savings and options to spend less. Options overlap: do not add them up.

    Attributes:
        by: Names of the dimensions, the model last.
        since: First moment; None for an empty ledger.
        until: The moment after the last; None for an empty ledger.
        currency: Currency of all amounts.
        spent: Cost of all calls, as far as known; None if unknown.
        wasted: Failed and abandoned calls, and retries; the most expensive first.
        options: One report per option.
        remarks: Limits of the figures, in sentences.
    """

    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    currency: str
    spent: Decimal | None
    wasted: tuple[WastedSpend, ...]
    options: tuple[SavingsOptionReport, ...]
    remarks: tuple[str, ...] = ()


def savings(
    ledger: Ledger,
    by: Sequence[str] = ("team", "app"),
    selection: Selection | None = None,
    *,
    prices: PriceTable | None = None,
) -> SavingsReport:
    """Find what caching saved, what failed calls cost, and options to spend less.

    Args:
        ledger: The ledger to read.
        by: Tags and dimensions (`DIMENSION_NAMES`); the model is added.
        selection: Which calls; None for all.
        prices: Price table; None for the bundled one.

    Raises:
        ConfigError: If *by* names time or units, or amounts are in several currencies.
        LedgerError: If the ledger cannot be read.
    """
    chosen = selection or Selection()
    table = PriceTable.bundled() if prices is None else prices
    names = (*(name for name in by if name != "model"), "model")
    dimensions = dimensions_of("savings", names)
    with ledger.reading() as reader:
        whole = reader.span()
        if whole is None:
            return SavingsReport(
                names,
                chosen.since,
                chosen.until,
                "USD",
                ZERO,
                (),
                (),
                tuple(remarks_on(reader, chosen, (), dimensions)),
            )
        since, until = chosen.span(whole)
        remarks = remarks_on(reader, chosen, (since, until), dimensions)
        parts = [
            part
            for part in reader.sums(since, until)
            if chosen.matches(part.tags, part.dimensions)
        ]
        currency = only_currency(part.dimensions.currency for part in parts)
        evidence_of = SavingsEvidence.from_sums(parts, names)
        span = (since, until)
        options = tuple(
            report_on(option, table, reader, chosen, span, evidence_of)
            for option in SavingsOption
        )
    spent, coverage = _spent(parts)
    return SavingsReport(
        names,
        since,
        until,
        currency,
        spent,
        tuple(_wasted(parts, names)),
        options,
        (*remarks, *coverage.remarks()),
    )


def _spent(parts: Sequence[Aggregate]) -> tuple[Decimal | None, PriceCoverage]:
    spent, coverage = None if parts else ZERO, PriceCoverage()
    for part in parts:
        status = part.dimensions.price_status
        spent = add_known(spent, known(status, part.cost))
        coverage.note(status, part.calls)
    return spent, coverage


def _wasted(parts: Sequence[Aggregate], names: Sequence[str]) -> list[WastedSpend]:
    keys_of = keys_by(names)
    found: dict[tuple[str | None, ...], WastedSpend] = {}
    for part in parts:
        keys = keys_of(part.tags, part.dimensions)
        found.setdefault(keys, WastedSpend(keys)).add(part)
    wasted = [each for each in found.values() if _has_waste(each)]
    return sorted(wasted, key=_by_cost)


def _by_cost(each: WastedSpend) -> tuple[Decimal, int, tuple[str, ...]]:
    return (each.cost or ZERO).copy_negate(), -each.failed, _text(each)


def _has_waste(waste: WastedSpend) -> bool:
    return bool(waste.failed or waste.abandoned or waste.retries)


def _text(waste: WastedSpend) -> tuple[str, ...]:
    return tuple(key or "" for key in waste.keys)
