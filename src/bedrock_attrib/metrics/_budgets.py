"""Figures of budgets, as points of their instruments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from . import names
from ._attributes import Pairs, clean


class BudgetFigures(NamedTuple):
    """Figures of one budget, for one of the values that it keeps apart.

    Attributes:
        name: Name of the budget.
        key: Values that it keeps apart; None without any.
        measure: What its amounts are: ``usd``, ``tokens`` or ``calls``.
        limit: Limit in force.
        spent: Amount spent in the window.
        reserved: Amount reserved.
        remaining: Amount left.
        refusals: Calls refused so far by this process.
        overshoot: Amount that calls used beyond their reservations, in this process.
    """

    name: str
    key: str | None
    measure: str
    limit: Decimal
    spent: Decimal
    reserved: Decimal
    remaining: Decimal
    refusals: int
    overshoot: Decimal


class StoreFigures(NamedTuple):
    """What this process had to do with the store of its budgets.

    Attributes:
        exchanges: Round trips.
        failures: Those that failed.
        time_s: Seconds that they took together.
        missed: Calls that passed without the store.
        expired: Leases that ended before they were renewed.
    """

    exchanges: int
    failures: int
    time_s: float
    missed: int
    expired: int


ReadBudgets = Callable[[], Iterable[BudgetFigures]]
ReadStore = Callable[[], StoreFigures]

BUDGET_GAUGES: Final[Mapping[names.Instrument, Callable[[BudgetFigures], Decimal]]] = {
    names.BUDGET_LIMIT: lambda figures: figures.limit,
    names.BUDGET_SPENT: lambda figures: figures.spent,
    names.BUDGET_RESERVED: lambda figures: figures.reserved,
    names.BUDGET_REMAINING: lambda figures: figures.remaining,
}
# Most points of each instrument: a budget may keep thousands of values apart, of which
# those that have used most are shown.
_MOST_POINTS: Final = 1000


def budget_points(
    read: Callable[[BudgetFigures], Decimal], budgets: Iterable[BudgetFigures]
) -> dict[Pairs, Decimal]:
    """Return one figure of each budget."""
    return {labels_of(each): read(each) for each in _shown(budgets)}


def refusal_points(budgets: Iterable[BudgetFigures]) -> dict[Pairs, int]:
    """Return the refusals of each budget."""
    return {labels_of(each): each.refusals for each in _shown(budgets)}


def overshoot_points(budgets: Iterable[BudgetFigures]) -> dict[Pairs, Decimal]:
    """Return the overshoot of each budget."""
    return {labels_of(each): each.overshoot for each in _shown(budgets)}


def exchange_points(stores: Iterable[StoreFigures]) -> dict[Pairs, int]:
    """Return the round trips by outcome."""
    found = list(stores)
    failures = sum(each.failures for each in found)
    succeeded = sum(each.exchanges for each in found) - failures
    return {
        ((names.OUTCOME, "ok"),): succeeded,
        ((names.OUTCOME, "error"),): failures,
    }


def time_points(stores: Iterable[StoreFigures]) -> dict[Pairs, float]:
    """Return the seconds that round trips took."""
    return {(): sum(each.time_s for each in stores)}


def missed_points(stores: Iterable[StoreFigures]) -> dict[Pairs, int]:
    """Return the calls that passed without a store."""
    return {(): sum(each.missed for each in stores)}


def expired_points(stores: Iterable[StoreFigures]) -> dict[Pairs, int]:
    """Return the leases that ended too early."""
    return {(): sum(each.expired for each in stores)}


def labels_of(figures: BudgetFigures) -> Pairs:
    """Return the attributes of a budget."""
    pairs = [
        (names.BUDGET, clean(figures.name)),
        (names.BUDGET_MEASURE, figures.measure),
    ]
    if figures.key is not None:
        pairs.append((names.BUDGET_KEY, clean(figures.key)))
    return tuple(pairs)


def _shown(budgets: Iterable[BudgetFigures]) -> list[BudgetFigures]:
    found = list(budgets)
    if len(found) > _MOST_POINTS:
        found.sort(key=lambda each: each.remaining)
    return found[:_MOST_POINTS]


STORE_COUNTERS: Final[
    Mapping[
        names.Instrument,
        Callable[[Iterable[StoreFigures]], dict[Pairs, int] | dict[Pairs, float]],
    ]
] = {
    names.BUDGET_STORE_EXCHANGES: exchange_points,
    names.BUDGET_STORE_TIME: time_points,
    names.BUDGET_STORE_MISSED: missed_points,
    names.BUDGET_STORE_EXPIRED: expired_points,
}
