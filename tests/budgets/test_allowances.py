"""Allowances: parts of a shared budget that processes spend in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from bedrock_attrib.budgets.allowances import AllowanceBook
from bedrock_attrib.budgets.books import Held, Refused
from bedrock_attrib.budgets.lines import Line
from bedrock_attrib.budgets.stores import (
    AccountState,
    Answer,
    Change,
    Grant,
    StoreError,
)
from bedrock_attrib.budgets.stores.memory import MemoryStore

A, B = "a|calls", "b|usd"


class Clock:
    """A clock that tests move."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class BreakingStore(MemoryStore):
    """A store whose next exchanges fail, before or after they are applied."""

    breaks: str = ""
    trips: int = 0

    def exchange(
        self, holder: str, number: int, changes: Sequence[Change], lease_s: float
    ) -> Answer:
        """Apply an exchange, or fail."""
        self.trips += 1
        if self.breaks == "before":
            raise StoreError("away")
        answer = super().exchange(holder, number, changes, lease_s)
        if self.breaks == "after":
            raise StoreError("away")
        return answer

    def read(self, accounts: Sequence[tuple[str, int]]) -> list[AccountState]:
        """Read, or fail."""
        if self.breaks:
            raise StoreError("away")
        return super().read(accounts)


def line(
    amount: int, limit: int | None = 100, account: str = A, *, may_miss: bool = False
) -> Line:
    """Return what a call asks of an account."""
    return Line(account, 0, 0, amount, limit, may_miss)


def held(found: Held | Refused) -> Held:
    """Return what was reserved."""
    assert not isinstance(found, Refused), found
    return found


def book_on(store: MemoryStore, clock: Clock, **more: bool) -> AllowanceBook:
    """Return a process that works when a test says so."""
    return AllowanceBook(store, clock=clock, is_threaded=False, **more)


@pytest.fixture
def clock() -> Clock:
    """Time of the test."""
    return Clock()


@pytest.fixture
def store(clock: Clock) -> BreakingStore:
    """A shared store."""
    return BreakingStore(clock)


def state(store: MemoryStore, account: str = A) -> tuple[int, int]:
    """What the store says was spent, and is held."""
    found = store.read([(account, 0)])[0]
    return found.spent, found.held


def test_a_reservation_is_settled(store: BreakingStore, clock: Clock):
    """What was spent is booked in the place of what was held."""
    book = book_on(store, clock)
    found = held(book.reserve([line(10)]))
    assert state(store) == (0, 10)
    found.settle([4])
    found.settle([4])  # has no effect
    book.close()
    assert state(store) == (4, 0)


def test_most_calls_make_no_round_trip(store: BreakingStore, clock: Clock):
    """The faster calls come, the larger the part that is taken ahead."""
    book = book_on(store, clock)
    for _ in range(1000):
        held(book.reserve([line(1, 100_000)])).settle([1])
    assert store.trips < 20
    book.close()
    assert state(store) == (1000, 0)


def test_without_slack_each_call_asks(store: BreakingStore, clock: Clock):
    """The exchange of the next call books what the one before has spent."""
    book = book_on(store, clock, has_slack=False)
    for _ in range(10):
        held(book.reserve([line(2)])).settle([1])
    assert store.trips == 10
    assert state(store) == (9, 2)


def test_parts_shrink_so_that_a_limit_is_used_up(store: BreakingStore, clock: Clock):
    """Two processes that take ahead of need spend every last quantum, and no more."""
    books = [book_on(store, clock) for _ in range(2)]
    granted = 0
    for step in range(300):
        found = books[step % 2].reserve([line(1)])
        if not isinstance(found, Refused):
            granted += 1
            found.settle([1])
        spent, in_hold = state(store)
        assert spent + in_hold <= 100
        clock.now += 0.1
        if step % 10 == 0:
            for book in books:
                book.work()
    assert granted == 100


def test_a_refusal_says_what_is_known(store: BreakingStore, clock: Clock):
    """The line that does not fit is named, with the state of its account."""
    book = book_on(store, clock)
    held(book.reserve([line(1, 5), line(3, 5, B)])).settle([1, 3])
    refused = book.reserve([line(1, 5), line(3, 5, B)])
    assert refused == Refused(1, AccountState(spent=3, held=0))
    assert state(store) == (1, 0)


