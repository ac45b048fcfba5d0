"""The command ``report``: who spent what on what, from a ledger."""

from __future__ import annotations

import click

from ...ledger import Ledger
from ...reports import Selection
from ...reports._dimensions import DEFAULT_PAGE_BY
from ...reports.focus import Account, Version
from .._console import print_remarks
from .._ledgers import by_option, ledger_option, selection_options
from .._price_table import json_option
from ._formats import FORMATS, UNKNOWN_ACCOUNT, Asked, format_for
from ._output import output_option

_EPILOG = """
\b
Examples:
  bedrock-attrib report --ledger calls.db
  bedrock-attrib report --by team,app,model --since last-month
  bedrock-attrib report --by day,team --since 7d --zone Europe/Berlin
  bedrock-attrib report --by unit --where 'model=*claude*' --exact
  bedrock-attrib report --by user --top 10 --format csv | head
  bedrock-attrib report --by team,day -o spend.parquet
  bedrock-attrib report --format focus --account 123456789012 -o focus.parquet

\b
Go by any tag, or by model, requested_model, vendor, model_kind, scope, region,
tier, latency_mode, operation, outcome, error, price_status, currency,
usage_source, unit, and one of hour, day, week, month.
"""


@click.command(epilog=_EPILOG)
@by_option(
    help_text="Tags and other dimensions to go by, with commas between; team if not "
    f"given, and {','.join(DEFAULT_PAGE_BY)} for html."
)
@click.option(
    "--top",
    type=click.IntRange(1),
    metavar="N",
    help="Show the N most expensive rows and sum up the others.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(list(FORMATS)),
    help="How to write it; by the ending of --output, or a table, if not given.",
)
@output_option("Write to FILE, whose ending tells the format; - for stdout.")
@click.option("--exact", is_flag=True, help="Every digit of counts and amounts.")
@click.option("--account", metavar="ID", help="For focus: the account that pays.")
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
    help="For focus: length of a charge period, of UTC.",
)
@json_option
@selection_options
@ledger_option
def report(  # noqa: PLR0913 - one for each option
    *,
    ledger: Ledger,
    selection: Selection,
    by: tuple[str, ...],
    top: int | None,
    format_name: str | None,
    output: str,
    exact: bool,
    account: str | None,
    focus_version: str,
    period: str,
    as_json: bool,
) -> None:
    """Tell who spent what on what, from a ledger."""
    chosen = format_for(format_name, output, as_json=as_json)
    asked = Asked(
        ledger=ledger,
        by=by,
        selection=selection,
        top=top,
        is_exact=exact,
        output=output,
        account=UNKNOWN_ACCOUNT if account is None else Account(account),
        focus_version=focus_version,
        period=period,
    )
    print_remarks((*chosen.write(asked), *chosen.passed_over(asked)))
