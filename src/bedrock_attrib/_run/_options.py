"""Options of ``bedrock-attrib run``, and the program after them."""

from __future__ import annotations

import os
from argparse import (
    REMAINDER,
    SUPPRESS,
    ArgumentParser,
    Namespace,
    RawDescriptionHelpFormatter,
)
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from .._attribution import check_tags
from .._config import Config
from ..errors import ConfigError
from ._errors import WRONG_USE, LaunchError

PREFIX = "BEDROCK_ATTRIB_"
SWITCHES = frozenset({"-h", "--help", "--summary", "--dry-run", "--json"})
"""Options that take no value."""
_FILES = frozenset({"config", "prices", "price_overrides", "price_file", "ledger"})
_OWN_OPTIONS = frozenset({"tags", "config", "summary"})

_USAGE = "bedrock-attrib run [OPTIONS] [--] COMMAND [ARGUMENTS]..."
_DESCRIPTION = """\
Run a Python program with its Bedrock calls metered, without changing it.

COMMAND may be python, or any program that runs Python, for example gunicorn or
pytest. Every Python process that it starts is metered too.
"""
_EXAMPLES = """\
Examples:
  bedrock-attrib run --tag team=search -- python app.py
  bedrock-attrib run --tag app=shop --summary -- gunicorn shop:app
  bedrock-attrib run --metric-tags team,tenant -- python -m shop.worker
  bedrock-attrib run -- opentelemetry-instrument python app.py
  bedrock-attrib run --dry-run --json -- python app.py | jq .environment
"""


@dataclass(slots=True)
class Launch:
    """A program to run, and its settings.

    Attributes:
        command: The program and its arguments.
        tags: Tags given as options.
        settings: Environment variables to set.
        wants_summary: Whether to write a summary line at exit.
        is_dry: Whether to show the program instead of running it.
    """

    command: Sequence[str]
    tags: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    wants_summary: bool = False
    is_dry: bool = False


class _Parser(ArgumentParser):
    """A parser whose errors are exceptions."""

    def error(self, message: str) -> NoReturn:
        """Raise *message*.

        Raises:
            LaunchError: Always.
        """
        raise LaunchError(f"{message}; see bedrock-attrib run --help", WRONG_USE)


def option_parser() -> ArgumentParser:
    """Make the parser of the options and the program."""
    parser = _Parser(
        usage=_USAGE,
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    options = parser.add_argument_group("Options")
    options.add_argument(
        "-t",
        "--tag",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="Tag of calls outside any attribution block; may be repeated.",
    )
    options.add_argument(
        "--config",
        metavar="FILE",
        help="Read settings from FILE (default: bedrock_attrib.toml).",
    )
    options.add_argument(
        "--summary",
        action="store_true",
        help="Write a summary line to stderr at the exit of each process that made "
        "calls.",
    )
    options.add_argument(
        "--dry-run",
        action="store_true",
        help="Show the program, its arguments and added environment variables, and "
        "run nothing.",
    )
    options.add_argument(
        "--json",
        action="store_true",
        help="Write the output of --dry-run, and errors, as JSON.",
    )
    options.add_argument(
        "-h", "--help", action="store_true", help="Show this message and exit."
    )
    settings = parser.add_argument_group(
        "Settings",
        "As in the settings reference; they take precedence over environment and file.",
    )
    for name, setting in Config.model_fields.items():
        if name not in _OWN_OPTIONS:
            settings.add_argument(
                f"--{name.replace('_', '-')}",
                dest=name,
                metavar="VALUE",
                help=setting.description,
            )
    parser.add_argument("command", nargs=REMAINDER, help=SUPPRESS)
    return parser


def read_arguments(arguments: Sequence[str]) -> Launch | None:
    """Read the options and the program; None if help is requested.

    Raises:
        LaunchError: If an option is unknown or lacks its value, or no program is given.
        ConfigError: If a tag is not a pair.
    """
    found = option_parser().parse_args(list(arguments))
    if found.help:
        return None
    command = found.command[1:] if found.command[:1] == ["--"] else found.command
    wanted = Launch(command, wants_summary=found.summary, is_dry=found.dry_run)
    for tag in found.tag:
        wanted.tags |= _read_tag(tag)
    wanted.settings = _settings(found)
    if not command:
        raise LaunchError(
            "expected a program to run; see bedrock-attrib run --help", WRONG_USE
        )
    return wanted


def _settings(found: Namespace) -> dict[str, str]:
    """Return the environment variables of the given settings."""
    names = ("config", *(n for n in Config.model_fields if n not in _OWN_OPTIONS))
    given = {name: getattr(found, name) for name in names}
    settings = {
        PREFIX + name.upper(): _read_value(name, value)
        for name, value in given.items()
        if value is not None
    }
    if found.summary:
        settings[f"{PREFIX}SUMMARY"] = "true"
    return settings


def _read_tag(text: str) -> dict[str, str]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise ConfigError(f"--tag {text}: expected a pair such as team=search")
    check_tags({key: value})
    return {key: value}


def _read_value(name: str, value: str) -> str:
    # The program may have another working directory than the command.
    is_path = name in _FILES and "://" not in value
    return os.path.abspath(value) if is_path and value else value  # noqa: PTH100 -- text to text
