"""The ledger as a sink: records in, rows out, and nothing lost in silence."""

from __future__ import annotations

import atexit
import random
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeAlias

from .._model.call_groups import FinishedCalls, GroupedCall, record_of
from .._model.record import CallRecord
from .._runtime.batch_queue import BatchQueue
from .._runtime.contained_errors import PROCESS_ERRORS
from .._runtime.fork import ResetOrder, after_fork
from ..errors import LedgerError
from ._clock import (
    NUMBERS,
)
from ._corrections import Correction, correct
from ._messages import Telling
from ._query.reader import Reader, reading
from ._retention import forget
from ._rows import (
    Interner,
    RowMaker,
)
from ._sqlite.read_only import ReadOnlySQLite
from ._sqlite.store import SQLiteStore
from ._store import (
    CommitInDoubtError,
    ReopeningStore,
    StaleIdsError,
    Store,
    Transaction,
    UnfitError,
)

# Records of one transaction: as many more make it no faster, and readers wait.
_MOST_AT_ONCE = 20_000


Item: TypeAlias = CallRecord | GroupedCall | Correction


class _Doubt(NamedTuple):
    was_committed: Callable[[], bool]
    items: list[Item]


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

    accepts_groups = True

    def __init__(
        self,
        path: Path | str | Store,
        *,
        interval_s: float = 1.0,
        max_pending: int = 100_000,
        read_only: bool = False,
    ) -> None:
        """Open the ledger.

        Args:
            path: A SQLite file, created where it is missing and readable by its owner
                alone; or another store, such as
                `bedrock_attrib.ledger.postgres.PostgresStore`.
            interval_s: Seconds for which records gather before they are written.
            max_pending: Records kept at most while they cannot be written.
            read_only: Open a file to read it, as it is: nothing is created, written or
                brought up to date, and no right to write is needed. A store says so
                itself.

        Raises:
            LedgerError: If the file cannot be opened or written, is something else, or
                was written by a newer library.
        """
        self.store = _opened(path, read_only=read_only)
        self._queue: BatchQueue[Item] = BatchQueue(
            self._handle,
            name="bedrock-attrib-ledger",
            faults=PROCESS_ERRORS,
            max_pending=max_pending,
            interval_s=interval_s,
        )
        self._renew()
        after_fork(self._renew, ResetOrder.FIGURES)
        if isinstance(self.store, ReopeningStore):
            self.store.when_reopened(self._forget_ids)
        _EVERY.add(self)

    def _renew(self) -> None:
        """Start anew, as a forked child must: what is pending is its parent's."""
        self._transaction: Transaction | None = None
        self._doubt: _Doubt | None = None
        self._lost = 0
        self._telling = Telling(lambda: self.dropped)
        self._interner = Interner(self._ask)
        # Processes begin at different numbers, so that their keys hardly ever meet.
        number = random.SystemRandom().randrange(NUMBERS)
        self._maker = RowMaker(self._interner, number)

    @property
    def dropped(self) -> int:
        """Records that were lost."""
        return self._queue.dropped + self._lost

    def write(self, record: CallRecord) -> None:
        """Take one record."""
        self._queue.put(record)

    def write_batch(self, batch: FinishedCalls) -> None:
        """Take all of *batch*; records are made on the queue's thread."""
        self._queue.put_all(batch.entries)

    def _forget_ids(self) -> None:
        self._interner.forget_all()

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Take *after* instead of *before*, which was written."""
        self._queue.put(Correction(before, after))

    def flush(self, timeout_s: float) -> bool:
        """Have what is pending written; False when it could not be written."""
        return self._queue.drain(timeout_s) and not len(self._queue)

    def close(self) -> None:
        """Write what is pending, and close the database; losses are counted."""
        self._queue.close()
        self.store.close()
        self._telling.losses(is_last=True)

    def _ask(self, table: str, text: str) -> int:
        if self._transaction is None:  # pragma: no cover -- rows are made in one only
            raise LedgerError("no transaction is open")
        # Half a character, which no database takes, is no reason to lose a record.
        return self._transaction.intern(table, text.encode("utf-8", "replace").decode())

    def _handle(self, items: list[Item]) -> list[Item]:
        """Write *items*; what could not be written is to be tried again."""
        try:
            items = items[self._settle_doubt(items) :]
        except LedgerError as error:
            self._telling.trouble(error)
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
                self._telling.trouble(error)
                return [item for each in reversed(todo) for item in each]
        self._telling.recovery()
        return []

    def _write_what_fits(self, items: list[Item]) -> list[list[Item]]:
        """Write *items*, or give their halves if one of them can never be written."""
        try:
            try:
                self._write_together(items)
            except StaleIdsError:
                self._interner.forget_all()
                self._write_together(items)
        except UnfitError as error:
            if len(items) > 1:
                middle = len(items) // 2
                return [items[middle:], items[:middle]]
            self._lost += 1
            PROCESS_ERRORS.note("ledger record", error)
        return []

    def _settle_doubt(self, items: list[Item]) -> int:
        """How many of *items*, from the first, were committed without our knowing."""
        doubt = self._doubt
        if doubt is None:
            return 0
        was_committed = doubt.was_committed()
        self._doubt = None
        # They come back first, but for those that there was no room for.
        pairs = zip(items, doubt.items, strict=False)
        return sum(item is other for item, other in pairs) if was_committed else 0

    def _write_together(self, items: list[Item]) -> None:
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

    def _write(self, transaction: Transaction, items: list[Item]) -> None:
        records = [
            record_of(item) for item in items if not isinstance(item, Correction)
        ]
        transaction.write(self._maker.batch(records))
        # Rows first: their texts must have ids before anything is looked for.
        corrections = [
            (self._maker.row(item.before), self._maker.row(item.after))
            for item in items
            if isinstance(item, Correction)
        ]
        for before, after in corrections:
            correct(transaction, before, after)

    def forget(
        self,
        *,
        calls_before: datetime | None = None,
        sums_before: datetime | None = None,
    ) -> int:
        """Delete what is older, for good; space is given back by `compact`.

        Sums are forgotten by the month, as those of hours, days and months must tell
        the same; calls by the hour, as what is left of an hour must be whole. Tag sets
        to which nothing refers any more are deleted with the sums.

        Args:
            calls_before: Single calls before the hour (UTC) of this moment; their sums
                stay.
            sums_before: Sums of months (UTC) that ended before this moment, and the
                calls in them: no call is kept without its sums.

        Returns:
            How many single calls were deleted.
        """
        return forget(self.store, calls_before, sums_before)

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


def _opened(path: Path | str | Store, *, read_only: bool) -> Store:
    if not isinstance(path, (str, Path)):
        return path
    return ReadOnlySQLite(path) if read_only else SQLiteStore(path)


_EVERY: weakref.WeakSet[Ledger] = weakref.WeakSet()


def _finish() -> None:
    """Write what is pending when Python exits, for ledgers that nobody closed.

    They are not closed here, as a recorder may have its turn after this.
    """
    for ledger in list(_EVERY):
        ledger.flush(_FINISH_S)
        ledger.store.close()


_FINISH_S = 10.0
atexit.register(_finish)
