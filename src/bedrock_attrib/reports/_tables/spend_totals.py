"""Totals of calls: counts, exact amounts and their means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal

from ..._model.cost import ZERO, add, multiply
from ..._model.record import Outcome, PriceStatus
from ..._model.usage import OUTPUT_TOKEN_UNITS, PROMPT_UNITS, Unit
from ...ledger import Aggregate
from .price_coverage import NOT_FULLY_PRICED

TOKEN_UNITS = PROMPT_UNITS | OUTPUT_TOKEN_UNITS
ROUNDED = Context(prec=12, rounding=ROUND_HALF_EVEN)
"""Context of means and shares, which are rounded to 12 digits."""
_PER_TOKENS = Decimal(1000)


@dataclass(slots=True)
class FullyPriced:
    """Totals of fully priced calls, of which means are taken.

    Attributes:
        calls: How many there are.
        cost: Their exact amount.
        tokens: All their tokens; in a report by unit, all counts.
        token_cost: The part of the amount for these.
    """

    calls: int = 0
    cost: Decimal = ZERO
    tokens: int = 0
    token_cost: Decimal = ZERO


@dataclass(slots=True)
class SpendTotals:
    """Totals of some calls.

    Attributes:
        calls: Finished calls, failed and abandoned ones included. Zero in the rows of a
            report by unit: a ledger's sums do not state which call used which units.
        failed: Those that ended with an error.
        abandoned: Those that were abandoned.
        unpriced: Those whose cost is not, or not fully, in ``cost``.
        attempts: HTTP attempts of all of them.
        duration_s: Seconds from start to finish, of all of them.
        usage: Counts by unit.
        cost: Exact amount by currency; empty if no call is priced.
        estimated: The part of it whose counts or prices are estimated.
        fully_priced: By currency, the fully priced calls and what they cost.
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
    fully_priced: dict[str, FullyPriced] = field(default_factory=dict)

    @property
    def input_tokens(self) -> int:
        """Return the tokens of prompts, cached ones included."""
        return sum(n for unit, n in self.usage.items() if unit in PROMPT_UNITS)

    @property
    def output_tokens(self) -> int:
        """Return the generated tokens."""
        return sum(n for unit, n in self.usage.items() if unit in OUTPUT_TOKEN_UNITS)

    def per_call(self, currency: str) -> Decimal | None:
        """Return the mean amount of fully priced calls; None without one."""
        priced = self.fully_priced.get(currency)
        return None if priced is None else _quotient(priced.cost, priced.calls)

    def per_1000_tokens(self, currency: str) -> Decimal | None:
        """Return the amount for 1,000 tokens of any kind; None without tokens.

        Of fully priced calls and their tokens only; images and guardrails are not
        included. In a report by unit: for 1,000 of the unit.
        """
        priced = self.fully_priced.get(currency)
        if priced is None:
            return None
        return _quotient(multiply(priced.token_cost, _PER_TOKENS), priced.tokens)

    def add(self, part: Aggregate) -> None:
        """Add the figures of *part*."""
        kind = part.dimensions
        self.calls += part.calls
        self.failed += part.calls if kind.outcome is Outcome.ERROR else 0
        self.abandoned += part.calls if kind.outcome is Outcome.ABANDONED else 0
        self.unpriced += part.calls if kind.price_status in NOT_FULLY_PRICED else 0
        self.attempts += part.attempts
        self.duration_s += part.duration_s
        for unit, count in part.usage.items():
            self.usage[unit] = self.usage.get(unit, 0) + count
        if part.cost is None or kind.currency is None:
            return
        _add_to(self.cost, kind.currency, part.cost)
        if kind.price_status is PriceStatus.ESTIMATED:
            _add_to(self.estimated, kind.currency, part.cost)
        if kind.price_status not in NOT_FULLY_PRICED:
            self.add_fully_priced(kind.currency, _fully_priced_of(part, part.cost))

    def add_unit(self, unit: Unit | None, count: int, part: Aggregate) -> None:
        """Add the use of *unit* in *part*; for None, the amount without a unit."""
        kind = part.dimensions
        amount = amount_beside(part) if unit is None else part.by_unit.get(unit)
        if unit is not None:
            self.usage[unit] = self.usage.get(unit, 0) + count
        if amount is None or kind.currency is None:
            return
        _add_to(self.cost, kind.currency, amount)
        if kind.price_status is PriceStatus.ESTIMATED:
            _add_to(self.estimated, kind.currency, amount)
        self.add_fully_priced(kind.currency, FullyPriced(0, amount, count, amount))

    def add_fully_priced(self, currency: str, more: FullyPriced) -> None:
        """Add fully priced calls."""
        priced = self.fully_priced.setdefault(currency, FullyPriced())
        priced.calls += more.calls
        priced.tokens += more.tokens
        priced.cost = add(priced.cost, more.cost)
        priced.token_cost = add(priced.token_cost, more.token_cost)


def _fully_priced_of(part: Aggregate, cost: Decimal) -> FullyPriced:
    priced = FullyPriced(part.calls, cost)
    for unit, amount in part.by_unit.items():
        if unit in TOKEN_UNITS:
            priced.tokens += part.usage.get(unit, 0)
            priced.token_cost = add(priced.token_cost, amount)
    return priced


def amount_beside(part: Aggregate) -> Decimal | None:
    """Return the amount of *part* if it has no unit prices, else None."""
    return part.cost if not part.by_unit and part.cost else None


def _quotient(amount: Decimal, count: int) -> Decimal | None:
    return ROUNDED.divide(amount, Decimal(count)) if count else None


def _add_to(amounts: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    amounts[currency] = add(amounts.get(currency, ZERO), amount)


def merge(total: SpendTotals, more: SpendTotals) -> None:
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
    for currency, priced in more.fully_priced.items():
        total.add_fully_priced(currency, priced)


def ordered_currencies(amounts: Iterable[str]) -> tuple[str, ...]:
    """Return *amounts* with USD, the currency of AWS list prices, first."""
    return tuple(sorted(amounts, key=lambda currency: (currency != "USD", currency)))
