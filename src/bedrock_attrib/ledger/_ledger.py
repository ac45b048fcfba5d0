"""The ledger: a sink that stores every call, and the entrance to reading it."""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import NamedTuple, TypeAlias

from .._model.call_groups import FinishedCalls, GroupedCall, record_of
from .._model.record import CallRecord
from .._runtime.batch_queue import BatchQueue
from .._runtime.contained_errors import PROCESS_ERRORS
from .._runtime.fork import ResetOrder, after_fork
from .._runtime.shutdown import ExitOrder, exit_time_left, on_exit
from ..errors import LedgerError
from ._call_rows import RowBuilder
from ._corrections import Correction, correct
from ._interner import Interner
from ._log import LedgerLog
from ._query.reader import Reader, reading
from ._retention import prune
from ._sqlite.read_only import ReadOnlySQLite
from ._sqlite.store import SQLiteStore
from ._store import (
    LazyStore,
    ReopeningStore,
    StaleIdsError,
    Store,
    Transaction,
    UncertainCommitError,
    UnstorableRecordError,
)
from ._time_buckets import KEYS_PER_US

# Records of one transaction: more make it no faster, and readers wait longer.
_MAX_BATCH = 20_000


Item: TypeAlias = CallRecord | GroupedCall | Correction


class UncertainCommit(NamedTuple):
    """A commit whose outcome is unknown, as its connection broke.

    Attributes:
        was_committed: Asks the database.
        items: What was written.
    """

    was_committed: Callable[[], bool]
    items: list[Item]


