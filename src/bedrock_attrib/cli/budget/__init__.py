"""The commands ``budget``: status, explanation, changes and replay."""

from __future__ import annotations

import click

from .._groups import HelpfulGroup
from ._changes import freeze, grant, reset, thaw
from ._explain import explain
from ._replay import replay
from ._status import status

_EPILOG = """
\b
Examples:
  bedrock-attrib budget status --budgets budgets.toml --store redis://cache:6379
  bedrock-attrib budget explain --tags team=search --model amazon.nova-micro-v1:0
  bedrock-attrib budget grant search 50 --for 12h
  bedrock-attrib budget freeze search
  bedrock-attrib budget replay --ledger calls.db --since last-month
"""


@click.group(cls=HelpfulGroup, epilog=_EPILOG)
def budget() -> None:
    """Show and change what budgets allow."""


for command in (explain, freeze, grant, replay, reset, status, thaw):
    budget.add_command(command)
