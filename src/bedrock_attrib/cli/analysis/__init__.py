"""The commands that answer questions from a ledger."""

from __future__ import annotations

from ._anomalies import anomalies_command
from ._compare import compare_command
from ._forecast import forecast_command
from ._savings import savings_command
from ._what_if import what_if_command

ANALYSES = [
    anomalies_command,
    compare_command,
    forecast_command,
    savings_command,
    what_if_command,
]
"""Each of them a plain command."""
