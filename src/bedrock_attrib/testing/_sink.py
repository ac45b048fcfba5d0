"""Where tests look for the records of finished calls."""

from __future__ import annotations

from collections.abc import Callable

from .._record import CallRecord


class ListSink:
    """A sink that keeps every record.

    Example:
        >>> sink = ListSink()
        >>> sink.records
        []
    """

    def __init__(self) -> None:
        self._records: list[CallRecord] = []
        self._settlers: list[Callable[[], None]] = []

    @property
    def records(self) -> list[CallRecord]:
        """Calls that have finished by now, oldest first; always the same list."""
        for settle in self._settlers:
            settle()
        return self._records

    def settle_with(self, settle: Callable[[], None]) -> None:
        """Call *settle* before being read; it writes what has ended meanwhile."""
        self._settlers.append(settle)

    def write(self, record: CallRecord) -> None:
        """Keep *record*."""
        self._records.append(record)

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 - Sink's signature
        """Nothing is pending: always True."""
        return True

    def close(self) -> None:
        """Nothing is held open."""
