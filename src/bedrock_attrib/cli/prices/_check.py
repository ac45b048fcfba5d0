"""The command ``prices check``: validity and age of a price file."""

from __future__ import annotations

from pathlib import Path

import click

from ...errors import ConfigError
from ...pricing import PriceTable
from ...pricing._overrides import read_overrides
from .._console import remarks
from .._json import JsonObject
from .._price_table import (
    BUNDLED,
    age_days,
    is_price_file,
    json_option,
    named_table,
    print_block,
    print_json,
)
from .._tables import new_list

_TOO_OLD = 1
_IN_DOUBT = 1
_MAX_AGE_DAYS = 60


@click.command
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--max-age-days",
    type=click.IntRange(0),
    default=_MAX_AGE_DAYS,
    show_default=True,
    metavar="DAYS",
    help="Exit with code 1 if the prices are older.",
)
@json_option
@click.pass_context
def check(
    ctx: click.Context, *, file: Path | None, max_age_days: int, as_json: bool
) -> None:
    """Check a price file, an overrides file, or the bundled table.

    The exit code is 0 if it is valid, 1 if its prices are older than --max-age-days or
    something in it may not do what was meant, 2 if it is invalid.
    """
    if file is not None and not is_price_file(file):
        facts, doubts = _of_overrides(file)
        _print({**facts, "doubts": doubts} if as_json else facts, as_json=as_json)
        for doubt in doubts:
            remarks().print(f"Warning: {doubt}", soft_wrap=True)
        ctx.exit(_IN_DOUBT if doubts else 0)
    name = BUNDLED if file is None else str(file)
    table = named_table(name)
    _print({"file": name, **_facts(table)}, as_json=as_json)
    age = age_days(table)
    if age > max_age_days:
        remarks().print(
            f"Warning: the prices of {name} are {age} days old, more than "
            f"{max_age_days}. AWS may have changed some.",
            soft_wrap=True,
        )
        ctx.exit(_TOO_OLD)


def _facts(table: PriceTable) -> JsonObject:
    rows = list(table.rows())
    return {
        "gathered": table.generated_on.isoformat(),
        "age_days": age_days(table),
        "prices": len(rows),
        "models": len(table.model_ids),
        "regions": len({row.region for row in rows}),
        "single_source": sum(row.is_single_source for row in rows),
        "disputed": sum(bool(row.disputed) for row in rows),
        "unconfirmed": sum(row.is_unconfirmed for row in rows),
        "sources": len(table.sources),
    }


def _of_overrides(file: Path) -> tuple[JsonObject, list[str]]:
    """Return what an overrides file adds to the bundled table, and doubts about it.

    Raises:
        ConfigError: If it is invalid or missing.
    """
    if not file.exists():
        raise ConfigError(f"{file}: no such file")
    bundled = PriceTable.bundled()
    table, doubts = bundled.checked_overrides(file)
    given = read_overrides(file)
    facts = {
        "file": str(file),
        "prices": len(given.rows) + len(given.list_rows),
        "discounts": len(given.discounts),
        "commitments": len(given.commitments),
        "mapped_arns": len(given.priced_as),
        "models_not_in_the_bundled_table": sorted(
            {*table.model_ids} - {*bundled.model_ids}
        ),
    }
    return facts, doubts


def _print(facts: JsonObject, *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    lines = [
        f"{name.replace('_', ' ')}: {_text(value)}" for name, value in facts.items()
    ]
    print_block(new_list("Valid", lines[1:]))


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
