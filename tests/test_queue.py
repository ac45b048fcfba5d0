"""Work leaves the caller's thread in batches, in order, bounded, each item once."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import threading
import time
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from waiting import HANG_S, wait_until

from bedrock_attrib._runtime.batch_queue import BatchQueue
from bedrock_attrib._runtime.contained_errors import ContainedErrors

Batches = list[list[int]]


@pytest.fixture
def faults() -> ContainedErrors:
    """Counts what handlers raise."""
    return ContainedErrors()


Make = Callable[..., BatchQueue[int]]


@pytest.fixture
def make(faults: ContainedErrors) -> Iterator[Make]:
    """Makes queues, which are closed after the test."""
    made: list[BatchQueue[int]] = []

    def make_queue(
        handle: Callable[[list[int]], None], interval_s: float = 60, **more: object
    ) -> BatchQueue[int]:
        queue: BatchQueue[int] = BatchQueue(
            handle,
            name=f"test queue {next(_NUMBERS)}",
            faults=faults,
            interval_s=interval_s,
            **more,  # type: ignore[arg-type]  # whatever the test sets
        )
        made.append(queue)
        return queue

    yield make_queue
    for queue in made:
        queue.close()


_NUMBERS = itertools.count()


def threads_of(queue: BatchQueue[int]) -> list[threading.Thread]:
    """Living threads of *queue*."""
    name = queue._name  # noqa: SLF001 -- threads are told apart by nothing else
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_thread_gathers_a_batch(make: Make) -> None:
    """Items that come within the interval are one batch, oldest first, elsewhere."""
    batches: Batches = []
    where: list[str] = []

    def handle(batch: list[int]) -> None:
        where.append(threading.current_thread().name)
        batches.append(batch)

    queue = make(handle, interval_s=1)
    for number in range(5):
        queue.put(number)
    assert batches == []
    wait_until(lambda: bool(batches))
    assert batches == [[0, 1, 2, 3, 4]]
    assert where[0].startswith("test queue")
    assert where[0] != threading.current_thread().name
    queue.put(5)
    wait_until(lambda: len(batches) == 2)
    assert batches[1] == [5]
    assert len(queue) == 0


def test_thread_starts_with_the_first_item(make: Make) -> None:
    """A queue that is not used has no thread; one in use has one daemon thread."""
    queue = make(lambda _: None)
    assert threads_of(queue) == []
    for number in range(3):
        queue.put(number)
    queue.start()
    (thread,) = threads_of(queue)
    assert thread.daemon


def test_drain_waits_for_the_thread(make: Make) -> None:
    """Draining finds everything handled, by the queue's thread and at once."""
    batches: Batches = []
    where: list[str] = []

    def handle(batch: list[int]) -> None:
        where.append(threading.current_thread().name)
        batches.append(batch)

    queue = make(handle)
    assert queue.drain()
    for number in range(3):
        queue.put(number)
    assert queue.drain()
    assert batches == [[0, 1, 2]]
    assert queue.drain()
    assert batches == [[0, 1, 2]]
    assert where[0].startswith("test queue")


def test_without_threads(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started, as when Python ends, `drain` does the work."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    handled: Batches = []

    def handle(batch: list[int]) -> None:
        handled.append(batch)
        assert queue.drain()

    queue = make(handle)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        queue.put(1)
        queue.put(2)
        assert queue.drain()
        assert handled == [[1, 2]]
    queue.put(3)
    assert queue.drain()
    assert handled == [[1, 2], [3]]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX signals")
def test_an_interrupt_ends_the_wait_and_not_the_work(make: Make) -> None:
    """What a signal handler raises reaches the caller; each item is handled once."""
    began, go, pressed = (threading.Event() for _ in range(3))
    handled: list[int] = []

    def handle(batch: list[int]) -> None:
        began.set()
        assert go.wait(HANG_S)
        handled.extend(batch)

    def interrupt(*_: object) -> None:
        if not pressed.is_set():
            pressed.set()
            raise KeyboardInterrupt

    def press() -> None:
        began.wait(HANG_S)
        while not pressed.wait(0.05):  # Python may miss one just before it waits
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)

    queue = make(handle)
    for number in range(3):
        queue.put(number)
    before = signal.signal(signal.SIGALRM, interrupt)
    raiser = threading.Thread(target=press)
    raiser.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            queue.drain(100)
    finally:
        signal.signal(signal.SIGALRM, before)
    raiser.join()
    assert handled == []
    go.set()
    assert queue.drain(100)
    assert (handled, queue.dropped) == ([0, 1, 2], 0)


def test_drain_waits_for_a_batch_at_work(make: Make) -> None:
    """What another thread is handling is handled when `drain` returns."""
    done: list[int] = []
    began = threading.Event()

    def handle(batch: list[int]) -> None:
        began.set()
        time.sleep(0.05)
        done.extend(batch)

    queue = make(handle)
    queue.put(1)
    thread = threading.Thread(target=queue.drain)
    thread.start()
    assert began.wait(HANG_S)
    queue.put(2)
    assert queue.drain()
    assert done == [1, 2]
    thread.join()


