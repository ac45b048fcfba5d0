"""Budgets from TOML files and from settings."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import ConfigError
from .budget import Budget, budget_of

_TABLE = "budgets"


def load_budgets(path: Path | str) -> tuple[Budget, ...]:
    """Return the budgets of a TOML file, one ``[[budgets]]`` table for each.

    Raises:
        ConfigError: If the file cannot be read, or a table is not as documented for
            `Budget`; names the file and the key.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read budgets from {path}: {error}") from error
    tables = content.pop(_TABLE, [])
    if content or not isinstance(tables, list):
        raise ConfigError(
            f"{path} has {', '.join(content) or _TABLE}; expected only tables "
            f"[[{_TABLE}]]"
        )
    try:
        return budgets_from(tables)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def budgets_from(given: object) -> tuple[Budget, ...]:
    """Return budgets given as `Budget`, as tables, or as the path of a file.

    Raises:
        ConfigError: If they are none of these, or not as documented.
    """
    if isinstance(given, (str, Path)):
        return load_budgets(given)
    if not isinstance(given, Sequence):
        raise ConfigError(
            f"expected a list of budgets or the path of a TOML file, got {given!r}"
        )
    return tuple(map(_budget, given))


def _budget(given: object) -> Budget:
    if isinstance(given, Budget):
        return given
    if isinstance(given, Mapping):
        return budget_of(given)
    raise ConfigError(f"expected a budget or a table that describes one, got {given!r}")
