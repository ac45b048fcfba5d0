"""The command ``bedrock-attrib``: its commands, and what a failure looks like."""

from __future__ import annotations

import io
import sys
from importlib.metadata import PackageNotFoundError, version

import click

from .._errors import BedrockAttribError
from .demo import demo
from .price import price
from .prices import prices
from .run import run as run_program

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it

_EPILOG = """
\b
Examples:
  bedrock-attrib demo
  bedrock-attrib demo --json | jq .total
  bedrock-attrib demo --help
  bedrock-attrib run --tag team=search -- python app.py
"""


class _Failure(click.ClickException):
    """An error of the library: a message and no traceback."""

    exit_code = 2


class _Commands(click.Group):
    """Commands whose expected errors are messages on stderr with exit code 2."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except BedrockAttribError as error:
            raise _Failure(str(error)) from error
        except KeyboardInterrupt:
            ctx.exit(_INTERRUPTED)


def _version() -> str:
    try:
        return version("bedrock-attrib")
    except PackageNotFoundError:  # pragma: no cover - run from a folder of sources
        return "(not installed)"


@click.group(
    cls=_Commands,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(_version(), message="%(prog)s %(version)s")
def commands() -> None:
    """Know who spends what on which Amazon Bedrock model.

    Results go to stdout and remarks to stderr. Costs are estimates from list prices.
    """


commands.add_command(demo)
commands.add_command(price)
commands.add_command(prices)
commands.add_command(run_program, "run")


def run() -> None:
    """Run the command that the arguments name, and exit with its code.

    The code is 0 when it went well, 2 when arguments, settings or files are wrong,
    130 after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # pragma: no branch - else a test's
            # A terminal that lacks a character shows a question mark.
            stream.reconfigure(errors="replace")
    commands(prog_name="bedrock-attrib")
