"""The commands ``analyze``: comparison, repricing, savings, anomalies and forecast."""

from __future__ import annotations

import click

from .._groups import HelpfulGroup
from ._anomalies import anomalies_command
from ._compare import compare_command
from ._forecast import forecast_command
from ._savings import savings_command
from ._what_if import what_if_command

_EPILOG = """
\b
Examples:
  bedrock-attrib analyze compare experiment prompt-v6 prompt-v7 --ledger calls.db
  bedrock-attrib analyze what-if --scope global --since last-month --ledger calls.db
  bedrock-attrib analyze savings --since last-month --ledger calls.db
  bedrock-attrib analyze anomalies --since yesterday --ledger calls.db
  bedrock-attrib analyze forecast --budget 1500 --ledger calls.db
"""


@click.group(cls=HelpfulGroup, epilog=_EPILOG)
def analyze() -> None:
    """Compare, reprice and forecast spend.

    Find savings and anomalies, too. All analyses read a ledger.
    """


for command in (
    anomalies_command,
    compare_command,
    forecast_command,
    savings_command,
    what_if_command,
):
    analyze.add_command(command)
