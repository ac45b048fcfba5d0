"""Options of commands on budgets: which budgets, and in which store."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from time import time
from typing import Any, TypeVar

import click

from ..._config import Config
from ...budgets import Budget, BudgetStatus, load_budgets
from ...budgets.measures import Measure
from ...budgets.plan import Limit, limits_of
from ...budgets.status import read_statuses
from ...budgets.stores import Store, open_store
from ...errors import ConfigError

Command = TypeVar("Command", bound=Callable[..., Any])

_MEMORY = "memory://"
_STORE_TIMEOUT_S = 5.0
_LENGTH = re.compile(r"(\d{1,5})([mhd])")
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}


def budgets_option(command: Command) -> Command:
    """Give *command* the ``budgets`` of a file, or of the settings."""

    @functools.wraps(command)
    def run(*args: Any, budgets_file: Path | None, **kwargs: Any) -> object:
        return command(*args, budgets=_budgets(budgets_file), **kwargs)

    option = click.option(
        "--budgets",
        "budgets_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="TOML file of budgets (default: the `budgets` setting).",
    )
    return option(run)  # type: ignore[return-value] # click has wrapped it


def store_option(command: Command) -> Command:
    """Give *command* a ``store``, open while it runs."""

    @functools.wraps(command)
    def run(*args: Any, store_url: str | None, **kwargs: Any) -> object:
        with _opened(store_url) as store:
            return command(*args, store=store, **kwargs)

    option = click.option(
        "--store",
        "store_url",
        metavar="URL",
        help="Store of the budgets (default: the `budget_store` setting).",
    )
    return option(run)  # type: ignore[return-value] # click has wrapped it


@contextmanager
def _opened(url: str | None) -> Iterator[Store]:
    named = Config.load().budget_store if url is None else url
    if named == _MEMORY:
        raise click.UsageError(
            "the budgets are counted in the memory of each process, which no command "
            "can see; name a store with --store, or by the setting `budget_store` "
            "(BEDROCK_ATTRIB_BUDGET_STORE). An application sees its own with "
            "get_recorder().budgets()"
        )
    with closing(open_store(named, timeout_s=_STORE_TIMEOUT_S)) as store:
        yield store


@contextmanager
def shared_budgets() -> Iterator[Callable[[], list[BudgetStatus]]]:
    """Yield what reads the budgets of the settings; none where they are in memory."""
    config = Config.load()
    if not config.budgets or config.budget_store == _MEMORY:
        yield list
        return
    with _opened(config.budget_store) as store:
        yield lambda: statuses(config.budgets, store)


def _budgets(path: Path | None) -> tuple[Budget, ...]:
    budgets = Config.load().budgets if path is None else load_budgets(path)
    if not budgets:
        raise click.UsageError(
            "no budgets are named; use --budgets budgets.toml, or the setting "
            "`budgets` (BEDROCK_ATTRIB_BUDGETS)"
        )
    return budgets


def statuses(
    budgets: Sequence[Budget], store: Store, moment: float | None = None
) -> list[BudgetStatus]:
    """Return the status of *budgets*, as the store has it."""
    return read_statuses(
        limits_of(budgets),
        store.accounts(),
        store.read,
        time() if moment is None else moment,
        {},
        {},
    )


def target_of(
    budgets: Sequence[Budget], name: str, key: str | None, measure: str | None
) -> tuple[Limit, str]:
    """Return the limit that a command changes, and the name of what it changes.

    Raises:
        ConfigError: If there is no such budget or key.
    """
    limits = [each for each in limits_of(budgets) if each.budget.name == name]
    if measure is not None:
        limits = [each for each in limits if each.measure == measure]
    if not limits:
        known = ", ".join(each.name for each in budgets)
        raise ConfigError(
            f"no budget {name!r}{f' in {measure}' if measure else ''}; expected one of "
            f"{known}"
        )
    limit = limits[0]
    if key is None:
        return limit, name
    if not limit.budget.each:
        raise ConfigError(f"budget {name!r} keeps no values apart; leave out --key")
    return limit, f"{name}|{limit.measure}|{key}"


key_option = click.option(
    "--key",
    metavar="VALUE",
    help="Only for this value of those that the budget keeps apart (default: all).",
)
measure_option = click.option(
    "--measure",
    type=click.Choice([str(measure) for measure in Measure]),
    help="Which limit, where the budget has several.",
)


def length_option(help_text: str) -> Callable[[Command], Command]:
    """Make the option ``--for``, a ``length`` of time or None."""
    return click.option(
        "--for", "length", callback=_length, metavar="TIME", help=help_text
    )


def _length(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> timedelta | None:
    if value is None:
        return None
    found = _LENGTH.fullmatch(value.strip().lower())
    if found is None:
        raise click.BadParameter(
            f"{value!r} is not a time; expected for example 30m, 12h or 2d", ctx, param
        )
    return timedelta(minutes=int(found[1]) * _MINUTES[found[2]])
