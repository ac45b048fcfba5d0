"""Ids of the texts that calls share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .._runtime.bounded_cache import BoundedCache

_MAX_IDS = 100_000
# Characters of the texts of one table, whose keys take two to four bytes for each.
_MAX_CHARACTERS = 8_000_000


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
        self._characters: dict[str, int] = {}
        self._uncommitted: list[tuple[dict[object, int], object]] = []

    def table(self, name: str) -> dict[object, int]:
        """Return the ids known so far in table *name*, by the keys of their texts."""
        return self._ids.setdefault(name, BoundedCache(_MAX_IDS))

    def intern(self, name: str, key: object, text: str) -> int:
        """Return the id of *text* in table *name*, and remember it by *key*."""
        ids = self.table(name)
        found = ids[key] = self._ask(name, text)
        self._uncommitted.append((ids, key))
        self._count(name, len(text))
        return found

    def _count(self, name: str, characters: int) -> None:
        self._characters[name] = self._characters.get(name, 0) + characters

    def remember(
        self, name: str, ids: Mapping[object, int], *, characters: int
    ) -> None:
        """Remember *ids* of table *name*, by the keys of their texts.

        Args:
            name: The table.
            ids: The ids.
            characters: Length of the texts together.
        """
        self._count(name, characters)
        known = self.table(name)
        for key, found in ids.items():
            known[key] = found
            self._uncommitted.append((known, key))

    def commit(self) -> None:
        """Keep the ids of the transaction, unless their texts are too long to hold."""
        self._uncommitted.clear()
        for name, characters in self._characters.items():
            if characters > _MAX_CHARACTERS:
                self._ids[name].clear()
                self._characters[name] = 0

    def rollback(self) -> None:
        """Discard the ids of the transaction, which failed."""
        for ids, key in self._uncommitted:
            ids.pop(key, None)
        self._uncommitted.clear()

    def clear(self) -> None:
        """Discard all ids: the database may not be the one that gave them."""
        for ids in self._ids.values():
            ids.clear()  # in place: users of a table hold it
        self._characters.clear()
        self._uncommitted.clear()
