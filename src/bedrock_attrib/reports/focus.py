"""FOCUS export: a ledger in the FinOps Open Cost and Usage Specification.

Amounts are estimates from list prices, not what AWS bills: ``x_CostBasis`` states it in
each row. The columns of billed, effective and contracted cost have the same amount, and
so has list cost, except under discounts and prices of the user's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from .._model.cost import Rate, multiply
from .._model.usage import Unit
from ..errors import ConfigError
from ..ledger import Ledger
from ._calendar import Step, edges, is_before
from ._focus_charges import Charge, charges_of
from ._focus_columns import EXTENSIONS, columns_of
from ._selection import Selection
from ._tables.remarks import remarks_of
from ._tables.spend_report import Progress
from ._tables.table import Column, ColumnType, Table, Value

COST_BASIS = "estimate from list prices"
OWN_COST_BASIS = "estimate from discounts and own prices"
_PROVIDER = "AWS"  # also the invoice issuer: FOCUS requires BilledCost 0 otherwise
_CATEGORY, _SUBCATEGORY = "AI and Machine Learning", "Generative AI"
_SERVICE = "Amazon Bedrock"
_PERIODS = (Step.HOUR, Step.DAY)


class Version(StrEnum):
    """Supported version of FOCUS."""

    V1_2 = "1.2"
    V1_4 = "1.4"


@dataclass(frozen=True, slots=True)
class Account:
    """AWS account of the spend, which a ledger does not know.

    Attributes:
        id: AWS account that pays, twelve digits.
        name: Its name; None for its id.
        sub_id: AWS account that makes the calls; None for the one that pays.
    """

    id: str
    name: str | None = None
    sub_id: str | None = None


def focus_table(
    ledger: Ledger,
    selection: Selection | None = None,
    *,
    account: Account,
    version: str = Version.V1_2,
    period: str = Step.DAY,
    progress: Progress | None = None,
) -> Table:
    """Return the calls of a ledger as FOCUS rows.

    There is a row for each charge period, tags, model, region, operation, terms and
    unit. Rows are read lazily, period by period, so that a long span needs no more
    memory than its largest period. Usage without a price has a cost of zero, as FOCUS
    allows no null there, and ``x_PriceStatus`` ``unpriced``. Calls without known usage,
    such as failed ones, have no row.

    Args:
        ledger: The ledger to read.
        selection: Which calls; None for all. Periods are of UTC, whatever its zone.
        account: Account of the spend.
        version: ``1.2``, or ``1.4`` for its column names.
        period: ``day`` or ``hour``.
        progress: Called after each period.

    Raises:
        ConfigError: If the version or the period is not supported.
        LedgerError: If the ledger cannot be read, now or while rows are read.
    """
    if version not in set(Version):
        raise ConfigError(
            f"unknown FOCUS version {version!r}; expected {' or '.join(Version)}"
        )
    if period not in _PERIODS:
        raise ConfigError(f"unknown charge period {period!r}; expected hour or day")
    names = columns_of(version)
    chosen = selection or Selection()
    rows = _rows(ledger, chosen, account, Step(period), names, progress)
    columns = (*names, *EXTENSIONS)
    return Table(
        tuple(Column(name, type_of) for name, type_of in columns),
        rows,
        remarks_of(ledger, chosen),
    )


def _rows(
    ledger: Ledger,
    chosen: Selection,
    account: Account,
    step: Step,
    names: Sequence[tuple[str, ColumnType]],
    progress: Progress | None,
) -> Iterator[Sequence[Value]]:
    wanted = [name for name, _ in (*names, *EXTENSIONS)]
    with ledger.reading() as reader:
        whole = reader.span()
        if whole is None:
            return
        since, until = (each.astimezone(UTC) for each in chosen.span(whole))
        start = whole[0] if is_before(since, whole[0]) else since
        end = whole[1] if is_before(whole[1], until) else until
        points = edges(step, start, end)
        for done, (at, parts) in enumerate(reader.steps(points), start=1):
            selected = (
                each for each in parts if chosen.matches(each.tags, each.dimensions)
            )
            for charge in charges_of(reader, selected):
                values = _values(charge, account, _period(step, at))
                yield [values.get(name) for name in wanted]
            if progress is not None:
                progress(done, len(points) - 1)


def _period(step: Step, at: datetime) -> tuple[datetime, datetime]:
    start = at.replace(minute=0, second=0, microsecond=0)
    if step is Step.HOUR:
        return start, start + timedelta(hours=1)
    start = start.replace(hour=0)
    return start, start + timedelta(days=1)


def _values(
    charge: Charge, account: Account, period: tuple[datetime, datetime]
) -> dict[str, Value]:
    kind, unit = charge.kind, charge.unit
    model = kind.model.model_id or kind.model.requested
    month = period[0].replace(day=1, hour=0)
    currency = kind.currency or "USD"
    noun = "Calls" if unit is None else unit_noun(unit)
    what = "calls" if unit is None else unit.value
    sku = f"{model}/{what}"
    name = account.name or account.id
    sub_id = account.sub_id or account.id
    basis = COST_BASIS if _is_at_list_price(charge.rate) else OWN_COST_BASIS
    values: dict[str, Value] = {
        "BilledCost": charge.amount,
        "BillingAccountId": account.id,
        "BillingAccountName": name,
        "BillingAccountType": "Account",
        "BillingCurrency": currency,
        "BillingPeriodStart": month,
        "BillingPeriodEnd": (month + timedelta(days=31)).replace(day=1),
        "ChargeCategory": "Usage",
        "ChargeDescription": (
            f"{model} in {kind.region}: {what}, {charge.status} ({basis} by "
            f"bedrock_attrib)"
        ),
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": period[0],
        "ChargePeriodEnd": period[1],
        "ConsumedQuantity": Decimal(charge.quantity),
        "ConsumedUnit": noun,
        "ContractedCost": charge.amount,
        "EffectiveCost": charge.amount,
        "HostProviderName": _PROVIDER,
        "InvoiceIssuerName": _PROVIDER,
        "ListCost": _list_cost(charge),
        "PricingCategory": "Standard",
        "PricingCurrency": currency,
        "PricingCurrencyEffectiveCost": charge.amount,
        "ProviderName": _PROVIDER,
        "PublisherName": _PROVIDER,
        "RegionId": kind.region,
        "RegionName": kind.region,
        "ResourceId": kind.model.requested,
        "ResourceName": model,
        "ResourceType": kind.model.kind.replace("_", " ").title(),
        "ServiceCategory": _CATEGORY,
        "ServiceName": _SERVICE,
        "ServiceProviderName": _PROVIDER,
        "ServiceSubcategory": _SUBCATEGORY,
        "SkuId": sku,
        "SkuMeter": "Calls" if unit is None else unit.value.replace("_", " "),
        "SubAccountId": sub_id,
        "SubAccountName": sub_id,
        "SubAccountType": "Account",
        "Tags": charge.tags,
        "x_CostBasis": basis,
        "x_LatencyMode": kind.latency_mode,
        "x_ModelId": kind.model.model_id,
        "x_ModelVendor": kind.model.vendor,
        "x_Operation": kind.operation,
        "x_PriceStatus": charge.status.value,
        "x_Scope": kind.model.scope,
        "x_ServiceTier": kind.tier,
        "x_Unit": None if unit is None else unit.value,
    }
    if charge.rate is not None:
        values |= _priced(charge, charge.rate, sku, noun)
    return values


def _is_at_list_price(rate: Rate | None) -> bool:
    return rate is None or rate.price == rate.list_price


def _list_cost(charge: Charge) -> Decimal:
    """Return the cost at list price; the cost itself where no list has a price."""
    if charge.rate is None or _is_at_list_price(charge.rate):
        return charge.amount
    return multiply(charge.rate.list_amount, Decimal(charge.quantity))


def _priced(charge: Charge, rate: Rate, sku: str, noun: str) -> dict[str, Value]:
    """Return the columns that FOCUS requires to be null without a rate."""
    terms = [rate.region, rate.scope, rate.tier, rate.latency_mode, rate.context_band]
    details = {
        "x_ContextBand": rate.context_band,
        "x_LatencyMode": rate.latency_mode,
        "x_Region": rate.region,
        "x_Scope": rate.scope,
        "x_Tier": rate.tier,
        "x_ValidFrom": "" if rate.valid_from is None else rate.valid_from.isoformat(),
    }
    return {
        "ContractedUnitPrice": rate.amount,
        "ListUnitPrice": rate.list_amount,
        "PricingCurrencyContractedUnitPrice": rate.amount,
        "PricingCurrencyListUnitPrice": rate.list_amount,
        "PricingQuantity": Decimal(charge.quantity),
        "PricingUnit": noun,
        "SkuPriceDetails": json.dumps({k: v for k, v in details.items() if v}),
        "SkuPriceId": "/".join([sku, *filter(None, terms)]),
        "x_PriceSources": ", ".join(rate.sources),
    }


_NOUNS = (
    ("token", "Tokens"),
    ("image", "Images"),
    ("second", "Seconds"),
    ("text_unit", "Text Units"),
    ("image_unit", "Images"),
    ("search_unit", "Search Units"),
    ("request", "Requests"),
    ("query", "Queries"),
    ("invocation", "Invocations"),
    ("retrieval", "Retrievals"),
    ("event", "Events"),
    ("evaluation", "Evaluations"),
    ("node_transition", "Node Transitions"),
    ("page", "Pages"),
    ("extra_field", "Fields"),
    ("task", "Tasks"),
    ("data_gb", "GB"),
    ("vcpu_hour", "vCPU-Hours"),
    ("gb_hour", "GB-Hours"),
    ("gb_month", "GB-Months"),
    ("record_hour", "Record-Hours"),
    ("record_month", "Record-Months"),
    ("tool_index_month", "Tool-Months"),
    ("model_unit_hour", "Model Unit-Hours"),
    ("model_storage_month", "Model-Months"),
    ("hour", "Hours"),
    ("minute", "Minutes"),
    ("month", "Months"),
)


def unit_noun(unit: Unit) -> str:
    """Return the FOCUS noun of *unit*: ``Tokens``, ``Images``, …."""
    name = unit.value.partition("[")[0]
    return next((noun for end, noun in _NOUNS if name.endswith(end)), "Units")
