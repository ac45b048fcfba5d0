"""Building of the guard that settings describe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .._runtime.contained_errors import ContainedErrors
from ..pricing import PriceTable
from .allowances import AllowanceBook
from .books import Book
from .bounds import Bounds
from .budget import Budget
from .estimates import Estimates
from .guard import BudgetGuard
from .memory_book import MemoryBook
from .stores import open_store

_MEMORY = "memory://"


def budget_guard(
    budgets: Sequence[Budget],
    store: str,
    prices: Callable[[], PriceTable],
    faults: ContainedErrors,
    *,
    timeout_s: float,
    has_allowances: bool,
) -> BudgetGuard:
    """Return the guard of *budgets*.

    Args:
        budgets: The budgets.
        store: URL of the store where they are counted.
        prices: Returns the price table.
        faults: Takes errors of actions.
        timeout_s: Seconds for which a call waits for the store at most.
        has_allowances: Whether a process takes parts of a budget ahead of need.

    Raises:
        ConfigError: If two budgets have one name, or the URL names no store.
    """
    return BudgetGuard(
        budgets,
        open_book(store, timeout_s=timeout_s, has_allowances=has_allowances),
        Bounds(prices),
        Estimates(),
        faults,
    )


def open_book(store: str, *, timeout_s: float, has_allowances: bool) -> Book:
    """Return the book over the *store* of that URL."""
    if store == _MEMORY:
        return MemoryBook()
    return AllowanceBook(
        open_store(store, timeout_s=timeout_s),
        timeout_s=timeout_s,
        has_slack=has_allowances,
    )