def test_a_freeze_is_seen_with_the_next_work(store: BreakingStore, clock: Clock):
    """What was taken ahead is not spent once the budget is frozen."""
    book = book_on(store, clock)
    for _ in range(20):
        held(book.reserve([line(1, 1000)])).settle([1])
    store.freeze("a")
    book.work()
    refused = book.reserve([line(1, 1000)])
    assert isinstance(refused, Refused)
    assert refused.state is not None
    assert refused.state.is_frozen
    store.thaw("a")
    held(book.reserve([line(1, 1000)]))


def test_a_grant_raises_the_limit(store: BreakingStore, clock: Clock):
    """For as long as it lasts."""
    book = book_on(store, clock)
    held(book.reserve([line(5, 5)])).settle([5])
    assert isinstance(book.reserve([line(1, 5)]), Refused)
    store.grant("a", Grant("night", 2, clock.now + 60))
    held(book.reserve([line(1, 5)])).settle([1])
    clock.now += 61
    assert isinstance(book.reserve([line(1, 5)]), Refused)


def test_a_crashed_process_gives_back_what_it_held(store: BreakingStore, clock: Clock):
    """When its lease ends, and not before."""
    crashed = book_on(store, clock)
    held(crashed.reserve([line(90)]))
    other = book_on(store, clock)
    assert isinstance(other.reserve([line(20)]), Refused)
    clock.now += 61
    held(other.reserve([line(20)]))


def test_a_late_settlement_is_booked(store: BreakingStore, clock: Clock):
    """A process that slept past its lease books what it spent, and asks anew."""
    book = book_on(store, clock)
    found = held(book.reserve([line(90)]))
    clock.now += 61
    held(book_on(store, clock).reserve([line(80)]))
    found.settle([90])
    assert book.flush(1)
    assert state(store) == (90, 80)
    assert book.expired == 1
    assert isinstance(book.reserve([line(20)]), Refused)


def test_a_lost_store_follows_the_budget(store: BreakingStore, clock: Clock):
    """Budgets that are open go on, and book it later; closed ones refuse."""
    book = book_on(store, clock)
    store.breaks = "before"
    assert book.reserve([line(1)]) == Refused(0, None)
    assert store.trips == 1
    held(book.reserve([line(1, may_miss=True)])).settle([7])
    assert store.trips == 1  # the breaker is open
    assert (book.failures, book.missed) == (1, 1)
    clock.now += 1.1
    assert book.reserve([line(1)]) == Refused(0, None)
    assert store.trips == 2
    clock.now += 1.1
    assert book.reserve([line(1)]) == Refused(0, None)
    assert store.trips == 2  # it waits for twice as long
    store.breaks = ""
    clock.now += 1.1
    held(book.reserve([line(1)]))
    assert state(store) == (7, 1)


def test_an_end_without_the_store_is_logged(
    store: BreakingStore, clock: Clock, caplog: pytest.LogCaptureFixture
):
    """What was not booked is not lost in silence."""
    book = book_on(store, clock)
    store.breaks = "before"
    held(book.reserve([line(1, may_miss=True)])).settle([7])
    clock.now += 5
    book.close()
    assert "what this process has spent since" in caplog.text
    book_on(store, clock).close()  # nothing was spent
    assert caplog.text.count("what this process has spent since") == 1


def test_what_is_held_is_used_while_the_store_is_lost(
    store: BreakingStore, clock: Clock
):
    """As long as its lease holds."""
    book = book_on(store, clock)
    for _ in range(20):
        held(book.reserve([line(1, 1000)])).settle([1])
    store.breaks = "before"
    held(book.reserve([line(1, 1000)]))
    clock.now += 56
    assert book.reserve([line(1, 1000)]) == Refused(0, None)


@pytest.mark.parametrize("breaks", ["before", "after"])
def test_an_exchange_is_never_applied_twice(
    store: BreakingStore, clock: Clock, breaks: str
):
    """One that failed is repeated as it was, whether it had been applied or not."""
    book = book_on(store, clock)
    held(book.reserve([line(10)])).settle([10])
    store.breaks = breaks
    assert not book.flush(1)
    store.breaks = ""
    clock.now += 2
    assert book.flush(1)
    book.close()
    assert state(store) == (10, 0)


def test_more_than_was_reserved_is_booked(store: BreakingStore, clock: Clock):
    """And counted as overshoot."""
    book = book_on(store, clock)
    held(book.reserve([line(10)])).settle([150])
    book.close()
    assert state(store) == (150, 0)
    assert book.overshoot == 140
    assert isinstance(book.reserve([line(1)]), Refused)


