"""What every analysis is asked for: a ledger, a span of time, filters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import click

from ..._errors import LedgerError
from ...ledger import Ledger
from ...reports import Selection, select
from .._price_table import json_option

Command = Callable[..., None]


class Asked(NamedTuple):
    """What was asked for.

    Attributes:
        path: The ledger.
        selection: Which calls.
        as_json: Whether JSON is wanted.
    """

    path: Path
    selection: Selection
    as_json: bool

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger, open.

        Raises:
            LedgerError: If there is none.
        """
        if not self.path.exists():  # who reads has mistyped its name
            raise LedgerError(
                f"there is no ledger {self.path}; name the file that calls are kept "
                f"in with --ledger or BEDROCK_ATTRIB_LEDGER"
            )
        ledger = Ledger(self.path)
        try:
            yield ledger
        finally:
            ledger.close()


_OPTIONS = (
    click.option(
        "--ledger",
        "path",
        required=True,
        envvar="BEDROCK_ATTRIB_LEDGER",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Where calls are kept; BEDROCK_ATTRIB_LEDGER if not given.",
    ),
    click.option(
        "--since",
        metavar="WHEN",
        help="First moment: 2026-11-25, 2026-11, last-month, 7d, ….",
    ),
    click.option("--until", metavar="WHEN", help="The last day, month or moment."),
    click.option(
        "--zone",
        default="UTC",
        show_default=True,
        metavar="ZONE",
        help="Time zone of days and weeks.",
    ),
    click.option(
        "--where",
        multiple=True,
        metavar="FILTER",
        help="Only these calls: team=search, model=*nova*, team!=.",
    ),
    json_option,
)


def asks(command: Callable[..., None]) -> Command:
    """Give *command* the shared options; it takes them as one argument, ``asked``."""

    @wraps(command)
    def run(
        *,
        path: Path,
        since: str | None,
        until: str | None,
        zone: str,
        where: tuple[str, ...],
        as_json: bool,
        **others: Any,
    ) -> None:
        selection = select(since, until, zone=zone, where=where)
        command(asked=Asked(path, selection, as_json), **others)

    wrapped: Command = run
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _split(
    _ctx: click.Context, _param: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    """Names that were given one by one, or with commas."""
    parts = (part.strip() for name in names for part in name.split(","))
    return tuple(filter(None, parts))


by_option = click.option(
    "--by",
    "by",
    multiple=True,
    callback=_split,
    metavar="NAMES",
    help="Tags or dimensions to go by, such as team,model.",
)


def amount(
    _ctx: click.Context, _param: click.Parameter, text: str | None
) -> Decimal | None:
    """The exact amount that an option states, from zero up."""
    if text is None:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or found < 0:
        raise click.BadParameter(f"{text!r} is no amount; expected such as 12.50")
    return found
