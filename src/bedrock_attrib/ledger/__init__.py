"""Every call kept, and summed by hour, day and month."""

from __future__ import annotations

from ._check import check_ledger
from ._figures import Sum
from ._ledger import Ledger
from ._open import open_ledger
from ._reading import Reader
from ._values import Kind

__all__ = ["Kind", "Ledger", "Reader", "Sum", "check_ledger", "open_ledger"]
