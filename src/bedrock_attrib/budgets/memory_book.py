"""Memory book: budgets of one process, which need no store and no lease."""

from __future__ import annotations

from collections.abc import Sequence

from .._runtime.fork import ResetOrder, after_fork
from .books import Held, Refused
from .lines import Line
from .stores import AccountState
from .stores.memory import MemoryStore
from .stores.rules import Bucket


class MemoryBook:
    """Book over a `MemoryStore`. A forked child has a copy of its own.

    Attributes:
        store: Its accounts.
        generation: Number of forks between the first process and this one.
    """

    def __init__(self, store: MemoryStore | None = None) -> None:
        """Start with the accounts of *store*; None for none."""
        self.store = MemoryStore() if store is None else store
        self.generation = 0
        after_fork(self._leave_to_parent, ResetOrder.FIGURES)

    def _leave_to_parent(self) -> None:
        self.generation += 1
        self.store.forget_holds()

    def reserve(self, lines: Sequence[Line]) -> Held | Refused:
        """See `Book.reserve`."""
        found = self.store.hold(lines)
        if not isinstance(found, int):
            return _Held(self, found, lines)
        line = lines[found]
        return Refused(found, self.store.read([(line.account, line.first)])[0])

    def reserve_at_once(self, lines: Sequence[Line]) -> Held | Refused | None:
        """See `Book.reserve_at_once`."""
        return self.reserve(lines)

    def accounts(self) -> list[str]:
        """See `Book.accounts`."""
        return self.store.accounts()

    def read(self, accounts: Sequence[tuple[str, int]]) -> list[AccountState]:
        """See `Book.read`."""
        return self.store.read(accounts)

    def known(self, accounts: Sequence[tuple[str, int]]) -> list[AccountState]:
        """See `Book.known`."""
        return self.store.read(accounts)

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 -- as others need it
        """See `Book.flush`: nothing is pending."""
        return True

    def close(self) -> None:
        """See `Book.close`."""


class _Held:
    """What is held for one call."""

    __slots__ = ("_book", "_buckets", "_generation", "_lines")

    def __init__(
        self, book: MemoryBook, buckets: Sequence[Bucket], lines: Sequence[Line]
    ) -> None:
        self._book = book
        self._buckets = buckets
        self._lines = lines
        self._generation = book.generation

    def settle(self, amounts: Sequence[int]) -> None:
        """See `Held.settle`."""
        book = self._book
        if self._generation == book.generation:
            self._generation = _SETTLED
            book.store.convert(self._buckets, self._lines, amounts)


_SETTLED = -1
