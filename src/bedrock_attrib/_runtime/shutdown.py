"""Exit hooks: delivery of what is pending, in every way in which Python ends."""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable
from enum import IntEnum
from time import monotonic

from .contained_errors import PROCESS_ERRORS
from .fork import ResetOrder, after_fork, detect_fork


class ExitOrder(IntEnum):
    """Order of what is done at exit; of equal ones, the older runs first."""

    RECORDERS = 0  # with their sinks
    SINKS = 1  # that belong to no recorder
    REPORTS = 2  # of what was counted


# After all finalizers of the application: `Finalize` runs the highest first.
_AFTER_OTHERS = -100


class _End:
    """Functions to call when this process ends.

    Python's own exit handlers are enough for most processes. They are not for children
    that `multiprocessing` forks, a `ProcessPoolExecutor` among them: those leave by
    ``os._exit`` (up to Python 3.12), or forget the handlers of their parent (from
    3.13 on). Its own finalizers run in both.
    """

    def __init__(self) -> None:
        self._everywhere: list[tuple[ExitOrder, Callable[[], None]]] = []
        self._in_pools: list[Callable[[], None]] = []
        self._has_hook = False
        self._deadline: float | None = None

    def add(self, function: Callable[[], None], order: ExitOrder) -> None:
        self._everywhere.append((order, function))
        self._everywhere.sort(key=lambda each: each[0])

    def add_in_pools(self, function: Callable[[], None]) -> None:
        self._in_pools.append(function)

    def time_left(self, timeout_s: float) -> float:
        now = monotonic()
        if self._deadline is None:
            self._deadline = now + timeout_s
        return max(0.0, self._deadline - now)

    def run(self) -> None:
        detect_fork()
        self._run_everywhere()

    def run_in_pool(self) -> None:  # pragma: no cover -- runs in a child
        self._run_everywhere()
        self._run_all(self._in_pools)

    def _run_everywhere(self) -> None:
        self._run_all([function for _, function in self._everywhere])

    def _run_all(self, functions: list[Callable[[], None]]) -> None:
        for function in functions:
            try:
                function()
            except Exception as fault:
                PROCESS_ERRORS.note("exit", fault)

    def move_to_front(self) -> None:
        """Have `run` called before any other exit handler registered so far."""
        atexit.unregister(self.run)
        atexit.register(self.run)

    def after_fork(self) -> None:
        self._deadline = None
        # The provider of a parent was made, as a rule, after this module was
        # imported: its child would export for the last time before calls are handed
        # over, as the child's instruments are made with the first of them.
        self.move_to_front()
        self.hook_pools()

    def hook_pools(self) -> None:
        """Have `multiprocessing` call back in its children, where it is in use."""
        pools = sys.modules.get("multiprocessing.util")
        if pools is None or self._has_hook:
            return
        self._has_hook = True
        # A child clears the finalizers that it inherits, and then calls this.
        pools.register_after_fork(self, _End._finalize)
        process = sys.modules.get("multiprocessing.process")
        if (  # pragma: no cover -- runs in a child
            process is not None and process.parent_process() is not None
        ):
            self._finalize()  # imported in the midst of a child

    def _finalize(self) -> None:  # pragma: no cover -- runs in a child
        pools = sys.modules["multiprocessing.util"]
        pools.Finalize(None, self.run_in_pool, exitpriority=_AFTER_OTHERS)


_END = _End()


DEFAULT_EXIT_TIMEOUT_S = 5.0


def on_exit(function: Callable[[], None], order: ExitOrder) -> None:
    """Have *function* called when this process ends, and each forked child of it.

    Twice in a process is possible. None is called after ``os._exit`` or a signal that
    has no handler.
    """
    _END.add(function, order)


def exit_time_left(timeout_s: float = DEFAULT_EXIT_TIMEOUT_S) -> float:
    """Return the seconds that are left of the time that the exit may take.

    Args:
        timeout_s: What it may take in all; the first to ask decides.
    """
    return _END.time_left(timeout_s)


def on_pool_child_exit(function: Callable[[], None]) -> None:
    """Have *function* called where `multiprocessing` leaves out others' exit handlers.

    It is called after those of `on_exit`.
    """
    _END.add_in_pools(function)


def is_ending() -> bool:
    """Return whether Python is past its last line: all that is left are exit handlers.

    The main thread is over then, and with it every thread that Python waits for.
    """
    return not threading.main_thread().is_alive() and all(
        thread.daemon or not thread.is_alive() for thread in threading.enumerate()
    )


_END.move_to_front()
_END.hook_pools()
after_fork(_END.after_fork, ResetOrder.EXPORT)
