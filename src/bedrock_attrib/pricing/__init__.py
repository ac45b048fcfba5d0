"""What a call costs: dated list prices, and how a row is chosen."""

from ._commitments import Commitment
from ._compare import PriceChange
from ._discounts import Discount
from ._explain import Explanation, UnitExplanation
from ._lookup import Try
from ._rows import PriceRow
from ._table import PriceTable

__all__ = [
    "Commitment",
    "Discount",
    "Explanation",
    "PriceChange",
    "PriceRow",
    "PriceTable",
    "Try",
    "UnitExplanation",
]
