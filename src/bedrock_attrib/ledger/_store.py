"""What a ledger asks of a database, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from ..errors import LedgerError
from ._clock import Level
from ._old_schema import Older
from ._rows import SUM_COLUMNS, SUM_KEY, Batch, Row
from ._schema import UNIT_COLUMNS


class Transaction(Protocol):
    """An open transaction of a writer."""

    def intern(self, table: str, text: str) -> int:
        """The id of *text* in *table*, a new one if it is not there."""

    def write(self, batch: Batch) -> None:
        """Add calls and sums."""

    def replace(self, key: int, change: Batch) -> None:
        """Write the call at *key* anew: what is taken away, and what it becomes."""

    def find(self, keys: tuple[int, int], origin: int, number: int) -> Row | None:
        """The call with this id among *keys*, first and last, as it stands now."""

    def forget_calls(self, before_key: int) -> int:
        """Delete calls below a key, and remember the key; how many there were."""

    def forget_sums(self, level: int, before_bucket: int) -> int:
        """Delete sums below a bucket; how many there were."""

    def forget_tag_sets(self) -> int:
        """Delete tag sets of no call and no sum; how many there were.

        Ids of tag sets that any process knows do not hold any more after that.
        """


class Readable(Protocol):
    """What can be read.

    Attributes:
        older: How a ledger of an older schema is read; None for one of this schema.
    """

    older: Older | None

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Read. Values take the places of question marks."""


