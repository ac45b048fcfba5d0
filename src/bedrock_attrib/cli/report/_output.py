"""Where a report goes: to stdout, or whole into a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

import click

from ...errors import ConfigError
from .._ledgers import Command

STDOUT = "-"


def output_option(
    help_text: str, default: str = STDOUT
) -> Callable[[Command], Command]:
    """The option ``--output``."""
    return click.option(
        "--output",
        "-o",
        default=default,
        show_default=default != STDOUT,
        metavar="FILE",
        help=help_text,
    )


@contextmanager
def opened_output(name: str, *, is_binary: bool) -> Iterator[BinaryIO]:
    """Open *name* for writing; a file is there when it is whole, and not before.

    What is no file, as `/dev/null` or a named pipe, is written to and stays what it is.

    Args:
        name: Path, or ``-`` for stdout.
        is_binary: Whether a terminal would show nothing of it.

    Raises:
        ConfigError: If the file cannot be written.
        click.UsageError: If it is binary and would go to a terminal.
    """
    if name == STDOUT:
        if is_binary and sys.stdout.isatty():
            raise click.UsageError(
                "this format is not for terminals: name a file with --output"
            )
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(os.path.realpath(name))  # a link stays one
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        with NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            try:
                yield cast("BinaryIO", file)
            except BaseException:
                file.close()
                with suppress(OSError):
                    temporary.unlink()
                raise
        _give_usual_mode(temporary)
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {name}: {error.strerror or error}") from error


def _give_usual_mode(path: Path) -> None:
    """Temporary files are private; a report is as any new file."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
