"""Options of commands that read a ledger: which ledger, which span, which calls."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import click
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from .._config import Config
from ..ledger import Ledger, open_ledger
from ..reports import Selection, select
from ._console import is_animated, remarks

Command = TypeVar("Command", bound=Callable[..., Any])

bare_ledger_option = click.option(
    "--ledger",
    "ledger_name",
    metavar="PATH",
    help="Ledger, a file or URL (default: the `ledger` setting).",
)
"""The name of the ledger as it was given, for commands that open it."""
where_option = click.option(
    "--where",
    multiple=True,
    metavar="FILTER",
    help="Only calls that match, for example team=search, model=*nova*, team= (none), "
    "team!=ads; may be repeated, and all must match.",
)
_SPAN = (
    click.option(
        "--since",
        metavar="WHEN",
        help="Start: 2026-11-25, 2026-11-25T14:30, 2026-11, today, yesterday, "
        "this-month, last-month, or 7d, 12h, 2w ago.",
    ),
    click.option(
        "--until",
        metavar="WHEN",
        help="End: a day or month, which is included, or a moment, which is not.",
    ),
    click.option(
        "--zone",
        default="UTC",
        show_default=True,
        metavar="ZONE",
        help="Time zone of days, weeks and months, for example Europe/Berlin.",
    ),
)
_SELECTION = (*_SPAN, where_option)


def names_option(
    name: str, help_text: str, default: str | None = None
) -> Callable[[Command], Command]:
    """Make an option that takes comma-separated names, and may be repeated."""
    return click.option(
        name,
        multiple=True,
        callback=_split,
        default=None if default is None else [default],
        show_default=default is not None,
        metavar="NAMES",
        help=help_text,
    )


def _split(
    _ctx: click.Context, _param: click.Parameter, names: Sequence[str]
) -> tuple[str, ...]:
    return split_names(names)


def by_option(
    default: str | None = None,
    help_text: str = "Comma-separated tags or dimensions to group by.",
) -> Callable[[Command], Command]:
    """Make the option ``--by``."""
    return names_option("--by", help_text, default)


def ledger_option(command: Command) -> Command:
    """Give *command* a ``ledger``, open for reading while it runs.

    Raises:
        click.UsageError: When the command runs, if no ledger is named.
    """
    return _with_ledger(command, read_only=True)


def written_ledger_option(command: Command) -> Command:
    """Give *command* a ``ledger``, open for writing while it runs.

    Raises:
        click.UsageError: When the command runs, if no ledger is named.
    """
    return _with_ledger(command, read_only=False)


def ledger_name_option(command: Command) -> Command:
    """Give *command* the name of a ledger, ``ledger_name``.

    Raises:
        click.UsageError: When the command runs, if no ledger is named.
    """

    @functools.wraps(command)
    def run(*args: Any, ledger_name: str | None, **kwargs: Any) -> object:
        return command(*args, ledger_name=_named(ledger_name), **kwargs)

    return bare_ledger_option(run)  # type: ignore[return-value] # click has wrapped it


def _with_ledger(command: Command, *, read_only: bool) -> Command:
    @functools.wraps(command)
    def run(*args: Any, ledger_name: str | None, **kwargs: Any) -> object:
        with opened(ledger_name, read_only=read_only) as ledger:
            return command(*args, ledger=ledger, **kwargs)

    return bare_ledger_option(run)  # type: ignore[return-value] # click has wrapped it


@contextmanager
def opened(name: str | None, *, read_only: bool = True) -> Iterator[Ledger]:
    """Open an existing ledger, by *name* or by the setting ``ledger``."""
    found = open_ledger(_named(name), must_exist=True, read_only=read_only)
    with closing(found) as ledger:
        yield ledger


def _named(name: str | None) -> str:
    named = Config.load().ledger if name is None else name
    if not named:
        raise click.UsageError(
            "no ledger is named; use --ledger calls.db, or the setting `ledger` "
            "(BEDROCK_ATTRIB_LEDGER)"
        )
    return str(named)


def span_options(command: Command) -> Command:
    """Give *command* a ``selection`` from the options of a span."""

    @functools.wraps(command)
    def run(
        *args: Any, since: str | None, until: str | None, zone: str, **kwargs: Any
    ) -> object:
        selection = select(since, until, zone=zone)
        return command(*args, selection=selection, **kwargs)

    for option in reversed(_SPAN):
        run = option(run)
    return run  # type: ignore[return-value] # click has wrapped it


def selection_options(command: Command) -> Command:
    """Give *command* a ``selection`` from the options of a span and filters."""

    @functools.wraps(command)
    def run(
        *args: Any,
        since: str | None,
        until: str | None,
        zone: str,
        where: Sequence[str],
        **kwargs: Any,
    ) -> object:
        selection: Selection = select(since, until, zone=zone, where=where)
        return command(*args, selection=selection, **kwargs)

    for option in reversed(_SELECTION):
        run = option(run)
    return run  # type: ignore[return-value] # click has wrapped it


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal; yields a function of steps done and all."""
    console = remarks()
    bar = ProgressBar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not is_animated(console),
    )
    task = bar.add_task(label, total=None)

    def show(done: int, of: int) -> None:
        if of >= _MANY_STEPS and not bar.live.is_started:
            bar.start()
        bar.update(task, completed=done, total=of)

    try:
        yield show
    finally:
        if bar.live.is_started:  # else rich 13 writes an empty line
            bar.stop()


_MANY_STEPS = 5


def split_names(names: Sequence[str]) -> tuple[str, ...]:
    """Split names that were given one by one, or with commas."""
    return tuple(
        part for name in names for each in name.split(",") if (part := each.strip())
    )
