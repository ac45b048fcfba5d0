"""HTTP/1.1 server on the loopback interface."""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic

from ._wire import Ending, WireAnswer, WireRequest

# Request type of socketserver; for TCP always a socket.
_Request = socket.socket | tuple[bytes, socket.socket]
_LOOPBACK = "127.0.0.1"
_CLOSE_WITHIN_S = 1.0
_POLL_S = 0.02  # Delay until the accepting thread notices that it should stop.


class LoopbackServer(ThreadingHTTPServer):
    """Server on the loopback interface, one thread per connection.

    Attributes:
        closing: Set when the server closes, which ends every wait of a handler.
        respond: Returns the response to a request.
    """

    daemon_threads = True
    # Size of the accept queue: many clients may start at once.
    request_queue_size = 512

    def __init__(
        self, respond: Callable[[WireRequest], WireAnswer], *, port: int = 0
    ) -> None:
        self.closing = threading.Event()
        self.respond = respond
        self._open: dict[socket.socket, threading.Thread] = {}
        super().__init__((_LOOPBACK, port), _Handler)
        self._acceptor = threading.Thread(
            target=self.serve_forever,
            args=(_POLL_S,),
            name="bedrock-simulator",
            daemon=True,
        )
        self._acceptor.start()

    @property
    def url(self) -> str:
        """URL of the server, such as ``http://127.0.0.1:40000``."""
        return f"http://{_LOOPBACK}:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Bind without the name look-up of http.server."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = _LOOPBACK, self.server_address[1]

    def opened(self, connection: socket.socket) -> None:
        """Register a connection of the calling thread."""
        self._open[connection] = threading.current_thread()
        if self.closing.is_set():
            _shut(connection)

    def ended(self, connection: socket.socket) -> None:
        """Unregister a finished connection."""
        self._open.pop(connection, None)

    def handle_error(self, request: _Request, client_address: object) -> None:
        """Ignore disconnected clients; report any other error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop at once: accept no connection and end the open ones."""
        deadline = monotonic() + _CLOSE_WITHIN_S
        self.closing.set()
        if sys.is_finalizing():
            # The accepting thread no longer exists; waiting for it would never end.
            self.server_close()
            return
        self.shutdown()
        self.server_close()
        handlers = dict(self._open)
        for connection in handlers:
            _shut(connection)
        for thread in (self._acceptor, *handlers.values()):
            thread.join(max(0.0, deadline - monotonic()))


class _Handler(BaseHTTPRequestHandler):
    """Handler of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoopbackServer

    def setup(self) -> None:
        """Register the connection, so that the server can close it."""
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        """Unregister the connection."""
        self.server.ended(self.connection)
        super().finish()

    def _answer(self) -> None:
        request = WireRequest(
            method=self.command,
            path=self._relative_path(),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self._body(),
        )
        answer = self.server.respond(request)
        if self._waited(answer.delay_s) and answer.ending is not Ending.NO_ANSWER:
            self._send(answer)
        self._end(answer)

    def _body(self) -> bytes:
        """Read the whole body, so that the next request starts at its first byte."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces: list[bytes] = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # fields after the last chunk
        return b"".join(pieces)

    def _relative_path(self) -> str:
        """Return the path, also of an absolute URL (aiobotocore with httpx)."""
        return self.path.removeprefix(self.server.url)

    # Names that http.server calls, by the request's method.
    do_GET = _answer  # noqa: N815
    do_POST = _answer  # noqa: N815

    def _send(self, answer: WireAnswer) -> None:
        frame = _chunk if answer.is_stream else bytes
        pieces = [frame(piece) for piece in answer.pieces if piece]
        if answer.is_stream and answer.ending is Ending.COMPLETE:
            pieces.append(b"0\r\n\r\n")
        head = self._head(answer)
        if not answer.interval_s:
            self.wfile.write(b"".join([head, *pieces]))
            return
        self.wfile.write(head)
        for position, piece in enumerate(pieces):
            if position and not self._waited(answer.interval_s):
                return
            self.wfile.write(piece)

    def _head(self, answer: WireAnswer) -> bytes:
        length = (
            "Transfer-Encoding: chunked"
            if answer.is_stream
            else f"Content-Length: {answer.declared_bytes}"
        )
        reason = self.responses.get(answer.status, ("",))[0]
        lines = [
            f"{self.protocol_version} {answer.status} {reason}",
            f"Date: {self.date_time_string()}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
            length,
            f"Connection: {'close' if self.close_connection else 'keep-alive'}",
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _waited(self, seconds: float) -> bool:
        """Wait; return False if the server closed meanwhile."""
        return not (seconds and self.server.closing.wait(seconds))

    def _end(self, answer: WireAnswer) -> None:
        if answer.ending is Ending.STALL:
            self.server.closing.wait()
        if answer.ending is not Ending.COMPLETE or self.server.closing.is_set():
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing: requests are in the simulator's ``requests``."""


def _shut(connection: socket.socket) -> None:
    """End *connection* for the thread that reads from it or writes to it."""
    with suppress(OSError):  # The client may have closed it before us.
        connection.shutdown(socket.SHUT_RDWR)


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)
