"""How tests run the command: as users do, in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from select import select
from time import monotonic

import pytest
from waiting import HANG_S

SUPPORT = Path(__file__).parent.parent / "support"
COMMAND = (sys.executable, "-m", "bedrock_attrib")
Done = subprocess.CompletedProcess[str]


def environment(**changes: str) -> dict[str, str]:
    """The test's own environment, on the loopback interface and without a width."""
    found = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    paths = filter(None, [str(SUPPORT), os.environ.get("PYTHONPATH")])
    return found | {"PYTHONPATH": os.pathsep.join(paths)} | changes


def run_to_end(*command: str, **changes: str) -> Done:
    """Run *command* with *changes* to the environment."""
    return subprocess.run(
        command,
        capture_output=True,
        check=False,
        encoding="utf-8",
        env=environment(**changes),
        timeout=HANG_S,
    )


@pytest.fixture(scope="session")
def run() -> Callable[..., Done]:
    """Runs ``bedrock-attrib`` with arguments to its end."""
    return lambda *arguments, **changes: run_to_end(*COMMAND, *arguments, **changes)


@pytest.fixture(scope="session")
def run_without() -> Callable[..., Done]:
    """Runs ``bedrock-attrib`` in a Python that lacks a package."""

    def run(package: str, *arguments: str) -> Done:
        # None in sys.modules makes an import fail as if nothing were installed.
        code = (
            f"import sys; sys.modules[{package!r}] = None; "
            f"from bedrock_attrib.__main__ import main; main()"
        )
        return run_to_end(sys.executable, "-c", code, *arguments)

    return run


@contextmanager
def _running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        encoding="utf-8",
        env=environment(PYTHONUNBUFFERED="1"),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def running() -> Callable[..., AbstractContextManager[subprocess.Popen[str]]]:
    """``bedrock-attrib`` with its output in pipes, ended with a ``with`` block."""
    return _running


@dataclass(slots=True)
class Terminal:
    """``bedrock-attrib`` in a terminal of its own.

    Attributes:
        process: The command.
        fd: Our end of the terminal.
        text: What it has shown so far, control sequences and all.
    """

    process: subprocess.Popen[bytes]
    fd: int
    text: str = ""

    def read_until(self, pattern: str) -> None:
        """Read until *pattern* has been shown."""
        deadline = monotonic() + HANG_S
        while not re.search(pattern, self.text):
            assert monotonic() < deadline, self.text
            assert self._read(), self.text

    def read_to_end(self) -> int:
        """Read everything; the exit code."""
        while self._read():
            pass
        return self.process.wait(HANG_S)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def _read(self) -> bool:
        if not select([self.fd], [], [], HANG_S)[0]:
            return False
        chunk = b""
        with suppress(OSError):  # Linux says EIO at the end of a terminal.
            chunk = os.read(self.fd, 65_536)
        self.text += chunk.decode("utf-8", "replace")
        return bool(chunk)


@contextmanager
def _in_terminal(
    *arguments: str, columns: int = 80, term: str = "xterm-256color"
) -> Iterator[Terminal]:
    termios = pytest.importorskip("termios", reason="terminals are tested on POSIX")
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(TERM=term),
        start_new_session=True,
        stderr=theirs,
        stdin=theirs,
        stdout=theirs,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait(HANG_S)
        os.close(ours)


@pytest.fixture(scope="session")
def in_terminal() -> Callable[..., AbstractContextManager[Terminal]]:
    """``bedrock-attrib`` in a terminal, ended with a ``with`` block."""
    return _in_terminal
