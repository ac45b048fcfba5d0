"""Price explanation: for people, how a price was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from .._model.cost import EXACT, Rate
from .._model.model_id import ModelRef
from .._model.record import Quote
from .._model.usage import Unit, Usage
from ._lookup import LookupStep
from ._rate_sheet import RateSheet
from ._resolved_rates import RateResolver
from ._rows import PriceRow


@dataclass(frozen=True, slots=True)
class UnitExplanation:
    """Pricing of one unit.

    Attributes:
        unit: What was counted.
        count: How many.
        row: The row chosen, or None.
        rate: Rate of the row, less a discount where one applies, or None.
        amount: Count times rate, or None.
        steps: The searches for its row, in order, each with its outcome.
        remark: Why there is no price, or why it is not certain; else empty.
    """

    unit: Unit
    count: int
    row: PriceRow | None
    rate: Rate | None
    amount: Decimal | None
    steps: tuple[LookupStep, ...]
    remark: str

    def lines(self) -> Iterator[str]:
        """Yield the lines of its text."""
        yield f"  {self.unit} x {self.count} = {_or_none(self.amount)}"
        if self.rate is not None:
            price = _or_none(self.rate.price)
            yield f"    {price} per {self.rate.per}, {_days(self.rate)}"
            yield f"    read in {', '.join(self.rate.sources)}"
        for step in self.steps:
            whose = "own " if step.is_own else ""
            special = [step.latency_mode] if step.latency_mode != "standard" else []
            special += [step.context_band] if step.context_band else []
            where = "/".join([step.region, step.scope, step.tier, *special])
            yield f"    {whose}{where}: {step.passed_over or 'used'}"
        if self.remark:
            yield f"    {self.remark}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Pricing of a call; ``str()`` of it is a readable text.

    Attributes:
        requested: The model as the caller named it.
        model_id: Base model id whose prices were searched for, or None.
        scope: Scope whose prices were searched for, or None.
        region: Calling region.
        tier: Tier that served the call.
        latency_mode: ``standard`` or ``optimized``.
        day: Day of the call, UTC.
        prompt_tokens: Length of the prompt; None when no unit of it was counted.
        context_band: Context band that priced the call, empty for none.
        units: How each unit was priced.
        quote: The outcome.
    """

    requested: str
    model_id: str | None
    scope: str | None
    region: str
    tier: str
    latency_mode: str
    day: date
    prompt_tokens: int | None
    context_band: str
    units: tuple[UnitExplanation, ...]
    quote: Quote

    def __str__(self) -> str:
        cost = self.quote.cost
        band = f", prompt {self.context_band}" if self.context_band else ""
        head = (
            f"{self.requested} from {self.region} on {self.day}: "
            f"{_or_none(cost.total if cost else None)} ({self.quote.status})"
        )
        terms = (
            f"  prices of {self.model_id or 'no model'}, {self.scope or 'no scope'}, "
            f"tier {self.tier}, latency {self.latency_mode}{band}"
        )
        reason = [f"  {self.quote.reason}"] if self.quote.reason else []
        lines = [line for unit in self.units for line in unit.lines()]
        return "\n".join((head, terms, *reason, *lines))


def explain(
    sheet: RateSheet,
    model: ModelRef,
    usage: Usage,
    quote: Quote,
    *,
    day: date,
    assumed_cache_unit: Unit | None,
) -> Explanation:
    """Explain *quote*, the price of a call on *day* by *sheet*."""
    query = sheet.query
    resolver = sheet.resolver_for(usage)
    return Explanation(
        requested=model.requested,
        model_id=query.model_id,
        scope=query.scope,
        region=query.region,
        tier=query.tier,
        latency_mode=query.latency_mode,
        day=day,
        prompt_tokens=usage.input_tokens,
        context_band=resolver.band,
        units=tuple(
            _explain_unit(
                resolver, unit, count, quote, is_assumed=unit is assumed_cache_unit
            )
            for unit, count in usage.items()
        ),
        quote=quote,
    )


def _explain_unit(
    resolver: RateResolver, unit: Unit, count: int, quote: Quote, *, is_assumed: bool
) -> UnitExplanation:
    match, uncertainty = resolver.find(unit, is_assumed=is_assumed)
    cost = quote.cost
    return UnitExplanation(
        unit=unit,
        count=count,
        row=match.row,
        rate=cost.rates.get(unit) if cost else None,
        amount=cost.by_unit.get(unit) if cost else None,
        steps=match.steps,
        remark=uncertainty if match.row else resolver.why_unpriced(unit).text,
    )


def _days(rate: Rate) -> str:
    return f"valid from {_or_open(rate.valid_from)} to {_or_open(rate.valid_to)}"


def _or_open(day: date | None) -> str:
    return "…" if day is None else str(day)


def _or_none(amount: Decimal | None) -> str:
    return "no price" if amount is None else f"{EXACT.normalize(amount):f}"
