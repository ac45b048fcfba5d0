"""Ids of the texts that calls share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .._runtime.bounded_cache import BoundedCache

_MAX_IDS = 100_000


class Interner:
    """Ids of the texts of each table, each asked of the database once.

    Ids that were given in a transaction which failed are discarded.
    """

    def __init__(self, ask: Callable[[str, str], int]) -> None:
        """Start without ids.

        Args:
            ask: Returns the id of a text in a table, and may write it.
        """
        self._ask = ask
        self._ids: dict[str, dict[object, int]] = {}
        self._uncommitted: list[tuple[dict[object, int], object]] = []

    def table(self, name: str) -> dict[object, int]:
        """Return the ids known so far in table *name*, by the keys of their texts."""
        return self._ids.setdefault(name, BoundedCache(_MAX_IDS))

    def intern(self, name: str, key: object, text: str) -> int:
        """Return the id of *text* in table *name*, and remember it by *key*."""
        ids = self.table(name)
        found = ids[key] = self._ask(name, text)
        self._uncommitted.append((ids, key))
        return found

    def remember(self, name: str, ids: Mapping[object, int]) -> None:
        """Remember *ids* of table *name*, by the keys of their texts."""
        known = self.table(name)
        for key, found in ids.items():
            known[key] = found
            self._uncommitted.append((known, key))

    def commit(self) -> None:
        """Keep the ids of the transaction, which was committed."""
        self._uncommitted.clear()

    def rollback(self) -> None:
        """Discard the ids of the transaction, which failed."""
        for ids, key in self._uncommitted:
            ids.pop(key, None)
        self._uncommitted.clear()

    def clear(self) -> None:
        """Discard all ids: the database may not be the one that gave them."""
        for ids in self._ids.values():
            ids.clear()  # in place: users of a table hold it
        self._uncommitted.clear()
