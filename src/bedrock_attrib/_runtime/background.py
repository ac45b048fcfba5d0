"""Bounded thread pool that drains abandoned streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .contained_errors import ContainedErrors
from .fork import ResetOrder, after_fork
from .threads import RLock, start_thread


class BackgroundReaders:
    """Runs jobs in the background, so many at a time, and refuses what is too much.

    A thread starts with a job and ends when there is none left, so that an application
    which abandons no stream has none.

    Attributes:
        max_s: Seconds for which an abandoned stream is read on, from when it was
            found to be dropped; waiting for a thread included.
        max_events: Events that are read on of one stream.
        is_closed: Whether no more jobs are taken.
    """

    def __init__(
        self, *, threads: int, max_s: float, max_events: int, faults: ContainedErrors
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            threads: Jobs at a time.
            max_s: See above.
            max_events: See above.
            faults: Told about an exception of a job.
        """
        self.max_s = max_s
        self.max_events = max_events
        self._threads = threads
        self._faults = faults
        self._held: dict[int, object] = {}
        self._reset()
        after_fork(self.forget, ResetOrder.QUEUES)

    def _reset(self) -> None:
        # A collection may run a finalizer in the middle of `submit`, on this thread.
        self._lock = RLock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._running = 0
        self.is_closed = False

    def hold(self, held: object) -> None:
        """Keep *held* from being collected until it is released."""
        self._held[id(held)] = held

    def release(self, held: object) -> bool:
        """Let go what is held, and say whether it was; safe in a finalizer."""
        return self._held.pop(id(held), None) is not None

    @property
    def waiting(self) -> int:
        """Jobs that wait for a thread."""
        return len(self._waiting)

    def submit(self, job: Callable[[], None]) -> bool:
        """Run *job* soon, on a thread of this; False when there are too many."""
        with self._lock:
            if self.is_closed or len(self._waiting) >= _MOST_WAITING:
                return False
            self._waiting.append(job)
            if self._running >= self._threads:
                return True
            self._running += 1
            try:
                start_thread(self._run, "bedrock-attrib-drain")
            except RuntimeError as error:  # no more threads, or Python ends
                self._faults.note("drain", error)
                self._running -= 1
                self._waiting.pop()
                return False
        return True

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                job = self._waiting.popleft()
            try:
                job()
            except Exception as error:
                self._faults.note("drain", error)
            del job  # or it would be kept, with its stream, while the next one waits

    def close(self) -> None:
        """Start no more jobs; those that run are for their own calls to stop."""
        with self._lock:
            self.is_closed = True
            self._waiting.clear()

    def forget(self) -> None:
        """Start again from nothing, in a forked child: streams are the parent's."""
        self._held.clear()
        self._reset()


# Beyond this many an application abandons streams faster than they can be read on.
_MOST_WAITING = 256
