"""Which look-ups are under way: each once, on one thread, repeated with pauses."""

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
    """A look-up under way.

    Attributes:
        arn: What is looked up.
        region: Region that is asked.
        due: When it is to be tried, by the clock.
        attempts: How often it was tried.
    """

    arn: str
    region: str
    due: float
    attempts: int = 0


class Lookups:
    """Tries look-ups on a daemon thread of its own, which starts with the first.

    A forked child starts with none: those under way are its parent's.
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
            attempt: Tries one on the thread, and says `done` or `postpone` of it.
            name: Name of the thread.
            at_rest: Called on the thread after attempts, when nothing is left to try
                for now, and at the end. It and *attempt* raise nothing.
            clock: Gives seconds that never go back.
            jitter: Gives the part of a pause to keep, from 0 to 1.
        """
        self._attempt = attempt
        self._name = name
        self._at_rest = at_rest
        self._clock = clock
        self._jitter = jitter
        self._is_closed = False
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a forked child does."""
        self._changed = threading.Condition()
        self._under_way: dict[str, Lookup] = {}
        self._thread: threading.Thread | None = None
        self._has_tried = False

    def __contains__(self, arn: str) -> bool:
        return arn in self._under_way

    def add(self, arn: str, region: str, *, unless: Callable[[], bool]) -> None:
        """Look *arn* up if that is not under way; waits for nothing.

        Args:
            arn: What to look up.
            region: Region to ask.
            unless: Whether the answer has just come.
        """
        with self._changed:
            if self._is_closed or arn in self._under_way or unless():
                return
            if len(self._under_way) >= _MOST:
                return
            if self._thread is None:
                thread = threading.Thread(
                    target=self._run, name=self._name, daemon=True
                )
                thread.start()
                self._thread = thread
            self._under_way[arn] = Lookup(arn, region, due=self._clock())
            self._changed.notify_all()

    def done(self, arn: str) -> None:
        """The look-up of *arn* is over, and whoever waits was told."""
        with self._changed:
            self._under_way.pop(arn, None)
            self._changed.notify_all()

    def postpone(self, lookup: Lookup) -> bool:
        """Try *lookup* again after a pause; False if it was tried often enough."""
        attempts = lookup.attempts + 1
        if attempts >= _ATTEMPTS:
            return False
        longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**lookup.attempts)
        due = self._clock() + longest_s * self._jitter()
        with self._changed:
            if lookup.arn in self._under_way:
                self._under_way[lookup.arn] = replace(
                    lookup, due=due, attempts=attempts
                )
        return True

    def wait(self, timeout_s: float) -> bool:
        """Wait until none is under way; False if that took longer."""
        with self._changed:
            return self._changed.wait_for(self._is_at_rest, timeout_s)

    def _is_at_rest(self) -> bool:
        return not self._under_way and not self._has_tried

    def close(self) -> list[str]:
        """Take no more; what was under way is handed back and is the caller's."""
        with self._changed:
            self._is_closed = True
            given_up = list(self._under_way)
            self._under_way.clear()
            self._changed.notify_all()
        return given_up

    def join(self) -> bool:
        """Wait for the thread to end, a second at most; whether it did."""
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
        """The next one, when it is due; None when there are to be no more."""
        while True:
            with self._changed:
                if self._is_closed:
                    return None
                lookup = min(
                    self._under_way.values(), key=lambda each: each.due, default=None
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
