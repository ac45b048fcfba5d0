"""Every call kept, and summed by hour, day and month."""

from __future__ import annotations

from ._ledger import Ledger

__all__ = ["Ledger"]
