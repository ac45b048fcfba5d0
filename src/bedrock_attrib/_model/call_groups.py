"""Calls that were settled together, most of which differ in little.

A busy process makes the same kind of call again and again: one team, one model, one
price. What such calls have in common is found out once; of each there is only an entry
until somebody wants its record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

from .cost import Cost
from .record import CallRecord, moment
from .record_ids import IDS
from .usage import Unit, Usage

_new = tuple.__new__


class Alike:
    """What calls have in common that differ in ids, times and counts alone.

    All of them are priced, by the same rates, and state the same units.

    Attributes:
        record: One of them.
        cost: Its cost.
        starts: First moment for which the rates hold, in seconds since the epoch.
        ends: Last moment for which they hold.
        most: Units in all up to which they hold.
    """

    __slots__ = ("_after", "_between", "cost", "ends", "most", "record", "starts")

    def __init__(
        self,
        record: CallRecord,
        cost: Cost,
        *,
        starts: datetime,
        ends: datetime,
        most: int,
    ) -> None:
        """Take *record*, of *cost*, for an example."""
        self.record = record
        self.cost = cost
        self.starts = starts.timestamp()
        self.ends = ends.timestamp()
        self.most = most
        self._between = record[2:8]  # from the operation to the tags
        self._after = record[11:14]  # price status, reason and code

    def holds(self, started_at: datetime | float, counts: dict[Unit, int]) -> bool:
        """Whether a call that started then, with these counts, has the same price."""
        if not isinstance(started_at, float):
            started_at = started_at.timestamp()
        return (
            self.starts <= started_at <= self.ends
            and 0 < sum(counts.values()) <= self.most
        )

    def make_record(
        self,
        number: int,
        started_at: datetime | float,
        counts: dict[Unit, int],
        duration_s: float,
        request_id: str | None,
    ) -> CallRecord:
        """The record of one of them."""
        like, cost = self.record, self.cost
        usage = Usage.of(counts)
        values = (
            IDS.text(number),
            moment(started_at),
            *self._between,
            usage,
            like.usage_source,
            Cost.at(cost.rates, usage, cost.currency),
            *self._after,
            duration_s,
            None,
            like.outcome,
            None,
            1,
            request_id,
            (),
            None,
        )
        return _new(CallRecord, values)  # in half the time of naming each


Entry: TypeAlias = tuple[
    Alike, int, datetime | float, dict[Unit, int], float, str | None
]
"""A call that is like others: what, number, start, counts, seconds, AWS request id."""


def record_of(entry: CallRecord | Entry) -> CallRecord:
    """The record that *entry* stands for, equal whenever it is made."""
    if isinstance(entry, CallRecord):
        return entry
    alike, number, started_at, counts, duration_s, request_id = entry
    return alike.make_record(number, started_at, counts, duration_s, request_id)


Counts: TypeAlias = list[dict[Unit, int]]
"""Counts by unit of each of several calls."""


class Batch:
    """Calls that were settled together.

    Attributes:
        entries: All of them, in the order in which they ended.
    """

    __slots__ = ("_alike", "_records", "entries")

    def __init__(self) -> None:
        """Start with none."""
        self.entries: list[CallRecord | Entry] = []
        self._alike: dict[Alike, Counts] = {}
        self._records: list[CallRecord] = []

    def others(self) -> Iterator[CallRecord]:
        """The calls that are like no other."""
        return (entry for entry in self.entries if isinstance(entry, CallRecord))

    def entries_alike(self) -> list[Entry]:
        """The calls that are like others."""
        return [entry for entry in self.entries if not isinstance(entry, CallRecord)]

    def alike(self) -> dict[Alike, Counts]:
        """Counts of those that are like others, by what they are like.

        As the records, found out when this is first asked for: once all are there.
        """
        if not self._alike:
            found: dict[Alike, Counts] = {}
            last: object = None
            same: Counts = []
            for entry in self.entries:
                alike = entry[0]
                if alike is not last:
                    if isinstance(entry, CallRecord):
                        continue
                    last = alike
                    same = found.setdefault(entry[0], [])
                same.append(entry[3])  # type: ignore[arg-type]  # no record begins so
            self._alike = found
        return self._alike

    def records(self) -> Sequence[CallRecord]:
        """The records of all of them."""
        if not self._records:
            self._records = [record_of(entry) for entry in self.entries]
        return self._records
