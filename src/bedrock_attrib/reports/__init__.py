"""Reports: what the calls of a ledger come to, as values to show or work with."""

from __future__ import annotations

from ._alternative import Alternative
from ._anomalies import Anomaly, AnomalyReport, Driver, anomalies
from ._bootstrap import Difference, Interval
from ._calendar import Step
from ._compare import Comparison, compare
from ._csv import write_csv
from ._dimensions import NAMES, PAGE_BY, Dimension, dimension_named, dimensions_of
from ._flat import ColumnType, FlatColumn, FlatTable
from ._forecast import Forecast, forecast
from ._identical import identical_requests
from ._json import write_json
from ._remarks import remarks_of
from ._repeats import (
    CacheLifetime,
    IdenticalRequests,
    IdenticalRow,
    RepeatedRequest,
    Repeats,
)
from ._savings import Savings, Waste, savings
from ._selection import Filter, Selection, parse_filter, select
from ._sides import Latency, Side, Verdict
from ._spend import Spend, Whole
from ._spend_by import SpendReport, SpendRow, spend_by
from ._spend_flat import flat_spend
from ._unattributed import (
    UnattributedReport,
    UnattributedRow,
    flat_unattributed,
    unattributed,
)
from ._unpriced import UnpricedReport, UnpricedRow, flat_unpriced, unpriced
from ._ways import Saving, Way, WayReport
from ._what_if import LeftOut, Repricing, WhatIf, WhatIfRow, what_if

__all__ = [
    "NAMES",
    "PAGE_BY",
    "Alternative",
    "Anomaly",
    "AnomalyReport",
    "CacheLifetime",
    "ColumnType",
    "Comparison",
    "Difference",
    "Dimension",
    "Driver",
    "Filter",
    "FlatColumn",
    "FlatTable",
    "Forecast",
    "IdenticalRequests",
    "IdenticalRow",
    "Interval",
    "Latency",
    "LeftOut",
    "RepeatedRequest",
    "Repeats",
    "Repricing",
    "Saving",
    "Savings",
    "Selection",
    "Side",
    "Spend",
    "SpendReport",
    "SpendRow",
    "Step",
    "UnattributedReport",
    "UnattributedRow",
    "UnpricedReport",
    "UnpricedRow",
    "Verdict",
    "Waste",
    "Way",
    "WayReport",
    "WhatIf",
    "WhatIfRow",
    "Whole",
    "anomalies",
    "compare",
    "dimension_named",
    "dimensions_of",
    "flat_spend",
    "flat_unattributed",
    "flat_unpriced",
    "forecast",
    "identical_requests",
    "parse_filter",
    "remarks_of",
    "savings",
    "select",
    "spend_by",
    "unattributed",
    "unpriced",
    "what_if",
    "write_csv",
    "write_json",
]
