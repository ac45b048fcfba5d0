"""What was saved, what was wasted, and where less could be spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..._model.cost import ZERO
from ..._model.record import Outcome
from ...ledger import Ledger, Sum
from ...pricing import PriceTable
from .._dimensions import dimensions_of
from .._selection import Selection
from .._tables.price_coverage import Doubts, add_known, known
from .._tables.remarks import remarks_on
from .calls import only_currency
from .savings_options import Clues, Way, WayReport, keys_by, report_on


@dataclass(slots=True)
class Waste:
    """What was spent on calls that brought nothing.

    Attributes:
        keys: Value of each dimension, the model last; None for calls that have none.
        failed: Calls that ended with an error.
        failed_cost: What they cost, as far as that is known; None if not at all.
        abandoned: Calls that were given up.
        abandoned_cost: What they cost, in the same way.
        retries: Attempts beyond the first, of all calls; their price is not known.
    """

    keys: tuple[str | None, ...]
    failed: int = 0
    failed_cost: Decimal | None = None
    abandoned: int = 0
    abandoned_cost: Decimal | None = None
    retries: int = 0

    @property
    def cost(self) -> Decimal | None:
        """What all of them cost, as far as that is known."""
        return add_known(self.failed_cost, self.abandoned_cost)

    def add(self, part: Sum) -> None:
        """Add *part*."""
        cost = known(part.kind.price_status, part.cost)
        self.retries += max(0, part.attempts - part.calls)
        if part.kind.outcome is Outcome.ERROR:
            self.failed += part.calls
            self.failed_cost = add_known(self.failed_cost, cost)
        elif part.kind.outcome is Outcome.ABANDONED:
            self.abandoned += part.calls
            self.abandoned_cost = add_known(self.abandoned_cost, cost)


@dataclass(frozen=True, slots=True)
class Savings:
    """Where less was spent, and could be. Chances overlap: they do not add up.

    Attributes:
        by: Names of the dimensions, the model last.
        since: First moment; None where nothing was kept.
        until: The moment after the last; None where nothing was kept.
        currency: Currency of all amounts.
        spent: What all calls cost, as far as that is known; None if not at all.
        wasted: Failed and abandoned calls, and retries; the most expensive first.
        ways: One report for each way.
        remarks: What a reader of the figures must know, in sentences.
    """

    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    currency: str
    spent: Decimal | None
    wasted: tuple[Waste, ...]
    ways: tuple[WayReport, ...]
    remarks: tuple[str, ...] = ()


def savings(
    ledger: Ledger,
    by: Sequence[str] = ("team", "app"),
    selection: Selection | None = None,
    *,
    prices: PriceTable | None = None,
) -> Savings:
    """Find what caching saved, what failed calls cost, and where less could be spent.

    Args:
        ledger: What was kept.
        by: Tags and dimensions (`bedrock_attrib.reports.NAMES`); the model is added.
        selection: Which calls; None for all.
        prices: What things cost; None for the bundled table.

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
            told = tuple(remarks_on(reader, chosen, (), dimensions))
            return Savings(names, chosen.since, chosen.until, "USD", ZERO, (), (), told)
        since, until = chosen.span(whole)
        remarks = remarks_on(reader, chosen, (since, until), dimensions)
        parts = [
            part
            for part in reader.sums(since, until)
            if chosen.lets_pass(part.tags, part.kind)
        ]
        currency = only_currency(part.kind.currency for part in parts)
        clues = Clues.in_sums(parts, names)
        span = (since, until)
        ways = tuple(report_on(way, table, reader, chosen, span, clues) for way in Way)
    spent, doubts = _spent(parts)
    return Savings(
        names,
        since,
        until,
        currency,
        spent,
        tuple(_wasted(parts, names)),
        ways,
        (*remarks, *doubts.remarks()),
    )


def _spent(parts: Sequence[Sum]) -> tuple[Decimal | None, Doubts]:
    spent, doubts = None if parts else ZERO, Doubts()
    for part in parts:
        status = part.kind.price_status
        spent = add_known(spent, known(status, part.cost))
        doubts.note(status, part.calls)
    return spent, doubts


def _wasted(parts: Sequence[Sum], names: Sequence[str]) -> list[Waste]:
    keys_of = keys_by(names)
    found: dict[tuple[str | None, ...], Waste] = {}
    for part in parts:
        keys = keys_of(part.tags, part.kind)
        found.setdefault(keys, Waste(keys)).add(part)
    wasted = [each for each in found.values() if _is_told(each)]
    return sorted(wasted, key=_by_cost)


def _by_cost(each: Waste) -> tuple[Decimal, int, tuple[str, ...]]:
    return (each.cost or ZERO).copy_negate(), -each.failed, _text(each)


def _is_told(waste: Waste) -> bool:
    return bool(waste.failed or waste.abandoned or waste.retries)


def _text(waste: Waste) -> tuple[str, ...]:
    return tuple(key or "" for key in waste.keys)
