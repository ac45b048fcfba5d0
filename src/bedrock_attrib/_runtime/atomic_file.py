"""Atomic files: whole under their name, or not there at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO


@contextmanager
def written_atomically(
    path: Path, *, mode: int | None = None, is_synced: bool = False
) -> Iterator[BinaryIO]:
    """Open a file that takes the place of *path* once all is written.

    Until then *path* is as before, and if an exception leaves the block it stays so. A
    symbolic link stays one: the file that it points to is replaced. A device or pipe,
    such as ``/dev/null``, is written to directly.

    Args:
        path: File to write; its folder must exist.
        mode: Permissions; None for those of the file that is replaced, or for the
            usual ones of a new file.
        is_synced: Whether the disk has the file when this returns.

    Raises:
        OSError: If it cannot be written.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    # Names that begin with a dot are passed over by readers of folders.
    number, name = mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    unfinished = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            if is_synced:
                os.fsync(file.fileno())
        unfinished.chmod(_mode_of(path) if mode is None else mode)
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise
    if is_synced:
        _sync_folder(path.parent)


def write_atomically(path: Path, text: str, *, mode: int | None = None) -> None:
    """Write *text* as UTF-8; see `written_atomically`."""
    with written_atomically(path, mode=mode) as file:
        file.write(text.encode())


def _mode_of(path: Path) -> int:
    """Permissions of *path*, or of any new file where it does not exist."""
    with suppress(FileNotFoundError):
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
