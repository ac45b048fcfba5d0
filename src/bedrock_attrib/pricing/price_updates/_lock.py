"""Lock of a folder, so that one process at a time downloads into it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


@contextmanager
def locked(folder: Path, *, waits: bool) -> Iterator[bool]:
    """Hold the lock of *folder*, which must exist.

    Args:
        folder: The folder.
        waits: Whether to wait for another process that holds it.

    Yields:
        Whether the lock is held; False only without *waits*.

    Raises:
        OSError: If the lock file cannot be opened.
    """
    with (folder / ".lock").open("ab") as file:
        if sys.platform == "win32":  # pragma: no cover
            yield True  # two updates at once then do the work twice
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
