"""The ledger as a sink: records in, rows out, and nothing lost in silence."""

from __future__ import annotations

import atexit
import logging
import os
import random
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
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
from ._store import (
    CommitInDoubtError,
    ReopeningStore,
    Store,
    Transaction,
    UnfitError,
)

logger = logging.getLogger("bedrock_attrib")

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
        if isinstance(self.store, ReopeningStore):
            self.store.when_reopened(self._forget_ids)
        _EVERY.add(self)

    def renew(self) -> None:
        """Start anew, as a forked child must: what is pending is its parent's."""
        self._transaction: Transaction | None = None
        self._doubt: _Doubt | None = None
        self._lost = 0
        self._trouble = ""
        self._told_lost = 0
        self._interner = Interner(self._ask)
        # Processes begin at different numbers, so that their keys hardly ever meet.
        number = random.SystemRandom().randrange(NUMBERS)
        self._maker = RowMaker(self._interner, number)

    @property
    def dropped(self) -> int:
        """Records that were lost."""
        return self._queue.dropped + self._lost

    def _forget_ids(self) -> None:
        self._interner.forget_all()

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
        self._tell_losses(is_last=True)

    def _ask(self, table: str, text: str) -> int:
        if self._transaction is None:  # pragma: no cover -- rows are made in one only
            raise LedgerError("no transaction is open")
        # Half a character, which no database takes, is no reason to lose a record.
        return self._transaction.intern(table, text.encode("utf-8", "replace").decode())

    def _handle(
        self, items: list[CallRecord | _Correction]
    ) -> list[CallRecord | _Correction]:
        """Write *items*; what could not be written is to be tried again."""
        try:
            items = items[self._settle_doubt(items) :]
        except LedgerError as error:
            self._tell_trouble(error)
            return items
        starts = range(0, len(items), _MOST_AT_ONCE)
        todo = [items[start : start + _MOST_AT_ONCE] for start in reversed(starts)]
        while todo:
            some = todo.pop()
            try:
                todo += self._write_what_fits(some)
            except LedgerError as error:
                if isinstance(error, CommitInDoubtError):
                    self._doubt = _Doubt(error.was_committed, some)
                todo.append(some)
                self._tell_trouble(error)
                return [item for each in reversed(todo) for item in each]
            except BaseException:
                # Somebody presses Ctrl-C: written or not, it must not come twice.
                self._lost += sum(map(len, todo), len(some))
                raise
        self._tell_recovery()
        return []

    def _write_what_fits(
        self, items: list[CallRecord | _Correction]
    ) -> list[list[CallRecord | _Correction]]:
        """Write *items*, or give their halves if one of them can never be written."""
        try:
            self._write_together(items)
        except UnfitError as error:
            if len(items) > 1:
                middle = len(items) // 2
                return [items[middle:], items[:middle]]
            self._lost += 1
            self._faults.note("ledger record", error)
        return []

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

    def _tell_trouble(self, error: LedgerError) -> None:
        """Warn of each trouble once, until all is well again."""
        # The message is ours: it holds the path and nothing of a call.
        message = str(error)
        is_new = message != self._trouble
        self._trouble = message
        with suppress(Exception):  # a log handler of the application may fail
            logger.log(
                logging.WARNING if is_new else logging.DEBUG,
                "the ledger cannot write now: %s. No Bedrock call is affected",
                message,
            )
        self._tell_losses()

    def _tell_recovery(self) -> None:
        if self._trouble:
            self._trouble = ""
            with suppress(Exception):
                logger.warning(
                    "the ledger writes again; %d records were lost in all", self.dropped
                )
            self._told_lost = self.dropped

    def _tell_losses(self, *, is_last: bool = False) -> None:
        """Warn when the first record was lost, and of the sum in the end."""
        dropped, told = self.dropped, self._told_lost
        if dropped > told and (is_last or not told):
            self._told_lost = dropped
            with suppress(Exception):
                logger.warning(
                    "the ledger has lost %d records so far: `dropped` counts them",
                    dropped,
                )

    def _write_together(self, items: list[CallRecord | _Correction]) -> None:
        try:
            with self.store.transaction() as transaction:
                self._transaction = transaction
                self._write(transaction, items)
        except (ArithmeticError, TypeError, ValueError) as error:
            self._interner.forget()
            raise UnfitError(f"a record that cannot be kept: {error!r}") from error
        except BaseException:
            self._interner.forget()
            raise
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


def _finish() -> None:
    """Write what is pending when Python exits, for ledgers that nobody closed.

    They are not closed here, as a recorder may have its turn after this.
    """
    for ledger in list(_EVERY):
        ledger.flush(_FINISH_S)
        ledger.store.close()


_FINISH_S = 10.0
atexit.register(_finish)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_in_child)
