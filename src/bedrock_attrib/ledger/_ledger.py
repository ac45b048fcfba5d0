"""The ledger as a sink: records in, rows out, and nothing lost in silence."""

from __future__ import annotations

import os
import random
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from .._errors import LedgerError
from .._faults import Faults
from .._queue import BatchQueue
from .._record import CallRecord
from ._clock import (
    NUMBERS,
    Level,
    beside,
    day_of,
    first_hour_of_month,
    hour_of,
    key_of_hour,
    microseconds,
    month_of,
)
from ._reading import Reader, reading
from ._rows import CALL_COLUMNS, PLACE_COLUMNS, Batch, Interner, RowMaker, more_sums
from ._sqlite import SQLiteStore
from ._store import CommitInDoubtError, Store, Transaction, UnfitError

# Records of one transaction: as many more make it no faster, and readers wait.
_MOST_AT_ONCE = 20_000
_KEY, _ORIGIN, _NUMBER = (
    len(PLACE_COLUMNS) + CALL_COLUMNS.index(column)
    for column in ("key", "origin", "number")
)


class _Correction(NamedTuple):
    before: CallRecord
    after: CallRecord


class _Doubt(NamedTuple):
    was_committed: Callable[[], bool]
    items: list[CallRecord | _Correction]


class Ledger:
    """Keeps every call: a sink, and what reports are made from.

    Records are written by a thread of the ledger's own, in batches. While the database
    cannot take them (locked, disk full), they are kept and tried again; beyond
    *max_pending* the newest are dropped and counted in ``dropped``. A process that is
    killed loses at most what came in the last *interval_s*, or five times that where
    hundreds of calls come each second.

    Several processes may write one file, and a forked child goes on with it.

    Example:
        >>> recorder = configure(sinks=[Ledger("calls.db")])  # doctest: +SKIP
    """

    def __init__(
        self,
        path: Path | str | Store,
        *,
        interval_s: float = 1.0,
        max_pending: int = 100_000,
    ) -> None:
        """Open the ledger.

        Args:
            path: A SQLite file, created where it is missing and readable by its owner
                alone; or another store, such as
                `bedrock_attrib.ledger.postgres.PostgresStore`.
            interval_s: Seconds for which records gather before they are written.
            max_pending: Records kept at most while they cannot be written.

        Raises:
            LedgerError: If the file cannot be opened or written, is something else, or
                was written by a newer library.
        """
        self.store = SQLiteStore(path) if isinstance(path, (str, Path)) else path
        self._faults = Faults()
        self._queue: BatchQueue[CallRecord | _Correction] = BatchQueue(
            self._handle,
            name="bedrock-attrib-ledger",
            faults=self._faults,
            max_pending=max_pending,
            interval_s=interval_s,
        )
        self.write = self._queue.put  # one call less for whoever settles calls
        self.renew()
        _EVERY.add(self)

    def renew(self) -> None:
        """Start anew, as a forked child must: what is pending is its parent's."""
        self._transaction: Transaction | None = None
        self._doubt: _Doubt | None = None
        self._interner = Interner(self._ask)
        # Processes begin at different numbers, so that their keys hardly ever meet.
        number = random.SystemRandom().randrange(NUMBERS)
        self._maker = RowMaker(self._interner, number)

    @property
    def dropped(self) -> int:
        """Records that were lost."""
        return self._queue.dropped

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Take *after* instead of *before*, which was written."""
        self._queue.put(_Correction(before, after))

    def flush(self, timeout_s: float) -> bool:
        """Write what is pending, on this thread; False when it could not be written."""
        return self._queue.drain(timeout_s) and not len(self._queue)

    def close(self) -> None:
        """Write what is pending, and close the database; losses are counted."""
        self._queue.close()
        self.store.close()

    def _ask(self, table: str, text: str) -> int:
        if self._transaction is None:  # pragma: no cover -- rows are made in one only
            raise LedgerError("no transaction is open")
        # Half a character, which no database takes, is no reason to lose a record.
        return self._transaction.intern(table, text.encode("utf-8", "replace").decode())

    def _handle(
        self, items: list[CallRecord | _Correction]
    ) -> list[CallRecord | _Correction]:
        """Write *items*; what could not be written is to be tried again."""
        written = 0
        some: list[CallRecord | _Correction] = []
        try:
            written = self._settle_doubt(items)
            most = _MOST_AT_ONCE
            while written < len(items):
                some = items[written : written + most]
                if self._can_write(some):
                    written += len(some)
                    most = min(most * 2, _MOST_AT_ONCE)
                else:
                    most = len(some) // 2
        except CommitInDoubtError as error:
            self._doubt = _Doubt(error.was_committed, some)
            self._faults.note("ledger", error)
        except LedgerError as error:
            self._faults.note("ledger", error)
        return items[written:]

    def _can_write(self, items: list[CallRecord | _Correction]) -> bool:
        """Write *items* if all of them can be; one that never can be is lost."""
        try:
            self._write_together(items)
        except UnfitError as error:
            if len(items) > 1:
                return False
            self._faults.note("ledger", error)
            self._queue.dropped += 1
        return True

    def _settle_doubt(self, items: list[CallRecord | _Correction]) -> int:
        """How many of *items*, from the first, were committed without our knowing."""
        doubt = self._doubt
        if doubt is None:
            return 0
        was_committed = doubt.was_committed()
        self._doubt = None
        # They come back first, but for those that there was no room for.
        pairs = zip(items, doubt.items, strict=False)
        return sum(item is other for item, other in pairs) if was_committed else 0

    def _write_together(self, items: list[CallRecord | _Correction]) -> None:
        try:
            with self.store.transaction() as transaction:
                self._transaction = transaction
                self._write(transaction, items)
        except LedgerError:
            self._interner.forget()
            raise
        except (ArithmeticError, TypeError, ValueError) as error:
            self._interner.forget()
            raise UnfitError(f"a record that cannot be kept: {error!r}") from error
        finally:
            self._transaction = None
        self._interner.keep()

    def _write(
        self, transaction: Transaction, items: list[CallRecord | _Correction]
    ) -> None:
        records = [item for item in items if isinstance(item, CallRecord)]
        transaction.write(self._maker.batch(records))
        for item in items:
            if isinstance(item, _Correction):
                self._correct(transaction, item)

    def _correct(self, transaction: Transaction, item: _Correction) -> None:
        rows = [self._maker.row(item.before, sign=-1), self._maker.row(item.after)]
        keys = beside(rows[0][_KEY])
        key = transaction.find(keys, origin=rows[0][_ORIGIN], number=rows[0][_NUMBER])
        if key is not None:
            transaction.replace(key, Batch(rows, more_sums(rows)))

    def forget(
        self,
        *,
        calls_before: datetime | None = None,
        sums_before: datetime | None = None,
    ) -> int:
        """Delete what is older, for good; space is given back by `compact`.

        Sums are forgotten by the month, as those of hours, days and months must tell
        the same; calls by the hour, as what is left of an hour must be whole.

        Args:
            calls_before: Single calls before the hour (UTC) of this moment; their sums
                stay.
            sums_before: Sums of months (UTC) that ended before this moment.

        Returns:
            How many single calls were deleted.
        """
        deleted = 0
        with self.store.transaction() as transaction:
            if calls_before is not None:
                deleted = transaction.forget_calls(key_of_hour(calls_before))
            if sums_before is not None:
                hour = first_hour_of_month(month_of(hour_of(microseconds(sums_before))))
                for level, bucket in (
                    (Level.HOUR, hour),
                    (Level.DAY, day_of(hour)),
                    (Level.MONTH, month_of(hour)),
                ):
                    transaction.forget_sums(level, bucket)
        return deleted

    def reading(self) -> AbstractContextManager[Reader]:
        """Read what is written, as it stands at one moment; `flush` before.

        Example:
            >>> with Ledger("calls.db").reading() as reader:  # doctest: +SKIP
            ...     print(reader.span())
        """
        return reading(self.store)

    def compact(self) -> None:
        """Give space that is not used any more back to the file system."""
        self.store.compact()


_EVERY: weakref.WeakSet[Ledger] = weakref.WeakSet()


def _renew_in_child() -> None:
    for ledger in list(_EVERY):
        ledger.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_in_child)
