"""Export of days to files, each written completely or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow.parquet as pq

from ..._runtime.atomic_file import written_atomically
from ...errors import ConfigError, LedgerError
from .._ledger import Ledger
from .._query.reader import Reader
from ._arrow_columns import ArrowColumns, batched
from ._schema import schema_of

_DAY = timedelta(days=1)
# Rows that are held at once; readers process groups of this size in parallel.
_ROWS_OF_A_GROUP = 131_072
# Columns without repetition, for which a dictionary is useless.
_UNIQUE = ("id", "started_at", "request_id", "duration_us", "first_chunk_us")


class ExportedDay(NamedTuple):
    """Result of exporting one day, UTC.

    Attributes:
        day: The day.
        path: The file; None where none was written.
        calls: Calls in the file, or stored of that day where none was written.
        pruned: Calls of that day that sums include and retention has deleted. An
            existing file of such a day is not replaced.
    """

    day: date
    path: Path | None
    calls: int
    pruned: int


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

    The files have every field of the records. Days are whole UTC days: all that the
    span touches. A day that is exported again replaces its file in one step. Memory use
    does not grow with the number of calls. Flush the ledger before.

    Args:
        ledger: The ledger.
        folder: Folder for the files; created if it is missing.
        start: A moment of the first day, aware; None for the first day of the ledger.
        end: The moment after the last, aware; None for the end of the ledger.
        tag_columns: Tags that get a column of their own (``tag_team``), beside the map
            ``tags``, which has them all. Pass the same ones each time.
        part: Part of the file names, where several ledgers are exported to one folder.
        on_day: Called with each day as it is finished.

    Returns:
        The days that had calls.

    Raises:
        ConfigError: If an argument is not what was expected.
        LedgerError: If the ledger cannot be read or a file not written. Files of
            finished days are complete.

    Example:
        >>> export(Ledger("calls.db"), "calls")  # doctest: +SKIP
    """
    schema_of(tag_columns)
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", part):
        raise ConfigError(
            f"expected letters, digits, '_', '.' and '-' as part, got {part!r}"
        )
    for moment in (start, end):
        # A date has no time zone, and would pass where types are not checked.
        if moment is not None and getattr(moment, "tzinfo", None) is None:
            raise ConfigError(f"expected a datetime with a time zone, got {moment!r}")
    found = []
    for day in _days(ledger, start, end):
        name = f"day={day:%Y-%m-%d}/part-{part}.parquet"
        with ledger.reading() as reader:  # one for each day, so that none lasts long
            path = Path(folder) / name
            done = _export_day(reader, day, path, tag_columns, _mode(ledger, path))
        if done.calls or done.pruned:
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
    reader: Reader,
    start: datetime,
    path: Path,
    tag_columns: Sequence[str],
    mode: int | None,
) -> ExportedDay:
    day = start.date()
    counted = sum(each.calls for each in reader.sums(start, start + _DAY))
    if not counted:
        return ExportedDay(day, None, 0, 0)
    found = reader.totals(start, start + _DAY, {})
    calls = sum(each.calls for each in found)
    pruned = max(counted - calls, 0)
    if not calls or (pruned and path.exists()):
        return ExportedDay(day, None, calls, pruned)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_atomically(path, mode=mode, is_synced=True) as file:
            _write(reader, start, file, tag_columns)
    except OSError as error:
        raise LedgerError(
            f"cannot write {path}: {error.strerror or error}; expected a folder that "
            f"may be written, on a disk with space; files of earlier days are complete"
        ) from error
    return ExportedDay(day, path, calls, pruned)


def _mode(ledger: Ledger, path: Path) -> int | None:
    """Return the permissions of a file made of *ledger*; None for the usual ones.

    A ledger that only its owner may read makes files for its owner.
    """
    source = getattr(ledger.store, "path", None)
    if not isinstance(source, Path) or path.exists():
        return None
    with suppress(OSError):
        if not source.stat().st_mode & _OF_OTHERS:
            return _PRIVATE
    return None


_OF_OTHERS, _PRIVATE = 0o077, 0o600


def _write(
    reader: Reader, start: datetime, file: BinaryIO, tag_columns: Sequence[str]
) -> None:
    columns = ArrowColumns(reader, tag_columns)
    schema = schema_of(tag_columns)
    with pq.ParquetWriter(
        file,
        schema,
        version="2.6",  # the first with times in microseconds, and counts as such
        compression="zstd",
        use_dictionary=[name for name in _leaves(schema) if name not in _UNIQUE],
        store_schema=False,
    ) as writer:
        rows = reader.rows(start, start + _DAY)
        for some in batched(rows, _ROWS_OF_A_GROUP):
            writer.write_batch(columns.batch(some), row_group_size=_ROWS_OF_A_GROUP)


def _leaves(schema: object) -> Iterator[str]:
    for field in schema:  # type: ignore[attr-defined] # an untyped package's
        if str(field.type).startswith("map"):
            yield from (f"{field.name}.key_value.key", f"{field.name}.key_value.value")
        elif str(field.type).startswith("list"):
            yield f"{field.name}.list.element"
        else:
            yield field.name
