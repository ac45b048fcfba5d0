"""One priced line of AWS's price list, and reasons why a line gives no row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from ...errors import BedrockAttribError


@dataclass(frozen=True, slots=True)
class Sku:
    """One priced line as AWS wrote it: a product, a term and a price.

    Texts are unchanged, and empty where the list says nothing.

    Attributes:
        sku: AWS's key of the product.
        offer: Service code of the list, such as ``AmazonBedrock``.
        published: Day on which the list was published, UTC.
        region: Region code (``eu-west-1``).
        usage_type: What is billed (``USE1-NovaLite-input-tokens``).
        model: The attribute ``model``: a name to read, or a model id.
        titan_model: The attribute ``titanModel``, which older Amazon models have.
        service_name: Name of the service; names the model in the Marketplace offer.
        inference_type: What is counted, in words.
        feature: ``On-demand Inference``, ``Batch Inference``, ….
        service_tier: ``standard``, ``flex``, ….
        effective: Start of the list term.
        unit: Unit of the price (``1K tokens``).
        price: The price.
        currency: ISO 4217 code.
        begins: Quantity from which the price holds.
        ends: Quantity up to which the price holds.
        description: The price in words.
    """

    sku: str
    offer: str
    published: date
    region: str = ""
    usage_type: str = ""
    model: str = ""
    titan_model: str = ""
    service_name: str = ""
    inference_type: str = ""
    feature: str = ""
    service_tier: str = ""
    effective: str = ""
    unit: str = ""
    price: str = ""
    currency: str = "USD"
    begins: str = "0"
    ends: str = "Inf"
    description: str = ""


class Reason(StrEnum):
    """Reason why a line gives no row."""

    CUSTOM_MODEL = "rate of a customized model"
    TRAINING = "training or storage of a customized model"
    PROVISIONED = "provisioned throughput"
    PROMPT_OPTIMIZATION = "optimization of prompts"
    FEATURE = "feature of the platform, not a call of a model"
    OTHER_REGION = "region was not requested"
    SUPERSEDED = "a newer copy of the list has another price from the same day"

    UNKNOWN_MODEL = "model is not in the table of names"
    TWO_MODELS = "names belong to different models"
    USAGE_TYPE = "usage type is not understood"
    NO_UNIT = "counts nothing that a call reports"
    UNIT = "unit does not fit what is counted"
    DISAGREES = "attributes contradict one another"
    LONG_CONTEXT = "long-context price, and the threshold is not known"
    PRICE = "price is not a non-negative amount of USD"
    VOLUME = "price depends on the volume"
    REGION = "region is not known"
    DATE = "start of the list term is not a date"
    IMPLAUSIBLE = "price is far from every known one"
    CONFLICT = "one list has two prices for the same"

    @property
    def is_by_design(self) -> bool:
        """True for lines that are skipped on purpose rather than not understood."""
        return self in _BY_DESIGN


_BY_DESIGN = frozenset(
    {
        Reason.CUSTOM_MODEL,
        Reason.TRAINING,
        Reason.PROVISIONED,
        Reason.PROMPT_OPTIMIZATION,
        Reason.FEATURE,
        Reason.OTHER_REGION,
        Reason.SUPERSEDED,
    }
)


class UnmappedError(BedrockAttribError):
    """A line of AWS's price list cannot be mapped with certainty.

    Attributes:
        reason: The reason.
        detail: The name, word or figure that caused it; may be empty.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
