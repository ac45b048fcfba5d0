"""Names and types of the FOCUS columns of cost and usage, by version.

The 57 columns of 1.2 are those of the rule model 1.2.0.1 in focus-validator 2.2.1;
1.4 renames the provider columns. Read 2026-11-25.
"""

from __future__ import annotations

from ._tables.table import ColumnType

_AMOUNTS = frozenset(
    """
    BilledCost CommitmentDiscountQuantity ConsumedQuantity ContractedCost
    ContractedUnitPrice EffectiveCost ListCost ListUnitPrice
    PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost
    PricingCurrencyListUnitPrice PricingQuantity
    """.split()
)
_TIMES = frozenset(
    "BillingPeriodEnd BillingPeriodStart ChargePeriodEnd ChargePeriodStart".split()
)
_OF_1_2 = """
    AvailabilityZone BilledCost BillingAccountId BillingAccountName BillingAccountType
    BillingCurrency BillingPeriodEnd BillingPeriodStart CapacityReservationId
    CapacityReservationStatus ChargeCategory ChargeClass ChargeDescription
    ChargeFrequency ChargePeriodEnd ChargePeriodStart CommitmentDiscountCategory
    CommitmentDiscountId CommitmentDiscountName CommitmentDiscountQuantity
    CommitmentDiscountStatus CommitmentDiscountType CommitmentDiscountUnit
    ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice EffectiveCost
    InvoiceId InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingCurrency
    PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost
    PricingCurrencyListUnitPrice PricingQuantity PricingUnit ProviderName PublisherName
    RegionId RegionName ResourceId ResourceName ResourceType ServiceCategory ServiceName
    ServiceSubcategory SkuId SkuMeter SkuPriceDetails SkuPriceId SubAccountId
    SubAccountName SubAccountType Tags
    """.split()
_RENAMED_IN_1_4 = {
    "ProviderName": "ServiceProviderName",
    "PublisherName": "HostProviderName",
}
EXTENSIONS = tuple(
    (name, ColumnType.TEXT)
    for name in (
        "x_CostBasis",
        "x_LatencyMode",
        "x_ModelId",
        "x_ModelVendor",
        "x_Operation",
        "x_PriceSources",
        "x_PriceStatus",
        "x_Scope",
        "x_ServiceTier",
        "x_Unit",
    )
)
"""Columns of this package, after those of FOCUS."""


def columns_of(version: str) -> tuple[tuple[str, ColumnType], ...]:
    """Return names and types of the columns of a version, without extensions."""
    names = _OF_1_2
    if version == "1.4":
        names = sorted(_RENAMED_IN_1_4.get(name, name) for name in names)
    return tuple((name, _type_of(name)) for name in names)


def _type_of(name: str) -> ColumnType:
    if name in _AMOUNTS:
        return ColumnType.AMOUNT
    return ColumnType.TIME if name in _TIMES else ColumnType.TEXT
