"""Waiting in tests: for a condition, and never for a time that a busy machine needs."""

from __future__ import annotations

import time
from collections.abc import Callable

# Seconds after which something is taken to hang. Nothing takes a tenth of it, however
# busy the machine is, so no test succeeds or fails by it.
HANG_S = 600.0


def wait_until(is_true: Callable[[], object]) -> None:
    """Wait until *is_true*; the test fails if that never comes."""
    deadline = time.monotonic() + HANG_S
    while not is_true():
        assert time.monotonic() < deadline, "waited for nothing"
        time.sleep(0.005)
