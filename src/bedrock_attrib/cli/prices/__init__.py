"""The commands ``prices``: quotes, list prices, and import of AWS's price list."""

from __future__ import annotations

import click

from .._groups import HelpfulGroup
from ._check import check
from ._diff import diff
from ._import import import_prices
from ._list import list_prices
from ._quote import quote
from ._show import show
from ._update import update

_EPILOG = """
\b
Examples:
  bedrock-attrib prices quote amazon.nova-pro-v1:0 --region us-east-1 --input 1200
  bedrock-attrib prices list --model sonnet-5 --unit input_token
  bedrock-attrib prices show amazon.nova-pro-v1:0
  bedrock-attrib prices import index.json --region us-east-1 --output aws.json
  bedrock-attrib prices diff bundled aws.json
  bedrock-attrib prices update
  bedrock-attrib prices check
"""


@click.group(cls=HelpfulGroup, epilog=_EPILOG)
def prices() -> None:
    """Quote, list, check, import and update list prices.

    Prices come from the table of the settings, by default the bundled one.
    """


for command in (check, diff, import_prices, list_prices, quote, show, update):
    prices.add_command(command)
