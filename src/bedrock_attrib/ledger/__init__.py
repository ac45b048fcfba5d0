"""Every call kept, and summed by hour, day and month."""

from __future__ import annotations

from ._check import check_ledger
from ._codec import Kind
from ._ledger import Ledger
from ._open import open_ledger
from ._query.aggregate import Sum
from ._query.reader import Reader

__all__ = ["Kind", "Ledger", "Reader", "Sum", "check_ledger", "open_ledger"]
