"""The command ``policy check``: a tag policy, and what it makes of a call."""

from __future__ import annotations

import click

from .._groups import HelpfulGroup
from ._check import check

_EPILOG = """
\b
Examples:
  bedrock-attrib policy check policy.toml
  bedrock-attrib policy check policy.toml --tags team=ads --model amazon.nova-lite-v1:0
"""


@click.group(cls=HelpfulGroup, epilog=_EPILOG)
def policy() -> None:
    """Check a tag policy."""


policy.add_command(check)
