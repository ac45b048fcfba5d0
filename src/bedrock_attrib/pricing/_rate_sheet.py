"""Rates of one kind of call, compiled once so that a call costs a few products."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from .._model.cost import EXACT, Cost, Rate, Rates, divide_evenly
from .._model.model_id import GUARDRAIL_CHECKS_MODEL, GUARDRAIL_MODEL
from .._model.record import PriceReason, PriceStatus, Quote, Reason
from .._model.usage import (
    CACHE_WRITE_UNITS,
    OUTPUT_TOKEN_UNITS,
    PROMPT_UNITS,
    Unit,
    Usage,
)
from ._discounts import find_discount
from ._lookup import Found, find_bands, find_row
from ._prices import Prices
from ._query import Question
from ._rows import PriceRow, change_days
from ._unpriced_reasons import why_missing

_START_OF_TIME = datetime.min.replace(tzinfo=UTC)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)
_MAX_PLANS = 256
_TOKEN_UNITS = PROMPT_UNITS | OUTPUT_TOKEN_UNITS

Shape = tuple[Unit | None, ...]
"""The unit whose lifetime is assumed, if any, then the units of a usage."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How usages of one shape are priced.

    Attributes:
        rates: The rate of each unit that has one.
        missing: Units without a rate, each with the reason.
        doubts: Units whose rate is not certain, each with the reason.
        is_sure: True when nothing is missing, in doubt or free.
    """

    rates: Rates
    missing: Mapping[Unit, Reason]
    doubts: Mapping[Unit, str]
    is_sure: bool


class PlanBook:
    """Plans of one kind of call and one length of prompt, by shape of usage."""

    __slots__ = ("_doubt", "_prices", "_question", "band", "known")

    def __init__(
        self, prices: Prices, question: Question, *, band: str = "", doubt: str = ""
    ) -> None:
        self.known: dict[Shape, Plan] = {}
        self.band = band
        self._prices = prices
        self._question = question
        self._doubt = doubt

    def plan(self, shape: Shape) -> Plan:
        """The plan of *shape*, compiled when it is first asked for."""
        return self.known.get(shape) or self._compile(shape)

    def _compile(self, shape: Shape) -> Plan:
        if len(self.known) >= _MAX_PLANS:
            self.known.clear()
        assumed = shape[0]
        rates: dict[Unit, Rate] = {}
        missing: dict[Unit, Reason] = {}
        doubts: dict[Unit, str] = {}
        for unit in filter(None, shape[1:]):
            found, doubt = self.find(unit, is_assumed=unit is assumed)
            if found.row is None:
                missing[unit] = self.why_missing(unit)
                continue
            rates[unit] = self._rate(found.row, is_own=found.is_own)
            if doubt:
                doubts[unit] = doubt
        plan = Plan(
            rates=Rates(rates),
            missing=missing,
            doubts=doubts,
            is_sure=not missing
            and not doubts
            and all(rate.amount for rate in rates.values()),
        )
        self.known[shape] = plan
        return plan

    def find(self, unit: Unit, *, is_assumed: bool = False) -> tuple[Found, str]:
        """The row of *unit*, and why it is in doubt if there is one."""
        found, doubt = self._find(unit), ""
        if is_assumed:
            found, doubt = self._find_assumed(unit, found)
        return found, doubt or found.doubt or self._doubt_of_length(unit, found)

    def _find(self, unit: Unit) -> Found:
        return self._find_in(self._band_of(unit), unit)

    def _find_in(self, band: str, unit: Unit) -> Found:
        return find_row(self._prices.lists, self._question, unit, band)

    def _band_of(self, unit: Unit) -> str:
        """The band that prices *unit*.

        A band prices tokens. Searches and images have one price in prompts of any
        length, unless a list states another.
        """
        if unit in _TOKEN_UNITS or self._find_in(self.band, unit).row:
            return self.band
        return ""

    def _doubt_of_length(self, unit: Unit, found: Found) -> str:
        """Why the row of *unit* may not hold for a prompt of this length."""
        if unit not in _TOKEN_UNITS or found.row is None:
            return ""
        if self._doubt:
            # The user's own row for long prompts is one that the user vouches for.
            is_stated = found.is_own and found.row.context_band
            return "" if is_stated else self._doubt
        if self.band and not found.is_own and self._find_in("", unit).is_own:
            return (
                f"your own price of {unit} states no context band; the list price of "
                f"prompts {self.band} is taken"
            )
        return ""

    def _find_assumed(self, unit: Unit, stated: Found) -> tuple[Found, str]:
        """Price a cache write whose lifetime nobody stated.

        A model that sells one lifetime only leaves no choice. Otherwise the assumed
        one is taken, and that is a guess.
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

    def why_missing(self, unit: Unit) -> Reason:
        """Why *unit* has no price."""
        band = self._band_of(unit)
        return why_missing(self._prices.lists, self._question, unit, band)

    def _rate(self, row: PriceRow, *, is_own: bool) -> Rate:
        """The rate that *row* comes to, after a discount where one applies."""
        discount = None
        if not is_own:
            discounts, day = self._prices.discounts, self._question.day
            discount = find_discount(discounts, row.model_id, day)
        if discount is None:
            return make_rate(row, row.price)
        price = EXACT.multiply(row.price, discount.factor)
        return make_rate(row, price, remark=f"discount:{discount.percent}%")


