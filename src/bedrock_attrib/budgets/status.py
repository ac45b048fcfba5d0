"""Status of budgets at a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from .measures import from_quanta
from .plan import Limit, base_account, parse_account
from .stores import AccountState
from .windows import as_utc


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """What is left of one budget, for one of the values that it keeps apart.

    Amounts are in USD, tokens or calls, as ``measure`` says.

    Attributes:
        name: Name of the budget.
        key: Values that the budget keeps apart, joined by commas; None without any.
        measure: ``usd``, ``tokens`` or ``calls``.
        limit: Limit in force, grants included.
        spent: Amount that was spent in the window.
        reserved: Amount that is reserved, for calls on their way and by processes for
            their next calls.
        remaining: Amount that is left, below zero where the limit was passed.
        granted: Part of the limit that is granted for a while.
        window: Window as the budget names it.
        resets_at: When the window ends, aware UTC; None where it does not end. For a
            rolling window, when the oldest amounts leave it next.
        mode: ``strict``, ``estimate`` or ``observe``.
        is_frozen: Whether calls are refused until it is thawed.
        refusals: Calls that this process refused, or with ``observe`` would have.
        overshoot: Amount that calls of this process used beyond what was reserved for
            them.
    """

    name: str
    key: str | None
    measure: str
    limit: Decimal
    spent: Decimal
    reserved: Decimal
    remaining: Decimal
    granted: Decimal
    window: str
    resets_at: datetime | None
    mode: str
    is_frozen: bool
    refusals: int
    overshoot: Decimal


def read_statuses(
    limits: Iterable[Limit],
    accounts: Iterable[str],
    read: Callable[[Sequence[tuple[str, int]]], Sequence[AccountState]],
    moment: float,
    refusals: Mapping[str, int],
    overshoot: Mapping[str, int],
) -> list[BudgetStatus]:
    """Return the status of every limit, for every account that it has.

    Args:
        limits: The limits.
        accounts: Names of all accounts.
        read: Returns the states of accounts, each given with its first bucket.
        moment: Unix time.
        refusals: Calls refused, by account.
        overshoot: Amounts used beyond reservations, in quanta, by account.
    """
    known = sorted(set(accounts))
    found: list[BudgetStatus] = []
    for limit in limits:
        base = base_account(limit)
        own = [each for each in known if each == base or each.startswith(f"{base}|")]
        if not own and not limit.budget.each:
            own = [base]
        span = limit.window.at(moment)
        states = read([(each, span.first) for each in own])
        found += [
            status_of(
                limit,
                each,
                state,
                span.bucket,
                refusals=refusals.get(each, 0),
                overshoot=overshoot.get(each, 0),
            )
            for each, state in zip(own, states, strict=True)
        ]
    return found


def status_of(
    limit: Limit,
    account: str,
    state: AccountState,
    bucket: int,
    *,
    refusals: int = 0,
    overshoot: int = 0,
) -> BudgetStatus:
    """Return the status of one account."""
    amount = partial(from_quanta, limit.measure)
    total = limit.stated + state.granted
    return BudgetStatus(
        name=limit.budget.name,
        key=parse_account(account)[2],
        measure=str(limit.measure),
        limit=amount(total),
        spent=amount(state.spent),
        reserved=amount(state.held),
        remaining=amount(total - state.spent - state.held),
        granted=amount(state.granted),
        window=limit.budget.window,
        resets_at=as_utc(limit.window.at(bucket).until),
        mode=limit.budget.mode,
        is_frozen=state.is_frozen,
        refusals=refusals,
        overshoot=amount(overshoot),
    )
