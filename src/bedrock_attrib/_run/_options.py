"""What is asked for: options before the program, and the program."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from getopt import GetoptError, getopt
from textwrap import TextWrapper

from .._attribution import check_tags
from .._config import Config
from ..errors import ConfigError
from ._errors import LaunchError

PREFIX = "BEDROCK_ATTRIB_"
SWITCHES = frozenset({"-h", "--help", "--summary", "--dry-run", "--json"})
"""Options that take no value."""
_FILES = frozenset({"config", "prices", "price_overrides", "ledger"})
_OWN_FLAGS = frozenset({"tags", "config", "summary"})

USAGE = """\
Usage: bedrock-attrib run [OPTIONS] [--] COMMAND [ARGUMENTS]...

  Run a Python program with its Bedrock calls metered, without a change to it.

  COMMAND may be python, or any program that runs Python, such as gunicorn or
  pytest; every Python that it starts is metered too.

Options:
  -t, --tag KEY=VALUE  A tag of calls that no block attributes otherwise; may
                       be repeated.
  --config FILE        Read settings from FILE instead of bedrock_attrib.toml.
  --summary            Have each process that made calls write a line on stderr
                       at its end: how many, what they cost, how many have no
                       price.
  --dry-run            Run nothing: show the program, its arguments, and the
                       variables that it would be given.
  --json               Write what --dry-run shows, and errors, as JSON.
  -h, --help           Show this message and exit.

Settings, as in the reference; they come before environment and file:
{settings}
Examples:
  bedrock-attrib run --tag team=search -- python app.py
  bedrock-attrib run --tag app=shop --summary -- gunicorn shop:app
  bedrock-attrib run --metric-tags team,tenant -- python -m shop.worker
  bedrock-attrib run -- opentelemetry-instrument python app.py
  bedrock-attrib run --dry-run --json -- python app.py | jq .environment

"""


@dataclass(slots=True)
class Launch:
    """What is to be run, and with what.

    Attributes:
        command: The program and its arguments.
        tags: Tags given as options.
        settings: Variables to set.
        wants_summary: Whether a line is asked for at the end.
        is_dry: Whether nothing is to be run, but shown.
    """

    command: Sequence[str]
    tags: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    wants_summary: bool = False
    is_dry: bool = False


def read_arguments(arguments: Sequence[str]) -> Launch | None:
    """Read the options before the program; None when help is asked for.

    Raises:
        LaunchError: If an option is not known or lacks its value, or there is no
            program.
        ConfigError: If a tag is no pair.
    """
    names = {
        f"{name.replace('_', '-')}=": name
        for name in Config.model_fields
        if name not in _OWN_FLAGS
    }
    own = ("help", "summary", "dry-run", "json", "tag=", "config=")
    try:
        options, command = getopt(list(arguments), "ht:", [*own, *names])
    except GetoptError as error:
        raise LaunchError(f"{error.msg}; see bedrock-attrib run --help", 2) from error
    wanted = Launch(command)
    for option, value in options:
        if option in {"-h", "--help"}:
            return None
        if option in {"-t", "--tag"}:
            wanted.tags |= _read_tag(value)
        elif option == "--dry-run":
            wanted.is_dry = True
        elif option == "--json":
            continue  # looked for before, as errors are told so too
        elif option == "--summary":
            wanted.wants_summary = True
            wanted.settings[f"{PREFIX}SUMMARY"] = "true"
        else:
            name = option[2:].replace("-", "_")
            wanted.settings[PREFIX + name.upper()] = _read_value(name, value)
    if not command:
        raise LaunchError("no program is named; see bedrock-attrib run --help", 2)
    return wanted


def _read_tag(text: str) -> dict[str, str]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise ConfigError(f"--tag {text}: expected a pair such as team=search")
    check_tags({key: value})
    return {key: value}


def _read_value(name: str, value: str) -> str:
    # The program may work in another folder than the one in which it is started.
    is_path = name in _FILES and "://" not in value
    return os.path.abspath(value) if is_path and value else value  # noqa: PTH100 -- text to text


def settings_help() -> str:
    """What the help says of each setting."""
    lines = []
    meanings = _meanings()
    for name in Config.model_fields:
        if name not in _OWN_FLAGS:
            lines.append(f"  --{name.replace('_', '-')} VALUE")
            lines += _WRAPPED.wrap(meanings.get(name, ""))
    return "".join(f"{line}\n" for line in lines)


def _meanings() -> dict[str, str]:
    """The first sentence of each setting, from the docstring of `Config`."""
    text = inspect.cleandoc(Config.__doc__ or "")  # Python -OO leaves none
    found = re.findall(
        r"^ {4}(\w+): (.+?)(?=^ {4}\w|\Z)", text, re.DOTALL | re.MULTILINE
    )
    sentences = {name: " ".join(told.replace("``", "").split()) for name, told in found}
    return {
        name: re.split(r"[;:.](?:\s|$)", sentence)[0] + "."
        for name, sentence in sentences.items()
    }


_WRAPPED = TextWrapper(79, initial_indent=" " * 10, subsequent_indent=" " * 10)
