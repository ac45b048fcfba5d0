"""How far the settling of some calls has come, so that Ctrl-C can be told to wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from .._attribution import AttributionContext
from .._model.call_groups import Alike, Batch, Counts
from .._model.record import CallRecord
from .._model.record_ids import IDS
from .._model.usage import Unit


class Progress:
    """What has become of some calls that ended, while they are settled.

    A call is added in one step that nothing interrupts, and all else follows from what
    was added: so whoever was interrupted knows where to go on.

    Attributes:
        batch: Those that are settled.
        steps: What is still to be done with them; None while there may be more.
    """

    __slots__ = (
        "_attempts",
        "_entries",
        "_passed_over",
        "_scopes",
        "_start",
        "batch",
        "steps",
    )

    def __init__(self) -> None:
        """Start with none."""
        self.batch = Batch()
        self._entries = self.batch.entries
        self.steps: Iterator[Callable[[], None]] | None = None
        self._scopes: list[AttributionContext] = []
        self._passed_over = 0
        self._start = -1
        self._attempts = 0

    def add(self, record: CallRecord, scope: AttributionContext) -> None:
        """Add a call that is like no other, which counts for the blocks of *scope*."""
        self._scopes.append(scope)
        self._entries.append(record)  # from here on it is there

    def add_alike(
        self,
        alike: Alike,
        started_at: datetime | float,
        counts: dict[Unit, int],
        duration_s: float,
        request_id: str | None,
        scope: AttributionContext,
    ) -> None:
        """Add a call that is like others, which counts for the blocks of *scope*."""
        self._scopes.append(scope)
        self._entries.append(
            (alike, IDS.take(), started_at, counts, duration_s, request_id)
        )

    def pass_over(self, position: int) -> None:
        """Go on after what came at *position*, whether or not a call came of it."""
        self._passed_over = position + 1 - len(self._entries)

    def resume(self) -> int:
        """Where to begin, or to go on after an interrupt.

        What is interrupted each time, as by an exception of a price table of one's own,
        is passed over.
        """
        count = len(self._entries)
        del self._scopes[count:]
        start = count + self._passed_over
        self._attempts = self._attempts + 1 if start == self._start else 1
        self._start = start
        if self._attempts > _MOST_ATTEMPTS:
            self.pass_over(start)
            return start + 1
        return start

    def spent_alike(self) -> dict[tuple[AttributionContext, Alike], Counts]:
        """Counts of calls that are like others and count for a block, by both."""
        spent: dict[tuple[AttributionContext, Alike], Counts] = {}
        last: tuple[object, object] = (None, None)
        same: Counts = []
        for entry, scope in zip(self._entries, self._scopes, strict=True):
            # Those of one block come one after the other, as a rule.
            if scope is not last[0] or entry[0] is not last[1]:
                if isinstance(entry, CallRecord) or not scope.spends:
                    continue
                last = key = (scope, entry[0])
                same = spent.setdefault(key, [])
            same.append(entry[3])  # type: ignore[arg-type]  # no record begins so
        return spent

    def spent_apart(self) -> list[tuple[AttributionContext, CallRecord]]:
        """Calls that are like no other and count for a block."""
        return [
            (scope, entry)
            for entry, scope in zip(self._entries, self._scopes, strict=True)
            if scope.spends and isinstance(entry, CallRecord)
        ]


# More than one, as somebody may press Ctrl-C twice.
_MOST_ATTEMPTS = 3
