"""What a ledger holds, read back: sums of any span, and single calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise

from ..._model.cost import Rates
from ..._model.record import CallRecord
from ..._model.tags import Tags
from .._codec import Kind, read_tags
from .._rows import (
    Row,
)
from .._store import PLACEHOLDER, Readable, Store
from .aggregate import Sum
from .fields import Total, Value
from .names import Names
from .single_calls import SingleCalls
from .sums import Summing
from .totals import Totals
from .usage_sums import sums_by_use


class Reader:
    """A ledger as it stood at one moment."""

    def __init__(self, store: Readable) -> None:
        """Read from *store*, which stands still."""
        self._store = store
        self._names = names = Names(store)
        self._summing = Summing(store, names)
        self._single = SingleCalls(store, names)
        self._totals = Totals(store, names)

    def span(self) -> tuple[datetime, datetime] | None:
        """The first hour with a call and the end of the last, UTC; None if empty."""
        return self._summing.span()

    def days(self, start: datetime, end: datetime) -> list[datetime]:
        """Starts of the UTC days with calls, of those that a span touches.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
        """
        return self._summing.days(start, end)

    def sums(
        self,
        start: datetime,
        end: datetime,
        *,
        tag_names: Sequence[str] | None = None,
    ) -> list[Sum]:
        """What the calls that started in a span add up to, by tags and kind.

        Whole months, days and hours are read from sums that are kept; only what is
        left at the ends is counted call by call.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            tag_names: Which tags to tell apart; None for all. With few it is faster,
                as amounts are multiplied out once for all that have them in common.
        """
        return self._summing.sums(start, end, tag_names=tag_names)

    def steps(self, edges: Sequence[datetime]) -> Iterator[tuple[datetime, list[Sum]]]:
        """The sums of each span between two of *edges*, with its start."""
        for start, end in pairwise(edges):
            yield start, self.sums(start, end)

    def calls(
        self,
        start: datetime,
        end: datetime,
        *,
        tags: Callable[[Tags], bool] | None = None,
        kinds: Callable[[Kind], bool] | None = None,
    ) -> Iterator[CallRecord]:
        """Every call that started in a span, in the order of time.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            tags: Which tags to keep; None for all.
            kinds: Which kinds to keep; None for all.
        """
        return self._single.calls(start, end, tags=tags, kinds=kinds)

    def rows(self, start: datetime, end: datetime) -> Iterator[Row]:
        """The calls of a span as they are kept, for exports: values of `CALL_COLUMNS`.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
        """
        return self._single.rows(start, end)

    def texts(self, table: str) -> dict[int, str]:
        """The texts of a table by their ids, for what `rows` gave."""
        return dict(self._names.texts(table))

    def tags_of(self, tag_set: int) -> Tags:
        """The tags that an id of `rows` stands for."""
        return self._names.tags(tag_set)

    def kind_of(self, kind: int) -> tuple[Kind, Rates | None]:
        """The kind that an id of `rows` stands for, and the rates of its calls."""
        found = self._names.kind(kind)
        return found, self._names.rates_of(found)

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

        For what `sums` do not tell apart, such as durations. Every call is read, in the
        database: on all processors where it is a SQLite file.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            by: Fields of a record, units, or ``kind``, which is always told apart. Each
                with the width of its steps, in seconds or counts, of which the value is
                the lower end; None for exactly.
            tags: Which tags to keep; None for all.
            kinds: Which kinds to keep; None for all.

        Raises:
            LedgerError: If a field is not known.

        Example:
            >>> reader.totals(start, end, {"duration_s": 0.1})  # doctest: +SKIP
        """
        return self._totals.totals(start, end, by, tags=tags, kinds=kinds)

    def fields(
        self, start: datetime, end: datetime, names: Sequence[str]
    ) -> Iterator[tuple[Value, ...]]:
        """Some fields of every call of a span, in the order of time.

        Several times faster than `calls`, which makes a record of each.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            names: Fields of a record, units, or ``kind`` for all that calls share.

        Raises:
            LedgerError: If a field is not known.

        Example:
            >>> reader.fields(start, end, ["tags", "duration_s"])  # doctest: +SKIP
        """
        return self._single.fields(start, end, names)

    def sums_by_reason(
        self,
        start: datetime,
        end: datetime,
        *,
        kinds: Callable[[Kind], bool] | None = None,
    ) -> list[tuple[str, Sum]]:
        """What single calls add up to by tags, kind and price reason.

        Every call of the span is looked at, so that this takes as long as there are
        many; calls that were forgotten are not in it, other than in `sums`.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            kinds: Which kinds to keep; None for all.
        """
        return self._summing.sums_by_reason(start, end, kinds=kinds)

    def sums_by_use(
        self,
        start: datetime,
        end: datetime,
        *,
        lengths: Sequence[int] = (),
        kinds: Callable[[Kind], bool] | None = None,
    ) -> list[tuple[int, Sum]]:
        """What single calls add up to by tags, kind, units used, and length of prompt.

        For prices that hang on one of these. A sum stands for calls that used the same
        units, some of each. With it comes the highest of *lengths* that each of their
        prompts exceeds; 0 where that is none. Calls that were forgotten are not in it.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            lengths: Tokens of prompts, cached ones included, that are told apart.
            kinds: Which kinds to keep; None for all.
        """
        return sums_by_use(self._store, self._names, (start, end), lengths, kinds)

    def hours(
        self, start: datetime, end: datetime
    ) -> dict[tuple[Tags, Kind], tuple[datetime, datetime]]:
        """The first and the last hour with calls, by tags and kind.

        Args:
            start: First moment, aware; the whole hour in which it lies is looked at.
            end: The moment after the last, aware.
        """
        return self._summing.hours(start, end)

    def hashed(
        self, start: datetime, end: datetime
    ) -> Iterator[tuple[Tags, Kind, int, int]]:
        """How many single calls there are by tags and kind, and how many are hashed.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
        """
        return self._single.hashed(start, end)

    def repeated(self, start: datetime, end: datetime) -> Iterator[CallRecord]:
        """Calls whose request another call of the span made too, by their hashes.

        Those of one request follow each other, in the order of time.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
        """
        return self._single.repeated(start, end)

    def rates_of(self, kind: Kind) -> Rates | None:
        """The rates that amounts of *kind* follow from; None where they were given."""
        return self._names.rates_of(kind)

    def calls_since(self) -> datetime | None:
        """From when on every call is kept on its own; None without any.

        Of the hours before, calls were forgotten; some may have come late.
        """
        return self._single.calls_since()

    def count_calls(self, *, before: datetime | None = None) -> int:
        """How many single calls are kept; those before the hour of a moment alone."""
        return self._single.count_calls(before=before)

    def tag_sets(self) -> list[Tags]:
        """Every tag set that was recorded and not forgotten."""
        texts = (text for _, text in self._names.texts("tag_sets"))
        return [read_tags(text) for text in texts if text != PLACEHOLDER]


@contextmanager
def reading(store: Store) -> Iterator[Reader]:
    """Read *store* as it stands at this moment."""
    with store.snapshot() as snapshot:
        yield Reader(snapshot)
