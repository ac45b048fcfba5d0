"""The commands ``prices``: read, compare and check list prices, and import AWS' own."""

from __future__ import annotations

import click

from ._check import check
from ._diff import diff
from ._import import import_prices
from ._list import list_prices
from ._show import show

_EPILOG = """
\b
Examples:
  bedrock-attrib prices list --model sonnet-5 --unit input_token
  bedrock-attrib prices show amazon.nova-pro-v1:0
  bedrock-attrib prices import index.json --region us-east-1 --output aws.json
  bedrock-attrib prices diff bundled aws.json
  bedrock-attrib prices check
"""


@click.group(epilog=_EPILOG)
def prices() -> None:
    """Read, compare and check list prices, and import AWS' own.

    Prices are those of the settings, which is the bundled table unless told otherwise.
    """


for command in (check, diff, import_prices, list_prices, show):
    prices.add_command(command)
