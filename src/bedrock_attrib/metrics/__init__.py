"""OpenTelemetry metrics of calls."""

from __future__ import annotations

from ._budgets import BudgetFigures, StoreFigures
from ._meters import push_metrics
from ._sink import OpenTelemetrySink, semconv_from_opt_in
from .names import SemConv

__all__ = [
    "BudgetFigures",
    "OpenTelemetrySink",
    "SemConv",
    "StoreFigures",
    "push_metrics",
    "semconv_from_opt_in",
]
