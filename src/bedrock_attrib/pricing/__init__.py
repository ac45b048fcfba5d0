"""What a call costs: dated list prices and how a row is chosen."""

from ._discounts import Discount
from ._rows import PriceRow
from ._table import PriceTable

__all__ = ["Discount", "PriceRow", "PriceTable"]