@dataclass(frozen=True, slots=True)
class Card:
    """Everything about one kind of call while no price changes.

    Attributes:
        question: What it answers, on any of its days.
        starts: First moment for which it holds.
        ends: Last moment for which it holds.
        plans: Plans of prompts of ordinary length.
        long_plans: Plans of longer prompts, the highest threshold first.
    """

    question: Question
    starts: datetime
    ends: datetime
    plans: PlanBook
    long_plans: tuple[tuple[int, PlanBook], ...]

    def plans_for(self, counts: Mapping[Unit, int]) -> PlanBook:
        """Plans for a prompt of the length that *counts* say.

        AWS does not say whether cached tokens count; here they do, since they are
        part of the prompt.
        """
        if not self.long_plans or sum(counts.values()) <= self.long_plans[-1][0]:
            return self.plans
        prompt = 0
        for unit, count in counts.items():
            if unit in PROMPT_UNITS:
                prompt += count
        for threshold, plans in self.long_plans:
            if prompt > threshold:
                return plans
        return self.plans


def make_card(prices: Prices, question: Question) -> Card:
    """Compile the card that answers *question*."""
    long_plans = tuple(
        (threshold, PlanBook(prices, question, band=band, doubt=doubt))
        for threshold, band, doubt in find_bands(prices.lists, question)
    )
    starts, ends = _span(prices, question)
    return Card(question, starts, ends, PlanBook(prices, question), long_plans)


def _span(prices: Prices, question: Question) -> tuple[datetime, datetime]:
    """Moments around a day between which no price that it may meet changes."""
    models = {GUARDRAIL_MODEL.model_id, GUARDRAIL_CHECKS_MODEL.model_id}
    changes = set(change_days(prices.discounts))
    for price_list in prices.lists:
        for model_id in filter(None, {question.model_id, *models}):
            rows = price_list.of(model_id)
            changes.update(rows.change_days if rows else ())
    starts = max((day for day in changes if day <= question.day), default=None)
    ends = min((day for day in changes if day > question.day), default=None)
    return (
        _START_OF_TIME if starts is None else _midnight(starts),
        _END_OF_TIME if ends is None else _midnight(ends) - _INSTANT,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def make_rate(row: PriceRow, price: Decimal, *, remark: str = "") -> Rate:
    """The rate of *row* at *price*; a remark is told among the sources."""
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
    )


def settle(plan: Plan, usage: Usage, currency: str) -> Quote:
    """Answer for a usage that is not plainly priced."""
    missing = tuple(unit for unit in plan.missing if usage[unit])
    counted = [unit for unit in plan.rates if usage[unit]]
    cost = Cost.at(plan.rates, usage, currency, missing)
    doubts = dict.fromkeys(plan.doubts[unit] for unit in counted if unit in plan.doubts)
    if missing:
        reasons = [plan.missing[unit] for unit in missing]
        lacks = dict.fromkeys(reason.text for reason in reasons)
        reason, code = "; ".join((*lacks, *doubts)), reasons[0].code
        if not counted:
            return Quote(None, PriceStatus.UNPRICED, reason, code)
        return Quote(cost, PriceStatus.PARTIAL, reason, code)
    if doubts:
        reason = "; ".join(doubts)
        return Quote(cost, PriceStatus.ESTIMATED, reason, PriceReason.RATE_UNCERTAIN)
    if not counted:
        reason, code = "nothing was counted", PriceReason.NOTHING_COUNTED
        return Quote(cost, PriceStatus.FREE, reason, code)
    if not cost.total:
        reason, code = "the list price is zero", PriceReason.LIST_PRICE_ZERO
        return Quote(cost, PriceStatus.FREE, reason, code)
    return Quote(cost, PriceStatus.PRICED)