class Ledger:
    """Sink that stores every call; reports read it.

    Records are written by a thread of the ledger's own, in batches. While the database
    cannot take them (locked, disk full), they wait and are tried again; beyond
    *max_pending* the newest are dropped and counted in ``dropped``. A process that is
    killed loses at most the records of the last *interval_s*, or of five times that
    where hundreds of calls end each second.

    Several processes may write one file, and a forked child goes on with it.

    Example:
        >>> recorder = configure(sinks=[Ledger("calls.db")])  # doctest: +SKIP
    """

    accepts_groups = True
    returns_at_once = True

    def __init__(
        self,
        path: Path | str | Store,
        *,
        interval_s: float = 1.0,
        max_pending: int = 100_000,
        read_only: bool = False,
        lazy: bool = False,
    ) -> None:
        """Open the ledger.

        What may pass delays no start and raises nothing: a lock, a missing folder, a
        full or read-only disk, a server that is away. It is logged once, and records
        wait until they can be written.

        Args:
            path: A SQLite file, created if it is missing and readable by its owner
                alone; or another store, such as
                `bedrock_attrib.ledger.postgres.PostgresStore`.
            interval_s: Seconds for which records gather before they are written.
            max_pending: Maximum number of records that wait to be written.
            read_only: Only read the file: nothing is created, written or migrated, and
                no right to write is needed. A store has an argument of its own.
            lazy: Whether what will not pass is only logged too, so that an application
                starts with any ledger. A store has an argument of its own.

        Raises:
            LedgerError: If the file is something else, was written by a newer library,
                or must not be written; with *read_only*, if it cannot be read.
        """
        self.store = _opened(path, read_only=read_only, lazy=lazy)
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
            self.store.on_stale_ids(self._discard_ids)
        _EVERY.add(self)
        if isinstance(self.store, LazyStore):
            self._open_later(self.store)

    def _open_later(self, store: LazyStore) -> None:
        """Log why *store* could not be opened, or try that on the ledger's thread."""
        if store.unavailable is not None:
            self._log.failure(store.unavailable)
        elif store.is_opened_later:
            self._queue.poll_until(partial(self._try_to_open, store))
            self._queue.start()

    def _try_to_open(self, store: LazyStore) -> bool:
        try:
            store.open()
        except LedgerError as error:
            self._log.failure(error)
        return True  # from now on each batch tries

    def _renew(self) -> None:
        """Start over, as a forked child must: pending records are its parent's."""
        self._transaction: Transaction | None = None
        self._uncertain: UncertainCommit | None = None
        self._lost = 0
        self._log = LedgerLog(lambda: self.dropped)
        self._interner = Interner(self._ask)
        # Processes begin at different numbers, so that their keys hardly ever collide.
        number = random.SystemRandom().randrange(KEYS_PER_US)
        self._rows = RowBuilder(self._interner, number)

    @property
    def dropped(self) -> int:
        """Number of records that were lost."""
        return self._queue.dropped + self._lost

    def write(self, record: CallRecord) -> None:
        """Take one record."""
        self._queue.put(record)

    def write_batch(self, batch: FinishedCalls) -> None:
        """Take all of *batch*; records are built on the queue's thread."""
        self._queue.put_all(batch.entries)

    def _discard_ids(self) -> None:
        self._interner.clear()

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Replace *before*, which was written, by *after*."""
        self._queue.put(Correction(before, after))

    def flush(self, timeout_s: float) -> bool:
        """Write what is pending; return whether all of it was written in time."""
        return self._queue.drain(timeout_s) and not len(self._queue)

    def close(self) -> None:
        """Write what is pending, and close the database. Losses are logged."""
        self._queue.close()
        self.store.close()
        self._log.losses(is_last=True)

    def close_within(self, timeout_s: float) -> None:
        """Close as `close` does, in *timeout_s* at most.

        The database is not closed if that is not enough: a statement may be under way.
        What is written later opens it again, as calls may end after their recorder.
        """
        deadline = monotonic() + timeout_s
        if self._queue.drain(timeout_s):
            closing = self._queue.start_job(self.store.close)
            closing(max(0.0, deadline - monotonic()))
        self._queue.close(0.0, for_good=False)
        self._log.losses(is_last=True)

    def _ask(self, table: str, text: str) -> int:
        if self._transaction is None:  # pragma: no cover -- rows are built in one only
            raise LedgerError("no transaction is open")
        return self._transaction.intern(table, _storable(text))

    def _handle(self, items: list[Item]) -> list[Item]:
        """Write *items*; return those to try again."""
        try:
            items = items[self._count_committed(items) :]
        except LedgerError as error:
            self._log.failure(error)
            return items
        starts = range(0, len(items), _MAX_BATCH)
        batches = [items[start : start + _MAX_BATCH] for start in reversed(starts)]
        while batches:
            batch = batches.pop()
            try:
                batches += self._write_or_split(batch)
            except LedgerError as error:
                if isinstance(error, UncertainCommitError):
                    self._uncertain = UncertainCommit(error.was_committed, batch)
                batches.append(batch)
                self._log.failure(error)
                return [item for each in reversed(batches) for item in each]
            except BaseException as interrupt:  # noqa: BLE001 -- see below
                # Ctrl-C where the caller of `flush` writes itself, as Python ends: the
                # batch in hand may be stored or not, those after it are not begun.
                PROCESS_ERRORS.note("ledger", interrupt)
                self._lost += len(batch)
                return [item for each in reversed(batches) for item in each]
        self._log.recovery()
        return []

    def _write_or_split(self, items: list[Item]) -> list[list[Item]]:
        """Write *items*; return halves of them if one can never be written."""
        try:
            try:
                self._write_in_transaction(items)
            except StaleIdsError:
                self._interner.clear()
                self._write_in_transaction(items)
        except UnstorableRecordError as error:
            if len(items) > 1:
                middle = len(items) // 2
                return [items[middle:], items[:middle]]
            self._lost += 1
            PROCESS_ERRORS.note("ledger record", error)
        return []

    def _count_committed(self, items: list[Item]) -> int:
        """Return how many of the first *items* an uncertain commit has written."""
        uncertain = self._uncertain
        if uncertain is None:
            return 0
        was_committed = uncertain.was_committed()
        self._uncertain = None
        # They come back first, except those that there was no room for.
        pairs = zip(items, uncertain.items, strict=False)
        return sum(item is other for item, other in pairs) if was_committed else 0

    def _write_in_transaction(self, items: list[Item]) -> None:
        try:
            with self.store.transaction() as transaction:
                self._transaction = transaction
                self._write(transaction, items)
        except (ArithmeticError, TypeError, ValueError) as error:
            self._interner.rollback()
            raise UnstorableRecordError(f"cannot store a record: {error!r}") from error
        except BaseException:
            self._interner.rollback()
            raise
        finally:
            self._transaction = None
        self._interner.commit()

    def _write(self, transaction: Transaction, items: list[Item]) -> None:
        records = [
            record_of(item) for item in items if not isinstance(item, Correction)
        ]
        self._intern_tag_sets(transaction, records)
        transaction.write(self._rows.batch(records))
        # Rows first: their texts must have ids before any call is looked up.
        corrections = [
            (self._rows.row(item.before), self._rows.row(item.after))
            for item in items
            if isinstance(item, Correction)
        ]
        for before, after in corrections:
            correct(transaction, before, after)

    def _intern_tag_sets(
        self, transaction: Transaction, records: list[CallRecord]
    ) -> None:
        """Give ids to all new tag sets at once: each batch may have many."""
        new = self._rows.new_tag_sets(records)
        texts = {key: _storable(text) for key, text in new.items()}
        different = list(dict.fromkeys(texts.values()))
        if different:
            found = transaction.intern_all("tag_sets", different)
            ids = dict(zip(different, found, strict=True))
            known = {key: ids[text] for key, text in texts.items()}
            self._interner.remember(
                "tag_sets", known, characters=sum(map(len, different))
            )

    def prune(
        self,
        *,
        calls_before: datetime | None = None,
        sums_before: datetime | None = None,
    ) -> int:
        """Delete older calls and sums for good; `compact` frees their space.

        Sums are deleted by the month, so that those of hours, days and months agree;
        calls by the hour, so that the calls of an hour are complete or gone. Tag sets
        that nothing refers to any more are deleted with the sums.

        Args:
            calls_before: Delete single calls before the UTC hour of this moment; their
                sums stay.
            sums_before: Delete sums of UTC months that ended before this moment, and
                the calls in them: no call is stored without its sums.

        Returns:
            Number of deleted calls.
        """
        return prune(self.store, calls_before, sums_before)

    def reading(self) -> AbstractContextManager[Reader]:
        """Read what is written at one moment; call `flush` before.

        Example:
            >>> with Ledger("calls.db").reading() as reader:  # doctest: +SKIP
            ...     print(reader.span())
        """
        return reading(self.store)

    def compact(self) -> None:
        """Return unused space to the file system."""
        self.store.compact()


def _storable(text: str) -> str:
    # A record is not lost for half a character, which no database takes.
    return text.encode("utf-8", "replace").decode()


def _opened(path: Path | str | Store, *, read_only: bool, lazy: bool) -> Store:
    if not isinstance(path, (str, Path)):
        return path
    return ReadOnlySQLite(path) if read_only else SQLiteStore(path, lazy=lazy)


_EVERY: weakref.WeakSet[Ledger] = weakref.WeakSet()


def _finish() -> None:
    """Write what is pending when Python exits, for ledgers that were not closed.

    They stay open, as a recorder may write to them after this.
    """
    for ledger in list(_EVERY):
        if ledger.flush(exit_time_left()):
            ledger.store.close()


on_exit(_finish, ExitOrder.SINKS)
