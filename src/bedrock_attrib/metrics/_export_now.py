"""Immediate export of meter providers, within a time limit."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Thread
from time import monotonic
from typing import Any

from .._runtime.contained_errors import PROCESS_ERRORS


class _Push:
    """Export on a separate thread, which the caller abandons after a time limit.

    An exporter whose collector does not respond takes unlimited time and holds the
    lock that every other export waits for, so there is one such thread at a time.
    """

    def __init__(self) -> None:
        self._thread: Thread | None = None

    def push(self, providers: Iterable[Any], timeout_s: float) -> bool:
        deadline = monotonic() + timeout_s
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                return False
        left_s = max(0.0, deadline - monotonic())
        results: list[bool] = []
        thread = Thread(
            target=lambda: results.append(_flush(providers, left_s)),
            name="bedrock-attrib-push",
            daemon=True,
        )
        self._thread = thread
        try:
            thread.start()
        except RuntimeError as error:  # pragma: no cover -- no more threads
            PROCESS_ERRORS.note("push", error)
            self._thread = None
            return False
        thread.join(left_s)
        return results == [True]


def _flush(providers: Iterable[Any], timeout_s: float) -> bool:
    is_done = True
    for provider in providers:
        try:
            # `MeterProvider.force_flush` of opentelemetry-sdk 1.30 and 1.45 takes
            # milliseconds and raises what its readers raise.
            is_done &= provider.force_flush(timeout_s * 1000) is not False
        except Exception as fault:
            PROCESS_ERRORS.note("push", fault)
            is_done = False
    return is_done


push = _Push().push
"""Have meter providers export now; False if that failed or took too long."""
