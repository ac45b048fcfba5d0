"""Options of every analysis: a ledger, a span of time, filters."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, NamedTuple

from ...ledger import Ledger
from ...reports import Selection
from .._ledgers import bare_ledger_option, opened, selection_options
from .._price_table import json_option

Command = Callable[..., Any]


class Asked(NamedTuple):
    """Shared options.

    Attributes:
        name: The ledger; None for that of the settings.
        selection: Which calls.
        as_json: Whether JSON is wanted.
    """

    name: str | None
    selection: Selection
    as_json: bool

    def ledger(self) -> AbstractContextManager[Ledger]:
        """Open the ledger for reading."""
        return opened(self.name)


def asks(command: Command) -> Command:
    """Give *command* the shared options as one argument, ``asked``."""

    @wraps(command)
    def run(
        *,
        ledger_name: str | None,
        selection: Selection,
        as_json: bool,
        **others: Any,
    ) -> None:
        command(asked=Asked(ledger_name, selection, as_json), **others)

    return bare_ledger_option(selection_options(json_option(run)))
