"""How the server treats clients that misbehave, and connections at its end."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from waiting import HANG_S

from bedrock_attrib.testing import Reply, Simulator
from bedrock_attrib.testing._server import LoopbackServer
from bedrock_attrib.testing._wire import WireAnswer

STREAM = b"POST /model/a.b/converse-stream HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # linger, for no time at all


@contextmanager
def connected(simulator: Simulator) -> Iterator[socket.socket]:
    """A bare connection to the simulator."""
    port = urlsplit(simulator.endpoint_url).port
    with socket.create_connection(("127.0.0.1", port), timeout=HANG_S) as connection:
        yield connection


def test_a_client_that_goes_away_is_no_news(
    simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    """An answer that nobody reads to its end is given up without a word."""
    simulator.reply(Reply(text="x" * 20_000_000, chunks=1))
    with connected(simulator) as connection:
        linger = socket.SO_LINGER
        connection.setsockopt(socket.SOL_SOCKET, linger, RESET_ON_CLOSE)
        connection.sendall(STREAM)
        assert connection.recv(15) == b"HTTP/1.1 200 OK"

    simulator.close()

    assert capfd.readouterr() == ("", "")


def test_a_fault_of_the_server_is_shown(
    simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    """What a test did not ask for does not stay hidden."""
    with connected(simulator) as connection:
        connection.sendall(STREAM.replace(b"Length: 0", b"Length: many"))
        assert connection.recv(1) == b""

    simulator.close()

    assert "ValueError: invalid literal for int()" in capfd.readouterr().err


def test_a_body_in_chunks(simulator: Simulator) -> None:
    """A body without a length is read whole, and the connection goes on after it."""
    url = urlsplit(simulator.endpoint_url)
    pieces = [b'{"mess', b'ages": ', b"[]}"]
    connection = HTTPConnection("127.0.0.1", url.port or 0, timeout=HANG_S)
    statuses = []
    for body in (iter(pieces), b"{}", iter(pieces)):
        connection.request("POST", "/model/a.b/converse", body)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    assert statuses == [200, 200, 200]
    assert [request.body_bytes for request in simulator.requests] == [16, 2, 16]


def test_a_client_may_end_the_connection_itself(simulator: Simulator) -> None:
    """The answer to ``Connection: close`` says that it is the last one."""
    with connected(simulator) as connection:
        request = STREAM.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"\r\n0\r\n\r\n")


def test_a_whole_url_may_be_asked_for(simulator: Simulator) -> None:
    """A request may name the server in its first line, as to a proxy: RFC 9112, 3.2."""
    whole = STREAM.replace(b"POST /", f"POST {simulator.endpoint_url}/".encode())
    with connected(simulator) as connection:
        connection.sendall(whole)
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    assert [seen.operation for seen in simulator.requests] == ["ConverseStream"]


def test_a_connection_that_comes_as_the_server_closes_is_ended() -> None:
    """A handler that begins late finds its connection shut."""
    server = LoopbackServer(lambda _: WireAnswer(200, {}, ()))
    server.close()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server.opened(theirs)

        assert ours.recv(1) == b""


def test_a_process_that_forgets_to_close_ends() -> None:
    """A simulator that is still open when Python exits keeps no process alive."""
    script = (
        "from bedrock_attrib.testing import bedrock_simulator\n"
        "simulator = bedrock_simulator()\n"
        "print(simulator.__enter__().endpoint_url[:17])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert (run.returncode, run.stdout) == (0, "http://127.0.0.1:\n")
