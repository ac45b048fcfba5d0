"""Reports: what the calls of a ledger come to, as values to show or work with."""

from __future__ import annotations

from ._csv import write_csv
from ._dimensions import NAMES, Dimension, dimension_named
from ._flat import ColumnType, FlatColumn, FlatTable
from ._json import write_json
from ._selection import Filter, Selection, Step, parse_filter, select
from ._spend import Spend, SpendReport, SpendRow, Whole, spend_by
from ._spend_flat import flat_spend
from ._unattributed import (
    UnattributedReport,
    UnattributedRow,
    flat_unattributed,
    unattributed,
)
from ._unpriced import UnpricedReport, UnpricedRow, flat_unpriced, unpriced

__all__ = [
    "NAMES",
    "ColumnType",
    "Dimension",
    "Filter",
    "FlatColumn",
    "FlatTable",
    "Selection",
    "Spend",
    "SpendReport",
    "SpendRow",
    "Step",
    "UnattributedReport",
    "UnattributedRow",
    "UnpricedReport",
    "UnpricedRow",
    "Whole",
    "dimension_named",
    "flat_spend",
    "flat_unattributed",
    "flat_unpriced",
    "parse_filter",
    "select",
    "spend_by",
    "unattributed",
    "unpriced",
    "write_csv",
    "write_json",
]
