"""Snapshots of a SQLite file, read by several threads at once."""

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
from typing import Any

from ..._runtime.threads import SimpleQueue
from .._field_table import Row
from .connection import Access, connect, translate_errors

# More threads wait for the disk and for each other.
_MAX_THREADS = 4
_MAX_TRIES = 5


class SQLiteSnapshot:
    """A ledger at one moment."""

    def __init__(self, connections: Sequence[sqlite3.Connection], path: Path) -> None:
        """Read by *connections*, which all see the same moment."""
        self._connections = connections
        self._path = path

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Return rows. Values take the places of question marks."""
        with translate_errors(self._path):
            found = self._connections[0].execute(sql, values)
            yield from chain(found)  # a bare cursor would be closed after its end

    def rows_of_each(
        self, sql: str, values: Iterable[Sequence[Any]]
    ) -> Iterator[list[Row]]:
        """Yield the rows for each of *values*, in their order, on several threads.

        SQLite releases the interpreter's lock, so that aggregates use all processors.
        At most two answers for each thread are held.
        """
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
        with translate_errors(self._path), ThreadPoolExecutor(threads) as pool:
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
                if waiting:  # the caller stopped, or a query failed
                    for db in self._connections:
                        db.interrupt()

    def groups_of_each(
        self, sql: str, columns: int, values: Iterable[Sequence[Any]]
    ) -> Iterator[list[list[Any]]]:
        """Do the same where an answer is many rows of numbers.

        SQLite returns them as one text, as the interpreter's lock would be taken for
        each row.

        Args:
            sql: The query.
            columns: Number of its columns.
            values: As for `rows_of_each`.
        """
        names = ", ".join(f"c{number}" for number in range(columns))
        as_json = (
            f"WITH found ({names}) AS ({sql}) "  # noqa: S608 -- own names
            f"SELECT json_group_array(json_array({names})) FROM found"
        )
        for ((text,),) in self.rows_of_each(as_json, values):
            yield json.loads(text)

    def close(self) -> None:
        """End reading."""
        for db in self._connections:
            db.close()


def snapshot(path: Path, access: Access) -> SQLiteSnapshot:
    """Open *path* with as many connections as see the same moment, up to four."""
    wanted = min(_MAX_THREADS, os.cpu_count() or 1)
    opened: list[sqlite3.Connection] = []
    try:
        with closing(connect(path, access)) as watch:
            opened += (connect(path, access) for _ in range(wanted))
            for _ in range(_MAX_TRIES):
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
            # Written to all the time: a single connection always sees one moment.
            for db in opened[1:]:
                db.close()
            return SQLiteSnapshot(opened[:1], path)
    except BaseException:
        for db in opened:
            db.close()
        raise


def _version(db: sqlite3.Connection) -> int:
    """Return a number that changes when another connection commits."""
    return int(db.execute("PRAGMA data_version").fetchone()[0])
