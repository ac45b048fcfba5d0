"""Ledger: a sink that stores every call, with sums by hour, day and month."""

from __future__ import annotations

from ._check import check_ledger
from ._dimensions import CallDimensions
from ._ledger import Ledger
from ._open import open_ledger
from ._query.aggregate import Aggregate
from ._query.reader import Reader

__all__ = [
    "Aggregate",
    "CallDimensions",
    "Ledger",
    "Reader",
    "check_ledger",
    "open_ledger",
]
