"""Bounded cache: a dictionary that is emptied when it is full."""

from __future__ import annotations

from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class BoundedCache(dict[Key, Value]):
    """Dictionary of at most so many entries, emptied before one more is set.

    Reading costs what it costs in any dictionary. Emptying suits keys that recur: what
    is still in use comes back at once, and no order has to be maintained. Use ``[]``
    to set; `setdefault` and `update` are not bounded.
    """

    __slots__ = ("_max_entries",)

    def __init__(self, max_entries: int) -> None:
        """Start empty.

        Args:
            max_entries: Entries at most.
        """
        super().__init__()
        self._max_entries = max_entries

    def __setitem__(self, key: Key, value: Value) -> None:
        if len(self) >= self._max_entries and key not in self:
            self.clear()
        super().__setitem__(key, value)
