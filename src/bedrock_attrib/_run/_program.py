"""The program: search on the PATH, warnings, and replacement of this process."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from ._errors import NOT_EXECUTABLE, NOT_FOUND, LaunchError


def find_program(command: str, environment: Mapping[str, str]) -> str:
    """Find the executable file of *command*.

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
        f"program {command!r} not found{_python_hint(command)}", NOT_FOUND
    )


def _python_hint(command: str) -> str:
    if not command.endswith(".py"):
        return ""
    return f"; to run it with Python: bedrock-attrib run -- python {command}"


def remarks_on(program: str, arguments: Sequence[str]) -> Iterable[str]:
    """Return warnings on what visibly keeps *program* from being metered."""
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
    "E": "ignores PYTHONPATH, which metering needs",
    "I": "ignores PYTHONPATH, which metering needs",
    "S": "skips the site module, which metering needs",
}
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*t?d?(?:\.exe)?", re.IGNORECASE)
_WITH_VALUE = "WX"
_LAST_OPTIONS = "cm"


def _is_python(program: str) -> bool:
    return _PYTHON.fullmatch(Path(program).name) is not None


def _shebang(program: str) -> list[str]:
    """Return interpreter and options of a script that starts with ``#!``."""
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
    """Return the letters of the options of Python itself."""
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


def become(
    program: str, command: Sequence[str], environment: Mapping[str, str]
) -> NoReturn:
    """Replace this process by *program*.

    Raises:
        LaunchError: If it cannot be executed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == "win32":  # pragma: no cover -- no exec on Windows
        code = subprocess.call(list(command), executable=program, env=environment)  # noqa: S603 -- the user's own program
        sys.exit(code)
    _restore_signals()
    try:
        os.execve(program, list(command), environment)  # noqa: S606 -- the user's own program
    except FileNotFoundError as error:
        raise LaunchError(
            f"{command[0]} cannot be run: the interpreter in its first line does not "
            f"exist",
            NOT_FOUND,
        ) from error
    except OSError as error:
        raise LaunchError(
            f"{command[0]} cannot be run: {error.strerror}", NOT_EXECUTABLE
        ) from error


def _restore_signals() -> None:
    """Reset the signals that Python ignores, as `subprocess` does."""
    for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_DFL)
