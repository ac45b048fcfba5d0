"""Take attribution along: to other threads and processes, and to other services."""

from __future__ import annotations

from ._baggage_out import BaggagePropagator, inject
from ._carry import carry
from ._executor import CarryingExecutor

__all__ = ["BaggagePropagator", "CarryingExecutor", "carry", "inject"]
