"""Output files of commands: never one that a command reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click

from .._config import Config

# https://www.sqlite.org/fileformat.html, section 1.3 (2026-12-01)
_SQLITE = b"SQLite format 3\0"
_OF_OTHERS, _PRIVATE = 0o077, 0o600
_BESIDE_SQLITE = ("-wal", "-shm", "-journal")


def refuse_input_as_output(output: Path, inputs: Iterable[Path] = ()) -> None:
    """Raise if writing *output* would destroy what the command reads.

    Args:
        output: File to write; a SQLite file, as ledgers are, or one beside it is
            refused whatever the command reads.
        inputs: Files that the command reads.

    Raises:
        click.UsageError: If *output* is one of them.
    """
    if _is_of_sqlite(output):
        raise click.UsageError(
            f"--output {output} is a SQLite file, such as a ledger, and was not "
            f"replaced: name another file"
        )
    if any(_is_same(output, each) for each in inputs):
        raise click.UsageError(
            f"--output {output} is a file that is read, and was not replaced: name "
            f"another file"
        )


def files_of_settings() -> list[Path]:
    """Return the files that settings name."""
    config = Config.load()
    named = (config.ledger, config.prices, config.price_overrides, config.price_file)
    return [Path(each) for each in named if each]


def mode_of_new(output: Path) -> int | None:
    """Return the permissions of a new file; None for the usual ones.

    What is made of a ledger that only its owner may read is for its owner, too.
    """
    context = click.get_current_context(silent=True)
    named = None if context is None else context.params.get("ledger_name")
    ledger = named or Config.load().ledger
    if output.exists() or not ledger:
        return None
    try:
        mode = Path(ledger).stat().st_mode
    except (OSError, ValueError):
        return None  # the URL of a ledger
    return None if mode & _OF_OTHERS else _PRIVATE


def _is_of_sqlite(path: Path) -> bool:
    target = os.path.realpath(path)
    return any(
        _starts_as_sqlite(Path(target.removesuffix(suffix)))
        for suffix in ("", *_BESIDE_SQLITE)
        if target.endswith(suffix)
    )


def _starts_as_sqlite(path: Path) -> bool:
    if not path.is_file():  # a pipe is written to, and reading it would wait
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False  # writing it fails with a message of its own


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False  # one of them is missing, or the URL of a ledger
