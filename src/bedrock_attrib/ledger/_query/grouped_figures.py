"""Figures of many rows, added up by group, exactly."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from ..._model.cost import ZERO, add
from .._field_table import Row


class GroupedFigures:
    """Figures added up by the key of their rows.

    Attributes:
        figures: Values of `FIGURE_COLUMNS` by key.
        others: Totals without a column, by key and unit; given amounts under ``''``.
    """

    def __init__(self) -> None:
        self.figures: dict[Row, Sequence[Any]] = {}
        self.others: dict[Row, dict[str, Decimal]] = {}

    def add_rows(
        self,
        rows: Iterable[Sequence[Any]],
        width: int,
        key_of: Callable[[Row], Row] | None = None,
    ) -> None:
        """Add rows of figures.

        Args:
            rows: Rows of a key and figures.
            width: Number of values of the key.
            key_of: Makes another key of it; None to take it as it is.
        """
        figures, plus, get = self.figures, operator.add, self.figures.get
        for row in rows:
            key, figure = tuple(row[:width]), row[width:]
            if key_of is not None:
                key = key_of(key)
            known = get(key)
            figures[key] = figure if known is None else tuple(map(plus, known, figure))

    def add_other(self, key: Row, unit: str, total: Decimal) -> None:
        """Add to the total of a unit without a column."""
        totals = self.others.setdefault(key, {})
        totals[unit] = add(totals.get(unit, ZERO), total)

    def add_regrouped(
        self, groups: GroupedFigures, key_of: Callable[[Row], Row | None]
    ) -> None:
        """Add other groups by new keys; a group whose new key is None is left out."""
        for key, figures in groups.figures.items():
            other = key_of(key)
            if other is not None:
                self.add_rows([(*other, *figures)], len(other))
        for key, totals in groups.others.items():
            other = key_of(key)
            if other is not None:
                for unit, total in totals.items():
                    self.add_other(other, unit, total)
