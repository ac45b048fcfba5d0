"""Which days are exported, and how their files appear: whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from ...errors import ConfigError, LedgerError
from .._ledger import Ledger
from .._query.reader import Reader
from ._columns import ColumnMaker, batched, schema_of

_DAY = timedelta(days=1)
# Rows that are held at once; readers work on groups of that many side by side.
_ROWS_OF_A_GROUP = 131_072
# Columns without repetition, for which a dictionary is in vain.
_UNIQUE = ("id", "started_at", "request_id", "duration_us", "first_chunk_us")


class ExportedDay(NamedTuple):
    """What became of one day, UTC.

    Attributes:
        day: The day.
        path: The file; None where none was written.
        calls: Calls in the file, or kept of that day where none was written.
        forgotten: Calls of that day which the sums know and retention has deleted. Of
            such a day a file that is there already is left as it is.
    """

    day: date
    path: Path | None
    calls: int
    forgotten: int


def export(
    ledger: Ledger,
    folder: Path | str,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    tag_columns: Sequence[str] = (),
    part: str = "0",
    on_day: Callable[[ExportedDay], object] | None = None,
) -> list[ExportedDay]:
    """Write the calls of a ledger to files such as ``day=2026-11-25/part-0.parquet``.

    Every field of the records is there, and never a word of a prompt. Days are whole
    UTC days: all that the span touches. Exported again, a day's file takes the place of
    the one before, in one step. Memory stays flat however many calls there are. Flush
    the ledger before.

    Args:
        ledger: Where the calls are.
        folder: Where the files go; created where it is missing.
        start: A moment of the first day, aware; None for the first day of the ledger.
        end: The moment after the last, aware; None for the end of the ledger.
        tag_columns: Tags that get a column of their own (``tag_team``), beside the map
            ``tags``, which has them all. Give the same ones each time.
        part: Names the files, where several ledgers are exported to one folder.
        on_day: Is told each day as it is done.

    Returns:
        The days that had calls.

    Raises:
        ConfigError: If an argument is not what was expected.
        LedgerError: If the ledger cannot be read or a file not written. Days that are
            done are whole.

    Example:
        >>> export(Ledger("calls.db"), "calls")  # doctest: +SKIP
    """
    schema_of(tag_columns)
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", part):
        raise ConfigError(
            f"expected letters, digits, '_', '.' and '-' as part, got {part!r}"
        )
    for moment in (start, end):
        # A date would do as a type where nobody checks, and has no time zone.
        if moment is not None and getattr(moment, "tzinfo", None) is None:
            raise ConfigError(f"expected a datetime with a time zone, got {moment!r}")
    found = []
    for day in _days(ledger, start, end):
        name = f"day={day:%Y-%m-%d}/part-{part}.parquet"
        with ledger.reading() as reader:  # each day its own, so that none lasts long
            done = _export_day(reader, day, Path(folder) / name, tag_columns)
        if done.calls or done.forgotten:
            found.append(done)
            if on_day is not None:
                on_day(done)
    return found


def _days(
    ledger: Ledger, start: datetime | None, end: datetime | None
) -> list[datetime]:
    with ledger.reading() as reader:
        span = reader.span()
        if span is None:
            return []
        return reader.days(start or span[0], end or span[1])


def _export_day(
    reader: Reader, start: datetime, path: Path, tag_columns: Sequence[str]
) -> ExportedDay:
    day = start.date()
    counted = sum(each.calls for each in reader.sums(start, start + _DAY))
    if not counted:
        return ExportedDay(day, None, 0, 0)
    with _written(path) as unfinished:
        calls = _write(reader, start, unfinished, tag_columns)
        forgotten = max(counted - calls, 0)
        if not calls or (forgotten and path.exists()):
            unfinished.unlink()
            return ExportedDay(day, None, calls, forgotten)
    return ExportedDay(day, path, calls, forgotten)


def _write(
    reader: Reader, start: datetime, path: Path, tag_columns: Sequence[str]
) -> int:
    maker, calls = ColumnMaker(reader, tag_columns), 0
    schema = schema_of(tag_columns)
    with pq.ParquetWriter(
        path,
        schema,
        version="2.6",  # the first with times in microseconds, and counts as such
        compression="zstd",
        use_dictionary=[name for name in _leaves(schema) if name not in _UNIQUE],
        store_schema=False,
    ) as writer:
        rows = reader.rows(start, start + _DAY)
        for some in batched(rows, _ROWS_OF_A_GROUP):
            writer.write_batch(maker.batch(some), row_group_size=_ROWS_OF_A_GROUP)
            calls += len(some)
    return calls


def _leaves(schema: object) -> Iterator[str]:
    for field in schema:  # type: ignore[attr-defined] # an untyped package's
        if str(field.type).startswith("map"):
            yield from (f"{field.name}.key_value.key", f"{field.name}.key_value.value")
        elif str(field.type).startswith("list"):
            yield f"{field.name}.list.element"
        else:
            yield field.name


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """Where to write what becomes *path* in one step, unless it is deleted first."""
    # Readers of Parquet folders pass over names that begin with a dot.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield unfinished
            if unfinished.exists():
                _sync(unfinished)
                unfinished.replace(path)
                _sync(path.parent)
        finally:
            unfinished.unlink(missing_ok=True)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
    except OSError as error:
        raise LedgerError(
            f"cannot write {path}: {error.strerror or error}; expected a folder that "
            f"may be written, on a disk with room; days before this one are whole"
        ) from error


def _sync(path: Path) -> None:
    """Have the disk keep *path* before anything is built on it."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
