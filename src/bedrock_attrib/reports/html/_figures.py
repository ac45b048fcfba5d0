"""What the page tells: everything that it shows of a ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from ..._model.cost import ZERO
from ..._model.record import Outcome
from ..._model.usage import Unit
from .._calendar import Step
from .._tables.spend import Spend, merge

Keys = tuple[str | None, ...]
MAIN_CURRENCY = "USD"


@dataclass(slots=True)
class Charge:
    """Counts at one price.

    Attributes:
        count: How many.
        amount: What they cost together, exact.
    """

    count: int = 0
    amount: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class ChargeKey:
    """What counts have in common that are priced alike.

    Attributes:
        model: The model.
        unit: What was counted; None for amounts that were given as a whole.
        price: Amount for one; None for amounts that were given as a whole.
        currency: ISO 4217 code.
    """

    model: str
    unit: Unit | None
    price: Decimal | None
    currency: str


@dataclass(slots=True)
class Stretch:
    """One bar of a chart.

    Attributes:
        start: Its begin, in the zone of the report.
        spend: What its calls add up to.
        cost: Amount by dimension and value, in the main currency.
    """

    start: datetime
    spend: Spend = field(default_factory=Spend)
    cost: dict[str, dict[str | None, Decimal]] = field(default_factory=dict)


@dataclass(slots=True)
class Figures:
    """Everything that the page shows.

    Attributes:
        by: Names of the dimensions.
        tags: Those of them that are tags.
        since: First moment; None for an empty ledger without a span.
        until: The moment after the last.
        step: Length of a stretch.
        currency: Currency of charts and shares.
        total: All calls.
        stretches: In the order of time, without gaps.
        of: Calls by value, by dimension.
        rows: Calls by the values of all dimensions.
        outcomes: Calls by outcome and error.
        lacking: Calls that are not wholly priced, by model and status.
        lacking_units: What they used that has no price, in the same way.
        charges: Counts by price.
        remarks: What a reader of the figures must know, in sentences.
    """

    by: tuple[str, ...]
    tags: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None
    step: Step = Step.DAY
    currency: str = MAIN_CURRENCY
    total: Spend = field(default_factory=Spend)
    stretches: list[Stretch] = field(default_factory=list)
    of: dict[str, dict[str | None, Spend]] = field(default_factory=dict)
    rows: dict[Keys, Spend] = field(default_factory=dict)
    outcomes: dict[tuple[str, str | None], Spend] = field(default_factory=dict)
    lacking: dict[tuple[str, str], Spend] = field(default_factory=dict)
    lacking_units: dict[tuple[str, str], list[Unit]] = field(default_factory=dict)
    charges: dict[ChargeKey, Charge] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def amount(self, spend: Spend) -> Decimal:
        """What *spend* is in the main currency."""
        return spend.cost.get(self.currency, ZERO)

    def is_known(self, spend: Spend) -> bool:
        """Whether it is known what *spend* is in the main currency, nothing included.

        Not where nobody could price any of it, or it is in other currencies alone.
        """
        return self.currency in spend.cost or not (spend.cost or spend.unpriced)

    def ended(self, outcome: Outcome) -> Spend:
        """All calls that ended like this."""
        total = Spend()
        for (how, _), spend in self.outcomes.items():
            if how == outcome:
                merge(total, spend)
        return total