def test_drain_does_not_wait_for_ever(make: Make) -> None:
    """A batch that takes longer than the time given makes `drain` say so."""
    began, go = threading.Event(), threading.Event()

    def handle(_batch: list[int]) -> None:
        began.set()
        go.wait(HANG_S)

    queue = make(handle)
    queue.put(1)
    thread = threading.Thread(target=queue.drain)
    thread.start()
    assert began.wait(HANG_S)
    assert queue.drain(0.01) is False
    go.set()
    thread.join()
    assert queue.drain() is True


def test_handler_may_drain(make: Make) -> None:
    """A handler that drains its own queue, as by reading a sum, does not lock."""
    batches: Batches = []

    def handle(batch: list[int]) -> None:
        batches.append(batch)
        queue.drain()

    queue = make(handle)
    queue.put(1)
    assert queue.drain()
    assert batches == [[1]]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX signals")
def test_a_signal_handler_may_drain(make: Make) -> None:
    """Wherever a signal comes, its handler drains at once, and nothing is left.

    Python looks for signals after a call, so also right after the lock was taken.
    """
    found: list[int] = []
    numbers = itertools.count()
    queue = make(found.extend)

    def on_alarm(*_: object) -> None:
        number = next(numbers)
        if number < 100:  # the next signal may come in the middle of this one
            signal.setitimer(signal.ITIMER_REAL, 0.0003)
            queue.put(number)
            assert queue.drain(100)

    before = signal.signal(signal.SIGALRM, on_alarm)
    others = signal.setitimer(signal.ITIMER_REAL, 0.0003)
    try:
        while len(found) < 100:
            queue.drain(100)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *others)
    assert len(queue) == 0
    # A handler may be interrupted by the next signal, so not in order.
    assert sorted(found) == list(range(100))


def test_fault_costs_one_batch(make: Make, faults: ContainedErrors) -> None:
    """A handler's exception is noted, its batch is counted as lost, work goes on."""
    batches: Batches = []

    def handle(batch: list[int]) -> None:
        if 1 in batch:
            raise ValueError(batch)
        batches.append(batch)

    queue = make(handle)
    for number in (0, 1):
        queue.put(number)
    assert queue.drain()
    queue.put(2)
    assert queue.drain()
    assert batches == [[2]]
    assert queue.dropped == 2
    assert list(faults.counts().values()) == [1]


def test_thread_outlives_what_is_no_fault(make: Make, faults: ContainedErrors) -> None:
    """A handler that raises what is no fault, on the thread, leaves it running."""
    handled: Batches = []

    def handle(batch: list[int]) -> None:
        handled.append(batch)
        if batch == [1]:
            raise CancelledError

    queue = make(handle, interval_s=0.01)
    queue.put(1)
    wait_until(lambda: handled == [[1]])
    queue.put(2)
    wait_until(lambda: handled == [[1], [2]])
    assert list(faults.counts().values()) == [1]


def test_full_queue_behind_a_stuck_batch(make: Make) -> None:
    """Nobody waits twice for a handler that hangs, and nothing is lost by it."""
    began, go = threading.Event(), threading.Event()
    handled: list[int] = []

    def handle(batch: list[int]) -> None:
        began.set()
        assert go.wait(HANG_S)
        handled.extend(batch)

    queue = make(handle, max_pending=2, may_drop=False)
    queue.put(0)
    queue.hurry()
    assert began.wait(HANG_S)
    for number in range(1, 1000):  # of which one waits for a second
        queue.put(number)
    go.set()
    assert queue.drain(100)
    assert (handled, queue.dropped) == (list(range(1000)), 0)


def test_items_dropped_behind_a_stuck_batch_are_noted() -> None:
    """The last bound of a queue that drops nothing shows each loss as a fault."""
    began, go = threading.Event(), threading.Event()

    def handle(_batch: list[int]) -> None:
        began.set()
        assert go.wait(HANG_S)

    faults = ContainedErrors()
    queue = BatchQueue(
        handle, name="calls", faults=faults, max_pending=2, may_drop=False
    )
    queue.put(0)
    queue.hurry()
    assert began.wait(HANG_S)
    for number in range(100_003):  # of which one waits for a second
        queue.put(number)
    assert (len(queue), queue.dropped) == (100_000, 3)
    assert faults.counts() == {"calls (queue full)": 3}
    go.set()
    queue.close()


def test_full_queue_drops(make: Make) -> None:
    """Above the bound the newest items are dropped and counted; nothing waits."""
    batches: Batches = []
    queue = make(batches.append, max_pending=3)
    for number in range(5):
        queue.put(number)
    assert (len(queue), queue.dropped) == (3, 2)
    queue.drain()
    assert batches == [[0, 1, 2]]
    queue.put(5)
    queue.drain()
    assert batches == [[0, 1, 2], [5]]
    assert queue.dropped == 2


