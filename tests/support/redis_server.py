"""A Redis server of a test's own, from Debian's packages."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from waiting import HANG_S, wait_until


def why_not() -> str:
    """What is missing for a server of our own; empty when nothing is."""
    if find_program() is None:
        return "redis-server is not installed (Debian's package redis-server)"
    if find_spec("redis") is None:
        return "the extra redis is not installed"
    return ""


def find_program() -> str | None:
    """Path of the server; None where there is none."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


def free_port() -> int:
    """A loopback port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """A server on a Unix socket and a loopback port, which asks for a password."""

    password = "b@dger:9/#"

    def __init__(self, *options: str) -> None:
        """Start it, with further options."""
        self._options = options
        self.folder = Path(tempfile.mkdtemp(prefix="bedrock-attrib-redis-"))
        self.socket = self.folder / "redis.sock"
        self.port = free_port()
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = find_program()
        assert program is not None
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [program, "--bind", "127.0.0.1", "--port", str(self.port), "--save", "",
             "--unixsocket", str(self.socket), "--requirepass", self.password,
             *self._options],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(self._answers)

    def ask(self, command: str) -> list[str]:
        """Lines of the answer to a command, by a connection of its own."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(HANG_S)
            connection.connect(str(self.socket))
            sent = f"AUTH {self.password}\r\n{command}\r\nQUIT\r\n"
            connection.sendall(sent.encode())
            answer = b""
            while more := connection.recv(10_000):
                answer += more
        return answer.decode().splitlines()[1:-1]  # without those of AUTH and QUIT

    def now(self) -> float:
        """The time by its clock."""
        _, _, seconds, _, microseconds = self.ask("TIME")
        return int(seconds) + int(microseconds) / 1e6

    def _answers(self) -> bool:
        assert self._process.poll() is None, "redis-server ended by itself"
        try:
            return self.ask("PING") == ["+PONG"]
        except OSError:
            return False

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self._process.kill()
        self._process.wait(HANG_S)

    @property
    def quoted_password(self) -> str:
        """The password as it stands in a URL."""
        return "b%40dger%3A9%2F%23"

    @property
    def url(self) -> str:
        """URL of its Unix socket."""
        return f"unix://:{self.quoted_password}@{self.socket}"

    @property
    def tcp_url(self) -> str:
        """URL of its port."""
        return f"redis://:{self.quoted_password}@127.0.0.1:{self.port}/0"

    def close(self) -> None:
        """Stop it and delete all that it left."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
