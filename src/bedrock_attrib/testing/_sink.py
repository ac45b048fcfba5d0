"""Where tests look for the records of finished calls."""

from __future__ import annotations

from .._record import CallRecord


class ListSink:
    """A sink that keeps every record.

    Attributes:
        records: Finished calls, oldest first.

    Example:
        >>> sink = ListSink()
        >>> sink.records
        []
    """

    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    def write(self, record: CallRecord) -> None:
        """Keep *record*."""
        self.records.append(record)

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 - Sink's signature
        """Nothing is pending: always True."""
        return True

    def close(self) -> None:
        """Nothing is held open."""
