"""Failed, unpriced and unattributed calls of a page."""

from __future__ import annotations

from dataclasses import dataclass

from ..._model.record import Outcome
from ..._model.usage import Unit
from .._tables.spend_totals import SpendTotals
from ._totals import MOST_SHOWN, PageTotals


@dataclass(frozen=True, slots=True)
class FailureRow:
    """Calls that ended in the same way.

    Attributes:
        outcome: ``error`` or ``abandoned``.
        error: Name of the error; None without one.
        spend: Totals of the calls.
    """

    outcome: str
    error: str | None
    spend: SpendTotals


def failures(totals: PageTotals) -> list[FailureRow]:
    """Return failed and abandoned calls, the most frequent first."""
    rows = [
        FailureRow(outcome, error, spend)
        for (outcome, error), spend in totals.outcomes.items()
        if outcome != Outcome.OK
    ]
    rows.sort(key=lambda row: (-row.spend.calls, row.outcome, row.error or ""))
    return rows[:MOST_SHOWN]


@dataclass(frozen=True, slots=True)
class UnpricedModel:
    """Calls of a model that are not fully priced.

    Attributes:
        model: The model.
        status: Their price status.
        units: Units without a price; empty where the usage is unknown.
        calls: How many there are.
    """

    model: str
    status: str
    units: tuple[Unit, ...]
    calls: int


@dataclass(frozen=True, slots=True)
class UnpricedModels:
    """Calls that are not fully priced, by model.

    Attributes:
        rows: The most calls first.
        others: Rows that are not shown.
        other_calls: Their calls.
    """

    rows: tuple[UnpricedModel, ...]
    others: int
    other_calls: int


def unpriced_models(totals: PageTotals) -> UnpricedModels:
    """Return the calls of *totals* that are not fully priced."""
    found = sorted(totals.unpriced.items(), key=lambda each: (-each[1].calls, each[0]))
    rows = [
        UnpricedModel(*key, tuple(totals.unpriced_units[key]), spend.calls)
        for key, spend in found
    ]
    hidden = rows[MOST_SHOWN:]
    return UnpricedModels(
        tuple(rows[:MOST_SHOWN]), len(hidden), sum(row.calls for row in hidden)
    )
