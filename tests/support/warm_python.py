"""Run scripts in processes that have imported what every script imports.

Importing boto3 takes longer than most scripts of the documentation. As a program, this
reads requests, a line each, from stdin: JSON objects with the keys ``argv``, ``cwd``,
``env``, ``stdout`` and ``stderr`` (paths of files). It answers with a line: the exit
code. Each script has a process of its own, a fork of this one, and ends as any program
does.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from waiting import HANG_S

# None of this package: a script imports that as its user does.
_IMPORTED = (
    "boto3",
    "botocore.client",
    "botocore.httpsession",
    "click",
    "opentelemetry.sdk.metrics",
    "pydantic",
    "pydantic_settings",
    "rich.console",
)


class WarmPython:
    """Runs scripts, one at a time, in forks of one process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start the process, with *environment* for what it imports."""
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, argv: Sequence[str | Path], cwd: Path, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run a script with arguments, and return what `subprocess.run` would."""
        arguments = [str(each) for each in argv]
        with TemporaryDirectory() as folder:
            stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
            request = {
                "argv": arguments,
                "cwd": str(cwd),
                "env": dict(environment),
                "stdout": str(stdout),
                "stderr": str(stderr),
            }
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return subprocess.CompletedProcess(
                arguments, code, stdout.read_text("utf-8"), stderr.read_text("utf-8")
            )

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def _become(request: Mapping[str, object]) -> str:
    """Make this process what *request* asks for; return the path of the script."""
    for number, path in enumerate((os.devnull, request["stdout"], request["stderr"])):
        flags = os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY
        opened = os.open(str(path), flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    signal.alarm(int(HANG_S))
    os.chdir(str(request["cwd"]))
    os.environ.clear()
    os.environ.update(request["env"])  # type: ignore[arg-type]
    sys.argv[:] = request["argv"]  # type: ignore[arg-type]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    return sys.argv[0]


def _next_script() -> str:
    """Answer requests, each in a fork, in which this returns; ends with the input."""
    for name in _IMPORTED:
        with suppress(ImportError):
            importlib.import_module(name)
    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            return _become(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    sys.exit()


if __name__ == "__main__":
    # In this namespace, so that the script is `__main__` until Python has ended.
    __file__ = _next_script()
    exec(compile(Path(__file__).read_bytes(), __file__, "exec"))  # noqa: S102 -- ours
