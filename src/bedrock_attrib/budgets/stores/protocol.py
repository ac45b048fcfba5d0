"""Protocol of stores: what the processes of a fleet share of their budgets.

A store knows *accounts*, each the spending of one budget for one key and one measure,
and *holders*, each a process or a single call that holds part of what is left. All
amounts are whole numbers of the smallest quantum of their measure (`measures`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ...errors import BedrockAttribError


class StoreError(BedrockAttribError, RuntimeError):
    """A store of budgets cannot be reached, or does not do what it was asked."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a holder asks of one account, in one exchange.

    An account counts by *buckets*, which are numbered by the Unix time at which they
    begin: the only bucket of a fixed window begins with it, a rolling window has many.

    Attributes:
        account: Name of the account.
        bucket: Bucket that is charged and in which the amount is held.
        first: First bucket of the window: those before it do not count any more.
        spent: Amount to add to what was spent, zero or more.
        hold: Amount that the holder is to hold in this bucket from now on, instead of
            what it held.
        limit: Most that may be spent and held over the window, without grants. None
            holds the amount without a limit, as for what was spent in any case.
    """

    account: str
    bucket: int
    first: int
    spent: int = 0
    hold: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class AccountState:
    """What a store knows of one account, over its window.

    Attributes:
        spent: Amount that was booked.
        held: Amount that all holders hold together.
        granted: Sum of the grants in force, which raise the limit.
        is_frozen: Whether nothing more may be held.
    """

    spent: int = 0
    held: int = 0
    granted: int = 0
    is_frozen: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Result of an exchange.

    Attributes:
        is_granted: Whether every amount is held as asked. If not, no hold was raised;
            what was spent is booked and lower holds are lowered all the same.
        states: State of the account of each change, after the exchange.
        refused_by: Index of the first change whose hold did not fit; None if granted.
        has_expired: Whether the holder's lease had ended, so that it held nothing.
    """

    is_granted: bool
    states: tuple[AccountState, ...]
    refused_by: int | None = None
    has_expired: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """Amount by which a limit is raised for a while.

    Attributes:
        name: Name of the grant; another one of the same name replaces it.
        amount: Amount, in quanta of the account's measure.
        expires_at: Unix time at which it ends; None for the end of the account's life.
    """

    name: str
    amount: int
    expires_at: float | None = None


class Store(Protocol):
    """Shared state of budgets. Safe to use from any thread, and after a fork.

    Every method raises `StoreError` if the store cannot be reached in time, and may
    then have done what was asked: an exchange is repeated with the same number.
    """

    def exchange(
        self, holder: str, number: int, changes: Sequence[Change], lease_s: float
    ) -> Answer:
        """Book what a holder has spent and change what it holds, atomically.

        In any case, amounts that were spent are booked, out of what the holder holds in
        that bucket, and holds that get smaller are lowered. Holds that grow do so all
        together, or none of them: where an account is frozen, or ``spent + held`` of
        its window would pass the limit with its grants, none grows. Leases that have
        ended are released before.

        Args:
            holder: Unique name of the holder.
            number: Number of the exchange, from 1 upwards for each holder. A number
                that was seen already has no effect but to renew the lease, and gets
                the same ``is_granted`` and ``refused_by``.
            changes: Changes, at most one for each account and bucket.
            lease_s: Seconds by the store's clock after which what is held is released,
                unless another exchange of the holder renews the lease.

        Raises:
            StoreError: If the store cannot be reached in time; see above.
            ValueError: If an amount is negative.
        """

    def read(self, accounts: Sequence[tuple[str, int]]) -> list[AccountState]:
        """Return the states of accounts, each given with its first bucket."""

    def accounts(self, prefix: str = "") -> list[str]:
        """Return the names of all accounts that begin with *prefix*, sorted."""

    def grant(self, target: str, grant: Grant) -> None:
        """Raise the limit of one account, or of all accounts of a budget.

        Args:
            target: Name of an account, or of a budget: what stands in the name of an
                account before the first ``|``.
            grant: The grant, whose amount is zero or more.
        """

    def freeze(self, target: str, until: float | None = None) -> None:
        """Let nothing more be held of *target* until then; None for until thawed."""

    def thaw(self, target: str) -> None:
        """End a freeze."""

    def reset(self, account: str) -> None:
        """Forget what was spent on *account*; what is held stays held."""

    def close(self) -> None:
        """Release connections. Another use opens them again."""
