"""The command ``run`` within the tree; it works without click too."""

from __future__ import annotations

import click

from .._run import launch


@click.command(
    add_help_option=False,
    context_settings={
        "allow_interspersed_args": False,
        "help_option_names": [],
        "ignore_unknown_options": True,
    },
    short_help="Run a Python program with its Bedrock calls metered.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(*, arguments: tuple[str, ...]) -> None:
    """Run a Python program with its Bedrock calls metered, without changing it."""
    launch(arguments)
