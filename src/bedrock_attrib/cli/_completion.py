"""The command ``completion``: shell completion of commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ._price_table import json_option, print_json

_PROGRAM = "bedrock-attrib"
_VARIABLE = "_BEDROCK_ATTRIB_COMPLETE"

_EPILOG = """
\b
Examples:
  eval "$(bedrock-attrib completion bash)"                 in ~/.bashrc
  eval "$(bedrock-attrib completion zsh)"                  in ~/.zshrc
  bedrock-attrib completion fish > ~/.config/fish/completions/bedrock-attrib.fish
"""


@click.command(epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
@click.pass_context
def completion(ctx: click.Context, /, *, shell: str, as_json: bool) -> None:
    """Print a completion script for SHELL."""
    made = get_completion_class(shell)
    if made is None:  # pragma: no cover - all three come with click
        raise click.UsageError(f"click has no completion for {shell}")
    script = made(ctx.find_root().command, {}, _PROGRAM, _VARIABLE).source()
    if as_json:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)
