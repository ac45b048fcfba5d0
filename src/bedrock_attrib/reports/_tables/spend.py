"""What calls add up to: counts, exact amounts, and the means that follow from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal

from ..._model.cost import ZERO, add, multiply
from ..._model.record import Outcome, PriceStatus
from ..._model.usage import OUTPUT_TOKEN_UNITS, PROMPT_UNITS, Unit
from ...ledger import Sum
from .price_coverage import NOT_WHOLLY_PRICED

TOKEN_UNITS = PROMPT_UNITS | OUTPUT_TOKEN_UNITS
ROUNDED = Context(prec=12, rounding=ROUND_HALF_EVEN)
"""Means and shares are quotients, so that they are rounded: to so many digits."""
_PER_TOKENS = Decimal(1000)


@dataclass(slots=True)
class Whole:
    """What calls with a whole price add up to: what means are taken of.

    Attributes:
        calls: How many there are.
        cost: Their exact amount.
        tokens: All their tokens; in a report by unit, all that is counted.
        token_cost: The part of the amount that is of these.
    """

    calls: int = 0
    cost: Decimal = ZERO
    tokens: int = 0
    token_cost: Decimal = ZERO


@dataclass(slots=True)
class Spend:
    """What some calls add up to.

    Attributes:
        calls: Finished calls, failed and abandoned ones included. Zero in the rows of a
            report by unit: a ledger's sums do not tell which call used which units.
        failed: Those that ended with an error.
        abandoned: Those that were given up.
        unpriced: Those whose cost is not, or not wholly, in ``cost``.
        attempts: HTTP attempts of all of them.
        duration_s: Seconds from start to finish, of all of them.
        usage: Counts by unit.
        cost: Exact amount by currency; empty where nothing is priced.
        estimated: The part of it whose counts or prices are estimated.
        whole: By currency, the calls whose price is whole and what they come to.
    """

    calls: int = 0
    failed: int = 0
    abandoned: int = 0
    unpriced: int = 0
    attempts: int = 0
    duration_s: float = 0.0
    usage: dict[Unit, int] = field(default_factory=dict)
    cost: dict[str, Decimal] = field(default_factory=dict)
    estimated: dict[str, Decimal] = field(default_factory=dict)
    whole: dict[str, Whole] = field(default_factory=dict)

    @property
    def input_tokens(self) -> int:
        """Tokens of prompts, cached ones included."""
        return sum(n for unit, n in self.usage.items() if unit in PROMPT_UNITS)

    @property
    def output_tokens(self) -> int:
        """Tokens generated."""
        return sum(n for unit, n in self.usage.items() if unit in OUTPUT_TOKEN_UNITS)

    def per_call(self, currency: str) -> Decimal | None:
        """Mean amount of the calls that have a whole price; None without one."""
        whole = self.whole.get(currency)
        return None if whole is None else _quotient(whole.cost, whole.calls)

    def per_1000_tokens(self, currency: str) -> Decimal | None:
        """Amount for 1,000 tokens of any kind, cached ones too; None without tokens.

        Of calls with a whole price, and of their tokens alone: what images or
        guardrails cost is not in it. In a report by unit: for 1,000 of the unit.
        """
        whole = self.whole.get(currency)
        if whole is None:
            return None
        return _quotient(multiply(whole.token_cost, _PER_TOKENS), whole.tokens)

    def add(self, part: Sum) -> None:
        """Add *part*."""
        kind = part.kind
        self.calls += part.calls
        self.failed += part.calls if kind.outcome is Outcome.ERROR else 0
        self.abandoned += part.calls if kind.outcome is Outcome.ABANDONED else 0
        self.unpriced += part.calls if kind.price_status in NOT_WHOLLY_PRICED else 0
        self.attempts += part.attempts
        self.duration_s += part.duration_s
        for unit, count in part.usage.items():
            self.usage[unit] = self.usage.get(unit, 0) + count
        if part.cost is None or kind.currency is None:
            return
        _add_to(self.cost, kind.currency, part.cost)
        if kind.price_status is PriceStatus.ESTIMATED:
            _add_to(self.estimated, kind.currency, part.cost)
        if kind.price_status not in NOT_WHOLLY_PRICED:
            self.add_whole(kind.currency, _whole_of(part, part.cost))

    def add_unit(self, unit: Unit | None, count: int, part: Sum) -> None:
        """Add what *part* used of *unit*; for None, the amount that is of no unit."""
        kind = part.kind
        amount = amount_beside(part) if unit is None else part.by_unit.get(unit)
        if unit is not None:
            self.usage[unit] = self.usage.get(unit, 0) + count
        if amount is None or kind.currency is None:
            return
        _add_to(self.cost, kind.currency, amount)
        if kind.price_status is PriceStatus.ESTIMATED:
            _add_to(self.estimated, kind.currency, amount)
        self.add_whole(kind.currency, Whole(0, amount, count, amount))

    def add_whole(self, currency: str, more: Whole) -> None:
        """Add calls with a whole price."""
        whole = self.whole.setdefault(currency, Whole())
        whole.calls += more.calls
        whole.tokens += more.tokens
        whole.cost = add(whole.cost, more.cost)
        whole.token_cost = add(whole.token_cost, more.token_cost)


def _whole_of(part: Sum, cost: Decimal) -> Whole:
    whole = Whole(part.calls, cost)
    for unit, amount in part.by_unit.items():
        if unit in TOKEN_UNITS:
            whole.tokens += part.usage.get(unit, 0)
            whole.token_cost = add(whole.token_cost, amount)
    return whole


def amount_beside(part: Sum) -> Decimal | None:
    """The amount of *part* that stands for no unit, as it was given as a whole."""
    return part.cost if not part.by_unit and part.cost else None


def _quotient(amount: Decimal, count: int) -> Decimal | None:
    return ROUNDED.divide(amount, Decimal(count)) if count else None


def _add_to(amounts: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    amounts[currency] = add(amounts.get(currency, ZERO), amount)


def merge(total: Spend, more: Spend) -> None:
    """Add *more* to *total*."""
    total.calls += more.calls
    total.failed += more.failed
    total.abandoned += more.abandoned
    total.unpriced += more.unpriced
    total.attempts += more.attempts
    total.duration_s += more.duration_s
    for unit, count in more.usage.items():
        total.usage[unit] = total.usage.get(unit, 0) + count
    for currency, amount in more.cost.items():
        _add_to(total.cost, currency, amount)
    for currency, amount in more.estimated.items():
        _add_to(total.estimated, currency, amount)
    for currency, whole in more.whole.items():
        total.add_whole(currency, whole)


def ordered_currencies(amounts: Iterable[str]) -> tuple[str, ...]:
    """USD first, in which AWS lists its prices, then the others by name."""
    return tuple(sorted(amounts, key=lambda currency: (currency != "USD", currency)))