def test_threads_and_processes_never_pass_the_limit(store: BreakingStore):
    """Eight threads on each of four books."""
    books = [AllowanceBook(store, is_threaded=False) for _ in range(4)]

    def work(number: int) -> int:
        book = books[number % 4]
        spent = 0
        for _ in range(60):
            found = book.reserve([line(3, 500), line(2, 400, B)])
            if not isinstance(found, Refused):
                found.settle([2, 2])
                spent += 2
            assert sum(state(store)) <= 500
            assert sum(state(store, B)) <= 400
        return spent

    with ThreadPoolExecutor(32) as pool:
        spent = sum(pool.map(work, range(32)))
    for book in books:
        book.close()
    assert state(store, A) == (spent, 0)
    assert state(store, B) == (spent, 0)
    assert spent > 0


def test_its_thread_books(store: BreakingStore):
    """What was settled reaches the store, and what is not needed is given back."""
    book = AllowanceBook(store)
    held(book.reserve([line(10)])).settle([4])
    while state(store) != (4, 0):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_starts_with_nothing(store: BreakingStore):
    """What its parent holds stays the parent's, and is settled once."""
    book = AllowanceBook(store, is_threaded=False)
    found = held(book.reserve([line(10)]))
    holder = book.holder
    child = os.fork()
    if child == 0:  # pragma: no cover -- in the child
        found.settle([10])
        ok = book.holder != holder and book.known([(A, 0)])[0] == AccountState()
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    found.settle([3])
    book.close()
    assert state(store) == (3, 0)


LIMIT = 50


class Fleet(RuleBasedStateMachine):
    """Processes on one store, which crash, sleep, and lose the store."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = BreakingStore(self.clock)
        # Each host has a monotonic clock of its own.
        self.offsets = [0.0, 3600.0, -240.0]
        self.books = [self.new_book(each) for each in self.offsets]
        self.settled = 0
        self.lost = 0
        self.excess = 0
        self.unsettled = [0, 0, 0]  # settled and perhaps not booked, by process

    def new_book(self, offset: float) -> AllowanceBook:
        """Start a process."""
        return AllowanceBook(
            self.store, clock=lambda: self.clock.now + offset, is_threaded=False
        )

    @rule(target=calls, process=st.integers(0, 2), amount=st.integers(1, 20))
    def start(self, process: int, amount: int) -> object:
        """Start a call."""
        found = self.books[process].reserve([line(amount, LIMIT)])
        if isinstance(found, Refused):
            return multiple()
        return process, self.books[process], found, amount

    @rule(call=consumes(calls), part=st.integers(0, 100))
    def end(self, call: tuple[int, AllowanceBook, Held, int], part: int) -> None:
        """End a call, which has used a part of what it reserved."""
        process, book, found, amount = call
        used = amount * part // 100
        found.settle([used])
        found.settle([used])
        if book is self.books[process]:
            self.settled += used
            self.unsettled[process] += used

    @rule(process=st.integers(0, 2))
    def work(self, process: int) -> None:
        """Let a process book."""
        self.books[process].work()

    @rule(process=st.integers(0, 2))
    def crash(self, process: int) -> None:
        """Kill a process; another one takes its place."""
        self.books[process] = self.new_book(self.offsets[process])
        self.lost += self.unsettled[process]
        self.unsettled[process] = 0

    @rule(how=st.sampled_from(["before", "after", ""]))
    def break_store(self, how: str) -> None:
        """Lose the store, or find it again."""
        self.store.breaks = how

    @rule(seconds=st.sampled_from([0.1, 1, 3, 40, 70]))
    def wait(self, seconds: float) -> None:
        """Let time pass; after a minute leases have ended."""
        self.clock.now += seconds
        if seconds > 50:
            # Calls on their way may now be settled late, beyond the limit.
            self.excess += 3 * LIMIT

    @invariant()
    def is_within_the_limit(self) -> None:
        """No more is spent and held than the limit, but for late settlements."""
        spent, in_hold = self.read()
        assert spent + in_hold <= LIMIT + self.excess
        assert spent <= self.settled

    def read(self) -> tuple[int, int]:
        """What the store says, reached or not."""
        found = MemoryStore.read(self.store, [(A, 0)])[0]
        return found.spent, found.held

    def teardown(self) -> None:
        """Everything that was settled is booked, and nothing stays held."""
        self.store.breaks = ""
        self.clock.now += 100
        for book in self.books:
            with suppress(StoreError):
                book.work()
            book.close()
        self.clock.now += 100
        spent, in_hold = self.read()
        assert in_hold == 0
        assert self.settled - self.lost <= spent <= self.settled


Fleet.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
test_a_fleet = Fleet.TestCase