class Store(Protocol):
    """A database that holds a ledger.

    Errors of the database leave it as `LedgerError`, after the transaction was taken
    back.
    """

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Write: everything or nothing. One thread at a time."""

    def snapshot(self) -> AbstractContextManager[Readable]:
        """Read from any thread, as all stands at one moment."""

    def compact(self) -> None:
        """Give space that is not used any more back to the file system."""

    def close(self) -> None:
        """Release everything."""


@runtime_checkable
class ReadableAtOnce(Readable, Protocol):
    """What can be read on several threads, all of the same moment."""

    def rows_of_each(
        self, sql: str, values: Iterable[Sequence[Any]]
    ) -> Iterator[list[Row]]:
        """Read for each of *values*; the answers come in their order."""

    def groups_of_each(
        self, sql: str, columns: int, values: Iterable[Sequence[Any]]
    ) -> Iterator[list[list[Any]]]:
        """The same where a question is answered by many rows of numbers."""


@runtime_checkable
class ReopeningStore(Store, Protocol):
    """A store that may go on with another database than it began with."""

    def when_reopened(self, forget: Callable[[], None]) -> None:
        """Call *forget* whenever ids that were given before may not hold any more."""


class CommitInDoubtError(LedgerError):
    """The connection broke while a transaction was being committed.

    Attributes:
        was_committed: Asks the database whether it was after all; raises a
            `LedgerError` as long as that cannot be known.
    """

    def __init__(self, message: str, was_committed: Callable[[], bool]) -> None:
        super().__init__(message)
        self.was_committed = was_committed


class StaleIdsError(LedgerError):
    """Tag sets were deleted since the rows were made: they must be made anew."""


class DamagedError(LedgerError):
    """What is there cannot be read as a database."""


class WrittenMeanwhileError(LedgerError):
    """What was read without a lock was written at the time: it may be read anew."""


class UnfitError(LedgerError):
    """A record has a value that the database cannot hold, however often it is tried."""


def insert(table: str, columns: Iterable[str]) -> str:
    """SQL that inserts one row."""
    names = tuple(columns)
    places = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"  # noqa: S608


def upsert(insert: str, columns: Sequence[str], key: Sequence[str], total: str) -> str:
    """SQL that adds rows to sums.

    Args:
        insert: SQL that would insert them.
        columns: All columns.
        key: Those that say which sum it is.
        total: How two values become one, of ``{table}`` and ``{column}``.
    """
    table = insert.split()[2]
    sums = ", ".join(
        f"{column} = {total.format(table=table, column=column)}"
        for column in columns
        if column not in key
    )
    return f"{insert} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sums}"


# Marks, which a ledger keeps beside its calls.
MARK = "SELECT max(value) FROM marks WHERE name = ?"
LAST_BEFORE = "SELECT max(key) FROM calls WHERE key < ?"
RAISE_MARK = (
    "INSERT INTO marks (name, value) VALUES (?, ?) ON CONFLICT (name) "
    "DO UPDATE SET value = excluded.value WHERE excluded.value > marks.value"
)
NEXT_GENERATION = (
    "INSERT INTO marks (name, value) VALUES ('generation', 1) ON CONFLICT (name) "
    "DO UPDATE SET value = marks.value + 1"
)
CALLS_FROM, GENERATION = "calls_from", "generation"
# Where the highest id was deleted, an empty tag set takes the one above it: SQLite
# would give the highest again, and who still knows it would write to somebody else's
# tags. No call has this text, as the empty tag set of calls has no space in it.
PLACEHOLDER = "{ }"
# Every call is in a sum of its month; nothing but a mistake makes the calls count too.
UNUSED_TAG_SETS = (
    f"SELECT id FROM tag_sets WHERE tags <> '{PLACEHOLDER}' AND id NOT IN "  # noqa: S608
    f"(SELECT tag_set FROM sums WHERE level = {int(Level.MONTH)})"
)
TAGS_LOST = (
    f"SELECT DISTINCT tag_set FROM sums WHERE level = {int(Level.MONTH)} "  # noqa: S608
    "AND tag_set NOT IN (SELECT id FROM tag_sets)"
)
FORGET_TAG_SETS = (
    f"DELETE FROM tag_sets WHERE id IN ({UNUSED_TAG_SETS}) AND id NOT IN "  # noqa: S608
    "(SELECT tag_set FROM sums UNION SELECT tag_set FROM calls)"
)

_HOURS_OF_A_DAY = 24
_BUCKETS = {
    Level.HOUR: "hour",
    Level.DAY: f"hour / {_HOURS_OF_A_DAY}",
    Level.MONTH: "month",
}
_FIGURES = {
    "calls": "sum(sign)",
    "attempts": "sum(sign * attempts)",
    "duration_us": "coalesce(sum(sign * duration_us), 0)",
    "first_chunks": "sum(CASE WHEN first_chunk_us IS NULL THEN 0 ELSE sign END)",
    **{
        column: f"coalesce(sum(sign * {column}), 0)"
        for column in ("first_chunk_us", *UNIT_COLUMNS)
    },
}
HOURLY_COLUMNS = ("hour", "month", "tag_set", "kind", *_FIGURES)
"""Columns of what `hourly` gives."""


def hourly(table: str) -> str:
    """SQL that selects what the calls in *table* add up to by hour."""
    return (
        f"SELECT hour, month, tag_set, kind, {', '.join(_FIGURES.values())} "  # noqa: S608 -- names are ours
        f"FROM {table} GROUP BY hour, month, tag_set, kind"
    )


def sums_of(table: str, level: Level) -> str:
    """SQL that adds the calls in *table* to the sums of *level*."""
    bucket = _BUCKETS[level]
    # The condition tells SQLite where the selection ends; the order keeps writers of
    # other databases from waiting for each other in a circle.
    select = (
        f"INSERT INTO sums ({', '.join(SUM_COLUMNS)}) "  # noqa: S608 -- names are ours
        f"SELECT {int(level)}, {bucket}, tag_set, kind, {', '.join(_FIGURES.values())} "
        f"FROM {table} WHERE true GROUP BY {bucket}, tag_set, kind "
        f"ORDER BY {bucket}, tag_set, kind"
    )
    return upsert(select, SUM_COLUMNS, SUM_KEY, "{table}.{column} + excluded.{column}")


def sums_of_hourly(table: str, level: Level) -> str:
    """The same from *table*, which holds what `hourly` gave; a key may come twice."""
    select = (
        f"INSERT INTO sums ({', '.join(SUM_COLUMNS)}) "  # noqa: S608 -- names are ours
        f"SELECT {int(level)}, {_BUCKETS[level]}, tag_set, kind, {', '.join(_FIGURES)} "
        f"FROM {table} WHERE true"
    )
    return upsert(select, SUM_COLUMNS, SUM_KEY, "{table}.{column} + excluded.{column}")
