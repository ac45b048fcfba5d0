"""Protocol of books: where a process reserves and settles what its calls may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .lines import Line
from .stores import AccountState


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing was reserved.

    Attributes:
        index: Index of the line that did not fit.
        state: State of its account; None where the store was not reached.
    """

    index: int
    state: AccountState | None


class Held(Protocol):
    """Amounts that a book holds for one call."""

    def settle(self, amounts: Sequence[int]) -> None:
        """Book *amounts*, one for each line, instead of what was reserved.

        It has an effect once, and never waits for a store.
        """


class Book(Protocol):
    """Reserves for calls, and settles them. Safe to use from any thread."""

    def reserve(self, lines: Sequence[Line]) -> Held | Refused:
        """Reserve all of *lines* or none; may wait for a store, but not for long."""

    def reserve_at_once(self, lines: Sequence[Line]) -> Held | Refused | None:
        """As `reserve`; None where that would wait for a store."""

    def accounts(self) -> list[str]:
        """Return the names of all accounts; may ask the store."""

    def read(self, accounts: Sequence[tuple[str, int]]) -> list[AccountState]:
        """Return the states of accounts, each with its first bucket; asks the store.

        What is known of them where that is not reached.
        """

    def known(self, accounts: Sequence[tuple[str, int]]) -> list[AccountState]:
        """Return what is known of accounts, each given with its first bucket.

        Waits for no store: what other processes did since the last exchange may be
        missing.
        """

    def flush(self, timeout_s: float) -> bool:
        """Bring what was settled to the store; False if the time was not enough."""

    def close(self) -> None:
        """Give back what is held and not in use."""
