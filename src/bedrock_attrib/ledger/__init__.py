"""Every call kept, and summed by hour, day and month."""

from __future__ import annotations

from ._ledger import Ledger
from ._reading import Reader, Sum
from ._values import Kind

__all__ = ["Kind", "Ledger", "Reader", "Sum"]
