"""SQLite and forks: connections are closed before a fork and opened again after it.

SQLite keeps for each process which locks it holds on a file. A forked child inherits
this record but not the locks, even for connections that it opens itself: other
processes then take the file for unused, and delete its log.

Source: https://www.sqlite.org/howtocorrupt.html, section 2.6 (2026-11-25), and
``/proc/locks`` of a child that wrote: it held none.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from .fork import ResetOrder, after_fork, around_fork
from .threads import Lock, get_ident

FileId = tuple[int, int]
# Seconds that a fork waits for a batch that is being written or a report being read.
_MAX_WAIT_S = 2.0
_POLL_EVERY_S = 0.002


class ConnectionHolder(Protocol):
    """An object that holds a connection to a file."""

    path: Path

    def release(self, timeout_s: float) -> bool:
        """Close the connection, and open none until `resume`; False if it is used."""

    def resume(self, *, is_child: bool) -> None:
        """Continue after a fork."""


def file_id(path: Path) -> FileId | None:
    """Return the identity of the file at *path*; None if there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # a name with a zero byte is no name
        return None
    return found.st_dev, found.st_ino


class ConnectionRegistry:
    """Connections of this process, and files that it must not use after a fork.

    Attributes:
        holders: Objects that hold a connection.
        inherited: Files to which the parent process had a connection open at the fork;
            this process must not use them.
    """

    def __init__(self) -> None:
        self.holders: weakref.WeakSet[ConnectionHolder] = weakref.WeakSet()
        self.inherited: set[FileId] = set()
        self._opening = Lock()
        self._forking = Lock()
        self._readers: list[tuple[int, Path]] = []
        self._held: list[ConnectionHolder] = []
        self._left: list[Path] = []

    @contextmanager
    def reading(self, path: Path) -> Iterator[None]:
        """Register a reader, for which a fork waits a limited time."""
        me = (get_ident(), path)
        with self._opening:
            self._readers.append(me)
        try:
            yield
        finally:
            if me in self._readers:
                self._readers.remove(me)

    def has_inherited(self, path: Path) -> bool:
        """Return whether connections to the file were inherited."""
        return bool(self.inherited) and file_id(path) in self.inherited

    def before(self) -> None:
        """Close connections that are not used, before a fork."""
        self._forking.acquire()  # one fork at a time
        deadline = time.monotonic() + _MAX_WAIT_S
        self._held, self._left = [], []
        for holder in list(self.holders):
            if holder.release(max(0.0, deadline - time.monotonic())):
                self._held.append(holder)
            else:
                self._left.append(holder.path)
        self._opening.acquire()
        me = get_ident()
        while any(thread != me for thread, _ in self._readers):
            if time.monotonic() >= deadline:
                break
            time.sleep(_POLL_EVERY_S)
        self._left += [path for _, path in self._readers]

    def after_in_parent(self) -> None:
        """Continue in the parent."""
        self._opening.release()
        for holder in self._held:
            holder.resume(is_child=False)
        self._held, self._left = [], []
        self._forking.release()

    def after_in_child(self) -> None:
        """Continue in the child, without the files that were left open."""
        self._opening, self._forking = Lock(), Lock()
        self._readers = []
        for path in self._left:
            inherited = file_id(path)
            if inherited is not None:
                self.inherited.add(inherited)
        for holder in list(self.holders):
            holder.resume(is_child=True)
        self._held, self._left = [], []


FORKS = ConnectionRegistry()
around_fork(FORKS.before, FORKS.after_in_parent)
after_fork(FORKS.after_in_child, ResetOrder.LOCKS)
