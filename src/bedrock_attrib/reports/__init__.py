"""Reports: what the calls of a ledger come to, as values to show or work with."""

from __future__ import annotations

from ._dimensions import NAMES, Dimension, dimension_named
from ._selection import Filter, Selection, Step, parse_filter, select
from ._spend import Spend, SpendReport, SpendRow, spend_by

__all__ = [
    "NAMES",
    "Dimension",
    "Filter",
    "Selection",
    "Spend",
    "SpendReport",
    "SpendRow",
    "Step",
    "dimension_named",
    "parse_filter",
    "select",
    "spend_by",
]
