"""How figures of many rows become those of groups, exactly."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from .._model.cost import ZERO, add
from ._rows import Row


class Groups:
    """Figures by what their rows have in common, which are added up.

    Attributes:
        figures: Whole numbers by key.
        rest: What stands in no column, by key and unit; given amounts under ``''``.
    """

    def __init__(self) -> None:
        self.figures: dict[Row, Sequence[Any]] = {}
        self.rest: dict[Row, dict[str, Decimal]] = {}

    def add_rows(self, rows: Iterable[Sequence[Any]], width: int) -> None:
        """Add rows of figures, each after *width* values that are its key."""
        figures, plus, get = self.figures, operator.add, self.figures.get
        for row in rows:
            key, figure = tuple(row[:width]), row[width:]
            known = get(key)
            figures[key] = figure if known is None else tuple(map(plus, known, figure))

    def add_rest(self, key: Row, unit: str, total: Decimal) -> None:
        """Add to what stands in no column."""
        totals = self.rest.setdefault(key, {})
        totals[unit] = add(totals.get(unit, ZERO), total)

    def joined(self, place: Callable[[Row], Row | None]) -> Groups:
        """The same by other keys: *place* gives them, or None to leave a group out."""
        found, plus = Groups(), operator.add
        figures = found.figures
        for key, row in self.figures.items():
            new = place(key)
            if new is not None:
                known = figures.get(new)
                figures[new] = row if known is None else tuple(map(plus, known, row))
        for key, totals in self.rest.items():
            new = place(key)
            if new is not None:
                for unit, total in totals.items():
                    found.add_rest(new, unit, total)
        return found


def rest_of(more: str | None, amount: str | None) -> Iterator[tuple[str, Decimal]]:
    """What a call has beside its columns, by unit; a given amount under ``''``."""
    for unit, count in json.loads(more or "{}").items():
        yield unit, Decimal(count)
    if amount is not None:
        yield "", Decimal(amount)
