"""Reports on the calls of a ledger, as values to show or work with."""

from __future__ import annotations

from ._analysis.alternative import Alternative
from ._analysis.anomalies import Anomaly, AnomalyDriver, AnomalyReport, anomalies
from ._analysis.compare import Comparison, compare
from ._analysis.compared_groups import ComparedGroup, ComparisonVerdict, Latency
from ._analysis.forecast import Forecast, forecast
from ._analysis.identical_requests import identical_requests
from ._analysis.repeated_calls import (
    CacheLifetime,
    IdenticalRequests,
    IdenticalRequestsRow,
    RepeatedCalls,
    RepeatedRequest,
)
from ._analysis.savings import SavingsReport, WastedSpend, savings
from ._analysis.savings_options import SavingsOption, SavingsOptionReport, SavingsRow
from ._analysis.what_if import (
    ExcludedCalls,
    Repricing,
    WhatIfReport,
    WhatIfRow,
    what_if,
)
from ._calendar import Step
from ._dimensions import DIMENSION_NAMES
from ._selection import Filter, Selection, parse_filter, select
from ._statistics.bootstrap import Difference, Interval
from ._tables.charges_report import ChargeRow, ChargesReport, charges, tabulate_charges
from ._tables.csv_writer import write_csv
from ._tables.json_writer import write_json
from ._tables.spend_report import SpendReport, SpendRow, spend_by
from ._tables.spend_table import tabulate_spend
from ._tables.spend_totals import FullyPriced, SpendTotals
from ._tables.table import Column, ColumnType, Table
from ._tables.unattributed import (
    UnattributedReport,
    UnattributedRow,
    tabulate_unattributed,
    unattributed,
)
from ._tables.unpriced import UnpricedReport, UnpricedRow, tabulate_unpriced, unpriced

__all__ = [
    "DIMENSION_NAMES",
    "Alternative",
    "Anomaly",
    "AnomalyDriver",
    "AnomalyReport",
    "CacheLifetime",
    "ChargeRow",
    "ChargesReport",
    "Column",
    "ColumnType",
    "ComparedGroup",
    "Comparison",
    "ComparisonVerdict",
    "Difference",
    "ExcludedCalls",
    "Filter",
    "Forecast",
    "FullyPriced",
    "IdenticalRequests",
    "IdenticalRequestsRow",
    "Interval",
    "Latency",
    "RepeatedCalls",
    "RepeatedRequest",
    "Repricing",
    "SavingsOption",
    "SavingsOptionReport",
    "SavingsReport",
    "SavingsRow",
    "Selection",
    "SpendReport",
    "SpendRow",
    "SpendTotals",
    "Step",
    "Table",
    "UnattributedReport",
    "UnattributedRow",
    "UnpricedReport",
    "UnpricedRow",
    "WastedSpend",
    "WhatIfReport",
    "WhatIfRow",
    "anomalies",
    "charges",
    "compare",
    "forecast",
    "identical_requests",
    "parse_filter",
    "savings",
    "select",
    "spend_by",
    "tabulate_charges",
    "tabulate_spend",
    "tabulate_unattributed",
    "tabulate_unpriced",
    "unattributed",
    "unpriced",
    "what_if",
    "write_csv",
    "write_json",
]
