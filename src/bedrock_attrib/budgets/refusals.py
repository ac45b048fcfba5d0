"""Refusals: what the caller of a refused call is told, as exceptions."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypedDict

from .._model.formatting import counted, money
from ..errors import BudgetExceededError
from .lines import Line
from .measures import Measure, from_quanta
from .plan import Match
from .stores import AccountState
from .windows import as_utc


class _Facts(TypedDict):
    budget: str
    key: str | None
    measure: str
    limit: Decimal
    resets_at: datetime | None


def refusal(
    match: Match, line: Line, state: AccountState | None, moment: float
) -> BudgetExceededError:
    """Return the error for a call that did not fit.

    Args:
        match: Budget that refused it.
        line: What the call asked for.
        state: State of the account; None where the store was not reached.
        moment: Unix time of the call.
    """
    measure = match.limit.measure
    asked = from_quanta(measure, line.amount)
    if state is None:
        return BudgetExceededError(
            f"{_named(match)} is kept in a store that cannot be reached, so the call "
            f"was not sent; with when_unavailable='open' it would have been",
            **_facts(match, from_quanta(measure, line.limit or 0), moment),
            spent=None,
            reserved=None,
            asked=asked,
            reason="unavailable",
        )
    limit = from_quanta(measure, (line.limit or 0) + state.granted)
    spent, reserved = (from_quanta(measure, each) for each in (state.spent, state.held))
    facts = _facts(match, limit, moment)
    if state.is_frozen:
        text, reason = f"{_named(match)} is frozen, so the call was not sent", "frozen"
    else:
        reason = "limit"
        text = (
            f"{_named(match)} allows {_text(measure, limit)} {_window(match)}: "
            f"{_text(measure, spent)} spent and {_text(measure, reserved)} reserved, "
            f"and the call may need {_text(measure, asked)}, so it was not sent"
            f"{_until(facts['resets_at'])}"
        )
    return BudgetExceededError(
        text, **facts, spent=spent, reserved=reserved, asked=asked, reason=reason
    )


def unknown_refusal(
    match: Match, why: str | None, moment: float
) -> BudgetExceededError:
    """Return the error for a call that has no bound, and must have one."""
    limit = from_quanta(match.limit.measure, match.limit.stated)
    return BudgetExceededError(
        f"{_named(match)} refuses calls whose use has no upper bound"
        f"{f': {why}' if why else ''}; the call was not sent. State maxTokens, or set "
        f"when_unknown of the budget to 'allow' or to an amount",
        **_facts(match, limit, moment),
        spent=None,
        reserved=None,
        asked=None,
        reason="unknown",
    )


def _facts(match: Match, limit: Decimal, moment: float) -> _Facts:
    return _Facts(
        budget=match.limit.budget.name,
        key=match.key,
        measure=str(match.limit.measure),
        limit=limit,
        resets_at=as_utc(match.limit.window.at(moment).until),
    )


def _named(match: Match) -> str:
    named = f"budget {match.limit.budget.name!r}"
    return named if match.key is None else f"{named} for {match.key or 'no value'}"


def _window(match: Match) -> str:
    window = match.limit.budget.window
    if window == "total":
        return "in total"
    rolling = window.removeprefix("rolling ")
    return f"per {window}" if rolling == window else f"in {rolling}"


def _text(measure: Measure, amount: Decimal) -> str:
    if measure is Measure.USD:
        return money(amount)
    return counted(int(amount), measure.removesuffix("s"))


def _until(resets_at: datetime | None) -> str:
    return "" if resets_at is None else f"; the window ends at {resets_at.isoformat()}"
