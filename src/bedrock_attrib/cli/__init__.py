"""The command ``bedrock-attrib``: its commands, and what a failure looks like."""

from __future__ import annotations

import io
import os
import sys
from importlib.metadata import PackageNotFoundError, version

import click

from ..errors import BedrockAttribError
from ._completion import completion
from ._console import harmless
from .analysis import ANALYSES
from .demo import demo
from .doctor import doctor
from .html import html
from .ledger import ledger
from .price import price
from .prices import prices
from .report import report
from .report._lacks import show_unattributed, show_unpriced
from .run import run as run_program
from .top import top

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_PIPE_CLOSED = 141  # 128 + SIGPIPE

_EPILOG = """
\b
Examples:
  bedrock-attrib demo
  bedrock-attrib demo --json | jq .total
  bedrock-attrib demo --ledger demo.db
  bedrock-attrib report --ledger demo.db --by team,app,model
  bedrock-attrib report --help
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
            done = super().invoke(ctx)
            sys.stdout.flush()  # so that a closed pipe is noticed here
        except BrokenPipeError:
            # Whoever read has had enough, as `head` does. What is left goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(_PIPE_CLOSED)
        except BedrockAttribError as error:
            # Messages name what tags hold, which may come from strangers.
            raise _Failure(harmless(str(error))) from error
        except KeyboardInterrupt:
            ctx.exit(_INTERRUPTED)
        return done


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


@click.group()
def analyze() -> None:
    """Compare, reprice, forecast, and find savings and anomalies."""


for analysis in ANALYSES:
    analyze.add_command(analysis)
for command in (
    analyze,
    completion,
    demo,
    doctor,
    html,
    ledger,
    price,
    prices,
    report,
    show_unattributed,
    show_unpriced,
    top,
):
    commands.add_command(command)
commands.add_command(run_program, "run")


def run() -> None:
    """Run the command that the arguments name, and exit with its code.

    The code is 0 when it went well, 2 when arguments, settings or files are wrong,
    130 after Ctrl-C, 141 when whoever read its output has gone.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # pragma: no branch - else a test's
            # A terminal that lacks a character shows a question mark.
            stream.reconfigure(errors="replace")
    commands(prog_name="bedrock-attrib")
