"""Rules of an exchange, without I/O: what every store does to accounts and holders.

A store loads the accounts and the holder that an exchange names, has it applied here,
and writes back what has changed, all in one transaction of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .protocol import AccountState, Answer, Change, Grant

FOREVER = float("inf")
# How long a holder without holds is remembered, so that an exchange which is repeated
# after a failure is known. Callers give up repeating long before.
REMEMBERED_S = 86_400.0
# How far apart the clocks of hosts may be: what a host counts that is behind by this is
# not forgotten because another one is ahead.
CLOCK_MARGIN_S = 600.0
# How long an account without exchanges is stored at least: longer than a month.
MIN_ACCOUNT_S = 45 * 86_400.0
# Holders whose leases one exchange ends at most, so that none takes long.
LEASES_AT_ONCE = 1_000


@dataclass(slots=True)
class Bucket:
    """Amounts of one bucket of an account."""

    spent: int = 0
    held: int = 0


@dataclass(slots=True)
class Account:
    """Buckets of an account by the Unix time at which each begins."""

    buckets: dict[int, Bucket] = field(default_factory=dict)

    def window(self, first: int) -> tuple[int, int]:
        """Return what was spent and what is held from bucket *first* on."""
        spent = held = 0
        for number, bucket in self.buckets.items():
            if number >= first:
                spent += bucket.spent
                held += bucket.held
        return spent, held

    def bucket(self, number: int) -> Bucket:
        """Return a bucket, which is empty at first."""
        return self.buckets.setdefault(number, Bucket())

    def forget_before(self, first: int, now: float) -> None:
        """Remove buckets that no window counts and nobody holds.

        Neither the window of a host whose clock is behind: the last fixed window is
        stored until `CLOCK_MARGIN_S` of the next one are over.
        """
        if now < first + CLOCK_MARGIN_S:
            return
        end = first - CLOCK_MARGIN_S
        for number in [each for each in self.buckets if each < end]:
            if not self.buckets[number].held:
                del self.buckets[number]


@dataclass(slots=True)
class Holder:
    """What one holder holds, and until when.

    Attributes:
        number: Number of its last exchange.
        refused_by: Index of the change that was refused then; None if granted.
        expires_at: Unix time at which its lease ends.
        holds: Amounts by account and bucket; none are zero.
        has_expired: Whether its lease ended since that exchange.
    """

    number: int = 0
    refused_by: int | None = None
    expires_at: float = 0.0
    holds: dict[tuple[str, int], int] = field(default_factory=dict)
    has_expired: bool = False


@dataclass(slots=True)
class Controls:
    """Freezes and grants of one target: an account, or all accounts of a budget."""

    frozen_until: float = 0.0
    grants: dict[str, Grant] = field(default_factory=dict)

    def granted(self, now: float) -> int:
        """Return the sum of the grants in force."""
        return sum(
            grant.amount
            for grant in self.grants.values()
            if grant.expires_at is None or grant.expires_at > now
        )


NO_CONTROLS = Controls()


def lifetime_s(first: int, now: float) -> float:
    """Return for how long an account is stored after an exchange, in seconds.

    Args:
        first: First bucket of its window. That of a budget without a window begins in
            1970, so that such an account is never removed.
        now: Unix time.
    """
    return max(MIN_ACCOUNT_S, 2 * (now - first))


def refuse_negative(changes: Iterable[Change]) -> None:
    """Raise `ValueError` if a change has an amount below zero."""
    for change in changes:
        if change.spent < 0 or change.hold < 0 or (change.limit or 0) < 0:
            raise ValueError(f"expected amounts of zero or more, got {change}")


def refuse_negative_grant(grant: Grant) -> None:
    """Raise `ValueError` if a grant would lower a limit."""
    if grant.amount < 0:
        raise ValueError(f"expected an amount of zero or more, got {grant}")


def budget_of(account: str) -> str:
    """Return the name of the budget that an account belongs to."""
    return account.partition("|")[0]


def state_of(
    name: str,
    account: Account,
    first: int,
    controls: Mapping[str, Controls],
    now: float,
) -> AccountState:
    """Return the state of an account over the window from *first* on."""
    spent, held = account.window(first)
    own, budget = controls.get(name, NO_CONTROLS), budget_of(name)
    common = NO_CONTROLS if budget == name else controls.get(budget, NO_CONTROLS)
    return AccountState(
        spent=spent,
        held=held,
        granted=own.granted(now) + common.granted(now),
        is_frozen=max(own.frozen_until, common.frozen_until) > now,
    )


def release(holder: Holder, accounts: Mapping[str, Account]) -> None:
    """Release what a holder holds, as its lease has ended."""
    for (name, number), amount in holder.holds.items():
        accounts[name].bucket(number).held -= amount
    holder.holds.clear()
    holder.has_expired = True


def apply(
    changes: Sequence[Change],
    number: int,
    lease_s: float,
    *,
    holder: Holder,
    accounts: Mapping[str, Account],
    controls: Mapping[str, Controls],
    now: float,
) -> Answer:
    """Apply an exchange to what was loaded, in place; see `Store.exchange`.

    Args:
        changes: Changes of the exchange.
        number: Its number.
        lease_s: Its lease.
        holder: The holder, whose lease is ended here if its time has come.
        accounts: Accounts of the changes, and of all that the holder holds.
        controls: Freezes and grants by target.
        now: Unix time by the clock of the store.

    Raises:
        ValueError: If an amount is negative; nothing was changed then.
    """
    refuse_negative(changes)
    if holder.holds and holder.expires_at <= now:
        release(holder, accounts)
    if holder.expires_at + REMEMBERED_S <= now:  # whether or not it was removed yet
        holder.number, holder.refused_by, holder.has_expired = 0, None, False
    has_expired = holder.has_expired
    if number > holder.number:
        _book(changes, holder, accounts)
        refused_by = _first_refusal(changes, holder, accounts, controls, now)
        if refused_by is None:
            _raise_holds(changes, holder, accounts)
        holder.number, holder.refused_by = number, refused_by
        holder.has_expired = False
    holder.expires_at = now + lease_s
    for change in changes:
        accounts[change.account].forget_before(change.first, now)
    return Answer(
        is_granted=holder.refused_by is None,
        states=tuple(
            state_of(each.account, accounts[each.account], each.first, controls, now)
            for each in changes
        ),
        refused_by=holder.refused_by,
        has_expired=has_expired,
    )


def _book(
    changes: Iterable[Change], holder: Holder, accounts: Mapping[str, Account]
) -> None:
    """Add what was spent, which comes out of what is held, and lower other holds."""
    for change in changes:
        key = (change.account, change.bucket)
        bucket = accounts[change.account].bucket(change.bucket)
        bucket.spent += change.spent
        held = holder.holds.get(key, 0)
        _hold(key, min(change.hold, max(0, held - change.spent)), holder, bucket)


def _first_refusal(
    changes: Sequence[Change],
    holder: Holder,
    accounts: Mapping[str, Account],
    controls: Mapping[str, Controls],
    now: float,
) -> int | None:
    for index, change in enumerate(changes):
        held = holder.holds.get((change.account, change.bucket), 0)
        if change.hold <= held or change.limit is None:
            continue
        account = accounts[change.account]
        state = state_of(change.account, account, change.first, controls, now)
        used = state.spent + state.held + change.hold - held
        if state.is_frozen or used > change.limit + state.granted:
            return index
    return None


def _raise_holds(
    changes: Iterable[Change], holder: Holder, accounts: Mapping[str, Account]
) -> None:
    for change in changes:
        bucket = accounts[change.account].bucket(change.bucket)
        _hold((change.account, change.bucket), change.hold, holder, bucket)


def _hold(key: tuple[str, int], amount: int, holder: Holder, bucket: Bucket) -> None:
    bucket.held += amount - holder.holds.get(key, 0)
    if amount:
        holder.holds[key] = amount
    else:
        holder.holds.pop(key, None)
