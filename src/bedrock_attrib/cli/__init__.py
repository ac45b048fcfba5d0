"""The command ``bedrock-attrib``: its tree of commands and its exit codes."""

from __future__ import annotations

import io
import os
import sys

import click

from .._version import __version__
from ..errors import BedrockAttribError
from ._command import runnable
from ._completion import completion
from ._console import harmless
from ._groups import HelpfulGroup
from ._run import run as run_program
from ._simulate import simulate
from .analyze import analyze
from .budget import budget
from .demo import demo
from .doctor import doctor
from .ledger import ledger
from .policy import policy
from .prices import prices
from .report import report
from .watch import watch

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_PIPE_CLOSED = 141  # 128 + SIGPIPE

_EPILOG = """
\b
Examples:
  bedrock-attrib demo
  bedrock-attrib demo --ledger demo.db
  bedrock-attrib report --ledger demo.db --by team,app,model
  bedrock-attrib watch --ledger demo.db
  bedrock-attrib run --tag team=search -- python app.py
"""


class _Failure(click.ClickException):
    """An error of the library: a message and no traceback."""

    exit_code = 2


class _Commands(HelpfulGroup):
    """Commands whose expected errors are messages on stderr with exit code 2."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that is named."""
        try:
            done = super().invoke(ctx)
            sys.stdout.flush()  # so that a closed pipe is noticed here
        except BrokenPipeError:
            # The reader has closed the pipe, as `head` does. Discard the rest.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(_PIPE_CLOSED)
        except BedrockAttribError as error:
            # Messages quote tag values, which may come from outside.
            raise _Failure(runnable(harmless(str(error)))) from error
        except KeyboardInterrupt:
            ctx.exit(_INTERRUPTED)
        return done


@click.group(
    cls=_Commands,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def commands() -> None:
    """Attribute and report what your applications spend on Amazon Bedrock.

    Results go to stdout and remarks to stderr. Costs are estimates from list prices.
    """


for command in (
    analyze,
    budget,
    completion,
    demo,
    doctor,
    ledger,
    policy,
    prices,
    report,
    simulate,
    watch,
):
    commands.add_command(command)
commands.add_command(run_program, "run")


def run() -> None:
    """Run the command that the arguments name, and exit with its code.

    The code is 0 on success, 2 when arguments, settings or files are wrong, 130 after
    Ctrl-C, 141 when the reader of its output has closed the pipe.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # pragma: no branch - else a test's
            # A terminal that lacks a character shows a question mark.
            stream.reconfigure(errors="replace")
    commands(prog_name="bedrock-attrib")
