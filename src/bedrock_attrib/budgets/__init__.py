"""Budgets: limits that are reserved before a call and settled after it."""

from .budget import Budget
from .build import budget_guard
from .files import load_budgets
from .status import BudgetStatus

__all__ = ["Budget", "BudgetStatus", "budget_guard", "load_budgets"]
