"""Threads, locks and queues of one kind, whatever is patched after this import.

gevent and eventlet replace these names in the standard library. If they do so after
this import, a lock of the one kind and a thread of the other would wait for each other
for ever. So all of them are bound here, at one moment, and taken from here.
"""

from __future__ import annotations

import _thread
import threading
from _thread import allocate_lock as Lock  # noqa: N812 -- as `threading` names it
from _thread import get_ident, start_new_thread
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import TIMEOUT_MAX

__all__ = [
    "Empty",
    "Event",
    "Lock",
    "RLock",
    "SimpleQueue",
    "get_ident",
    "is_patched_late",
    "start_thread",
]

# The type, as the function looks up which one to make each time.
RLock = type(threading.RLock())


class Event:
    """Flag that one thread waits for, once, and another one sets.

    `threading.Event` makes its lock of whatever `threading` holds at that time.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = Lock()
        self._lock.acquire()

    def set(self) -> None:
        """End the wait; setting it again has no effect."""
        with suppress(RuntimeError, AssertionError):
            self._lock.release()

    def wait(self, timeout_s: float) -> bool:
        """Wait for `set`; False if it did not come within *timeout_s*."""
        return self._lock.acquire(timeout=min(max(0.0, timeout_s), TIMEOUT_MAX))


def is_patched_late() -> bool:
    """Return whether the standard library was patched after this import."""
    return _thread.start_new_thread is not start_new_thread


def start_thread(run: Callable[[], None], name: str) -> None:
    """Run *run* on a daemon thread.

    Args:
        run: What the thread does.
        name: Its name, which a thread started after a late patch does not have.

    Raises:
        RuntimeError: If there can be no more threads, or Python ends.
    """
    if is_patched_late():
        start_new_thread(run, ())
    else:
        threading.Thread(target=run, name=name, daemon=True).start()
