"""Batch queue: items handled in batches by one thread of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Generic, TypeVar

from .contained_errors import ContainedErrors
from .fork import ResetOrder, after_fork, detect_fork
from .threads import Empty, Event, Lock, RLock, SimpleQueue, get_ident, start_thread

Item = TypeVar("Item")


class _QueueFullError(Exception):
    """A queue that drops nothing has reached its last bound behind a stuck handler."""


class BatchQueue(Generic[Item]):
    """Items put without waiting, handled in batches by one daemon thread.

    ``put`` costs an append: the thread is woken by the first item, and then looks every
    ``interval_s`` until there was nothing to do. Where hundreds of items come in that
    time it looks five times less often, as a thread that wants the interpreter of a
    busy process costs it milliseconds each time.

    Only this thread handles items; callers of `drain` wait for it. So Ctrl-C, or an
    exception of a signal handler, ends the wait and never the work. Only where no
    thread can be started, as at the end of Python 3.12 and later, does the caller of
    `drain` handle what is pending.

    A forked child starts with an empty queue: what was pending is the parent's.

    Attributes:
        dropped: Items lost because the queue was full or closed.
    """

    def __init__(
        self,
        handle: Callable[[list[Item]], Sequence[Item] | None],
        *,
        name: str,
        faults: ContainedErrors,
        max_pending: int = 100_000,
        interval_s: float = 1.0,
        may_drop: bool = True,
        may_reopen: bool = False,
        on_first_drop: Callable[[], None] | None = None,
    ) -> None:
        """Prepare the queue; its thread starts with the first item.

        Args:
            handle: Takes a non-empty batch, oldest first; never two at once. What it
                returns could not be handled now, and comes again after a while.
            name: Name of the thread, and the place in which errors are noted.
            faults: Takes an exception of *handle*; its batch is then lost.
            max_pending: Items held at most.
            interval_s: Seconds for which a batch gathers; five times that where
                hundreds come within it.
            may_drop: Whether items above *max_pending*, or after `close`, are dropped.
                If not, `put` then waits for the thread, for a second at most, and
                `close` only ends the thread until the next item. Behind a handler that
                is stuck, items above 100,000 are dropped and each is noted in *faults*.
            may_reopen: Whether items after `close` are taken all the same.
            on_first_drop: Called with the first item that is dropped, on the thread
                that put it.
        """
        self._handle = handle
        self._name = name
        self._faults = faults
        self._max_pending = max_pending
        self._interval_s = interval_s
        self._may_drop = may_drop
        self._may_reopen = may_reopen or not may_drop
        self._on_first_drop = on_first_drop
        self._reset()
        after_fork(self._reset, ResetOrder.QUEUES)

    def _reset(self) -> None:
        self.dropped = 0
        self._pending: deque[Item] = deque()
        self._polls: deque[Callable[[], bool]] = deque()
        self._jobs: deque[Callable[[], object]] = deque()
        # Its `put` may interrupt itself, as in a finalizer or a signal handler.
        self._wake: SimpleQueue[Event | None] = SimpleQueue()
        self._is_awake = False
        self._is_running = False
        self._starting = RLock()
        self._handling = Lock()
        self._handler: int | None = None
        self._in_hand = 0
        self._given_up = 0
        self._is_stuck = False
        self._is_closed = False
        self._limit = self._max_pending

    def __len__(self) -> int:
        return len(self._pending)

    # From callers' threads.

    def put(self, item: Item) -> None:
        """Hand *item* over; waits for nothing unless the queue is full."""
        pending = self._pending
        if len(pending) >= self._limit:
            self._put_in_excess(item)
            return
        pending.append(item)
        if not self._is_awake:
            self._is_awake = True
            self.start()
            self._wake.put(None)

    def put_all(self, items: Sequence[Item]) -> None:
        """Hand all of *items* over, as `put` does each."""
        if len(self._pending) + len(items) > self._limit:
            for item in items:
                self.put(item)
            return
        self._pending.extend(items)
        if not self._is_awake:
            self._is_awake = True
            self.start()
            self._wake.put(None)

    def put_from_finalizer(self, item: Item) -> None:
        """Hand *item* over from ``__del__``: takes no lock and starts no thread.

        A finalizer runs in the middle of anything, this module and `threading`
        included. Where the thread does not run, the next `drain` has the item handled.
        """
        self._pending.append(item)
        self._wake.put(None)

    def poll_until(self, is_over: Callable[[], bool]) -> None:
        """Ask *is_over* before each batch, and each second, until it is true.

        Safe in a finalizer; where the thread does not run, `start` or `drain` begins.
        """
        self._polls.append(is_over)
        self._wake.put(None)

    def hurry(self) -> None:
        """Have what is pending handled at once; waits for nothing."""
        self.start()
        self._wake.put(Event())

    def start_job(self, job: Callable[[], object]) -> Callable[[float], bool]:
        """Have *job* called on the thread, after what is pending now.

        It is called here if this is that thread, or if no thread can be started. Its
        exception is contained.

        Returns:
            Waits so many seconds for it; False when the time was not enough.
        """
        detect_fork()
        if self._handler == get_ident():
            self._run_jobs([job])
            return _is_done
        self._jobs.append(job)
        if not self.start():
            return self._handle_here
        done = Event()
        self._wake.put(done)
        return done.wait

    def drain(self, timeout_s: float = 10.0) -> bool:
        """Wait until what is pending now has been handled.

        On the thread that handles a batch, as when a sink reads figures, this returns
        at once: what is pending comes after that batch.

        Args:
            timeout_s: Seconds to wait. A bound, as the thread may in turn wait for a
                lock of the caller's.

        Returns:
            False when the time was not enough.
        """
        detect_fork()
        if not self._has_work or self._handler == get_ident():
            return True
        if not self.start():
            return self._handle_here(timeout_s)
        done = Event()
        self._wake.put(done)
        return done.wait(timeout_s)

    def start(self) -> bool:
        """Start the thread if it does not run; False if none can be started.

        Never from a finalizer.
        """
        detect_fork()
        if self._is_running:
            return True
        with self._starting:
            if not self._is_running:
                self._is_running = True
                try:
                    start_thread(self._run, self._name)
                except RuntimeError:  # no more threads, or Python ends
                    self._is_running = self._is_awake = False
                    return False
        return True

    def close(self, timeout_s: float = 10.0, *, for_good: bool = True) -> bool:
        """Wait until what is pending has been handled, and end the thread.

        What could not be handled in this time counts as dropped, if that is allowed.

        Args:
            timeout_s: Seconds to wait.
            for_good: Whether what comes later is dropped, unless it may reopen.

        Returns:
            False when the time was not enough.
        """
        if for_good and not self._may_reopen:
            self._limit = 0
        is_done = self.drain(timeout_s)
        self._is_closed = True
        self._wake.put(None)
        if self._may_drop:
            self.dropped += len(self._pending)
            self._pending.clear()
            if not is_done:
                self._given_up = self._in_hand
                self.dropped += self._given_up
        return is_done

    @property
    def is_closed(self) -> bool:
        """Return whether `close` was called."""
        return self._is_closed or self._limit < self._max_pending

    @property
    def _has_work(self) -> bool:
        # In this order: the handler is known before it takes items out.
        return bool(
            self._pending or self._polls or self._jobs or self._handler is not None
        )

    def _put_in_excess(self, item: Item) -> None:
        if self._may_drop:
            self._drop(1)
            return
        if len(self._pending) >= _MOST_WHILE_STUCK:
            self.dropped += 1
            self._faults.note(f"{self._name} (queue full)", _QueueFullError())
            return
        self._pending.append(item)
        if not self._is_stuck:
            self._is_stuck = not self.drain(_WAIT_S)

    def _drop(self, count: int) -> None:
        is_first = not self.dropped
        self.dropped += count
        if is_first and count and self._on_first_drop is not None:
            self._on_first_drop()

    def _handle_here(self, timeout_s: float) -> bool:
        if not self._handling.acquire(timeout=timeout_s):
            return False
        try:
            self._handle_pending()
        finally:
            self._handling.release()
        return True

    # On the thread.

    def _run(self) -> None:
        while True:
            waiting = self._next_wakes(None)
            is_idle = False
            while not is_idle:
                with self._handling:
                    began = monotonic()
                    came = self._handle_pending()
                    took = monotonic() - began
                for done in waiting:
                    done.set()
                is_idle = not came and (self._is_closed or not self._polls)
                if is_idle:
                    self._is_awake = False
                    # An item may have come when the thread was thought to be awake.
                    is_idle = not self._pending
                if not is_idle and not self._is_closed:
                    waiting = self._next_wakes(self._pause(came, took))
            if self._is_closed and self._has_ended():
                return

    def _pause(self, came: int, took_s: float) -> float:
        """Return the seconds to wait after *came* items took *took_s* to handle.

        An item that has just missed a batch waits while that is handled, for the pause,
        and while its own is handled: for five times the interval together, at most
        where that is possible.
        """
        if came < _MANY:
            return self._interval_s
        return max(self._interval_s, self._interval_s * _PATIENCE - 2 * took_s)

    def _has_ended(self) -> bool:
        """Return whether the thread may end: nothing has come since it was idle."""
        with self._starting:
            self._is_running = False
            self._is_awake = False
            if not (self._pending or self._jobs) and self._wake.empty():
                return True
            self._is_running = True
            self._wake.put(None)
            return False

    def _next_wakes(self, seconds: float | None) -> list[Event]:
        """Wait for *seconds*, or less if somebody waits: those who do.

        None waits for the first sign of anything, and then lets a batch gather.
        """
        if seconds is None:
            first = self._wake.get()
            if first is not None:
                return [first, *self._other_wakes()]
            seconds = 0.0 if self._is_closed else self._interval_s
        deadline = monotonic() + seconds
        with suppress(Empty):
            while not self._is_closed:
                done = self._wake.get(timeout=max(0.0, deadline - monotonic()))
                if done is not None:
                    return [done, *self._other_wakes()]
        return self._other_wakes()

    def _other_wakes(self) -> list[Event]:
        waiting: list[Event] = []
        with suppress(Empty):
            while True:
                done = self._wake.get_nowait()
                if done is not None:
                    waiting.append(done)
        return waiting

    def _handle_pending(self) -> int:
        """Handle what is pending; how many items were handled for good."""
        self._handler = get_ident()
        jobs = [self._jobs.popleft() for _ in range(len(self._jobs))]
        try:
            return self._handle_batch()
        finally:
            self._run_jobs(jobs)
            self._handler = None
            self._is_stuck = False

    def _run_jobs(self, jobs: Sequence[Callable[[], object]]) -> None:
        for job in jobs:
            try:
                job()
            except BaseException as error:  # as in `_handle_batch`
                self._faults.note(self._name, error)

    def _handle_batch(self) -> int:
        batch: list[Item] = []
        try:
            self._ask_polls()
            with suppress(IndexError):  # `close` has given up
                for _ in range(len(self._pending)):
                    batch += (self._pending.popleft(),)
            self._in_hand = len(batch)
            rest = self._handle(batch) if batch else None
            self._take_back_given_up()
            return len(batch) - self._put_back(rest or ())
        except BaseException as error:
            # Nobody presses Ctrl-C on the thread: it is what a sink raised, as one
            # does whose task was cancelled.
            self._faults.note(self._name, error)
            self._take_back_given_up()
            self._drop(len(batch))
            return len(batch)
        finally:
            self._in_hand = 0

    def _take_back_given_up(self) -> None:
        """Count as handled what `close` took for dropped, as it was still in hand."""
        self.dropped -= self._given_up
        self._given_up = 0

    def _put_back(self, items: Sequence[Item]) -> int:
        """Hold *items* before what is pending, the oldest where there is no room.

        Returns:
            How many are held.
        """
        # None once it is closed; but all where nothing may be dropped.
        held = items[: self._limit] if self._may_drop else items
        self._drop(len(items) - len(held))
        self._pending.extendleft(reversed(held))
        return len(held)

    def _ask_polls(self) -> None:
        for _ in range(len(self._polls)):
            is_over = self._polls.popleft()
            try:
                if not is_over():
                    self._polls.append(is_over)
            except Exception as fault:
                self._faults.note("poll", fault)


def _is_done(_timeout_s: float) -> bool:
    return True


# Items of one interval from which on the thread looks this many times less often.
_MANY = 500
_PATIENCE = 5
# How long a caller waits for the thread of a full queue, until it moves again; and what
# may come meanwhile.
_WAIT_S = 1.0
_MOST_WHILE_STUCK = 100_000
