"""A PostgreSQL server of a test's own, from Debian's packages."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from waiting import HANG_S

_NAMES = itertools.count()


def find_programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``; None where there is no PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return None if on_path is None else Path(on_path).parent


def why_not() -> str:
    """What is missing for a server of our own; empty when nothing is."""
    if find_programs() is None:
        return "PostgreSQL is not installed (Debian's package postgresql)"
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        return "PostgreSQL does not run as root, and there is no runuser"
    return ""


class PostgresServer:
    """A throw-away cluster on a loopback port, which asks for passwords there."""

    password = "b%dger"

    def __init__(self) -> None:
        """Make and start it."""
        programs = find_programs()
        assert programs is not None
        self._programs = programs
        # Not below pytest's folder, which root keeps for itself.
        self.folder = Path(tempfile.mkdtemp(prefix="bedrock-attrib-pg-"))
        self._as: list[str] = []
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            self._as, self.user = ["runuser", "-u", "postgres", "--"], "postgres"
            shutil.chown(self.folder, "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        secret = self.folder / "password"
        secret.write_text(self.password)
        if self._as:
            shutil.chown(secret, "postgres")
        self._run(
            "initdb", "--no-sync", "-E", "UTF8", "--locale=C", f"-U{self.user}",
            "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}",
        )  # fmt: skip
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._as, str(self._programs / program), "-D", f"{self.folder}/data",
             *arguments],
            cwd="/",
            check=False,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            timeout=HANG_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = (
            f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} "
            "-c fsync=off -c max_connections=60"
        )
        log = f"{self.folder}/log"
        self._run("pg_ctl", "-w", "-s", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """Stop it in order."""
        self._run("pg_ctl", "-w", "-s", "-m", "fast", "stop")

    def kill(self) -> None:
        """End it as a power cut would; what was committed is in its log."""
        self._run("pg_ctl", "-w", "-s", "-m", "immediate", "stop")

    def address(self, database: str = "postgres", port: int = 0) -> str:
        """Where it listens, password included."""
        password = self.password.replace("%", "%25")
        place = f"127.0.0.1:{port or self.port}"
        return f"postgresql://{self.user}:{password}@{place}/{database}"

    def new_schema(self) -> str:
        """A name that no test has used."""
        return f"ledger {next(_NAMES)}"

    def close(self) -> None:
        """Stop it and delete all that it left."""
        try:
            self._run("pg_ctl", "-w", "-s", "-m", "immediate", "stop")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
