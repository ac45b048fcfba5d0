"""Reports: what the calls of a ledger come to, as values to show or work with."""

from __future__ import annotations

from ._analysis.alternative import Alternative
from ._analysis.anomalies import Anomaly, AnomalyReport, Driver, anomalies
from ._analysis.compare import Comparison, compare
from ._analysis.compared_groups import Latency, Side, Verdict
from ._analysis.forecast import Forecast, forecast
from ._analysis.identical import identical_requests
from ._analysis.repeats import (
    CacheLifetime,
    IdenticalRequests,
    IdenticalRow,
    RepeatedRequest,
    Repeats,
)
from ._analysis.savings import Savings, Waste, savings
from ._analysis.savings_options import Saving, Way, WayReport
from ._analysis.what_if import LeftOut, Repricing, WhatIf, WhatIfRow, what_if
from ._calendar import Step
from ._dimensions import NAMES, PAGE_BY, Dimension, dimension_named, dimensions_of
from ._selection import Filter, Selection, parse_filter, select
from ._statistics.bootstrap import Difference, Interval
from ._tables.charges_by_price import ChargeRow, ChargesReport, charges, flat_charges
from ._tables.csv_writer import write_csv
from ._tables.json_writer import write_json
from ._tables.remarks import remarks_of
from ._tables.spend import Spend, Whole
from ._tables.spend_by import SpendReport, SpendRow, spend_by
from ._tables.spend_table import flat_spend
from ._tables.table import ColumnType, FlatColumn, FlatTable
from ._tables.unattributed import (
    UnattributedReport,
    UnattributedRow,
    flat_unattributed,
    unattributed,
)
from ._tables.unpriced import UnpricedReport, UnpricedRow, flat_unpriced, unpriced

__all__ = [
    "NAMES",
    "PAGE_BY",
    "Alternative",
    "Anomaly",
    "AnomalyReport",
    "CacheLifetime",
    "ChargeRow",
    "ChargesReport",
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
    "charges",
    "compare",
    "dimension_named",
    "dimensions_of",
    "flat_charges",
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
