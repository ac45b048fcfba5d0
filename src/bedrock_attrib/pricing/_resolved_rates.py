"""Resolved rates: the rate of each unit that a usage states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from .._model.cost import EXACT, Cost, Rate, Rates, divide_evenly
from .._model.record import PriceReason, PriceStatus, Quote, Reason
from .._model.usage import (
    CACHE_WRITE_UNITS,
    OUTPUT_TOKEN_UNITS,
    PROMPT_UNITS,
    Unit,
    Usage,
)
from ._discounts import find_discount
from ._lookup import RowMatch, find_row, why_unpriced
from ._price_sources import PriceSources
from ._query import PriceQuery
from ._rows import PriceRow

_PRICED = PriceStatus.PRICED
_TOKEN_UNITS = PROMPT_UNITS | OUTPUT_TOKEN_UNITS


class RateValidity(NamedTuple):
    """Bounds within which resolved rates price every usage of the same units.

    Attributes:
        starts: First moment.
        ends: Last moment.
        max_units: Highest sum of all counts; above it, a prompt may be a long one.
    """

    starts: datetime
    ends: datetime
    max_units: int


@dataclass(frozen=True, slots=True)
class ResolvedRates:
    """Rates of usages that state the same units.

    Attributes:
        rates: The rate of each unit that has one.
        unpriced: Units without a rate, each with the reason.
        uncertain: Units whose rate is not certain, each with the reason.
        is_plain: True when every unit has a certain rate above zero.
        validity: Bounds within which each usage of these units that counts something
            is ``priced`` at these rates; None where each has to be examined.
    """

    rates: Rates
    unpriced: Mapping[Unit, Reason]
    uncertain: Mapping[Unit, str]
    is_plain: bool
    validity: RateValidity | None

    def quote(self, usage: Usage, currency: str) -> Quote:
        """Price *usage*, which states the units of these rates."""
        if self.is_plain and any(usage.values()):
            return Quote(Cost.at(self.rates, usage, currency), _PRICED)
        return self._reasoned_quote(usage, currency)

    def _reasoned_quote(self, usage: Usage, currency: str) -> Quote:
        """Price *usage* with the reason for a status other than ``priced``."""
        unpriced = tuple(unit for unit in self.unpriced if usage[unit])
        counted = [unit for unit in self.rates if usage[unit]]
        cost = Cost.at(self.rates, usage, currency, unpriced)
        uncertain = [self.uncertain[unit] for unit in counted if unit in self.uncertain]
        if unpriced:
            lacks = [self.unpriced[unit] for unit in unpriced]
            texts = (*(lack.text for lack in lacks), *uncertain)
            text, code = _joined(texts), lacks[0].code
            if not counted:
                return Quote(None, PriceStatus.UNPRICED, text, code)
            return Quote(cost, PriceStatus.PARTIAL, text, code)
        if uncertain:
            code = PriceReason.RATE_UNCERTAIN
            return Quote(cost, PriceStatus.ESTIMATED, _joined(uncertain), code)
        if not counted:
            text, code = "nothing was counted", PriceReason.NOTHING_COUNTED
            return Quote(cost, PriceStatus.FREE, text, code)
        if not cost.total:
            text, code = "the list price is zero", PriceReason.LIST_PRICE_ZERO
            return Quote(cost, PriceStatus.FREE, text, code)
        return Quote(cost, _PRICED)


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))


class RateResolver:
    """Resolver of rates for one kind of call and one length of prompt.

    Attributes:
        band: Context band whose rows price tokens; empty for the ordinary rows.
    """

    __slots__ = ("_query", "_sources", "_uncertainty", "_validity", "band")

    def __init__(
        self,
        sources: PriceSources,
        query: PriceQuery,
        *,
        validity: RateValidity | None = None,
        band: str = "",
        uncertainty: str = "",
    ) -> None:
        """Resolve rates for calls with the terms of *query*.

        Args:
            sources: Where prices come from.
            query: Terms of the calls.
            validity: Bounds within which plain rates hold; None where the length of
                each prompt decides.
            band: Context band of the prompts.
            uncertainty: Why rows of *band* may not be the ones that AWS bills.
        """
        self._sources = sources
        self._query = query
        self._validity = validity
        self._uncertainty = uncertainty
        self.band = band

    def resolve(
        self, units: Iterable[Unit], assumed_cache_unit: Unit | None
    ) -> ResolvedRates:
        """Look up the rate of each of *units*."""
        rates: dict[Unit, Rate] = {}
        unpriced: dict[Unit, Reason] = {}
        uncertain: dict[Unit, str] = {}
        for unit in units:
            match, uncertainty = self.find(unit, is_assumed=unit is assumed_cache_unit)
            if match.row is None:
                unpriced[unit] = self.why_unpriced(unit)
                continue
            rates[unit] = self._rate(match.row, is_own=match.is_own)
            if uncertainty:
                uncertain[unit] = uncertainty
        is_certain = not unpriced and not uncertain
        is_plain = is_certain and all(rate.amount for rate in rates.values())
        return ResolvedRates(
            rates=Rates(rates),
            unpriced=unpriced,
            uncertain=uncertain,
            is_plain=is_plain,
            validity=self._validity if is_plain else None,
        )

    def find(self, unit: Unit, *, is_assumed: bool = False) -> tuple[RowMatch, str]:
        """Find the row of *unit*.

        Args:
            unit: What was counted.
            is_assumed: True for cache writes of an assumed lifetime.

        Returns:
            The row, and why AWS may bill another price; empty when it is certain.
        """
        match, uncertainty = self._find(unit), ""
        if is_assumed:
            match, uncertainty = self._find_assumed(unit, match)
        uncertainty = uncertainty or match.uncertainty or self._doubt_of(match)
        return match, uncertainty or self._uncertainty_of_length(unit, match)

    def _doubt_of(self, match: RowMatch) -> str:
        """Return why the row may be another model's; guardrails have their own."""
        is_of_model = match.row and match.row.model_id == self._query.model_id
        return self._query.doubt if is_of_model else ""

    def why_unpriced(self, unit: Unit) -> Reason:
        """Return why *unit* has no price."""
        band = self._band_of(unit)
        return why_unpriced(self._sources.lists, self._query, unit, band)

    def _find(self, unit: Unit) -> RowMatch:
        return self._find_in(self._band_of(unit), unit)

    def _find_in(self, band: str, unit: Unit) -> RowMatch:
        return find_row(self._sources.lists, self._query, unit, band)

    def _band_of(self, unit: Unit) -> str:
        """Return the context band whose rows price *unit*.

        A band prices tokens. Searches and images have one price in prompts of any
        length, unless a list states another.
        """
        if unit in _TOKEN_UNITS or self._find_in(self.band, unit).row:
            return self.band
        return ""

    def _uncertainty_of_length(self, unit: Unit, match: RowMatch) -> str:
        """Return why the row of *unit* may not hold for a prompt of this length."""
        if unit not in _TOKEN_UNITS or match.row is None:
            return ""
        if self._uncertainty:
            # The user vouches for an own row of long prompts.
            is_stated = match.is_own and match.row.context_band
            return "" if is_stated else self._uncertainty
        if self.band and not match.is_own and self._find_in("", unit).is_own:
            return (
                f"your own price of {unit} states no context band; the list price of "
                f"prompts {self.band} is taken"
            )
        return ""

    def _find_assumed(self, unit: Unit, stated: RowMatch) -> tuple[RowMatch, str]:
        """Find the row of a cache write whose lifetime the response does not state.

        The rate is exact where the model sells one lifetime only. Otherwise that of
        *unit* is taken, and is uncertain.
        """
        # A lifetime without a long rate is sold all the same.
        bands = {"", self.band}
        sold = [
            each
            for each in sorted(CACHE_WRITE_UNITS)
            if any(self._find_in(band, each).row for band in bands)
        ]
        if len(sold) == 1:
            return self._find(sold[0]), ""
        others = ", ".join(each for each in sold if each is not unit)
        return stated, f"{unit} is assumed; the model also sells {others}"

    def _rate(self, row: PriceRow, *, is_own: bool) -> Rate:
        """Return the rate of *row*, less a discount where one applies."""
        if is_own:
            return _make_rate(row, row.price, self._list_price(row))
        discount = find_discount(self._sources.discounts, row.model_id, self._query)
        if discount is None:
            return _make_rate(row, row.price, row.price)
        price = EXACT.multiply(row.price, discount.factor)
        remark = f"discount:{discount.percent}%"
        return _make_rate(row, price, row.price, remark=remark)

    def _list_price(self, own: PriceRow) -> Decimal | None:
        """Return the list price of what the user's own row prices, per its units."""
        lists = [each for each in self._sources.lists if not each.is_own]
        match = find_row(lists, self._query, own.unit, own.context_band)
        if match.row is None:
            return None
        if match.row.per == own.per:
            return match.row.price
        return EXACT.multiply(match.row.amount, Decimal(own.per))


def _make_rate(
    row: PriceRow, price: Decimal, list_price: Decimal | None, *, remark: str = ""
) -> Rate:
    """Return the rate of *row* at *price*; *remark* is added to the sources."""
    return Rate(
        unit=row.unit,
        price=price,
        per=row.per,
        amount=divide_evenly(price, row.per),
        currency=row.currency,
        region=row.region,
        scope=row.scope,
        tier=row.tier,
        latency_mode=row.latency_mode,
        context_band=row.context_band,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        sources=(*row.sources, remark) if remark else row.sources,
        independent_sources=row.independent_sources,
        list_price=list_price,
    )
