"""Which streams somebody may still read on, and what is asked about them."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable

from .._runtime.contained_errors import Faults
from .call import Call


class OpenStreams:
    """The calls of a recorder whose streams or bodies are open."""

    def __init__(self, faults: Faults) -> None:
        """Start with none."""
        self._faults = faults
        self._calls: weakref.WeakSet[Call] = weakref.WeakSet()
        self._paused: deque[Callable[[], bool]] = deque()

    def add(self, call: Call) -> None:
        """Note that *call* now ends with its stream or body."""
        self._calls.add(call)

    def calls(self) -> list[Call]:
        """Those that have not ended."""
        while True:
            try:
                return [call for call in self._calls if call.ended is None]
            except RuntimeError:  # another thread opened a stream meanwhile
                continue

    def forget(self) -> None:
        """Leave all to the parent process, in a forked child."""
        self._paused.clear()
        # Another thread may have been iterating, which a set never forgets.
        self._calls = weakref.WeakSet()

    def pause(self, is_over: Callable[[], bool]) -> None:
        """Have *is_over* asked whenever `look_again` is, until it says yes."""
        self._paused.append(is_over)

    def look_again(self) -> bool:
        """Ask about every paused stream; whether some of them are paused still."""
        for _ in range(len(self._paused)):
            try:
                is_over = self._paused.popleft()
            except IndexError:  # another thread is at it
                break
            try:
                if not is_over():
                    self._paused.append(is_over)
            except Exception as fault:
                self._faults.note("paused stream", fault)
        return bool(self._paused)
