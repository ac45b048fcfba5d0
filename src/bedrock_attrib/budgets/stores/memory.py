"""Memory store: the accounts of one process, gone with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from time import time

from ..._runtime.fork import ResetOrder, after_fork
from ..._runtime.threads import RLock
from ..lines import Line
from .protocol import AccountState, Answer, Change, Grant
from .rules import (
    FOREVER,
    REMEMBERED_S,
    Account,
    Bucket,
    Controls,
    Holder,
    apply,
    refuse_negative_grant,
    release,
    state_of,
)


class MemoryStore:
    """Store in the memory of this process. A forked child has a copy of its own."""

    def __init__(self, clock: Callable[[], float] = time) -> None:
        """Start without accounts.

        Args:
            clock: Returns the Unix time.
        """
        self._clock = clock
        self._accounts: defaultdict[str, Account] = defaultdict(Account)
        self._holders: dict[str, Holder] = {}
        # When each holder has to be looked at: in order, some of which are outdated,
        # and by name.
        self._due: list[tuple[float, str]] = []
        self._due_at: dict[str, float] = {}
        self._controls: defaultdict[str, Controls] = defaultdict(Controls)
        self._renew_lock()
        after_fork(self._renew_lock, ResetOrder.LOCKS)

    def _renew_lock(self) -> None:
        self._lock = RLock()

    def hold(self, lines: Sequence[Line]) -> list[Bucket] | int:
        """Hold the amounts of all *lines* or of none, without a lease.

        Returns:
            The buckets in which they are held; or, where nothing is, the index of the
            first line that does not fit.
        """
        found: list[Bucket] = []
        with self._lock:
            for index, line in enumerate(lines):
                account = self._accounts[line.account]
                bucket = account.bucket(line.bucket)
                found.append(bucket)
                if line.limit is None:
                    continue
                if len(account.buckets) > 1 or self._controls:
                    if not self._has_room(line, account):
                        return index
                elif bucket.spent + bucket.held + line.amount > line.limit:
                    return index
            for bucket, line in zip(found, lines, strict=True):
                bucket.held += line.amount
        return found

    def _has_room(self, line: Line, account: Account) -> bool:
        now = self._clock()
        account.forget_before(line.first, now)
        state = state_of(line.account, account, line.first, self._controls, now)
        used, limit = state.spent + state.held + line.amount, line.limit or 0
        return not state.is_frozen and used <= limit + state.granted

    def convert(
        self, buckets: Sequence[Bucket], held: Sequence[Line], spent: Sequence[int]
    ) -> None:
        """Book amounts that were *spent*, in the place of those that are *held*."""
        with self._lock:
            for bucket, line, amount in zip(buckets, held, spent, strict=True):
                bucket.held -= line.amount
                bucket.spent += amount

    def forget_holds(self) -> None:
        """Forget all that is held: in a forked child it is the parent's."""
        for account in self._accounts.values():
            for bucket in account.buckets.values():
                bucket.held = 0
        self._holders.clear()

    def exchange(
        self, holder: str, number: int, changes: Sequence[Change], lease_s: float
    ) -> Answer:
        """See `Store.exchange`."""
        with self._lock:
            now = self._clock()
            self._end_leases(now)
            found = self._holders.get(holder) or Holder()
            answer = apply(
                changes,
                number,
                lease_s,
                holder=found,
                accounts=self._accounts,
                controls=self._controls,
                now=now,
            )
            self._holders[holder] = found
            if found.expires_at < self._due_at.get(holder, FOREVER):
                self._look_at(holder, found.expires_at)
            return answer

    def _look_at(self, name: str, due: float) -> None:
        self._due_at[name] = due
        heappush(self._due, (due, name))

    def _end_leases(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            due, name = heappop(self._due)
            if due != self._due_at.get(name):
                continue
            holder = self._holders[name]
            forgotten_at = holder.expires_at + REMEMBERED_S
            if holder.expires_at > now:  # it was renewed
                self._look_at(name, holder.expires_at)
                continue
            if holder.holds:
                release(holder, self._accounts)
            if forgotten_at > now:
                self._look_at(name, forgotten_at)
            else:
                del self._holders[name], self._due_at[name]

    def read(self, accounts: Sequence[tuple[str, int]]) -> list[AccountState]:
        """See `Store.read`."""
        with self._lock:
            now = self._clock()
            self._end_leases(now)
            empty = Account()
            return [
                state_of(
                    name, self._accounts.get(name, empty), first, self._controls, now
                )
                for name, first in accounts
            ]

    def accounts(self, prefix: str = "") -> list[str]:
        """See `Store.accounts`."""
        with self._lock:
            return sorted(name for name in self._accounts if name.startswith(prefix))

    def grant(self, target: str, grant: Grant) -> None:
        """See `Store.grant`."""
        refuse_negative_grant(grant)
        with self._lock:
            self._controls[target].grants[grant.name] = grant

    def freeze(self, target: str, until: float | None = None) -> None:
        """See `Store.freeze`."""
        with self._lock:
            self._controls[target].frozen_until = FOREVER if until is None else until

    def thaw(self, target: str) -> None:
        """See `Store.thaw`."""
        with self._lock:
            self._controls[target].frozen_until = 0.0

    def reset(self, account: str) -> None:
        """See `Store.reset`."""
        with self._lock:
            for bucket in self._accounts.get(account, Account()).buckets.values():
                bucket.spent = 0

    def close(self) -> None:
        """See `Store.close`."""
