"""How work leaves the caller's thread: a bounded queue drained in batches."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import repeat, starmap
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from .contained_errors import Faults

Item = TypeVar("Item")


class BatchQueue(Generic[Item]):
    """Items put without waiting, handled in batches by one daemon thread.

    ``put`` costs an append: the thread is woken by the first item, and then looks every
    ``interval_s`` until there was nothing to do. Where hundreds of items come in that
    time it looks five times less often, as a thread that wants the interpreter of a
    busy process costs it milliseconds each time. Items above ``max_pending`` are
    dropped and counted, or else handled by the thread that brings one too many.

    A forked child starts with an empty queue: what was pending is the parent's.

    Attributes:
        dropped: Items lost because the queue was full or closed.
    """

    def __init__(
        self,
        handle: Callable[[list[Item]], Sequence[Item] | None],
        *,
        name: str,
        faults: Faults,
        max_pending: int = 100_000,
        interval_s: float = 1.0,
        may_drop: bool = True,
        is_resumed: bool = False,
        before_batch: Callable[[], bool] | None = None,
    ) -> None:
        """Prepare the queue; its thread starts with the first item.

        Args:
            handle: Takes a non-empty batch, oldest first, on the queue's thread or
                on a thread that calls `drain`; never two batches at once. What it
                gives back could not be handled now, and comes again after a while.
                So does what it leaves in the batch, if *is_resumed*, when Ctrl-C
                interrupts it.
            name: Name of the thread, and the place in which faults are noted.
            faults: Told about an exception of *handle*; its batch is then lost.
            max_pending: Items kept at most.
            interval_s: Seconds for which a batch gathers; five times that where
                hundreds come within it.
            may_drop: Whether items above *max_pending*, or after `close`, are dropped;
                if not, `put` then handles what is pending before it returns.
            is_resumed: Whether *handle* takes out of an interrupted batch what it has
                handled. Whatever was pending is lost with it if not.
            before_batch: Called on the thread before it handles a batch; while it
                says True, it is called every second without a batch too.
        """
        self._handle = handle
        self._name = name
        self._faults = faults
        self._max_pending = max_pending
        self._interval_s = interval_s
        self._may_drop = may_drop
        self._is_resumed = is_resumed
        self._before_batch = before_batch
        self._reset()
        _QUEUES.add(self)

    def _reset(self) -> None:
        self.dropped = 0
        self._pending: deque[Item] = deque()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._awake = False
        self._thread: threading.Thread | None = None
        self._handling = threading.RLock()
        self._handler: int | None = None
        self._comes_again = False
        self._handled = 0
        self._starting = threading.Lock()
        self._closed = threading.Event()
        self._limit = self._max_pending

    def put(self, item: Item) -> None:
        """Hand *item* over; waits for nothing unless the queue is full or closed."""
        pending = self._pending
        if len(pending) >= self._limit:
            self._put_in_excess(item)
            return
        pending.append(item)
        if not self._awake:
            self._awake = True
            self.start()
            self._wake.put(None)

    def put_all(self, items: Sequence[Item]) -> None:
        """Hand all of *items* over, as `put` does each."""
        if len(self._pending) + len(items) > self._limit:
            for item in items:
                self.put(item)
            return
        self._pending.extend(items)
        if not self._awake:
            self._awake = True
            self.start()
            self._wake.put(None)

    def _put_in_excess(self, item: Item) -> None:
        if self._may_drop:
            self.dropped += 1
            return
        self._pending.append(item)
        self.drain()
        # A thread that computes without a pause can keep others from running for
        # seconds, and their vain tries cost more than what they came for.
        time.sleep(_YIELD_S)

    def put_from_finalizer(self, item: Item) -> None:
        """Hand *item* over from ``__del__``: takes no lock and starts no thread.

        A finalizer runs in the middle of anything, this module and `threading`
        included. Where the thread does not run, the next `drain` handles the item.
        """
        self._pending.append(item)
        self._wake.put(None)

    def wake(self) -> None:
        """Have the thread look at the queue soon, if it runs; safe in a finalizer."""
        self._wake.put(None)

    def start(self) -> None:
        """Start the thread if it does not run. Never from a finalizer."""
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(
                    target=self._run, name=self._name, daemon=True
                )
                try:
                    thread.start()
                except RuntimeError as error:  # no more threads, or Python ends
                    self._faults.note(self._name, error)
                    self._awake = False
                    return
                self._thread = thread

    def __len__(self) -> int:
        return len(self._pending)

    def drain(self, timeout_s: float = 10.0) -> bool:
        """Handle what is pending now, on this thread, before it returns.

        What others bring meanwhile is left, so that it ends under any load. On a
        thread that handles a batch already, as in a finalizer that runs in the middle
        of it, nothing is done: what is pending comes after that batch.

        Args:
            timeout_s: Seconds to wait for another thread that handles a batch. A
                bound, as that thread may in turn wait for a lock of the caller's.

        Returns:
            False when the other thread was not done in time.
        """
        me = threading.get_ident()
        if self._handler == me:
            self._comes_again = True
            return True
        if not self._handling.acquire(timeout=timeout_s):
            return False
        # A signal's handler may drain too, on this thread and between any two lines:
        # before and after `_handler` says so, the lock lets it in.
        try:
            is_over = False
            while not is_over:
                self._handler = me
                self._comes_again = False
                self._handle_pending()
                self._handler = None
                is_over = not self._comes_again
        finally:
            self._handler = None
            self._handling.release()
        return True

    def _handle_pending(self) -> None:
        batch: list[Item] = []
        try:
            # In one step, so that Ctrl-C takes nothing out that is then nowhere.
            takes = repeat((), len(self._pending))
            batch.extend(starmap(self._pending.popleft, takes))
            count = len(batch)
            rest = self._handle(batch) if batch else None
            self._handled += count
        except Exception as error:
            self._faults.note(self._name, error)
            self.dropped += len(batch)
        except BaseException:
            if self._is_resumed:
                self._put_back(batch)
            raise
        else:
            if rest:
                self._handled -= self._put_back(rest)

    def _put_back(self, items: Sequence[Item]) -> int:
        """Keep *items* before what is pending, the oldest where there is no room.

        Returns:
            How many are kept.
        """
        # None once it is closed; but all where nothing may be dropped.
        kept = items[: self._limit] if self._may_drop else items
        self.dropped += len(items) - len(kept)
        self._pending.extendleft(reversed(kept))
        return len(kept)

    def close(self) -> None:
        """Handle what is pending, then stop; later items are dropped and counted."""
        self._limit = 0
        self._closed.set()
        self._wake.put(None)
        self.drain()
        self.dropped += len(self._pending)  # what could not be handled even now
        self._pending.clear()

    def _run(self) -> None:
        closed = self._closed
        while not closed.is_set():
            self._wake.get()
            try:
                self._look_until_idle()
            except BaseException as error:
                # Nobody presses Ctrl-C here: it is what a sink raised, as one does
                # whose task was cancelled. Others still need this thread.
                self._faults.note(self._name, error)
                self._wake.put(None)

    def _look_until_idle(self) -> None:
        """Handle what comes, until nothing has come for a whole interval."""
        closed, interval_s = self._closed, self._interval_s
        is_idle = False
        while not is_idle and not closed.is_set():
            handled = self._handled
            closed.wait(interval_s)
            with suppress(Empty):
                while True:  # all that was said meanwhile is answered at once
                    self._wake.get_nowait()
            has_to_look = self._before_batch is not None and self._before_batch()
            self.drain()
            came = self._handled - handled
            interval_s = self._interval_s * (_PATIENCE if came >= _MANY else 1)
            if not came and not has_to_look:
                self._awake = False
                is_idle = not self._pending  # else it came when nobody was to be woken


# Items of one interval from which on the thread looks this many times less often.
_MANY = 500
_PATIENCE = 5
_YIELD_S = 0.00005


_QUEUES: weakref.WeakSet[BatchQueue[Any]] = weakref.WeakSet()


def _forget_pending() -> None:
    for batch_queue in list(_QUEUES):
        batch_queue._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pending)
