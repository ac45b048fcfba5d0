"""The command ``html``: a ledger as one web page."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ..ledger import Ledger
from ..reports import Selection
from ._console import remarks
from ._ledgers import ledger_option, progress_bar, selection_options, split_names
from .report._formats import text_output
from .report._output import STDOUT

_FILE = "report.html"
_BY = ("team", "app", "experiment", "model")
_ROWS = 400

_EPILOG = """
\b
Examples:
  bedrock-attrib html --ledger calls.db
  bedrock-attrib html --since last-month --zone Europe/Berlin -o october.html
  bedrock-attrib html --by team,model,region --where environment=prod
  bedrock-attrib html --title 'Search team' --where team=search -o - | gzip > s.html.gz
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--by",
    multiple=True,
    default=[",".join(_BY)],
    show_default=True,
    metavar="NAMES",
    help="Tags and other dimensions, with commas between.",
)
@click.option("--title", default="Amazon Bedrock spend", help="Heading of the page.")
@click.option(
    "--rows",
    type=click.IntRange(1, 20_000),
    default=_ROWS,
    show_default=True,
    metavar="N",
    help="Rows of the closing table at most; the others are summed up in one.",
)
@click.option(
    "--output",
    "-o",
    default=_FILE,
    show_default=True,
    metavar="FILE",
    help="Write to FILE; - for stdout.",
)
@selection_options
@ledger_option
def html(
    *,
    ledger: Ledger,
    selection: Selection,
    by: Sequence[str],
    title: str,
    rows: int,
    output: str,
) -> None:
    """Write what calls cost as one web page that works offline.

    It has charts and tables: spend over time, who and what spends most, tokens and the
    prompt cache, failures, what has no price or no tag, and every amount as counts
    times a price. It asks no other host for anything, and can be sent on as a file.
    """
    # Not at the top: other commands do not wait for the price table.
    from ..reports.html import render  # noqa: PLC0415
    from ._price_table import price_table  # noqa: PLC0415

    with progress_bar("Adding up") as progress:
        page = render(
            ledger,
            selection,
            by=split_names(by),
            title=title,
            prices=price_table(()),
            rows=rows,
            progress=progress,
        )
    with text_output(output) as file:
        file.write(page)
    if output != STDOUT:
        size = len(page.encode("utf-8")) / 1000
        remarks().print(
            f"Wrote {output} ({size:,.0f} kB): open it in a browser.", soft_wrap=True
        )
