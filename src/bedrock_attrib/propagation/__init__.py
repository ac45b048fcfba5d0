"""Attribution carried to other threads, processes and services."""

from __future__ import annotations

from ._asgi import AsgiAttribution
from ._baggage_out import BaggagePropagator, inject
from ._carry import carry
from ._executor import CarryingExecutor
from ._wsgi import WsgiAttribution

__all__ = [
    "AsgiAttribution",
    "BaggagePropagator",
    "CarryingExecutor",
    "WsgiAttribution",
    "carry",
    "inject",
]
