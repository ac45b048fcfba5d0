"""The command ``run``: a program started with metering switched on.

It needs no extra. What it does is said to the program in its environment; then the
program takes the place of the command, so that signals, exit code, terminal and
process id are the program's own.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from getopt import GetoptError, getopt
from pathlib import Path
from textwrap import TextWrapper
from typing import NoReturn

from ._attribution import check_tags
from ._config import Config
from ._defaults import price_table_of
from ._errors import ConfigError

NOT_FOUND = 127  # as shells say it
NOT_EXECUTABLE = 126
WRONG_USE = 2

_PREFIX = "BEDROCK_ATTRIB_"
_AUTOSTART = Path(__file__).with_name("_autostart")
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


class LaunchError(Exception):
    """The program cannot be started.

    Attributes:
        code: Exit code that says why.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


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


def launch(arguments: Sequence[str]) -> NoReturn:
    """Run the program that *arguments* name in the place of this one.

    Exits with 2 if options or settings are wrong, 126 if the program cannot be
    executed, 127 if there is none of that name; else with the program's own code.
    """
    as_json = _is_json_wanted(arguments)
    try:
        wanted = read_arguments(arguments)
        if wanted is None:
            sys.stdout.write(USAGE.format(settings=_settings_help()))
            sys.exit(0)
        environment = environment_of(wanted, os.environ)
        program = find_program(wanted.command[0], environment)
        remarks = [*remarks_on(program, wanted.command[1:])]
        if wanted.is_dry:
            _show(program, wanted.command, environment, remarks, as_json=as_json)
            sys.exit(0)
        for remark in remarks:
            _remark(remark)
        _become(program, wanted.command, environment)
    except LaunchError as error:
        _fail(str(error), error.code, as_json=as_json)
    except ConfigError as error:
        _fail(str(error), WRONG_USE, as_json=as_json)


