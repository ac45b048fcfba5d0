"""The commands ``ledger``: inspection, checks, retention and export."""

from __future__ import annotations

import click

from .._groups import HelpfulGroup
from ._export import export
from ._info import info
from ._upkeep import check, compact, prune

_EPILOG = """
\b
Examples:
  bedrock-attrib ledger info --ledger calls.db
  bedrock-attrib ledger check --ledger calls.db
  bedrock-attrib ledger prune --calls-older-than 90d --dry-run
  bedrock-attrib ledger prune --calls-older-than 90d --sums-older-than 400d
  bedrock-attrib ledger compact
  bedrock-attrib ledger export calls/ --since 2d
"""


@click.group(cls=HelpfulGroup, epilog=_EPILOG)
def ledger() -> None:
    """Inspect and maintain a ledger."""


for command in (check, compact, export, info, prune):
    ledger.add_command(command)
