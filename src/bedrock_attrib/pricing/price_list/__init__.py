"""Importer for AWS's own price list; nothing in it is guessed."""

from ._collect import ImportedPrices, SkippedLines, collect
from ._files import OFFERS, read_offer_file
from ._json_offer import read_product
from ._rate_cards import RATE_CARD, RateCardLine, map_rate_card_line
from ._sku import Reason, Sku, UnmappedError
from ._usage_types import UsageType, read_usage_type
from ._write import write_prices

__all__ = [
    "OFFERS",
    "RATE_CARD",
    "ImportedPrices",
    "RateCardLine",
    "Reason",
    "SkippedLines",
    "Sku",
    "UnmappedError",
    "UsageType",
    "collect",
    "map_rate_card_line",
    "read_offer_file",
    "read_product",
    "read_usage_type",
    "write_prices",
]
