"""Price look-up: which row prices a unit of a call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from .._model.model_id import GUARDRAIL_CHECKS_MODEL, GUARDRAIL_MODEL, Scope
from .._model.record import PriceReason, Reason
from .._model.usage import GUARDRAIL_CHECKS_UNITS, GUARDRAIL_UNITS, Unit
from ._price_list import PriceList
from ._query import PriceQuery
from ._rows import DEFAULT_REGION, ModelRows, PriceRow

# Regions of the partition "aws": botocore 1.44.5, partitions.json. Only these may
# take a price of the default region: GovCloud, China, the European Sovereign Cloud
# and the isolated partitions have price lists of their own.
_COMMERCIAL = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+")

# Tiers of calls that are billed by what they use.
_ON_DEMAND = frozenset({"default", "flex", "priority", "batch"})

# Regions whose prices the default rows state, so that these are exact there.
_HOME_REGIONS = frozenset({"us-east-1", "us-west-2", "us-east-2"})

# Units whose regional price at the default tier holds for every tier, latency mode
# and profile. AWS's launch notice of web search on the mantle endpoint, 2026-08-04:
# 12 USD per 1,000 queries, flat.
_FLAT_UNITS = frozenset({Unit.WEB_SEARCH_QUERY})


@dataclass(frozen=True, slots=True)
class LookupStep:
    """One search of a price list.

    Attributes:
        region: Region searched for.
        scope: Scope searched for.
        tier: Tier searched for.
        latency_mode: Latency mode searched for.
        context_band: Context band searched for, empty for the ordinary price.
        is_own: True for the user's own rows.
        row: The row found, if any.
        passed_over: Why there is no row or it was not taken; empty for the row taken.
    """

    region: str
    scope: str
    tier: str
    latency_mode: str
    context_band: str
    is_own: bool
    row: PriceRow | None
    passed_over: str


@dataclass(frozen=True, slots=True)
class RowMatch:
    """Outcome of the look-up of one unit.

    Attributes:
        row: The row that prices it, or None.
        is_own: True when it is the user's own row.
        uncertainty: Why AWS may bill another price; empty when the row is certain.
        steps: All searches, in order.
    """

    row: PriceRow | None
    is_own: bool
    uncertainty: str
    steps: tuple[LookupStep, ...]


class _Terms(NamedTuple):
    """Properties that a search names besides model, context band and unit."""

    region: str
    scope: str
    tier: str
    latency_mode: str


def find_row(
    lists: Sequence[PriceList], query: PriceQuery, unit: Unit, band: str
) -> RowMatch:
    """Find the row that prices *unit*, in all of the first list before the second."""
    query, band = _query_of(query, unit, band)
    steps: list[LookupStep] = []
    for price_list in lists:
        rows = price_list.of(query.model_id) if query.model_id else None
        if rows is None:
            continue
        is_own = price_list.is_own
        for terms in _search_order(query, unit, is_own=is_own):
            row = rows.row_on((*terms, band, unit), query.day)
            why = _passed_over(query, rows, row)
            steps.append(LookupStep(*terms, band, is_own, row, why))
            if row is not None and not why:
                uncertainty = "" if is_own else _uncertainty(query, rows, row)
                return RowMatch(row, is_own, uncertainty, tuple(steps))
        free = rows.free.get(unit)
        if free is not None and _is_on_demand(query):
            steps.append(_free_step(query, free, band))
            uncertainty = _doubt_of_sources(query, free)
            return RowMatch(
                free, is_own=False, uncertainty=uncertainty, steps=tuple(steps)
            )
    return RowMatch(None, is_own=False, uncertainty="", steps=tuple(steps))


def _query_of(query: PriceQuery, unit: Unit, band: str) -> tuple[PriceQuery, str]:
    """Return the query and the context band by which *unit* is priced.

    Guardrail units have prices of their own, whatever the model of the call.
    """
    if unit not in GUARDRAIL_UNITS:
        return query, band
    is_check = unit in GUARDRAIL_CHECKS_UNITS
    model = GUARDRAIL_CHECKS_MODEL if is_check else GUARDRAIL_MODEL
    guardrail = replace(
        query,
        model_id=model.model_id,
        scope=Scope.REGIONAL,
        geography=None,
        tier="default",
        latency_mode="standard",
        unpriceable_reason=None,
    )
    return guardrail, ""


def _free_step(query: PriceQuery, free: PriceRow, band: str) -> LookupStep:
    return LookupStep(
        free.region,
        free.scope,
        query.tier,
        query.latency_mode,
        band,
        is_own=False,
        row=free,
        passed_over="",
    )


def _is_on_demand(query: PriceQuery) -> bool:
    """Return whether units that AWS lists at zero are free for *query*."""
    is_priceable = not query.unpriceable_reason and query.scope is not None
    return is_priceable and query.tier in _ON_DEMAND and _may_take_default_price(query)


def _search_order(
    query: PriceQuery, unit: Unit, *, is_own: bool = False
) -> Iterable[_Terms]:
    """Return the terms under which a row of *unit* is searched for, in order."""
    if query.unpriceable_reason or query.scope is None:
        return ()
    profiles = [query.geography] if is_own and query.geography else []
    of_profile = [
        _Terms(region, profile, query.tier, query.latency_mode)
        for profile in profiles
        for region in (query.region, DEFAULT_REGION)
    ]
    regions = [query.region]
    if _may_take_default_price(query):
        regions.append(DEFAULT_REGION)
    terms = of_profile + [
        _Terms(region, scope, query.tier, query.latency_mode)
        for region in regions
        for scope in _scopes(query)
    ]
    if unit in _FLAT_UNITS:
        regional = Scope.REGIONAL.value
        terms += [_Terms(each, regional, "default", "standard") for each in regions]
    return dict.fromkeys(terms)


def _scopes(query: PriceQuery) -> tuple[str, ...]:
    """Return the scopes whose rows may price *query*, in order."""
    if query.scope is None:
        return ()
    if query.scope is Scope.GEO:
        return (Scope.GEO.value, Scope.REGIONAL.value)
    return (query.scope.value,)


def _may_take_default_price(query: PriceQuery) -> bool:
    """Return whether rows of the default region may price *query*."""
    is_commercial = _COMMERCIAL.fullmatch(query.region) is not None
    return is_commercial and query.geography != "us-gov"


def _passed_over(query: PriceQuery, rows: ModelRows, row: PriceRow | None) -> str:
    if row is None:
        return "no row"
    if row.region != DEFAULT_REGION or query.scope is not Scope.GEO or row.profile:
        return ""
    if query.geography == "us" or query.region in row.same_price_regions:
        return ""
    if _is_priced_by_continent(rows, query.day):
        return "a US price, and the prices of this model differ between continents"
    return ""


def _is_priced_by_continent(rows: ModelRows, day: date) -> bool:
    return any(
        row.region != DEFAULT_REGION
        and not row.region.startswith("us-")
        and row.holds_on(day)
        for row in rows.rows
    )


def _uncertainty(query: PriceQuery, rows: ModelRows, row: PriceRow) -> str:
    doubt = _doubt_of_sources(query, row)
    if doubt:
        return doubt
    region = query.region
    if row.region != DEFAULT_REGION or region in row.same_price_regions:
        return ""
    if row.priced_in and row.priced_in != region:
        return f"price of {row.priced_in}; none is known for {region}"
    if region not in _HOME_REGIONS and _differs_in(rows, region, query):
        return f"US price; other prices of the model in {region} differ from the US"
    return ""


def _doubt_of_sources(query: PriceQuery, row: PriceRow) -> str:
    """Return why the sources of *row* leave its price uncertain."""
    if row.is_unconfirmed:
        return "no source of AWS confirms this price"
    if row.until is not None and row.until < query.day:
        return (
            f"this price was announced until {row.until} ({row.until_source}); no "
            "later one is known"
        )
    if row.open_disputes:
        return f"sources disagree: {_other_prices(row)}"
    return ""


def _other_prices(row: PriceRow) -> str:
    return ", ".join(f"{price:f} in {source}" for price, source in row.open_disputes)


def _differs_in(rows: ModelRows, region: str, query: PriceQuery) -> bool:
    scopes = _scopes(query)
    return any(
        row.region == region and row.scope in scopes and row.holds_on(query.day)
        for row in rows.rows
    )


def why_unpriced(
    lists: Sequence[PriceList], query: PriceQuery, unit: Unit, band: str
) -> Reason:
    """Return why there is no price for *unit*."""
    own_query, band = _query_of(query, unit, band)
    if own_query.unpriceable_reason:
        return own_query.unpriceable_reason
    model_id = own_query.model_id or ""
    rows = [row for each in lists if (held := each.of(model_id)) for row in held.rows]
    if not rows:
        text = f"model {own_query.model_id!r} is not in the price table"
        return Reason(PriceReason.MODEL_NOT_LISTED, text)
    for step in find_row(lists, query, unit, band).steps:
        if step.row is not None:
            return Reason(PriceReason.REGION_NOT_LISTED, f"{unit}: {step.passed_over}")
    code, text = _closest_lack(rows, own_query, band)
    return Reason(code, f"{unit}: {text}")


def _closest_lack(rows: list[PriceRow], query: PriceQuery, band: str) -> Reason:
    """Return the first term of *query* that no row of the model has."""
    tiers = sorted({row.tier for row in rows})
    if query.tier.startswith("reserved") and query.tier not in tiers:
        text = "reserved capacity is billed by the hour, not per token"
        return Reason(PriceReason.CAPACITY, text)
    if query.tier not in tiers:
        text = f"no price for tier {query.tier!r}; known: {', '.join(tiers)}"
        return Reason(PriceReason.TIER_NOT_LISTED, text)
    if query.latency_mode not in {row.latency_mode for row in rows}:
        text = f"no price for latency mode {query.latency_mode!r}"
        return Reason(PriceReason.LATENCY_MODE_NOT_LISTED, text)
    if not _may_take_default_price(query):
        text = f"no price for {query.region}, which default prices do not cover"
        return Reason(PriceReason.REGION_NOT_LISTED, text)
    where = f"{query.scope}, tier {query.tier}"
    long = f", prompts {band}" if band else ""
    return Reason(PriceReason.RATE_NOT_LISTED, f"no price for {where}{long}")
