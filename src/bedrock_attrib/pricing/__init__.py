"""Pricing: dated list prices, and the row that prices each unit of a call."""

from ._commitments import Commitment
from ._compare import PriceChange
from ._discounts import Discount
from ._explain import Explanation, UnitExplanation
from ._lookup import LookupStep
from ._rows import PriceRow
from ._table import PriceTable

__all__ = [
    "Commitment",
    "Discount",
    "Explanation",
    "LookupStep",
    "PriceChange",
    "PriceRow",
    "PriceTable",
    "UnitExplanation",
]
