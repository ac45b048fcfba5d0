"""Allowances: parts of a shared budget that a process takes ahead of need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING

from .._runtime.bounded_cache import BoundedCache
from .._runtime.contained_errors import logger
from .._runtime.fork import ResetOrder, after_fork, detect_fork
from .._runtime.threads import Event, Lock, RLock, start_thread
from .books import Held, Refused
from .lines import Line
from .stores import AccountState, Answer, Change, Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY_S = 0.5  # how often the thread books, and learns of freezes
_IDLE_S = 2.0  # after which an account gives back what it does not use
_QUICK_S = 0.5  # two round trips within it ask for a larger part
_MARGIN_S = 5.0  # before the end of a lease, by which clocks may differ
_SHARE = 8  # a process takes this part of what remains at most
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_MOST_CHANGES = 40  # of one exchange: DynamoDB takes 100 items
_MOST_KNOWN = 10_000
_MOST_TRIPS = 8  # for one call

_Key = tuple[str, int]


@dataclass(slots=True, eq=False)
class _Part:
    """What this process has of one bucket of an account.

    Attributes:
        first: First bucket of the window when it was last asked for.
        limit: Limit when it was last asked for.
        held: Amount that the store holds for this process, at least.
        in_use: Amount that calls on their way have reserved.
        spent: Amount that calls have spent, and that is not booked yet.
        spare: Amount to take beyond what is needed.
        refilled_at: When it was last taken from the store.
        used_at: When it was last reserved from.
        is_frozen: Whether nothing may be reserved.
    """

    first: int
    limit: int | None = None
    held: int = 0
    in_use: int = 0
    spent: int = 0
    spare: int = 0
    refilled_at: float = 0.0
    used_at: float = 0.0
    is_frozen: bool = False

    @property
    def left(self) -> int:
        return self.held - self.in_use - self.spent

    @property
    def is_empty(self) -> bool:
        return not (self.held or self.in_use or self.spent)


@dataclass(slots=True, eq=False)
class _Exchange:
    """An exchange that is sent until it is answered."""

    number: int
    keys: list[_Key]
    changes: list[Change]


class AllowanceBook:
    """Book that takes parts of shared budgets, and spends them in memory.

    A part that fits what is needed costs no round trip. Otherwise one exchange books
    what was spent and takes more: what is needed, and more of it the faster it goes,
    but never more than an eighth of what remains. So parts get small as a limit nears,
    and a strict limit over many processes stays strict.

    Attributes:
        round_trips: Exchanges with the store.
        failures: Exchanges that failed.
        time_s: Seconds that exchanges took.
        missed: Lines that passed without the store.
        overshoot: Amounts that were spent beyond what was held.
        expired: Times at which what was held had been released by the store.
    """

    def __init__(
        self,
        store: Store,
        *,
        lease_s: float = 60.0,
        timeout_s: float = 0.25,
        has_slack: bool = True,
        clock: Callable[[], float] = monotonic,
        is_threaded: bool = True,
    ) -> None:
        """Take parts from *store*.

        Args:
            store: The store.
            lease_s: Seconds after which a process that has crashed loses its parts.
            timeout_s: Seconds for which a call waits for others that ask the store.
            has_slack: Whether to take more than is needed at once.
            clock: Returns seconds that never go back.
            is_threaded: Whether a thread books what was spent; else `work` does.
        """
        self.store = store
        self._lease_s = lease_s
        self._timeout_s = timeout_s
        self._has_slack = has_slack
        self._clock = clock
        self._is_threaded = is_threaded
        self._begin()
        after_fork(self._begin, ResetOrder.QUEUES)

    def _begin(self) -> None:
        """Start with nothing, as a forked child must: it is the parent's."""
        self.round_trips = self.failures = self.missed = 0
        self.overshoot = self.expired = 0
        self.time_s = 0.0
        self.holder = token_hex(12)
        self._number = 0
        self._parts: dict[_Key, _Part] = {}
        self._states: BoundedCache[str, AccountState] = BoundedCache(_MOST_KNOWN)
        self._unanswered: _Exchange | None = None
        self._lease_until = 0.0
        self._down_until = 0.0
        self._pause_s = 0.0
        self._lock = RLock()
        self._sending = Lock()
        self._is_running = False
        self._is_closed = False
        self._stop = Event()

    # Before a call.

    def reserve(self, lines: Sequence[Line]) -> Held | Refused:
        """See `Book.reserve`."""
        detect_fork()
        found = self.reserve_at_once(lines)
        if found is not None:
            return found
        if not self._sending.acquire(timeout=self._timeout_s):
            return self._without_store(lines)
        try:
            found = self.reserve_at_once(lines)
            return self._refill(lines) if found is None else found
        finally:
            self._sending.release()

    def reserve_at_once(self, lines: Sequence[Line]) -> Held | Refused | None:
        """See `Book.reserve_at_once`."""
        now = self._clock()
        with self._lock:
            if all(self._fits(line, now) for line in lines):
                return self._take(lines, now)
            if now < self._down_until:
                return self._without_store(lines)
        return None

    def _fits(self, line: Line, now: float) -> bool:
        if line.limit is None:
            return True
        part = self._parts.get((line.account, line.bucket))
        return (
            part is not None
            and part.left >= line.amount
            and not part.is_frozen
            and now < self._lease_until
        )

    def _take(self, lines: Sequence[Line], now: float) -> _Held:
        parts = [self._part(line) for line in lines]
        for part, line in zip(parts, lines, strict=True):
            part.in_use += line.amount
            part.used_at = now
        self._start()
        return _Held(self, parts, lines)

    def _part(self, line: Line) -> _Part:
        key = (line.account, line.bucket)
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = _Part(line.first)
        part.first, part.limit = line.first, line.limit
        return part

    def _refill(self, lines: Sequence[Line]) -> Held | Refused:
        """Take what *lines* need from the store; the caller may send."""
        is_generous = self._has_slack
        for _ in range(_MOST_TRIPS):
            try:
                answer, keys = self._exchange(lines, is_generous=is_generous)
            except StoreError:
                break
            refused = _refused(lines, answer, keys)
            if refused is not None and not is_generous:
                return refused
            # What is asked ahead of need may not fit where the need does; and another
            # thread may have been quicker to take what came.
            is_generous = False
            now = self._clock()
            with self._lock:
                if refused is None and all(self._fits(line, now) for line in lines):
                    return self._take(lines, now)
        return self._without_store(lines)

    def _without_store(self, lines: Sequence[Line]) -> Held | Refused:
        """Decide while the store is not reached."""
        now = self._clock()
        with self._lock:
            for index, line in enumerate(lines):
                if not line.may_miss_store and not self._fits(line, now):
                    return Refused(index, None)
            self.missed += sum(not self._fits(line, now) for line in lines)
            return self._take(lines, now)

    # After a call.

    def settle(
        self, parts: Sequence[_Part], lines: Sequence[Line], amounts: Sequence[int]
    ) -> None:
        """Book *amounts* in the place of what was reserved; waits for nothing."""
        with self._lock:
            for part, line, amount in zip(parts, lines, amounts, strict=True):
                part.in_use -= line.amount
                part.spent += amount
                if line.limit is not None and amount > line.amount:
                    self.overshoot += amount - line.amount
                # It was dropped as empty, which it no longer is.
                self._parts.setdefault((line.account, line.bucket), part)
        self._start()

    # Exchanges. Only who has acquired `_sending` comes here.

    def _exchange(
        self, lines: Sequence[Line] = (), *, is_generous: bool = False
    ) -> tuple[Answer, list[_Key]]:
        """Book what was spent, and take what *lines* need.

        Raises:
            StoreError: If the store is not reached.
        """
        if self._unanswered is not None:
            self._send(self._unanswered)
        with self._lock:
            self._number += 1
            exchange = self._prepare(lines, is_generous=is_generous)
        return self._send(exchange), exchange.keys

    def _prepare(self, lines: Sequence[Line], *, is_generous: bool) -> _Exchange:
        """Compose an exchange, and count on no more than what it leaves in any case."""
        now = self._clock()
        wanted: dict[_Key, int] = {}
        for line in lines:
            if line.limit is not None:
                self._part(line)
                key = (line.account, line.bucket)
                wanted[key] = wanted.get(key, 0) + line.amount
        others = (key for key, part in self._parts.items() if key not in wanted)
        room = max(0, _MOST_CHANGES - len(wanted))
        keys = [*wanted, *islice(self._pressing(others, now), room)]
        changes: list[Change] = []
        for key in keys:
            part = self._parts[key]
            spent, part.spent = part.spent, 0
            base = max(0, part.held - spent)
            if key in wanted:
                hold = part.in_use + wanted[key]
                hold += self._spare(key, wanted[key], now) if is_generous else 0
            else:
                is_idle = now - part.used_at > _IDLE_S
                spare = 0 if is_idle or not self._has_slack else part.spare
                hold = min(base, part.in_use + spare)
            part.held = min(base, hold)
            changes.append(Change(key[0], key[1], part.first, spent, hold, part.limit))
        return _Exchange(self._number, keys, changes)

    def _pressing(self, keys: Iterable[_Key], now: float) -> list[_Key]:
        """Return the parts that have something to book, return or renew."""
        found: list[_Key] = []
        for key in list(keys):
            part = self._parts[key]
            if part.spent or part.held or part.in_use:
                found.append(key)
            elif now - part.used_at > _IDLE_S:
                del self._parts[key]
        found.sort(key=lambda each: self._parts[each].spent == 0)
        return found

    def _spare(self, key: _Key, need: int, now: float) -> int:
        """Return what to take beyond *need*, from the pace of the last times."""
        part = self._parts[key]
        if now - part.refilled_at < _QUICK_S:
            part.spare = max(2 * part.spare, 4 * need)
        elif now - part.refilled_at > _IDLE_S:
            part.spare //= 2
        part.refilled_at = now
        state = self._states.get(key[0])
        if state is None or part.limit is None:
            return 0
        remaining = part.limit + state.granted - state.spent - state.held
        part.spare = min(part.spare, max(0, remaining) // _SHARE)
        return part.spare

    def _send(self, exchange: _Exchange) -> Answer:
        """Send *exchange* and take its answer."""
        self._unanswered = exchange
        began = self._clock()
        self.round_trips += 1
        try:
            answer = self.store.exchange(
                self.holder, exchange.number, exchange.changes, self._lease_s
            )
        except StoreError as error:
            self._failed(error)
            raise
        finally:
            self.time_s += self._clock() - began
        self._unanswered = None
        with self._lock:
            self._answered(exchange, answer, began)
        return answer

    def _answered(self, exchange: _Exchange, answer: Answer, began: float) -> None:
        if self._pause_s:
            logger.warning("the store of budgets is reached again")
        self._pause_s = self._down_until = 0.0
        self._lease_until = began + self._lease_s - _MARGIN_S
        if answer.has_expired:
            self.expired += 1
        for key, change, state in zip(
            exchange.keys, exchange.changes, answer.states, strict=True
        ):
            self._states[key[0]] = state
            part = self._parts.get(key)
            if part is None:
                continue
            part.is_frozen = state.is_frozen
            if answer.is_granted:
                part.held = change.hold
            elif answer.has_expired:
                part.held = 0

    def _failed(self, error: StoreError) -> None:
        self.failures += 1
        if not self._pause_s:
            logger.warning("the store of budgets is not reached: %s", error)
        longer = min(_LONGEST_PAUSE_S, 2 * self._pause_s)
        self._pause_s = max(_FIRST_PAUSE_S, longer)
        self._down_until = self._clock() + self._pause_s

    # On the thread.

    def work(self) -> bool:
        """Book, return what is idle, renew the lease; False if nothing is left to do.

        Waits for the store.
        """
        with self._sending:
            if self._clock() >= self._down_until and self._has_work:
                try:
                    self._exchange()
                except StoreError:
                    return True  # as often as the breaker allows
        return self._has_work

    @property
    def _has_work(self) -> bool:
        return bool(self._parts) or self._unanswered is not None

    def _start(self) -> None:
        if not self._is_threaded:
            return
        with self._lock:
            was_running, self._is_running = self._is_running, True
        if was_running:
            return
        try:
            start_thread(self._run, "bedrock-attrib-budgets")
        except RuntimeError:  # Python ends; `close` still books
            self._is_running = False

    def _run(self) -> None:
        while True:
            self._stop.wait(_EVERY_S)
            if not self.work():
                with self._lock:
                    is_over = not self._has_work
                    if is_over:
                        self._is_running = False
                if is_over:
                    self._close_store()
                    return

    # Otherwise.

    def accounts(self) -> list[str]:
        """See `Book.accounts`."""
        own = {account for account, _ in list(self._parts)}
        if self._clock() >= self._down_until:
            try:
                return sorted(own.union(self.store.accounts()))
            except StoreError as error:
                self._failed(error)
        return sorted(own.union(self._states))

    def read(self, accounts: Sequence[tuple[str, int]]) -> list[AccountState]:
        """See `Book.read`."""
        if accounts and self._clock() >= self._down_until:
            try:
                states = self.store.read(accounts)
            except StoreError as error:
                self._failed(error)
            else:
                for (account, _), state in zip(accounts, states, strict=True):
                    self._states[account] = state
        return self.known(accounts)

    def known(self, accounts: Sequence[tuple[str, int]]) -> list[AccountState]:
        """See `Book.known`."""
        with self._lock:
            return [self._known(account, first) for account, first in accounts]

    def _known(self, account: str, first: int) -> AccountState:
        state = self._states.get(account, AccountState())
        spent = sum(
            part.spent
            for (name, bucket), part in self._parts.items()
            if name == account and bucket >= first
        )
        return AccountState(
            spent=state.spent + spent,
            held=max(0, state.held - spent),
            granted=state.granted,
            is_frozen=state.is_frozen,
        )

    def flush(self, timeout_s: float) -> bool:
        """See `Book.flush`."""
        if not self._has_work:
            return True
        if not self._sending.acquire(timeout=timeout_s):
            return False
        try:
            for _ in range(len(self._parts) // _MOST_CHANGES + 1):
                if self._has_work:
                    self._exchange()
        except StoreError:
            return False
        finally:
            self._sending.release()
        return True

    def close(self) -> None:
        """See `Book.close`."""
        with self._lock:
            for part in self._parts.values():
                part.used_at = float("-inf")  # idle: nothing is kept ahead
        if not self.flush(self._timeout_s):
            logger.warning(
                "the store of budgets was not reached in the end: what this process "
                "has spent since the last exchange may not be booked"
            )
        with self._lock:
            self._is_closed = True
            for key in [key for key, part in self._parts.items() if part.is_empty]:
                del self._parts[key]
        self._close_store()

    def _close_store(self) -> None:
        """Release the connection, unless a call that is still on its way needs it.

        Once that has ended it is booked, and the connection is released after it.
        """
        with self._lock:
            is_over = self._is_closed and not self._has_work
        if is_over:
            self.store.close()


def _refused(
    lines: Sequence[Line], answer: Answer, keys: Sequence[_Key]
) -> Refused | None:
    """Return which of *lines* an exchange refused, for want of room or as frozen."""
    states = dict(zip(keys, answer.states, strict=True))
    culprit = None if answer.refused_by is None else keys[answer.refused_by]
    for index, line in enumerate(lines):
        key = (line.account, line.bucket)
        state = states.get(key)
        if state is None or line.limit is None:
            continue
        if key == culprit or state.is_frozen:
            return Refused(index, state)
    return None if answer.is_granted else Refused(0, states.get(keys[0]))


class _Held:
    """What is reserved for one call."""

    __slots__ = ("_book", "_holder", "_lines", "_parts")

    def __init__(
        self, book: AllowanceBook, parts: Sequence[_Part], lines: Sequence[Line]
    ) -> None:
        self._book = book
        self._parts = parts
        self._lines = lines
        self._holder: str | None = book.holder

    def settle(self, amounts: Sequence[int]) -> None:
        """See `Held.settle`."""
        holder, self._holder = self._holder, None
        if holder == self._book.holder:  # neither settled, nor of a parent
            self._book.settle(self._parts, self._lines, amounts)