def _is_json_wanted(arguments: Sequence[str]) -> bool:
    """Whether ``--json`` is among the options, which may be wrong, of ours."""
    for place, argument in enumerate(arguments):
        if argument == "--json":
            return True
        before = arguments[place - 1] if place else ""
        is_value = before.startswith("-") and "=" not in before
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
    """Tell what would be run, and what would be different in its environment."""
    added = {
        name: value
        for name, value in sorted(environment.items())
        if os.environ.get(name) != value and name != _SUMMARY_OF
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


# What is asked for.


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
            wanted.settings[f"{_PREFIX}SUMMARY"] = "true"
        else:
            name = option[2:].replace("-", "_")
            wanted.settings[_PREFIX + name.upper()] = _read_value(name, value)
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


def _settings_help() -> str:
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


# What the program is told.


def environment_of(wanted: Launch, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the program.

    Raises:
        ConfigError: If the settings that it will find there are wrong.
    """
    environment = {**environ, **wanted.settings}
    tags = _tags_before(environment) | wanted.tags
    if wanted.tags:
        environment[f"{_PREFIX}TAGS"] = _pairs(tags)
    environment["PYTHONPATH"] = _path_with_autostart(environment.get("PYTHONPATH"))
    environment.pop(_SUMMARY_OF, None)
    if wanted.wants_summary:
        environment[_SUMMARY_OF] = str(os.getpid())
    config = Config.load(environ=environment)
    if config.prices is not None or config.price_overrides is not None:
        price_table_of(config)  # read here so that a wrong file is told here
    return environment


_SUMMARY_OF = "_BEDROCK_ATTRIB_SUMMARY_OF"


def _tags_before(environment: Mapping[str, str]) -> dict[str, str]:
    """Tags of the settings, which those of the options are added to."""
    return dict(Config.load(environ=environment).tags)


def _pairs(tags: Mapping[str, str]) -> str:
    """*tags* as the variable has them, which knows fewer keys than a file does."""
    for key, value in tags.items():
        if "=" in key or (key, value) != (key.strip(), value.strip()):
            raise ConfigError(
                f"tag {key!r} with value {value!r} cannot be passed on along with "
                f"--tag: the program's environment has tags as pairs such as "
                f"team=search, with no = in a key and no space around it; rename it, "
                f"or set the tags of --tag where it is set"
            )
    return ",".join(f"{key}={value}" for key, value in tags.items())


def _path_with_autostart(before: str | None) -> str:
    ours = str(_AUTOSTART)
    others = before.split(os.pathsep) if before else []
    return os.pathsep.join([ours, *(path for path in others if path != ours)])


# Which program it is.


def find_program(command: str, environment: Mapping[str, str]) -> str:
    """The file that *command* stands for.

    Raises:
        LaunchError: If there is none, or it cannot be executed.
    """
    path = environment.get("PATH", os.defpath)
    found = shutil.which(command, path=path) if command else None
    if found is not None:
        return found
    folders = [""] if os.path.dirname(command) else path.split(os.pathsep)  # noqa: PTH120
    candidates = [Path(folder, command) for folder in folders]
    if command and any(candidate.is_dir() for candidate in candidates[:1]):
        raise LaunchError(f"{command} is a folder", NOT_EXECUTABLE)
    if command and any(candidate.is_file() for candidate in candidates):
        raise LaunchError(
            f"{command} is not executable{_python_hint(command)}", NOT_EXECUTABLE
        )
    raise LaunchError(
        f"no program {command!r} was found{_python_hint(command)}", NOT_FOUND
    )


def _python_hint(command: str) -> str:
    if not command.endswith(".py"):
        return ""
    return f"; to run it with Python: bedrock-attrib run -- python {command}"


def remarks_on(program: str, arguments: Sequence[str]) -> Iterable[str]:
    """What will keep *program* from being metered, as far as can be seen."""
    interpreter, options = program, list(arguments)
    if not _is_python(program):
        interpreter, *options = _shebang(program) or [program]
    flags = _python_flags(options) if _is_python(interpreter) else set()
    for flag in sorted(flags & _KEEPS_OUT.keys()):
        yield (
            f"calls will not be metered: python -{flag} {_KEEPS_OUT[flag]}; call "
            f"bedrock_attrib.instrument() in the program instead"
        )


_KEEPS_OUT = {
    "E": "ignores PYTHONPATH, by which metering gets in",
    "I": "ignores PYTHONPATH, by which metering gets in",
    "S": "leaves out site, by which metering gets in",
}
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*t?d?(?:\.exe)?", re.IGNORECASE)
_WITH_VALUE = "WX"
_LAST_OPTIONS = "cm"


def _is_python(program: str) -> bool:
    return _PYTHON.fullmatch(Path(program).name) is not None


def _shebang(program: str) -> list[str]:
    """Interpreter and its options, of a script that starts with ``#!``."""
    try:
        with Path(program).open("rb") as script:
            line = script.readline(256)
    except OSError:  # pragma: no cover -- root may read everything
        return []
    if not line.startswith(b"#!"):
        return []
    words = line[2:].decode(errors="replace").split()
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if word not in {"-S", "--"}]
    return words


def _python_flags(arguments: Iterable[str]) -> set[str]:
    """Letters of the options that Python itself gets."""
    flags: set[str] = set()
    skips = False
    for argument in arguments:
        if skips:
            skips = False
        elif not argument.startswith("-") or argument in {"-", "--"}:
            break
        elif not argument.startswith("--"):
            for number, letter in enumerate(argument[1:], 2):
                if letter in _LAST_OPTIONS:
                    return flags
                if letter in _WITH_VALUE:
                    skips = number == len(argument)
                    break
                flags.add(letter)
    return flags


# How it takes our place.


def _become(
    program: str, command: Sequence[str], environment: Mapping[str, str]
) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == "win32":  # pragma: no cover -- no process takes another's place
        code = subprocess.call(list(command), executable=program, env=environment)  # noqa: S603 -- the user's own program
        sys.exit(code)
    _restore_signals()
    try:
        os.execve(program, list(command), environment)  # noqa: S606 -- the user's own program
    except FileNotFoundError as error:
        raise LaunchError(
            f"{command[0]} cannot be run: the interpreter that it names in its first "
            f"line is not there",
            NOT_FOUND,
        ) from error
    except OSError as error:
        raise LaunchError(
            f"{command[0]} cannot be run: {error.strerror}", NOT_EXECUTABLE
        ) from error


def _restore_signals() -> None:
    """Undo what Python sets for itself, and a program would inherit.

    The same as ``restore_signals`` of `subprocess`.
    """
    for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_DFL)
