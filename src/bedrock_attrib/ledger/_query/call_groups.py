"""Groups of single calls, added up in the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from .._call_rows import other_figures
from .._field_table import FIGURES, Row
from .._sql import select
from .._store import ParallelReadable, Readable
from .._time_buckets import DAY_US, KEYS_PER_US, Level, key_range
from .grouped_figures import GroupedFigures

COUNTED = tuple(figure.of_calls for figure in FIGURES)
IN_SPAN = "key BETWEEN ? AND ?"
HAS_OTHERS = "(other_units IS NOT NULL OR given_cost IS NOT NULL)"
Span = tuple[int, int]


def add_calls(
    groups: GroupedFigures,
    store: Readable,
    key: Sequence[str],
    spans: Sequence[Span],
    condition: str = "true",
) -> None:
    """Add the calls of some spans to *groups*.

    Args:
        groups: Takes the figures.
        store: What is read.
        key: SQL of the columns to group by.
        spans: First and last keys of calls; read on several threads if the store can.
        condition: SQL that chooses calls.
    """
    width = len(key)
    places = ", ".join(str(place + 1) for place in range(width))
    where = f"WHERE {IN_SPAN} AND {condition}"
    columns = (*key, *COUNTED)
    sums = select(columns, "calls", f"{where} GROUP BY {places}")
    for rows in _groups_of_each(store, sums, len(columns), spans):
        groups.add_rows(rows, width)
    others = select(
        (*key, "other_units", "given_cost"), "calls", f"{where} AND {HAS_OTHERS}"
    )
    for some in _rows_of_each(store, others, spans):
        for row in some:
            for unit, total in other_figures(*row[width:]):
                groups.add_other(row[:width], unit, total)


def _rows_of_each(
    store: Readable, sql: str, spans: Sequence[Span]
) -> Iterator[list[Row]]:
    if isinstance(store, ParallelReadable) and len(spans) > 1:
        return store.rows_of_each(sql, spans)
    return (list(store.rows(sql, each)) for each in spans)


def _groups_of_each(
    store: Readable, sql: str, columns: int, spans: Sequence[Span]
) -> Iterator[Iterable[Sequence[Any]]]:
    if isinstance(store, ParallelReadable) and len(spans) > 1:
        return store.groups_of_each(sql, columns, spans)
    return (store.rows(sql, each) for each in spans)


def parallel_spans(
    store: Readable, start: datetime, end: datetime, *, many_groups: bool
) -> list[Span]:
    """Divide the calls of a span into pieces that threads read at the same time.

    A piece is a day, or less if the span is short: small enough to be sorted in memory,
    and enough of them for all processors.

    Args:
        store: What is read.
        start: First moment.
        end: The moment after the last.
        many_groups: Whether each piece will have most of the groups, so that larger
            pieces are faster.
    """
    ((first, last),) = store.rows(_FIRST_AND_LAST)
    if first is None:
        return []
    begin, after = key_range(start, end)
    begin, stop = max(begin, first), min(after - 1, last)
    width = max(1, min(DAY_US * KEYS_PER_US, -(-(stop - begin + 1) // _PIECES)))
    spans = [(at, min(stop, at + width - 1)) for at in range(begin, stop + 1, width)]
    if not many_groups:
        return spans
    ((calls,),) = store.rows(_COUNT)
    return _joined(spans, int(calls or 0))


def _joined(spans: list[Span], calls: int) -> list[Span]:
    """Return fewer, larger pieces of about *calls* calls."""
    pieces = max(_PIECES // 2, -(-calls // _CALLS_PER_PIECE))
    width = max(1, -(-len(spans) // pieces))
    some = (spans[at : at + width] for at in range(0, len(spans), width))
    return [(each[0][0], each[-1][1]) for each in some]


_PIECES = 8
# Sorted within the memory that a connection may use.
_CALLS_PER_PIECE = 1_000_000
_FIRST_AND_LAST = "SELECT (SELECT min(key) FROM calls), (SELECT max(key) FROM calls)"
_COUNT = select(["sum(calls)"], "sums", f"WHERE level = {int(Level.MONTH)}")
