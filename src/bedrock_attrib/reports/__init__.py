"""Reports: what the calls of a ledger come to, as values to show or work with."""

from __future__ import annotations

from ._alternative import Alternative
from ._anomalies import Anomaly, AnomalyReport, Driver, anomalies
from ._bootstrap import Difference, Interval
from ._compare import Comparison, Latency, Side, Verdict, compare
from ._dimensions import NAMES, Dimension, dimension_named
from ._forecast import Forecast, forecast
from ._savings import Saving, Savings, Waste, Way, WayReport, savings
from ._selection import Filter, Selection, Step, parse_filter, select
from ._spend import Spend, SpendReport, SpendRow, spend_by
from ._what_if import LeftOut, Repricing, WhatIf, WhatIfRow, what_if

__all__ = [
    "NAMES",
    "Alternative",
    "Anomaly",
    "AnomalyReport",
    "Comparison",
    "Difference",
    "Dimension",
    "Driver",
    "Filter",
    "Forecast",
    "Interval",
    "Latency",
    "LeftOut",
    "Repricing",
    "Saving",
    "Savings",
    "Selection",
    "Side",
    "Spend",
    "SpendReport",
    "SpendRow",
    "Step",
    "Verdict",
    "Waste",
    "Way",
    "WayReport",
    "WhatIf",
    "WhatIfRow",
    "anomalies",
    "compare",
    "dimension_named",
    "forecast",
    "parse_filter",
    "savings",
    "select",
    "spend_by",
    "what_if",
]
