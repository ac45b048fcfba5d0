"""The command ``html``: a ledger as one web page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..ledger import Ledger
from ..reports import Selection
from ..reports._dimensions import DEFAULT_PAGE_BY
from ._console import print_remarks, printable, remarks
from ._json import JsonObject
from ._ledgers import by_option, ledger_option, progress_bar, selection_options
from ._price_table import json_option, plain, price_table, print_json
from .report._formats import text_output
from .report._output import STDOUT, output_option

if TYPE_CHECKING:
    from ..reports.html import Page

_FILE = "report.html"
_ROWS = 400

_EPILOG = """
\b
Examples:
  bedrock-attrib html --ledger calls.db
  bedrock-attrib html --since last-month --zone Europe/Berlin -o october.html
  bedrock-attrib html --by team,model,region --where environment=prod
  bedrock-attrib html --json | jq .total.cost
  bedrock-attrib html --title 'Search team' --where team=search -o - | gzip > s.html.gz
"""


@click.command(epilog=_EPILOG)
@by_option(",".join(DEFAULT_PAGE_BY))
@click.option("--title", default="Amazon Bedrock spend", help="Heading of the page.")
@click.option(
    "--rows",
    type=click.IntRange(1, 20_000),
    default=_ROWS,
    show_default=True,
    metavar="N",
    help="Rows of the closing table at most; the others are summed up in one.",
)
@output_option("Write to FILE; - for stdout.", _FILE)
@json_option
@selection_options
@ledger_option
def html(
    *,
    ledger: Ledger,
    selection: Selection,
    by: tuple[str, ...],
    title: str,
    rows: int,
    output: str,
    as_json: bool,
) -> None:
    """Write what calls cost as one web page that works offline.

    It has charts and tables: spend over time, who and what spends most, tokens and the
    prompt cache, failures, what has no price or no tag, and every amount as counts
    times a price. It asks no other host for anything, and can be sent on as a file.
    With --json, stdout tells what was written.
    """
    if as_json and output == STDOUT:
        raise click.UsageError("--json tells of a file: name one with --output")
    # Not at the top: other commands do not wait for the price table.
    from ..reports.html import make_page  # noqa: PLC0415

    with progress_bar("Adding up") as progress:
        page = make_page(
            ledger,
            selection,
            by=by,
            title=title,
            prices=price_table(()),
            rows=rows,
            progress=progress,
        )
    with text_output(output) as file:
        file.write(page.text)
    size = len(page.text.encode("utf-8"))
    if as_json:
        print_json({"path": output, "bytes": size, **_json(page)})
        return
    print_remarks(page.remarks)
    if output != STDOUT:
        remarks().print(
            f"Wrote {printable(output)} ({size / 1000:,.0f} kB): open it in a browser.",
            soft_wrap=True,
        )


def _json(page: Page) -> JsonObject:
    """What *page* comes to."""
    total = page.total
    return {
        "by": list(page.by),
        "since": None if page.since is None else page.since.isoformat(),
        "until": None if page.until is None else page.until.isoformat(),
        "total": {
            "calls": total.calls,
            "failed_calls": total.failed,
            "abandoned_calls": total.abandoned,
            "unpriced_calls": total.unpriced,
            "input_tokens": total.input_tokens,
            "output_tokens": total.output_tokens,
            "cost": {name: plain(amount) for name, amount in total.cost.items()},
        },
        "remarks": list(page.remarks),
    }
