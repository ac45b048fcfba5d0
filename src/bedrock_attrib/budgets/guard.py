"""Budget guard: reserves for each call before it is sent, and settles afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from time import time
from typing import TYPE_CHECKING, Protocol

from .._model.call_start import CallStart
from .._model.record import CallRecord
from .._readers import OPERATIONS
from .._runtime.bounded_cache import BoundedCache
from .._runtime.contained_errors import ContainedErrors
from .books import Book, Held, Refused
from .budget import Budget
from .charges import charge_of
from .lines import Line
from .measures import Measure, to_quanta
from .plan import Limit, Match, limits_of, matches_of
from .refusals import refusal, unknown_refusal
from .routing import Routing
from .status import BudgetStatus, read_statuses, status_of
from .thresholds import Thresholds

if TYPE_CHECKING:
    from .bounds import Bound

_MOST_MATCHES = 4096
_NEAR = 256  # calls, from which on those that have ended are settled first


class Bounding(Protocol):
    """Finds the most that a call may use."""

    def of(self, start: CallStart) -> Bound:
        """Return the most that the call may use."""


class Estimating(Protocol):
    """Learns what calls use, and says what the next one may."""

    def estimate(self, start: CallStart, bound: Bound) -> Bound:
        """Return what a call is expected to use, at most *bound*."""

    def learn(self, record: CallRecord) -> None:
        """Take a finished call."""


class BudgetGuard:
    """Refuses calls that would pass a limit.

    Attributes:
        is_independent: It looks at no sink, so that no call waits for those before it.
        budgets: The budgets.
        refusals: Calls refused, by account; with ``observe``, those that would have
            been.
        overshoot: Amounts by which calls used more than was reserved, by account.
    """

    is_independent = True

    def __init__(
        self,
        budgets: Sequence[Budget],
        book: Book,
        bounds: Bounding,
        estimates: Estimating,
        faults: ContainedErrors,
    ) -> None:
        """Guard *budgets*.

        Args:
            budgets: Budgets, each with a name of its own.
            book: Where calls reserve and settle.
            bounds: Finds the most that a call may use.
            estimates: Finds what a call is expected to use.
            faults: Takes errors of actions.

        Raises:
            ConfigError: If two budgets have one name.
        """
        self.budgets = tuple(budgets)
        self.refusals: Counter[str] = Counter()
        self.overshoot: Counter[str] = Counter()
        self._limits = limits_of(budgets)
        self._book = book
        self._bounds = bounds
        self._estimates = estimates
        self._thresholds = Thresholds(faults)
        self._has_estimates = any(each.mode == "estimate" for each in budgets)
        self._routing = Routing(book.known)
        self._has_routes = any(
            action.kind == "route" for limit in self._limits for action in limit.actions
        )
        self._matches: BoundedCache[object, tuple[Match, ...]]
        self._matches = BoundedCache(_MOST_MATCHES)
        self._pull: Callable[[], None] = _nothing

    def pull_with(self, pull: Callable[[], None]) -> None:
        """Take a function that has every call settled that has ended."""
        self._pull = pull

    # Before a call.

    def route(self, start: CallStart) -> str | None:
        """Return the model to call instead; see `Router.route`."""
        if not self._has_routes:
            return None
        return self._routing.model_for(start, self._matches_of(start))

    def check(self, start: CallStart) -> _Reservation | None:
        """Reserve for a call; see `Guard.check`. May wait for a store.

        Raises:
            BudgetExceededError: If a limit would be passed.
        """
        matches = self._matches_of(start)
        if not matches:
            return None
        lines = self._lines_of(matches, start)
        if self._has_estimates and self._is_near(matches, lines):
            self._pull()  # so that it counts what calls used, not what they might
        held = self._book.reserve(lines)
        if isinstance(held, Refused):
            self._pull()  # calls that have ended may have left something
            held = self._book.reserve(lines)
        return self._reserved(matches, lines, held, start)

    def _is_near(self, matches: Sequence[Match], lines: Sequence[Line]) -> bool:
        """Return whether an estimated limit has room for a few calls only."""
        for match, line in zip(matches, lines, strict=True):
            if match.limit.budget.mode != "estimate" or line.limit is None:
                continue
            state = self._book.known([(line.account, line.first)])[0]
            if state.spent + state.held + _NEAR * line.amount > line.limit:
                return True
        return False

    def check_at_once(self, start: CallStart) -> tuple[_Reservation | None] | None:
        """As `check`, without waiting; None where that would wait for a store."""
        matches = self._matches_of(start)
        if not matches:
            return (None,)
        lines = self._lines_of(matches, start)
        if any(
            match.limit.needs_look and self._thresholds.delay_s(match, line.bucket)
            for match, line in zip(matches, lines, strict=True)
        ):
            return None
        held = self._book.reserve_at_once(lines)
        if held is None or isinstance(held, Refused):
            return None
        return (self._reserved(matches, lines, held, start),)

    def count(self, start: CallStart) -> _Reservation | None:
        """Return what counts a call that was made elsewhere, when that has ended."""
        matches = self._matches_of(start)
        moment = start.started_at.timestamp()
        lines: list[Line] = []
        for match in matches:
            span = match.limit.window.at(moment)
            lines.append(
                Line(
                    match.account,
                    span.bucket,
                    span.first,
                    0,
                    None,
                    may_miss_store=True,
                )
            )
        held = self._book.reserve(lines) if lines else None
        if held is None or isinstance(held, Refused):
            return None
        return _Reservation(self, matches, lines, held)

    def flush(self, timeout_s: float) -> bool:
        """Bring what was settled to the store; see `StoreGuard.flush`."""
        return self._book.flush(timeout_s)

    def close(self) -> None:
        """Return what is reserved for calls to come; see `StoreGuard.close`."""
        self._book.close()

    def _matches_of(self, start: CallStart) -> tuple[Match, ...]:
        row = OPERATIONS.get(start.operation)
        if row is not None and row.is_free:
            return ()
        key = (start.tags.key, start.model, start.region, start.operation)
        found = self._matches.get(key)
        if found is None:
            found = self._matches[key] = matches_of(self._limits, start.tags, *key[1:])
        return found

    def _lines_of(self, matches: Sequence[Match], start: CallStart) -> list[Line]:
        moment = start.started_at.timestamp()
        asked: dict[int, int | None] = {}
        lines: list[Line] = []
        for match in matches:
            limit = match.limit
            amount = asked.get(limit.asks, -1)
            if amount == -1:
                amount = asked[limit.asks] = self._asked(limit, start)
            if amount is None:
                amount = self._unknown(match, start)
            span = limit.window.at(moment)
            lines.append(
                Line(
                    match.account,
                    span.bucket,
                    span.first,
                    amount,
                    limit.refuse_at,
                    limit.may_miss_store,
                )
            )
        return lines

    def _asked(self, limit: Limit, start: CallStart) -> int | None:
        """Return what to reserve for a call; None where that is not known."""
        if limit.measure is Measure.CALLS:
            return 1
        bound = self._bounds.of(start)
        if limit.budget.mode == "estimate":
            bound = self._estimates.estimate(start, bound)
        if limit.measure is Measure.TOKENS:
            return bound.tokens
        return None if bound.usd is None else to_quanta(Measure.USD, bound.usd)

    def _unknown(self, match: Match, start: CallStart) -> int:
        """Return what to reserve for a call whose use is not known.

        Raises:
            BudgetExceededError: If the budget refuses such calls.
        """
        limit = match.limit
        if limit.unknown is not None or limit.counts_only:
            return limit.unknown or 0
        self.refusals[match.account] += 1
        reason = self._bounds.of(start).reason
        raise unknown_refusal(match, reason, start.started_at.timestamp())

    def _reserved(
        self,
        matches: Sequence[Match],
        lines: Sequence[Line],
        held: Held | Refused,
        start: CallStart,
    ) -> _Reservation:
        if isinstance(held, Refused):
            match = matches[held.index]
            self.refusals[match.account] += 1
            raise refusal(
                match, lines[held.index], held.state, start.started_at.timestamp()
            )
        for match, line in zip(matches, lines, strict=True):
            if match.limit.needs_look:
                self._look(match, line)
        return _Reservation(self, matches, lines, held)

    def _look(self, match: Match, line: Line) -> None:
        """Do what a budget asks for besides a reservation."""
        if match.limit.actions:
            self._thresholds.delay(match, line.bucket)
        if not match.limit.counts_only:
            return
        state = self._book.known([(line.account, line.first)])[0]
        if state.spent + state.held > match.limit.stated + state.granted:
            self.refusals[match.account] += 1

    # After a call.

    def settle(
        self,
        matches: Sequence[Match],
        lines: Sequence[Line],
        held: Held,
        record: CallRecord,
    ) -> None:
        """Book what *record* used in the place of what was reserved."""
        charges: dict[tuple[int, int], int] = {}
        amounts: list[int] = []
        for match, line in zip(matches, lines, strict=True):
            key = (match.limit.asks, line.amount)
            amount = charges.get(key)
            if amount is None:
                amount = charge_of(match.limit.measure, line.amount, record)
                charges[key] = amount
            amounts.append(amount)
            if amount > line.amount and not match.limit.counts_only:
                self.overshoot[match.account] += amount - line.amount
        held.settle(amounts)
        self._estimates.learn(record)
        for match, line in zip(matches, lines, strict=True):
            if match.limit.actions:
                status = self._status_at(match, line)
                self._thresholds.passed(match, line.bucket, status)

    def _status_at(self, match: Match, line: Line) -> BudgetStatus:
        state = self._book.known([(line.account, line.first)])[0]
        return status_of(match.limit, match.account, state, line.bucket)

    # Status.

    def statuses(self, moment: float | None = None) -> list[BudgetStatus]:
        """Return the status of every budget, for every value that has been seen.

        Args:
            moment: Unix time; None for now.
        """
        self._pull()
        now = time() if moment is None else moment
        return read_statuses(
            self._limits,
            self._book.accounts(),
            self._book.read,
            now,
            self.refusals,
            self.overshoot,
        )

    @property
    def book(self) -> Book:
        """Where calls reserve and settle."""
        return self._book


class _Reservation:
    """What is reserved for one call, from all budgets that it matches."""

    __slots__ = ("_guard", "_held", "_lines", "_matches")

    def __init__(
        self,
        guard: BudgetGuard,
        matches: Sequence[Match],
        lines: Sequence[Line],
        held: Held,
    ) -> None:
        self._guard = guard
        self._matches = matches
        self._lines = lines
        self._held = held

    def settle(self, record: CallRecord) -> None:
        """See `Reservation.settle`."""
        self._guard.settle(self._matches, self._lines, self._held, record)


def _nothing() -> None:
    """Have nothing settled: there is no recorder."""
