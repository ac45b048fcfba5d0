"""`ListSink`: records of finished calls for tests."""

from __future__ import annotations

from collections.abc import Callable

from .._model.record import CallRecord


class ListSink:
    """A sink that stores every record in a list.

    Example:
        >>> sink = ListSink()
        >>> sink.records
        []
    """

    returns_at_once = True

    def __init__(self) -> None:
        self._records: list[CallRecord] = []
        self._places: dict[str, int] = {}
        self._pulls: list[Callable[[], None]] = []

    @property
    def records(self) -> list[CallRecord]:
        """Calls that have finished by now, oldest first; always the same list."""
        for pull in self._pulls:
            pull()
        return self._records

    def pull_with(self, pull: Callable[[], None]) -> None:
        """Call *pull*, which has ended calls written, before being read."""
        self._pulls.append(pull)

    def write(self, record: CallRecord) -> None:
        """Append *record*."""
        self._places[record.id] = len(self._records)
        self._records.append(record)

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Replace *before* with *after*, if it is still in the list."""
        place = self._place_of(before)
        if place is not None:
            self._records[place] = after

    def _place_of(self, record: CallRecord) -> int | None:
        records, place = self._records, self._places.get(record.id, 0)
        if place < len(records) and records[place] is record:
            return place
        # The test has removed records from the list.
        return records.index(record) if record in records else None

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 - Sink's signature
        """Return True: nothing is ever pending."""
        return True

    def close(self) -> None:
        """Do nothing: no resource is open."""
