"""The command ``ledger export``: every call as Parquet files, one per day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..._model.formatting import counted
from ...ledger import Ledger
from ...reports import Selection
from .._console import printable, remarks, results
from .._json import JsonObject
from .._ledgers import ledger_option, names_option, progress_bar, span_options
from .._price_table import json_option, print_json

if TYPE_CHECKING:
    from ...ledger.parquet import ExportedDay

_EPILOG = """
\b
Examples:
  bedrock-attrib ledger export calls/ --ledger calls.db
  bedrock-attrib ledger export calls/ --since 2d --tag team,app
  bedrock-attrib ledger export calls/ --since last-month --until last-month --json
  bedrock-attrib ledger export /data/calls --part "$(hostname)"

Days are whole UTC days: all days that --since and --until touch. A second export of a
day replaces its file.
"""


@click.command(epilog=_EPILOG, short_help="Export every call to Parquet.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@names_option(
    "--tag",
    "Comma-separated tags that get a column of their own; use the same ones each time.",
)
@click.option(
    "--part",
    default="0",
    show_default=True,
    metavar="NAME",
    help="Name of the files, for several ledgers in one folder.",
)
@json_option
@span_options
@ledger_option
def export(
    *,
    ledger: Ledger,
    selection: Selection,
    folder: Path,
    tag: Sequence[str],
    part: str,
    as_json: bool,
) -> None:
    """Export every call to Parquet, FOLDER/day=2026-11-25/part-0.parquet.

    The files suit DuckDB, Athena and Spark. Needs the extra `reports`.
    """
    from ...ledger.parquet import export as export_days  # noqa: PLC0415 -- an extra

    with progress_bar("Exporting") as progress:
        days = export_days(
            ledger,
            folder,
            selection.since,
            selection.until,
            tag_columns=tag,
            part=part,
            on_day=_counting(progress, _days(ledger, selection)),
        )
    found = _facts(folder, days)
    if as_json:
        print_json(found)
    else:
        results().print(
            f"calls: {found['calls']:,}; files: {found['files']:,}; bytes: "
            f"{found['bytes']:,}; in {printable(str(folder))}",
            soft_wrap=True,
        )
    for day in days:
        if day.pruned:
            remarks().print(_deleted(day), soft_wrap=True)


def _deleted(day: ExportedDay) -> str:
    rest = "no file was written" if day.path is None else "the others were exported"
    return f"{day.day}: {counted(day.pruned, 'call')} deleted before; {rest}"


def _days(ledger: Ledger, selection: Selection) -> int:
    with ledger.reading() as reader:
        span = reader.span()
        return 0 if span is None else len(reader.days(*selection.span(span)))


def _counting(
    progress: Callable[[int, int], None], of: int
) -> Callable[[ExportedDay], None]:
    done: list[ExportedDay] = []

    def count(day: ExportedDay) -> None:
        done.append(day)
        progress(len(done), of)

    return count


def _facts(folder: Path, days: Sequence[ExportedDay]) -> JsonObject:
    files = [day.path for day in days if day.path is not None]
    return {
        "folder": str(folder),
        "calls": sum(day.calls for day in days if day.path is not None),
        "deleted_calls": sum(day.pruned for day in days),
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
        "days": [
            {
                "day": day.day.isoformat(),
                "path": None if day.path is None else str(day.path),
                "calls": day.calls,
                "deleted_calls": day.pruned,
            }
            for day in days
        ],
    }
