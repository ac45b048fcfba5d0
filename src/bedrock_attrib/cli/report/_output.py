"""Output of a report: its format, and stdout or a file that is written as a whole."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

import click
from rich.console import RenderableType

from ..._runtime.atomic_file import written_atomically
from ...errors import ConfigError
from ...reports import Table, write_csv, write_json
from ...reports.parquet import write_parquet
from .._console import CleanConsole, harmless, print_remarks
from .._json import JsonObject
from .._ledgers import Command
from .._output_files import files_of_settings, mode_of_new, refuse_input_as_output
from .._price_table import print_block

STDOUT = "-"
WIDEST = 10_000
_SUFFIXES = {
    "table": (".txt",),
    "csv": (".csv",),
    "json": (".json",),
    "parquet": (".parquet", ".pq"),
    "html": (".html", ".htm"),
}
LIST_FORMATS = ("table", "csv", "json", "parquet")
"""Formats of every report; spend has more."""


def format_option(names: Collection[str]) -> Callable[[Command], Command]:
    """Make the option ``--format`` with the formats *names*."""
    return click.option(
        "--format",
        "format_name",
        type=click.Choice(list(names)),
        help="Format (default: by the suffix of --output, else table).",
    )


def output_option() -> Callable[[Command], Command]:
    """Make the option ``--output``."""
    return click.option(
        "--output",
        "-o",
        default=STDOUT,
        metavar="FILE",
        help="Write to FILE (default: stdout).",
    )


def chosen_format(
    names: Collection[str], name: str | None, output: str, *, as_json: bool
) -> str:
    """Choose one of the formats *names*: by *name*, or by the suffix of *output*.

    Raises:
        click.UsageError: If ``--json`` contradicts ``--format``, or no format has the
            suffix of *output*.
    """
    if as_json:
        if name not in (None, "json"):
            raise click.UsageError(f"--json and --format {name} exclude each other")
        return "json"
    found = name or _format_of(output, names)
    suffix = "" if output == STDOUT else Path(output).suffix
    if found is None and suffix:
        known = ", ".join(each for key in names for each in _SUFFIXES.get(key, ()))
        raise click.UsageError(
            f"--output {output}: no format of this command has the suffix {suffix}; "
            f"expected one of {known}, or --format"
        )
    return found or "table"


def _format_of(output: str, names: Collection[str]) -> str | None:
    for name, suffixes in _SUFFIXES.items():
        if name in names and output.lower().endswith(suffixes):
            return name
    return None


def write_list(
    name: str,
    output: str,
    *,
    block: Callable[[], RenderableType],
    table: Callable[[], Table],
    content: Callable[[], JsonObject],
    remarks: tuple[str, ...],
) -> None:
    """Write a report as one of `LIST_FORMATS`, and its remarks to stderr.

    Args:
        name: The format.
        output: Path, or ``-`` for stdout.
        block: Makes it for people.
        table: Makes it for spreadsheets.
        content: Makes it as JSON, remarks included.
        remarks: What a reader of the figures must know.
    """
    if name == "json":
        write_object(content(), output)
        return
    if name == "table":
        write_block(block(), output)
    else:
        write_table(name, table(), output)
    print_remarks(remarks)


def write_table(name: str, table: Table, output: str) -> None:
    """Write *table* in the format *name*: csv, json or parquet."""
    if name == "parquet":
        with opened_output(output, is_binary=True) as file:
            write_parquet(table, file)
        return
    with text_output(output) as text:
        (write_json if name == "json" else write_csv)(table, text)


def write_by_suffix(table: Table, output: str) -> None:
    """Write *table* in the format of the suffix of *output*, or else as CSV."""
    name = _format_of(output, ("csv", "json", "parquet")) or "csv"
    write_table(name, table, output)


def write_object(content: object, output: str) -> None:
    """Write *content* as JSON."""
    with text_output(output) as file:
        file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_block(content: RenderableType, output: str) -> None:
    """Write *content* as text, in whole lines where it is not for a terminal."""
    if output == STDOUT:
        print_block(content)
        return
    plain = CleanConsole(
        file=io.StringIO(),
        width=WIDEST,
        color_system=None,
        markup=False,
        highlight=False,
        emoji=False,
    )
    with plain.capture() as captured:
        plain.print(content)
    lines = (line.rstrip() for line in captured.get().splitlines())
    with text_output(output) as file:
        file.write("\n".join(lines) + "\n")


class _Harmless(io.TextIOWrapper):
    """Text for a terminal, without control characters."""

    def write(self, text: str, /) -> int:
        return super().write(harmless(text))


@contextmanager
def text_output(output: str) -> Iterator[TextIO]:
    """Open *output* for UTF-8 text; line ends are written as they are.

    Control characters are replaced for terminals only, not in files and pipes.
    """
    kind = _Harmless if output == STDOUT and sys.stdout.isatty() else io.TextIOWrapper
    with opened_output(output, is_binary=False) as file:
        text = kind(file, encoding="utf-8", newline="", write_through=True)
        try:
            yield text
        finally:
            text.detach()


@contextmanager
def opened_output(name: str, *, is_binary: bool) -> Iterator[BinaryIO]:
    """Open *name* for writing; a file appears once it is complete.

    A device or a named pipe, such as `/dev/null`, is written to directly.

    Args:
        name: Path, or ``-`` for stdout.
        is_binary: Whether the format is not for terminals.

    Raises:
        ConfigError: If the file cannot be written.
        click.UsageError: If the output is binary and stdout is a terminal, or the file
            is one that commands read.
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
    refuse_input_as_output(Path(name), files_of_settings())
    try:
        with written_atomically(Path(name), mode=mode_of_new(Path(name))) as file:
            yield file
    except OSError as error:
        raise ConfigError(f"cannot write {name}: {error.strerror or error}") from error
