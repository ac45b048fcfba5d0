"""Store protocol: what a ledger needs of a database, and the SQL that all share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from ..errors import LedgerError
from ._call_rows import RowBatch
from ._field_table import (
    CALL_COLUMNS,
    CALL_GROUP,
    FIGURE_COLUMNS,
    FIGURES,
    SUM_COLUMNS,
    SUM_KEY,
    Row,
)
from ._sql import delete, insert, insert_into, select, upsert
from ._time_buckets import HOURS_PER_DAY, Level


class Transaction(Protocol):
    """An open transaction of a writer."""

    def intern(self, table: str, text: str) -> int:
        """Return the id of *text* in *table*, a new one if it is not there."""

    def intern_all(self, table: str, texts: Sequence[str]) -> list[int]:
        """Return the ids of different *texts* in *table*, as `intern` does each."""

    def write(self, batch: RowBatch) -> None:
        """Add calls and sums."""

    def replace(self, before: Row, after: Row) -> None:
        """Replace a call and adjust its sums.

        Args:
            before: The fresh row that is stored now, subtracted from sums.
            after: The fresh row that replaces it, with the same key.
        """

    def find(self, keys: tuple[int, int], origin: int, number: int) -> Row | None:
        """Return the row of the call with this id among *keys*, first and last."""

    def prune_calls(self, before_key: int) -> int:
        """Delete calls below a key, and mark the key; return their number."""

    def prune_sums(self, level: int, before_bucket: int) -> int:
        """Delete sums below a bucket; return their number."""

    def prune_tag_sets(self) -> int:
        """Delete tag sets of no call and no sum; return their number.

        Ids of tag sets that any process knows are invalid after that.
        """


class Readable(Protocol):
    """A ledger at one moment."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Return rows. Values take the places of question marks."""


