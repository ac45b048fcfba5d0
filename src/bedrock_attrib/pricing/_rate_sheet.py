"""Rate sheets: resolved rates of one kind of call while no price changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from .._model.model_id import GUARDRAIL_CHECKS_MODEL, GUARDRAIL_MODEL, ModelRef
from .._model.record import Quote
from .._model.usage import PROMPT_UNITS, Unit, Usage
from .._runtime.bounded_cache import BoundedCache
from ._context_bands import find_bands
from ._price_sources import PriceSources
from ._query import PriceQuery
from ._resolved_rates import RateResolver, RateValidity, ResolvedRates
from ._rows import change_days

_START_OF_TIME = datetime.min.replace(tzinfo=UTC)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)
_ONE_DAY = timedelta(days=1)
_NO_LIMIT = 1 << 100
_MAX_SHEETS = 4096
_MAX_RESOLVED = 256
# Periods of one kind of call; a price changes a few times a year.
_MAX_SHEETS_OF_A_KIND = 64


class RateSheet:
    """Rates of one kind of call during days on which no price of it changes.

    Attributes:
        query: Terms of the calls, on one of these days.
        starts: First moment for which it holds.
        ends: Last moment for which it holds.
        ordinary: Resolver for prompts of ordinary length.
    """

    __slots__ = (
        "_limit",
        "_long",
        "_resolved",
        "ends",
        "ordinary",
        "query",
        "starts",
    )

    def __init__(
        self, sources: PriceSources, query: PriceQuery, *, is_daily: bool = False
    ) -> None:
        """Prepare the sheet of *query*; rates are resolved when they are needed.

        Args:
            sources: Where prices come from.
            query: Terms of the calls.
            is_daily: Whether it holds on the day of *query* alone.
        """
        bands = find_bands(sources.lists, query)
        self._limit = bands[-1].threshold if bands else _NO_LIMIT
        self.query = query
        self.starts, self.ends = _span(sources, query)
        if is_daily:
            self.starts, self.ends = _day_of_query(query)
        validity = RateValidity(self.starts, self.ends, self._limit)
        self.ordinary = RateResolver(sources, query, validity=validity)
        self._long = tuple(
            (
                threshold,
                RateResolver(sources, query, band=name, uncertainty=uncertainty),
            )
            for threshold, name, uncertainty in bands
        )
        # By resolver, assumed cache-write unit and units of the usage.
        self._resolved: BoundedCache[tuple[object, ...], ResolvedRates]
        self._resolved = BoundedCache(_MAX_RESOLVED)

    def resolve(
        self, usage: Usage, assumed_cache_unit: Unit | None = None
    ) -> ResolvedRates:
        """Return the rates of *usage*, resolved once for its units and prompt length.

        Args:
            usage: Disjoint counts.
            assumed_cache_unit: Cache-write unit of *usage* whose lifetime is assumed.
        """
        resolver = self.resolver_for(usage)
        key = (resolver, assumed_cache_unit, *usage)
        resolved = self._resolved.get(key)
        if resolved is None:
            resolved = resolver.resolve(usage, assumed_cache_unit)
            self._resolved[key] = resolved
        return resolved

    def resolver_for(self, counts: Mapping[Unit, int]) -> RateResolver:
        """Return the resolver for a prompt of the length of *counts*.

        AWS does not say whether cached tokens count; here they do, since they are
        part of the prompt.
        """
        if sum(counts.values()) <= self._limit:
            return self.ordinary
        prompt = sum(count for unit, count in counts.items() if unit in PROMPT_UNITS)
        for threshold, resolver in self._long:
            if prompt > threshold:
                return resolver
        return self.ordinary


def _span(sources: PriceSources, query: PriceQuery) -> tuple[datetime, datetime]:
    """Return the moments around a day between which no price of *query* changes."""
    models = {GUARDRAIL_MODEL.model_id, GUARDRAIL_CHECKS_MODEL.model_id}
    changes = set(change_days(sources.discounts))
    for price_list in sources.lists:
        for model_id in filter(None, {query.model_id, *models}):
            rows = price_list.of(model_id)
            changes.update(rows.change_days if rows else ())
    starts = max((day for day in changes if day <= query.day), default=None)
    ends = min((day for day in changes if day > query.day), default=None)
    return (
        _START_OF_TIME if starts is None else _midnight(starts),
        _END_OF_TIME if ends is None else _midnight(ends) - _INSTANT,
    )


def _day_of_query(query: PriceQuery) -> tuple[datetime, datetime]:
    starts = _midnight(query.day)
    is_last = query.day == date.max
    return starts, _END_OF_TIME if is_last else starts + _ONE_DAY - _INSTANT


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


class RateSheets:
    """Rate sheets of a table, by kind of call.

    Threads read it without a lock: a sheet is complete when it is stored, and making
    one twice does no harm.
    """

    __slots__ = ("_is_daily", "_sheets", "_sources")

    def __init__(self, sources: PriceSources, *, is_daily: bool = False) -> None:
        """Make sheets from *sources*.

        Args:
            sources: Where prices come from.
            is_daily: Whether a sheet holds for one day at most, UTC, so that sources
                may be replaced.
        """
        self._is_daily = is_daily
        self.replace(sources)

    def replace(self, sources: PriceSources) -> None:
        """Take prices from *sources* from now on."""
        self._sources = sources
        self._sheets: BoundedCache[
            tuple[ModelRef, str, str, str], tuple[RateSheet, ...]
        ] = BoundedCache(_MAX_SHEETS)

    def sheet_at(
        self, model: ModelRef, region: str, tier: str, latency_mode: str, at: datetime
    ) -> RateSheet:
        """Return the sheet that holds at *at*, an aware time."""
        key = (model, region, tier, latency_mode)
        sheets = self._sheets.get(key, ())
        for sheet in sheets:
            if sheet.starts <= at <= sheet.ends:
                return sheet
        query = self._query(model, region, tier, latency_mode, _day_of(at))
        sheet = RateSheet(self._sources, query, is_daily=self._is_daily)
        self._sheets[key] = (sheet, *sheets[: _MAX_SHEETS_OF_A_KIND - 1])
        return sheet

    def _query(
        self, model: ModelRef, region: str, tier: str, latency_mode: str, day: date
    ) -> PriceQuery:
        priced_model, reason = self._sources.priced_model(model)
        listed = self._sources.listed_id(priced_model.model_id)
        return PriceQuery(
            model_id=listed.model_id if listed else priced_model.model_id,
            scope=priced_model.scope,
            geography=priced_model.geography,
            # A broken response may state something else than text: it has no price.
            region=str(region),
            tier=str(tier),
            latency_mode=str(latency_mode),
            day=day,
            unpriceable_reason=reason,
            doubt=listed.doubt if listed else "",
        )


def _day_of(at: datetime) -> date:
    try:
        return at.astimezone(UTC).date()
    except OverflowError:  # at the very ends of the calendar
        return at.date()


class Pricer(Protocol):
    """Prices calls of one model in one region."""

    model: ModelRef

    def quote(
        self,
        usage: Usage,
        tier: str,
        latency_mode: str,
        at: datetime,
        assumed_cache_unit: Unit | None = None,
    ) -> Quote:
        """Price one call; never raises."""

    def resolved(
        self,
        usage: Usage,
        tier: str,
        latency_mode: str,
        at: datetime,
        assumed_cache_unit: Unit | None = None,
    ) -> ResolvedRates | None:
        """Return the rates of *usage*; None if each call has to be priced anew."""


class ModelPricer:
    """Pricer by rate sheets, usable from many threads.

    Attributes:
        model: The model.
    """

    __slots__ = ("_currency", "_region", "_sheets", "model")

    def __init__(
        self, sheets: RateSheets, model: ModelRef, region: str, currency: str
    ) -> None:
        """Price calls of *model* made from *region* by *sheets*."""
        self.model = model
        self._sheets = sheets
        self._region = region
        self._currency = currency

    def quote(
        self,
        usage: Usage,
        tier: str,
        latency_mode: str,
        at: datetime,
        assumed_cache_unit: Unit | None = None,
    ) -> Quote:
        """Price one call, as `PriceTable.quote` does; *at* is an aware time."""
        sheet = self._sheets.sheet_at(self.model, self._region, tier, latency_mode, at)
        return sheet.resolve(usage, assumed_cache_unit).quote(usage, self._currency)

    def resolved(
        self,
        usage: Usage,
        tier: str,
        latency_mode: str,
        at: datetime,
        assumed_cache_unit: Unit | None = None,
    ) -> ResolvedRates:
        """Return the rates of *usage*."""
        sheet = self._sheets.sheet_at(self.model, self._region, tier, latency_mode, at)
        return sheet.resolve(usage, assumed_cache_unit)
