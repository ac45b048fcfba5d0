"""Attribution carried to other threads, processes and services."""

from __future__ import annotations

from ._baggage_out import BaggagePropagator, inject
from ._carry import carry
from ._executor import CarryingExecutor

__all__ = ["BaggagePropagator", "CarryingExecutor", "carry", "inject"]
