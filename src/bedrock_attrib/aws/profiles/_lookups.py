"""Pending look-ups: one thread, one attempt at a time, retries with pauses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

_MOST = 1024
_ATTEMPTS = 8
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0
_CLOSE_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Lookup:
    """A pending look-up.

    Attributes:
        arn: ARN of the profile.
        region: Region of the request.
        due: Time of the next attempt, by the clock.
        attempts: Number of attempts so far.
    """

    arn: str
    region: str
    due: float
    attempts: int = 0


class Lookups:
    """Queue of look-ups on a daemon thread, which starts with the first one.

    A forked child starts empty: pending look-ups are its parent's.
    """

    def __init__(
        self,
        attempt: Callable[[Lookup], None],
        *,
        name: str,
        at_rest: Callable[[], None],
        clock: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        """Prepare.

        Args:
            attempt: Makes one attempt on the thread and calls `done` or `postpone`.
            name: Name of the thread.
            at_rest: Called on the thread after attempts, when none is due, and at the
                end. It and *attempt* must not raise.
            clock: Returns monotonic seconds.
            jitter: Returns the fraction of a pause to wait, from 0 to 1.
        """
        self._attempt = attempt
        self._name = name
        self._at_rest = at_rest
        self._clock = clock
        self._jitter = jitter
        self._is_closed = False
        self.reset()

    def reset(self) -> None:
        """Drop everything, as in a forked child."""
        self._changed = threading.Condition()
        self._pending: dict[str, Lookup] = {}
        self._thread: threading.Thread | None = None
        self._has_tried = False

    def __contains__(self, arn: str) -> bool:
        return arn in self._pending

    def add(self, arn: str, region: str, *, unless: Callable[[], bool]) -> None:
        """Queue a look-up of *arn* unless it is pending. Does not wait.

        Args:
            arn: ARN of the profile.
            region: Region of the request.
            unless: Returns whether the result has just arrived.
        """
        with self._changed:
            if self._is_closed or arn in self._pending or unless():
                return
            if len(self._pending) >= _MOST:
                return
            if self._thread is None:
                thread = threading.Thread(
                    target=self._run, name=self._name, daemon=True
                )
                thread.start()
                self._thread = thread
            self._pending[arn] = Lookup(arn, region, due=self._clock())
            self._changed.notify_all()

    def done(self, arn: str) -> None:
        """End the look-up of *arn*, after its callbacks have run."""
        with self._changed:
            self._pending.pop(arn, None)
            self._changed.notify_all()

    def postpone(self, lookup: Lookup) -> bool:
        """Retry *lookup* after a pause; return False after the last attempt."""
        attempts = lookup.attempts + 1
        if attempts >= _ATTEMPTS:
            return False
        longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**lookup.attempts)
        due = self._clock() + longest_s * self._jitter()
        with self._changed:
            if lookup.arn in self._pending:
                self._pending[lookup.arn] = replace(lookup, due=due, attempts=attempts)
        return True

    def wait(self, timeout_s: float) -> bool:
        """Wait until none is under way; False if that took longer."""
        with self._changed:
            return self._changed.wait_for(self._is_at_rest, timeout_s)

    def _is_at_rest(self) -> bool:
        return not self._pending and not self._has_tried

    def close(self) -> list[str]:
        """Accept no more look-ups, and return the pending ARNs."""
        with self._changed:
            self._is_closed = True
            given_up = list(self._pending)
            self._pending.clear()
            self._changed.notify_all()
        return given_up

    def join(self) -> bool:
        """Wait at most a second for the thread to end; return whether it did."""
        thread = self._thread
        if thread is None:
            return True
        if thread is not threading.current_thread():
            thread.join(_CLOSE_WITHIN_S)
        return not thread.is_alive()

    def _run(self) -> None:
        while (lookup := self._next_due()) is not None:
            self._attempt(lookup)
        self._rest()

    def _next_due(self) -> Lookup | None:
        """Wait for the next due look-up; return None after `close`."""
        while True:
            with self._changed:
                if self._is_closed:
                    return None
                lookup = min(
                    self._pending.values(), key=lambda each: each.due, default=None
                )
                pause_s = None if lookup is None else lookup.due - self._clock()
                if pause_s is not None and pause_s <= 0:
                    self._has_tried = True
                    return lookup
                if not self._has_tried:
                    self._changed.wait(pause_s)
                    continue
            self._rest()

    def _rest(self) -> None:
        self._at_rest()
        with self._changed:
            self._has_tried = False
            self._changed.notify_all()