def test_full_queue_that_may_not_drop(make: Make) -> None:
    """Where nothing may be lost, the caller that brings one too many waits."""
    batches: Batches = []
    queue = make(batches.append, max_pending=3, may_drop=False)
    for number in range(5):
        queue.put(number)
    assert batches == [[0, 1, 2, 3]]
    queue.drain()
    assert batches == [[0, 1, 2, 3], [4]]
    assert queue.dropped == 0


def test_close(make: Make) -> None:
    """Closing handles what is pending; what comes later is dropped and counted."""
    batches: Batches = []
    queue = make(batches.append, interval_s=0.01)
    queue.put(1)
    queue.close()
    assert batches == [[1]]
    queue.put(2)
    assert (batches, queue.dropped) == ([[1]], 1)
    queue.close()
    wait_until(lambda: not threads_of(queue))


def test_close_of_one_that_may_not_drop(make: Make) -> None:
    """After closing, what may not be lost is still handled, at once."""
    batches: Batches = []
    queue = make(batches.append, may_drop=False)
    queue.put(0)
    queue.close()
    wait_until(lambda: not threads_of(queue))
    queue.put(1)
    wait_until(lambda: batches == [[0], [1]])
    wait_until(lambda: not threads_of(queue))
    assert queue.dropped == 0


def test_finalizer(make: Make) -> None:
    """An item of a finalizer is kept without a thread or a lock, till somebody asks."""
    batches: Batches = []
    queue = make(batches.append)

    class Dropped:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            queue.put_from_finalizer(7)

    Dropped()
    gc.collect()
    assert threads_of(queue) == []
    assert len(queue) == 1
    queue.drain()
    assert batches == [[7]]


def test_finalizer_wakes_the_thread(make: Make) -> None:
    """Where the thread runs, an item of a finalizer is handled soon."""
    batches: Batches = []
    queue = make(batches.append, interval_s=0.01)
    queue.start()
    queue.put_from_finalizer(7)
    wait_until(lambda: batches == [[7]])


def test_polls(make: Make) -> None:
    """What is to be polled is asked before each batch, until it is over."""
    looks: list[int] = []
    batches: Batches = []

    def is_over() -> bool:
        looks.append(len(batches))
        return len(looks) == 2

    queue = make(batches.append, interval_s=0.01)
    queue.poll_until(is_over)
    queue.put(1)
    wait_until(lambda: len(looks) == 2)
    assert batches == [[1]]
    assert looks == [0, 1]
    queue.put(2)
    assert queue.drain()
    assert len(looks) == 2


def test_a_poll_that_fails(make: Make, faults: ContainedErrors) -> None:
    """A poll that raises is noted and not asked again."""
    queue = make(lambda _: None)
    queue.poll_until(lambda: bool(1 // 0))
    assert queue.drain()
    assert queue.drain()
    assert faults.counts() == {"poll": 1}


def test_each_item_once(make: Make) -> None:
    """Many threads that put and drain at once: each item comes once, in its order."""
    found: list[int] = []
    at_work = threading.Lock()

    def handle(batch: list[int]) -> None:
        assert at_work.acquire(blocking=False), "two batches at once"
        found.extend(batch)
        at_work.release()

    queue = make(handle, interval_s=0.001, max_pending=50, may_drop=False)
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        for step in range(500):
            queue.put(1000 * number + step)
            if step % 50 == 0:
                queue.drain()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.drain()
    expected = [1000 * n + step for n in range(8) for step in range(500)]
    assert sorted(found) == expected
    for number in range(8):
        own = [item for item in found if item // 1000 == number]
        assert own == sorted(own)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_fork(make: Make) -> None:
    """A forked child starts with an empty queue and a thread of its own."""
    batches: Batches = []
    queue = make(batches.append, interval_s=0.01, max_pending=2)
    gate = threading.Event()
    blocked = make(lambda _: gate.wait(HANG_S) and None)
    blocked.put(1)
    holder = threading.Thread(target=blocked.drain)
    holder.start()
    queue.close()
    queue.put(1)  # dropped and counted: the parent's
    child = os.fork()
    if child == 0:
        is_fresh = (len(queue), queue.dropped, len(blocked)) == (0, 0, 0)
        is_free = blocked.drain(1)  # another thread of the parent holds its lock
        queue.put(3)
        with suppress(AssertionError):
            wait_until(lambda: batches)
        os._exit(0 if is_fresh and is_free and batches == [[3]] else 1)
    _, status = os.waitpid(child, 0)
    gate.set()
    holder.join()
    assert os.waitstatus_to_exitcode(status) == 0
    assert queue.dropped == 1