class Store(Protocol):
    """A database that holds a ledger.

    Its errors leave it as `LedgerError`, after the transaction was rolled back.
    """

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Write everything or nothing. One thread at a time."""

    def snapshot(self) -> AbstractContextManager[Readable]:
        """Read the ledger at one moment, from any thread."""

    def compact(self) -> None:
        """Return unused space to the file system."""

    def close(self) -> None:
        """Release everything."""


@runtime_checkable
class ParallelReadable(Readable, Protocol):
    """A ledger at one moment that several threads can read."""

    def rows_of_each(
        self, sql: str, values: Iterable[Sequence[Any]]
    ) -> Iterator[list[Row]]:
        """Yield the rows for each of *values*, in their order."""

    def groups_of_each(
        self, sql: str, columns: int, values: Iterable[Sequence[Any]]
    ) -> Iterator[list[list[Any]]]:
        """Do the same where an answer is many rows of numbers."""


@runtime_checkable
class ReopeningStore(Store, Protocol):
    """A store that may go on with another database than it began with."""

    def on_stale_ids(self, discard: Callable[[], None]) -> None:
        """Call *discard* whenever ids that were given before may be invalid."""


@runtime_checkable
class LazyStore(Store, Protocol):
    """A store that can be made without being opened.

    Attributes:
        unavailable: Why it could not be opened; None if it was, or was not tried.
        is_opened_later: Whether it was not tried.
    """

    unavailable: LedgerError | None
    is_opened_later: bool

    def open(self) -> None:
        """Open it for writing; raises a `LedgerError` if that fails."""


class UnavailableError(LedgerError):
    """The database cannot be used now, and may be later: it is away, locked or full."""


class UncertainCommitError(LedgerError):
    """The connection broke while a transaction was being committed.

    Attributes:
        was_committed: Asks the database whether it was committed; raises a
            `LedgerError` as long as that cannot be known.
    """

    def __init__(self, message: str, was_committed: Callable[[], bool]) -> None:
        super().__init__(message)
        self.was_committed = was_committed


class StaleIdsError(LedgerError):
    """Tag sets were deleted since the rows were built: they must be built again."""


class DamagedError(LedgerError):
    """The file or database cannot be read."""


class ConcurrentWriteError(LedgerError):
    """A file that was read without a lock was written meanwhile: read it again."""


class UnstorableRecordError(LedgerError):
    """A record has a value that the database can never hold."""


FIND_CALL = select(
    CALL_COLUMNS, "calls", "WHERE key BETWEEN ? AND ? AND origin = ? AND number = ?"
)
LAST_KEY = "SELECT max(key) FROM calls WHERE key BETWEEN ? AND ?"
LAST_KEY_BEFORE = "SELECT max(key) FROM calls WHERE key < ?"

# Marks: numbers that a ledger stores beside its calls.
CALLS_FROM, GENERATION = "calls_from", "generation"
MARK = "SELECT max(value) FROM marks WHERE name = ?"
RAISE_MARK = (
    f"{insert('marks', ('name', 'value'))} ON CONFLICT (name) "
    "DO UPDATE SET value = excluded.value WHERE excluded.value > marks.value"
)
NEXT_GENERATION = (
    "INSERT INTO marks (name, value) VALUES ('generation', 1) ON CONFLICT (name) "
    "DO UPDATE SET value = marks.value + 1"
)

_OF_MONTHS = f"level = {int(Level.MONTH)}"
_MONTHLY_TAG_SETS = select(["tag_set"], "sums", f"WHERE {_OF_MONTHS}")
# Every call is in the sum of its month, so that reading the months is enough; calls
# and other sums are only read before something is deleted.
UNUSED_TAG_SETS = select(
    ["id"],
    "tag_sets",
    f"WHERE id NOT IN ({_MONTHLY_TAG_SETS})",
)
MISSING_TAG_SETS = select(
    ["DISTINCT tag_set"],
    "sums",
    f"WHERE {_OF_MONTHS} AND tag_set NOT IN ({select(['id'], 'tag_sets')})",
)
_ALL_TAG_SETS = "SELECT tag_set FROM sums UNION SELECT tag_set FROM calls"
DELETE_UNUSED_TAG_SETS = delete(
    "tag_sets",
    f"id IN ({UNUSED_TAG_SETS}) AND id NOT IN ({_ALL_TAG_SETS})",
)

_BUCKETS = {
    Level.HOUR: "hour",
    Level.DAY: f"hour / {HOURS_PER_DAY}",
    Level.MONTH: "month",
}
_SIGNED_FIGURES = tuple(figure.of_signed for figure in FIGURES)
HOURLY_COLUMNS = ("hour", "month", *CALL_GROUP, *FIGURE_COLUMNS)
"""Columns of what `hourly_sums` selects."""


def hourly_sums(fresh: str) -> str:
    """Return SQL that selects the sums by hour of the calls in table *fresh*."""
    group = ("hour", "month", *CALL_GROUP)
    return select((*group, *_SIGNED_FIGURES), fresh, f"GROUP BY {', '.join(group)}")


def add_sums(fresh: str, level: Level) -> str:
    """Return SQL that adds the calls in table *fresh* to the sums of *level*."""
    group = ", ".join((_BUCKETS[level], *CALL_GROUP))
    # The condition tells SQLite where the selection ends; the order prevents deadlocks
    # between writers of other databases.
    rest = f"WHERE true GROUP BY {group} ORDER BY {group}"
    return _add_to_sums(level, _SIGNED_FIGURES, fresh, rest)


def add_hourly_sums(hourly: str, level: Level) -> str:
    """Do the same from table *hourly*, which holds the rows of `hourly_sums`."""
    return _add_to_sums(level, FIGURE_COLUMNS, hourly, "WHERE true")


def _add_to_sums(level: Level, figures: Iterable[str], table: str, rest: str) -> str:
    columns = (str(int(level)), _BUCKETS[level], *CALL_GROUP, *figures)
    return upsert(
        f"{insert_into('sums', SUM_COLUMNS)} {select(columns, table, rest)}",
        "sums",
        SUM_COLUMNS,
        SUM_KEY,
        "{table}.{column} + excluded.{column}",
    )
