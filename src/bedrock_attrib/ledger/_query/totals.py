"""Single calls added up in the database by any of their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..._model.tags import NO_TAGS, Tags
from .._clock import (
    Level,
)
from .._codec import Kind
from .._roll_ups import Groups, rest_of
from .._rows import (
    Row,
)
from .._store import Readable, ReadableAtOnce
from .aggregate import COUNTED_SQL, FIGURES, sum_of
from .fields import Total, joined_spans, key_spans, stepped, value_of
from .names import Names


class Totals:
    """Adds up single calls."""

    def __init__(self, store: Readable, names: Names) -> None:
        """Read from *store*, which stands still, with the *names* of its ids."""
        self._store = store
        self._names = names

    def totals(
        self,
        start: datetime,
        end: datetime,
        by: Mapping[str, float | None],
        *,
        tags: Callable[[Tags], bool] | None = None,
        kinds: Callable[[Kind], bool] | None = None,
    ) -> list[Total]:
        """What single calls of a span add up to, by their kind and any fields.

        Raises:
            LedgerError: If a field is not known.
        """
        steps = [stepped(name, step) for name, step in by.items()]
        reads = [
            value_of(self._names, name, read)
            for name, (_, read) in zip(by, steps, strict=True)
        ]
        # Tag sets make many groups, so they are told apart only where it matters: with
        # the kind as one number, as a sort is what costs.
        others = [name != "tags" for name in by]
        columns = [
            sql for (sql, _), is_other in zip(steps, others, strict=True) if is_other
        ]
        is_by_tags = tags is not None or not all(others)
        pairs = self._pairs() if is_by_tags else None
        last = "kind" if pairs is None else f"tag_set * {pairs} + kind"
        counted = self._counted([*columns, last], start, end, many=is_by_tags)

        def place(key: Row) -> Row | None:
            tag_set, kind = (0, key[-1]) if pairs is None else divmod(key[-1], pairs)
            if tags is not None and not tags(self._names.tags(tag_set)):
                return None
            if kinds is not None and not kinds(self._names.kind(kind)):
                return None
            rest = iter(key)
            return (*(next(rest) if other else tag_set for other in others), kind)

        if pairs is not None or kinds is not None:
            counted = counted.joined(place)
        found = []
        for key, figures in counted.figures.items():
            values = tuple(
                None if value is None else read(value)
                for value, read in zip(key, reads, strict=False)
            )
            rest = counted.rest.get(key)
            whole = sum_of(self._names, NO_TAGS, key[-1], figures, rest)
            found.append(Total(values, *whole[1:]))
        return found

    def _pairs(self) -> int:
        """By how much ids of tag sets are multiplied, so that those of kinds fit in."""
        ((most,),) = self._store.rows("SELECT max(id) FROM kinds")
        return int(most or 0) + 1

    def _counted(
        self, columns: Sequence[str], start: datetime, end: datetime, *, many: bool
    ) -> Groups:
        """What calls add up to by *columns*, which are SQL."""
        names = ", ".join(columns)
        width = len(columns)
        places = ", ".join(str(place + 1) for place in range(width))
        ((first, last),) = self._store.rows(_CALLS_ENDS)
        spans = key_spans(start, end, first, last)
        if many:
            ((calls,),) = self._store.rows(_HOW_MANY)
            spans = joined_spans(spans, int(calls or 0))
        groups = Groups()
        sums = f"SELECT {names}, {COUNTED_SQL} FROM calls {_IN_SPAN} GROUP BY {places}"  # noqa: S608
        for rows in self._groups_of_each(sums, width + len(FIGURES), spans):
            groups.add_rows(rows, width)
        rest = f"SELECT {names}, more, amount FROM calls {_IN_SPAN} AND {_HAS_MORE}"  # noqa: S608
        for rows in self._rows_of_each(rest, spans):
            for row in rows:
                for unit, total in rest_of(*row[width:]):
                    groups.add_rest(row[:width], unit, total)
        return groups

    def _rows_of_each(
        self, sql: str, values: Sequence[tuple[int, int]]
    ) -> Iterator[list[Row]]:
        if isinstance(self._store, ReadableAtOnce):
            return self._store.rows_of_each(sql, values)
        return (list(self._store.rows(sql, each)) for each in values)

    def _groups_of_each(
        self, sql: str, columns: int, values: Sequence[tuple[int, int]]
    ) -> Iterator[Iterable[Sequence[Any]]]:
        if isinstance(self._store, ReadableAtOnce):
            return self._store.groups_of_each(sql, columns, values)
        return (self._store.rows(sql, each) for each in values)


# Every name in these is ours.
_IN_SPAN = "WHERE key BETWEEN ? AND ?"
_HAS_MORE = "(more IS NOT NULL OR amount IS NOT NULL)"
_HOW_MANY = f"SELECT sum(calls) FROM sums WHERE level = {int(Level.MONTH)}"  # noqa: S608
_CALLS_ENDS = "SELECT (SELECT min(key) FROM calls), (SELECT max(key) FROM calls)"
