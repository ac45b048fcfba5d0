"""Status of budgets at a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
        starts_at: When the window began, aware UTC; of a rolling window, the oldest
            moment that counts. None where it never began.
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
    starts_at: datetime | None
    resets_at: datetime | None
    mode: str
    is_frozen: bool
    refusals: int
    overshoot: Decimal

    def per_hour(self, at: datetime) -> Decimal | None:
        """Return what was spent per hour of the window until *at*, aware.

        None for a window that never began, and in its first minute.
        """
        if self.starts_at is None:
            return None
        elapsed_s = int((at - self.starts_at).total_seconds())
        return None if elapsed_s < _MINUTE_S else self.spent * _HOUR_S / elapsed_s

    def runs_out_at(self, at: datetime) -> datetime | None:
        """Return when nothing is left if it goes on like this; None if never.

        Never, if the window ends before.
        """
        rate = self.per_hour(at)
        if not rate or self.remaining <= 0:
            return at if self.remaining <= 0 else None
        hours = float(self.remaining / rate)
        if hours > _MOST_HOURS:
            return None
        found = at + timedelta(hours=hours)
        is_fixed = not self.window.startswith("rolling")
        if is_fixed and self.resets_at is not None and found >= self.resets_at:
            return None
        return found


_MINUTE_S, _HOUR_S = 60, 3600
_MOST_HOURS = 24 * 366


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
    span = limit.window.at(bucket)
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
        starts_at=as_utc(span.first) if span.until is not None else None,
        resets_at=as_utc(span.until),
        mode=limit.budget.mode,
        is_frozen=state.is_frozen,
        refusals=refusals,
        overshoot=amount(overshoot),
    )
