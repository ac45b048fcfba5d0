"""A DynamoDB of a test's own, which moto imitates in another process."""

from __future__ import annotations

import socket
import subprocess
import sys
from importlib.util import find_spec

from waiting import HANG_S, wait_until

# moto lets requests of several threads run into each other, which DynamoDB does not: a
# condition would be checked by one while another writes.
_SERIAL = """
import sys
from threading import Lock
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication, create_backend_app
)
from werkzeug.serving import run_simple
application, turn = DomainDispatcherApplication(create_backend_app), Lock()
def serial(environ, start_response):
    with turn:
        return list(application(environ, start_response))
run_simple("127.0.0.1", int(sys.argv[1]), serial, threaded=True)
"""


def why_not() -> str:
    """What is missing for a server of our own; empty when nothing is."""
    if find_spec("moto") is None or find_spec("flask_cors") is None:
        return "moto[server] is not installed"
    return ""


class DynamoDBServer:
    """A server on a loopback port, whose tables go with it."""

    def __init__(self) -> None:
        """Start it, and wait until it listens."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERIAL, str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._is_open)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def _is_open(self) -> bool:
        assert self._process.poll() is None, "moto ended by itself"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait(HANG_S)
