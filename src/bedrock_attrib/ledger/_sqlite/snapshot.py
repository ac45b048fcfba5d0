"""A SQLite file read as it stood at one moment, on several threads if need be."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from .._old_schema import Older
from .._rows import Row
from .connect import Access, connect, told

# More threads than that wait for the disk and for each other.
_MOST_THREADS = 4
_TRIES = 5


class SQLiteSnapshot:
    """A ledger as it stood at one moment.

    Attributes:
        older: How a ledger of an older schema is read; None for one of this schema.
    """

    def __init__(self, connections: Sequence[sqlite3.Connection], path: Path) -> None:
        """Read by *connections*, which all see the same."""
        self._connections = connections
        self._path = path
        self.older: Older | None = None

    def _translated(self, sql: str) -> str:
        return sql if self.older is None else self.older.translated(sql)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Read."""
        with told(self._path):
            found = self._connections[0].execute(self._translated(sql), values)
            yield from chain(found)  # else it would close the cursor, after its end

    def rows_of_each(
        self, sql: str, values: Iterable[Sequence[Any]]
    ) -> Iterator[list[Row]]:
        """Read for each of *values*, on several threads; answers come in order.

        SQLite works without the interpreter's lock, so that aggregates gain what there
        are processors. One answer for each thread is held at most.
        """
        sql = self._translated(sql)
        free: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        for db in self._connections:
            free.put(db)

        def read(some: Sequence[Any]) -> list[Row]:
            db = free.get()
            try:
                return db.execute(sql, some).fetchall()
            finally:
                free.put(db)

        threads = len(self._connections)
        with told(self._path), ThreadPoolExecutor(threads) as pool:
            waiting: deque[Future[list[Row]]] = deque()
            try:
                for some in values:
                    if len(waiting) >= 2 * threads:
                        yield waiting.popleft().result()
                    waiting.append(pool.submit(read, some))
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for each in waiting:
                    each.cancel()
                if waiting:  # whoever asked has gone, or one has failed
                    for db in self._connections:
                        db.interrupt()

    def groups_of_each(
        self, sql: str, columns: int, values: Iterable[Sequence[Any]]
    ) -> Iterator[list[list[Any]]]:
        """The same where a question is answered by many rows of numbers.

        They come as one text, as the interpreter's lock would be taken for each row.

        Args:
            sql: The question.
            columns: How many columns it asks for.
            values: As for `rows_of_each`.
        """
        names = ", ".join(f"c{number}" for number in range(columns))
        as_json = (
            f"WITH found ({names}) AS ({sql}) "  # noqa: S608 -- names are ours
            f"SELECT json_group_array(json_array({names})) FROM found"
        )
        for ((text,),) in self.rows_of_each(as_json, values):
            yield json.loads(text)

    def close(self) -> None:
        """End reading."""
        for db in self._connections:
            db.close()


def snapshot(path: Path, access: Access) -> SQLiteSnapshot:
    """Open *path* for reading: as many connections as see the same moment."""
    wanted = min(_MOST_THREADS, os.cpu_count() or 1)
    opened: list[sqlite3.Connection] = []
    try:
        with closing(connect(path, access)) as watch:
            opened += (connect(path, access) for _ in range(wanted))
            for _ in range(_TRIES):
                before = _version(watch)
                for db in opened:
                    db.execute("BEGIN")
                    db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                if _version(watch) == before:
                    return SQLiteSnapshot(opened, path)
                for db in opened[1:]:
                    db.execute("ROLLBACK")
                opened[0].execute("ROLLBACK")
            opened[0].execute("BEGIN")
            opened[0].execute("SELECT count(*) FROM sqlite_schema").fetchone()
            # Written to all the time: one connection is of one moment by itself.
            for db in opened[1:]:
                db.close()
            return SQLiteSnapshot(opened[:1], path)
    except BaseException:
        for db in opened:
            db.close()
        raise


def _version(db: sqlite3.Connection) -> int:
    """A number that changes when another connection commits."""
    return int(db.execute("PRAGMA data_version").fetchone()[0])
