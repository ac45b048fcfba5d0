"""The command ``report spend``: spend by tags, models, time and more."""

from __future__ import annotations

import click

from ...ledger import Ledger
from ...reports import Selection
from ...reports._dimensions import DEFAULT_PAGE_BY
from ...reports.focus import Account, Version
from .._console import print_remarks
from .._ledgers import by_option, ledger_option, selection_options
from .._price_table import json_option
from ._output import chosen_format, format_option, output_option
from ._spend_formats import FORMATS, UNKNOWN_ACCOUNT, Asked

_EPILOG = """
\b
Examples:
  bedrock-attrib report --ledger calls.db
  bedrock-attrib report --by team,app,model --since last-month
  bedrock-attrib report --by day,team --since 7d --zone Europe/Berlin
  bedrock-attrib report --by unit --where 'model=*claude*' --exact
  bedrock-attrib report --by user --top 10 --format csv | head
  bedrock-attrib report --where team=search --title 'Search' -o search.html
  bedrock-attrib report --format focus --account 123456789012 -o focus.parquet

\b
Group by any tag, or by model, requested_model, vendor, model_kind, scope, region,
tier, latency_mode, operation, outcome, error, price_status, currency,
usage_source, unit, and one of hour, day, week, month.
"""


@click.command("spend", epilog=_EPILOG)
@by_option(
    help_text="Comma-separated tags or dimensions to group by (default: team; for "
    f"html: {','.join(DEFAULT_PAGE_BY)})."
)
@click.option(
    "--top",
    type=click.IntRange(1, 20_000),
    metavar="N",
    help="Show the N most expensive rows and add up the others (default: all; for "
    "html: 400).",
)
@format_option(FORMATS)
@output_option()
@click.option("--exact", is_flag=True, help="Show every digit of counts and amounts.")
@click.option(
    "--title",
    metavar="TEXT",
    help="For html: heading of the page (default: Amazon Bedrock spend).",
)
@click.option(
    "--account",
    metavar="ID",
    help="For focus: AWS account that pays (default: unknown).",
)
@click.option(
    "--focus-version",
    type=click.Choice([version.value for version in Version]),
    default=Version.V1_2.value,
    show_default=True,
    help="For focus: version of the specification.",
)
@click.option(
    "--period",
    type=click.Choice(["day", "hour"]),
    default="day",
    show_default=True,
    help="For focus: length of a charge period, in UTC.",
)
@json_option
@selection_options
@ledger_option
def show_spend(  # noqa: PLR0913 - one for each option
    *,
    ledger: Ledger,
    selection: Selection,
    by: tuple[str, ...],
    top: int | None,
    format_name: str | None,
    output: str,
    exact: bool,
    title: str | None,
    account: str | None,
    focus_version: str,
    period: str,
    as_json: bool,
) -> None:
    """Report spend by team, model, day or any other dimension."""
    chosen = FORMATS[chosen_format(FORMATS, format_name, output, as_json=as_json)]
    asked = Asked(
        ledger=ledger,
        by=by,
        selection=selection,
        top=top,
        is_exact=exact,
        output=output,
        title=title,
        account=UNKNOWN_ACCOUNT if account is None else Account(account),
        focus_version=focus_version,
        period=period,
    )
    print_remarks((*chosen.write(asked), *chosen.ignored_options(asked)))
