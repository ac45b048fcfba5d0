"""Signals that come in the middle of anything, for tests of what must bear them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

needs_signals = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="needs POSIX signals"
)


@contextmanager
def alarms(handle: Callable[[], object], *, every_s: float) -> Iterator[None]:
    """Call *handle* from a signal's handler, again and again.

    Args:
        handle: Called between any two steps of the main thread.
        every_s: Seconds from the end of one call to the next.
    """
    is_over = False

    def on_alarm(*_: object) -> None:
        if not is_over:
            handle()
            signal.setitimer(signal.ITIMER_REAL, every_s)

    before = signal.signal(signal.SIGALRM, on_alarm)
    others = signal.setitimer(signal.ITIMER_REAL, every_s)
    try:
        yield
    finally:
        is_over = True  # before all else: the handler may still come
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *others)
