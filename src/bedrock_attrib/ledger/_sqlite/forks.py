"""How a fork finds no connection open to a file that parent and child both use.

SQLite keeps for each process which locks it holds on a file. A forked child inherits
this belief but not the locks, even for connections that it opens itself: others then
take the file for unused, and delete its log. So connections are closed before a fork,
and whoever needs one opens it anew.

Source: https://www.sqlite.org/howtocorrupt.html, section 2.6 (2026-11-25), and
``/proc/locks`` of a child that wrote: it held none.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ..._runtime.fork import ResetOrder, after_fork, around_fork
from ...errors import LedgerError

FileId = tuple[int, int]
# Seconds that a fork waits for a batch that is being written or a report being read.
_PATIENCE_S = 2.0
_LOOK_EVERY_S = 0.002


class Holder(Protocol):
    """Holds a connection to a file."""

    path: Path

    def release(self, timeout_s: float) -> bool:
        """Close the connection, and open none until `resume`; False if in use."""

    def resume(self, *, is_child: bool) -> None:
        """Go on after a fork."""


def file_id(path: Path) -> FileId | None:
    """Which file lies at *path*; None for none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class _Forks:
    """What this process knows of its connections.

    Attributes:
        inherited: Files to which a fork had to leave a connection open; this process
            must not use them.
    """

    def __init__(self) -> None:
        self.holders: weakref.WeakSet[Holder] = weakref.WeakSet()
        self.inherited: set[FileId] = set()
        self._opening = threading.Lock()
        self._forking = threading.Lock()
        self._readers: list[tuple[int, Path]] = []
        self._held: list[Holder] = []
        self._left: list[Path] = []

    @contextmanager
    def reading(self, path: Path) -> Iterator[None]:
        """While readers are open; a fork waits for them for a while."""
        me = (threading.get_ident(), path)
        with self._opening:
            self._readers.append(me)
        try:
            yield
        finally:
            if me in self._readers:
                self._readers.remove(me)

    def refuse_inherited(self, path: Path) -> None:
        """Raise if connections to the file were inherited."""
        if self.inherited and file_id(path) in self.inherited:
            raise LedgerError(
                f"{path}: this process was forked while its parent used the file; "
                f"fork when no report is being read"
            )

    def before(self) -> None:
        """Close what can be closed."""
        self._forking.acquire()  # one fork at a time
        deadline = time.monotonic() + _PATIENCE_S
        self._held, self._left = [], []
        for holder in list(self.holders):
            if holder.release(max(0.0, deadline - time.monotonic())):
                self._held.append(holder)
            else:
                self._left.append(holder.path)
        self._opening.acquire()
        me = threading.get_ident()
        while any(thread != me for thread, _ in self._readers):
            if time.monotonic() >= deadline:
                break
            time.sleep(_LOOK_EVERY_S)
        self._left += [path for _, path in self._readers]

    def after_in_parent(self) -> None:
        """Go on."""
        self._opening.release()
        for holder in self._held:
            holder.resume(is_child=False)
        self._held, self._left = [], []
        self._forking.release()

    def after_in_child(self) -> None:
        """Go on, but for what was left open."""
        self._opening, self._forking = threading.Lock(), threading.Lock()
        self._readers = []
        for path in self._left:
            inherited = file_id(path)
            if inherited is not None:
                self.inherited.add(inherited)
        for holder in list(self.holders):
            holder.resume(is_child=True)
        self._held, self._left = [], []


FORKS = _Forks()
around_fork(FORKS.before, FORKS.after_in_parent)
after_fork(FORKS.after_in_child, ResetOrder.LOCKS)
