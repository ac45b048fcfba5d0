"""Sums of usages, added column by column."""

from __future__ import annotations

from .usage import Unit, Usage

_MOST_PENDING = 256


class UsageSum:
    """Sums of usages that state the same units in the same order.

    Adding a usage is an append; a few hundred are then summed column by column, which
    takes a fifth of the time of adding count by count. Not safe to use from two threads
    at once: its owner holds a lock. A signal handler may add and read in the middle of
    either.
    """

    __slots__ = ("_pending", "_sums")

    def __init__(self) -> None:
        """Start from nothing."""
        self._sums: dict[Unit, int] = {}
        self._pending: list[dict[Unit, int]] = []

    def add(self, usage: Usage) -> None:
        """Add *usage*, whose units are those of the usages before it."""
        counts = usage._counts  # noqa: SLF001 -- its views would cost as much
        self._pending.append(counts)
        if len(self._pending) >= _MOST_PENDING:
            self._fold()

    def extend(self, counts: list[dict[Unit, int]]) -> None:
        """Add the counts of many usages, as `add` does each."""
        self._pending.extend(counts)
        if len(self._pending) >= _MOST_PENDING:
            self._fold()

    def _fold(self) -> None:
        while self._pending:
            sums, pending = self._sums, self._pending[:]
            columns = zip(*map(dict.values, pending), strict=True)
            folded = {
                unit: sums.get(unit, 0) + sum(column)
                for unit, column in zip(sums or pending[0], columns, strict=True)
            }
            done = slice(len(pending))
            # A signal handler, or a finalizer, may have folded too since we began.
            # It may add, too; but none comes in between the lines that follow.
            if self._sums is sums:
                self._sums = folded
                del self._pending[done]

    def read(self) -> dict[Unit, int]:
        """Return the sums so far, by unit."""
        self._fold()
        return self._sums

    def take(self) -> dict[Unit, int]:
        """Return the sums so far, and start from nothing again."""
        self._fold()
        nothing: dict[Unit, int] = {}
        sums, self._sums = self._sums, nothing  # as in `_fold`: nothing comes between
        return sums
