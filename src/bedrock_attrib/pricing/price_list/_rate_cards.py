"""Rate cards of Marketplace models: the prices of one account by model id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from ._mapping import MappedLine, map_usage
from ._names import REGION_CODES
from ._sku import Reason, Sku, UnmappedError
from ._usage_types import read_dimension

RATE_CARD = "rate card"
_PREFIX = re.compile(r"([A-Z]{2,3}[0-9]|EU)_(.+)")


@dataclass(frozen=True, slots=True)
class RateCardLine:
    """One line of a rate card, as AWS wrote it.

    Attributes:
        model_id: Model of the agreement.
        region: Region of the request.
        dimension: What is billed (``USE1_input_tokens_global_standard``).
        price: The price, in USD.
        unit: Unit of the price; mostly ``Units``.
        description: What is billed, in words.
    """

    model_id: str
    region: str
    dimension: str
    price: str
    unit: str
    description: str

    def as_sku(self, asked_on: date) -> Sku:
        """Return the same facts as a line of a price list."""
        return Sku(
            sku=f"{self.model_id} {self.dimension}",
            offer=RATE_CARD,
            published=asked_on,
            region=self.region,
            usage_type=self.dimension,
            model=self.model_id,
            unit=self.unit,
            price=self.price,
            description=self.description,
        )


def map_rate_card_line(sku: Sku) -> MappedLine:
    """Map a line of a rate card to its row.

    A dimension without a region code holds in the region of the request.

    Raises:
        UnmappedError: If it is of another region, or not certain in every part.
    """
    prefixed = _PREFIX.fullmatch(sku.usage_type)
    dimension = sku.usage_type
    if prefixed is not None:
        region = REGION_CODES.get(prefixed[1])
        if region is None:
            raise UnmappedError(Reason.REGION, prefixed[1])
        if region != sku.region:
            raise UnmappedError(Reason.OTHER_REGION)
        dimension = prefixed[2]
    usage = read_dimension(dimension)
    if usage.model_id not in {"", sku.model}:
        raise UnmappedError(Reason.TWO_MODELS, f"{sku.model} and {usage.model_id}")
    mapped = map_usage(sku, usage, sku.model)
    return mapped.from_source(f"aws-rate-card-{sku.published:%Y%m%d}")
