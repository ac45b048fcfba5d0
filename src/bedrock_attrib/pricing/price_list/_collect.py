"""Lines of price lists gathered into rows, and an account of those that gave none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby

from .._rows import PriceRow
from .._table import PriceTable
from ._conflicts import settle
from ._mapping import Mapped, map_sku
from ._plausibility import KnownPrices
from ._sku import Reason, Sku, UnmappedError

_EXAMPLES = 3


@dataclass(slots=True)
class LeftOut:
    """Lines that gave no row, for one reason and detail.

    Attributes:
        reason: Why.
        detail: The very name, word or figure that it hangs on; may be empty.
        count: How many.
        examples: The first few usage types.
    """

    reason: Reason
    detail: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, usage_type: str) -> None:
        """Count a line more."""
        self.count += 1
        shown = f"{usage_type:.100}"
        if len(self.examples) < _EXAMPLES and shown not in self.examples:
            self.examples.append(shown)


@dataclass(frozen=True, slots=True)
class ImportedPrices:
    """What price lists gave.

    Attributes:
        rows: Rows in the order of price files, each key and first day once.
        left_out: Lines that gave none, by reason and detail, the most first.
        lines: How many lines were read.
        published: Days on which the lists were published, by offer.
    """

    rows: tuple[PriceRow, ...]
    left_out: tuple[LeftOut, ...]
    lines: int
    published: tuple[tuple[str, date], ...]

    @property
    def mapped(self) -> int:
        """Lines that gave a row, or confirmed one."""
        return self.lines - sum(each.count for each in self.left_out)

    @property
    def unmapped(self) -> int:
        """Lines that were not understood; those left out on purpose do not count."""
        return sum(each.count for each in self.left_out if not each.reason.is_by_design)

    @property
    def as_of(self) -> date | None:
        """Day of the newest list; None when none was read."""
        return max((day for _, day in self.published), default=None)


def collect(
    skus: Iterable[Sku],
    *,
    regions: Collection[str] = (),
    known: PriceTable | None = None,
    map_line: Callable[[Sku], Mapped] = map_sku,
) -> ImportedPrices:
    """Make rows of *skus*.

    Args:
        skus: Lines of one price list or several.
        regions: Regions to keep; empty for all.
        known: Prices by which new ones are judged; None for the bundled table.
        map_line: How a line becomes a row.
    """
    prices = KnownPrices(known or PriceTable.bundled())
    account = _Account()
    found: list[Mapped] = []
    published: Counter[tuple[str, date]] = Counter()
    for sku in skus:
        published[sku.offer, sku.published] += 1
        if regions and sku.region not in regions:
            account.note(sku, Reason.OTHER_REGION, sku.region)
            continue
        try:
            mapped = map_line(sku)
            prices.check(mapped)
        except UnmappedError as error:
            account.note(sku, error.reason, error.detail)
        else:
            found.append(mapped)
    kept, refused = settle(found)
    for mapped, reason in refused:
        account.note(mapped.sku, reason, _name_of(mapped.row))
    return ImportedPrices(
        rows=tuple(_merge(kept)),
        left_out=account.groups(),
        lines=published.total(),
        published=tuple(sorted(published)),
    )


class _Account:
    def __init__(self) -> None:
        self._groups: dict[tuple[Reason, str], LeftOut] = {}

    def note(self, sku: Sku, reason: Reason, detail: str) -> None:
        detail = f"{detail:.120}"
        group = self._groups.setdefault((reason, detail), LeftOut(reason, detail))
        group.add(sku.usage_type)

    def groups(self) -> tuple[LeftOut, ...]:
        order = list(Reason)
        return tuple(
            sorted(
                self._groups.values(),
                key=lambda each: (order.index(each.reason), -each.count, each.detail),
            )
        )


def _name_of(row: PriceRow) -> str:
    return " ".join((row.model_id, *filter(None, row.key)))


def _merge(found: Iterable[Mapped]) -> Iterable[PriceRow]:
    """One row for each price, from the first day on which some list has it."""
    rows = sorted((each.row for each in found), key=_order)
    for _, of_key in groupby(rows, key=lambda row: (row.model_id, row.key)):
        merged: list[PriceRow] = []
        for row in of_key:
            if merged and merged[-1].price == row.price:
                last = merged.pop()
                sources = dict.fromkeys((*last.sources, *row.sources))
                merged.append(replace(last, sources=tuple(sources)))
            else:
                merged.append(row)
        yield from merged


def _order(row: PriceRow) -> tuple[str, tuple[str, ...], date, str]:
    return row.model_id, row.key, row.valid_from or date.min, row.sources[0]
