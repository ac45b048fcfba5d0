"""How a price was found, for people to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from .._model.cost import EXACT, Rate
from .._model.model_id import ModelRef
from .._model.record import Quote
from .._model.usage import Unit, Usage
from ._lookup import Try
from ._rate_sheet import Card, PlanBook
from ._rows import PriceRow


@dataclass(frozen=True, slots=True)
class UnitExplanation:
    """How one unit was priced.

    Attributes:
        unit: What was counted.
        count: How many.
        row: The row chosen, or None.
        rate: What the row comes to after a discount, or None.
        amount: Count times rate, or None.
        tries: What was looked at, in order, and why it was passed over.
        remark: Why there is no price, or why it is not certain; else empty.
    """

    unit: Unit
    count: int
    row: PriceRow | None
    rate: Rate | None
    amount: Decimal | None
    tries: tuple[Try, ...]
    remark: str

    def lines(self) -> Iterator[str]:
        """What it says, line by line."""
        yield f"  {self.unit} x {self.count} = {_or_none(self.amount)}"
        if self.rate is not None:
            price = _or_none(self.rate.price)
            yield f"    {price} per {self.rate.per}, {_days(self.rate)}"
            yield f"    read in {', '.join(self.rate.sources)}"
        for tried in self.tries:
            whose = "own " if tried.is_own else ""
            yield (
                f"    {whose}{tried.region}/{tried.scope}: "
                f"{tried.passed_over or 'taken'}"
            )
        if self.remark:
            yield f"    {self.remark}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a call was priced; ``str()`` of it is a text for people.

    Attributes:
        requested: The model as the caller named it.
        model_id: Base model id whose prices were looked for, or None.
        scope: Scope whose prices were looked for, or None.
        region: Calling region.
        tier: Tier that served the call.
        latency_mode: ``standard`` or ``optimized``.
        day: Day of the call, UTC.
        prompt_tokens: Length of the prompt; None when no unit of it was counted.
        context_band: Long-context band that priced the call, empty for none.
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
        asked = (
            f"  prices of {self.model_id or 'no model'}, {self.scope or 'no scope'}, "
            f"tier {self.tier}, latency {self.latency_mode}{band}"
        )
        reason = [f"  {self.quote.reason}"] if self.quote.reason else []
        lines = [line for unit in self.units for line in unit.lines()]
        return "\n".join((head, asked, *reason, *lines))


def explain(
    card: Card,
    model: ModelRef,
    usage: Usage,
    quote: Quote,
    *,
    day: date,
    assumed: Unit | None,
) -> Explanation:
    """Tell how *quote* came about, of a call on *day*."""
    question = card.question
    plans = card.plans_for(usage)
    return Explanation(
        requested=model.requested,
        model_id=question.model_id,
        scope=question.scope,
        region=question.region,
        tier=question.tier,
        latency_mode=question.latency_mode,
        day=day,
        prompt_tokens=usage.input_tokens,
        context_band=plans.band,
        units=tuple(
            _explain_unit(plans, unit, count, quote, is_assumed=unit is assumed)
            for unit, count in usage.items()
        ),
        quote=quote,
    )


def _explain_unit(
    plans: PlanBook, unit: Unit, count: int, quote: Quote, *, is_assumed: bool
) -> UnitExplanation:
    found, doubt = plans.find(unit, is_assumed=is_assumed)
    cost = quote.cost
    return UnitExplanation(
        unit=unit,
        count=count,
        row=found.row,
        rate=cost.rates.get(unit) if cost else None,
        amount=cost.by_unit.get(unit) if cost else None,
        tries=found.tries,
        remark=doubt if found.row else plans.why_missing(unit).text,
    )


def _days(rate: Rate) -> str:
    return f"valid from {_or_open(rate.valid_from)} to {_or_open(rate.valid_to)}"


def _or_open(day: date | None) -> str:
    return "…" if day is None else str(day)


def _or_none(amount: Decimal | None) -> str:
    return "no price" if amount is None else f"{EXACT.normalize(amount):f}"
