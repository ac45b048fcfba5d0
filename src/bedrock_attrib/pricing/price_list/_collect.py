"""Rows collected from price lists, and the lines that were skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby

from .._rows import PriceRow
from .._table import PriceTable
from ._conflicts import resolve_conflicts
from ._mapping import MappedLine, map_sku
from ._plausibility import KnownPrices
from ._sku import Reason, Sku, UnmappedError

_EXAMPLES = 3


@dataclass(slots=True)
class SkippedLines:
    """Lines that gave no row, for one reason and detail.

    Attributes:
        reason: Why.
        detail: The name, word or figure that caused it; may be empty.
        count: How many.
        examples: The first few usage types.
    """

    reason: Reason
    detail: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, usage_type: str) -> None:
        """Count one more line."""
        self.count += 1
        shown = f"{usage_type:.100}"
        if len(self.examples) < _EXAMPLES and shown not in self.examples:
            self.examples.append(shown)


@dataclass(frozen=True, slots=True)
class ImportedPrices:
    """Rows and skipped lines of one or several price lists.

    Attributes:
        rows: Rows in the order of price files; each key and first day occurs once.
        skipped: Lines without a row, by reason and detail, the most frequent first.
        lines: Number of lines read.
        published: Publication day of each list, by offer.
    """

    rows: tuple[PriceRow, ...]
    skipped: tuple[SkippedLines, ...]
    lines: int
    published: tuple[tuple[str, date], ...]

    @property
    def mapped(self) -> int:
        """Number of lines that gave or confirmed a row."""
        return self.lines - sum(each.count for each in self.skipped)

    @property
    def unmapped(self) -> int:
        """Number of lines not understood, without those skipped on purpose."""
        return sum(each.count for each in self.skipped if not each.reason.is_by_design)

    @property
    def as_of(self) -> date | None:
        """Publication day of the newest list; None when none was read."""
        return max((day for _, day in self.published), default=None)


def collect(
    skus: Iterable[Sku],
    *,
    regions: Collection[str] = (),
    known: PriceTable | None = None,
    map_line: Callable[[Sku], MappedLine] = map_sku,
) -> ImportedPrices:
    """Convert *skus* to rows.

    Args:
        skus: Lines of one price list or several.
        regions: Regions to keep; empty for all.
        known: Prices that new ones are checked against; None for the bundled table.
        map_line: Converts one line to a row.
    """
    prices = KnownPrices(known or PriceTable.bundled())
    skips = _SkipCounter()
    found: list[MappedLine] = []
    published: Counter[tuple[str, date]] = Counter()
    for sku in skus:
        published[sku.offer, sku.published] += 1
        if regions and sku.region not in regions:
            skips.note(sku, Reason.OTHER_REGION, sku.region)
            continue
        try:
            mapped = map_line(sku)
            prices.check(mapped)
        except UnmappedError as error:
            skips.note(sku, error.reason, error.detail)
        else:
            found.append(mapped)
    accepted, refused = resolve_conflicts(found)
    for mapped, reason in refused:
        skips.note(mapped.sku, reason, _name_of(mapped.row))
    return ImportedPrices(
        rows=tuple(_merge(accepted)),
        skipped=skips.groups(),
        lines=published.total(),
        published=tuple(sorted(published)),
    )


class _SkipCounter:
    def __init__(self) -> None:
        self._groups: dict[tuple[Reason, str], SkippedLines] = {}

    def note(self, sku: Sku, reason: Reason, detail: str) -> None:
        detail = f"{detail:.120}"
        group = self._groups.setdefault((reason, detail), SkippedLines(reason, detail))
        group.add(sku.usage_type)

    def groups(self) -> tuple[SkippedLines, ...]:
        order = list(Reason)
        return tuple(
            sorted(
                self._groups.values(),
                key=lambda each: (order.index(each.reason), -each.count, each.detail),
            )
        )


def _name_of(row: PriceRow) -> str:
    return " ".join((row.model_id, *filter(None, row.key)))


def _merge(found: Iterable[MappedLine]) -> Iterable[PriceRow]:
    """Yield one row per price, from the first day on which a list has it."""
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
