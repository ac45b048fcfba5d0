"""The commands ``report``: spend, charges, missing tags and missing prices."""

from __future__ import annotations

import click

from .._groups import DefaultGroup
from ._charges import show_charges
from ._spend import show_spend
from ._unattributed import show_unattributed
from ._unpriced import show_unpriced

_EPILOG = """
\b
Examples:
  bedrock-attrib report --ledger calls.db
  bedrock-attrib report --by team,app,model --since last-month
  bedrock-attrib report --by team,day -o spend.parquet
  bedrock-attrib report --since last-month -o october.html
  bedrock-attrib report charges --where team=search
  bedrock-attrib report unattributed --tag team,app --fail-above 5
  bedrock-attrib report unpriced --since this-month --json

Options without a command are those of `bedrock-attrib report spend`.
"""


@click.group(
    cls=DefaultGroup,
    epilog=_EPILOG,
    options_metavar="",
    subcommand_metavar="[COMMAND] [OPTIONS]...",
)
def report() -> None:
    """Report spend, by default, and gaps in it."""


for command in (show_spend, show_charges, show_unattributed, show_unpriced):
    report.add_command(command)
