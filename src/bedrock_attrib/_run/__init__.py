"""The command ``run``: a program started with metering switched on.

It needs no extra. The program receives its settings in its environment and replaces
the process of the command, so that signals, exit code, terminal and process id are the
program's own.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from .._config import without_secrets
from ..errors import ConfigError
from ._environment import SUMMARY_OF, environment_of
from ._errors import WRONG_USE, LaunchError
from ._options import SWITCHES, option_parser, read_arguments
from ._program import become, find_program, remarks_on

__all__ = ["launch", "option_parser"]


def launch(arguments: Sequence[str]) -> NoReturn:
    """Replace this process by the program that *arguments* name.

    Exits with 2 if options or settings are wrong, 126 if the program cannot be
    executed, 127 if it is not found; else with the program's own code.
    """
    as_json = _is_json_wanted(arguments)
    try:
        wanted = read_arguments(arguments)
        if wanted is None:
            sys.stdout.write(option_parser().format_help())
            sys.exit(0)
        environment = environment_of(wanted, os.environ)
        program = find_program(wanted.command[0], environment)
        remarks = [*remarks_on(program, wanted.command[1:])]
        if wanted.is_dry:
            _show(program, wanted.command, environment, remarks, as_json=as_json)
            sys.exit(0)
        for remark in remarks:
            _remark(remark)
        become(program, wanted.command, environment)
    except LaunchError as error:
        _fail(str(error), error.code, as_json=as_json)
    except ConfigError as error:
        _fail(str(error), WRONG_USE, as_json=as_json)


def _is_json_wanted(arguments: Sequence[str]) -> bool:
    """Return whether ``--json`` is among our options, which may be invalid."""
    for place, argument in enumerate(arguments):
        if argument == "--json":
            return True
        before = arguments[place - 1] if place else ""
        takes_value = before.startswith("-") and before not in SWITCHES
        is_value = takes_value and "=" not in before
        if argument == "--" or not (argument.startswith("-") or is_value):
            return False
    return False


def _show(
    program: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    remarks: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """Show the program, and what would be added to its environment."""
    added = {
        name: without_secrets(name, value)
        for name, value in sorted(environment.items())
        if os.environ.get(name) != value and name != SUMMARY_OF
    }
    if as_json:
        shown = {
            "program": program,
            "arguments": list(command[1:]),
            "environment": added,
            "remarks": list(remarks),
        }
        sys.stdout.write(json.dumps(shown, indent=2) + "\n")
        return
    for name, value in added.items():
        sys.stdout.write(f"{name}={shlex.quote(value)}\n")
    sys.stdout.write(f"{shlex.join([program, *command[1:]])}\n")
    for remark in remarks:
        _remark(remark)


def _fail(text: str, code: int, *, as_json: bool) -> NoReturn:
    if as_json:
        sys.stdout.write(json.dumps({"error": text, "exit_code": code}) + "\n")
    else:
        _remark(text)
    sys.exit(code)


def _remark(text: str) -> None:
    sys.stderr.write(f"bedrock-attrib: {text}\n")
