"""How far a request came: what the transport tells, where no event hook is called.

Names and order of what is told: httpcore 1.0.9 and httpcore2 2.16.2, "Request
Extensions", checked 2026-11-25. Other transports may tell nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import Any

from .._recording.call import Call

SENT: Mapping[str, Any] = {"attempt": 1}
"""What stands for the attempts of a call that may have reached AWS."""

_NOT_SENT: Mapping[str, Any] = {}
_KEY = "trace"
_MOST_HOSTS = 256

Callback = Callable[[str, Mapping[str, Any]], Any]


def follow(request: Any, call: Call, traced: set[str], *, is_async: bool) -> None:
    """Have the transport of *request* tell how far that came.

    What the application has put there to be told is told as before.

    Args:
        request: About to be sent.
        call: Ends where the request fails.
        traced: Hosts whose transport is known to tell. Of a request to one of them of
            which nothing is told, nothing was sent: it waited for a connection.
        is_async: Whether the transport awaits whom it tells.
    """
    standing = request.extensions.get(_KEY)
    owner = getattr(standing, "__self__", None)
    then = owner.then if isinstance(owner, Trace) else standing
    host = str(request.url.host)
    trace = Trace(call, then, host, traced)
    if host in traced:
        call.retries = _NOT_SENT
    if then is not None:
        request.extensions[_KEY] = trace.pass_on
    else:
        request.extensions[_KEY] = trace.wait if is_async else trace.note


class Trace:
    """Told by the transport what happens to one request.

    Attributes:
        then: Told as well: the application's own; None without one.
    """

    __slots__ = (
        "__weakref__",
        "_call",
        "_failure",
        "_host",
        "_is_tunnel",
        "_traced",
        "then",
    )

    def __init__(
        self, call: Call, then: Callback | None, host: str, traced: set[str]
    ) -> None:
        """Follow the request of *call*; see `follow`."""
        self.then = then
        self._call: Call | None = call
        self._host = host
        self._traced = traced
        self._is_tunnel = False
        self._failure: weakref.ref[BaseException] | None = None

    def note(self, name: str, info: Mapping[str, Any]) -> None:
        """Note what happened to a request."""
        call = self._call
        if call is None or call.ended is not None:
            return
        try:
            call.paused = perf_counter()
            call.is_timed = True
            if len(self._traced) < _MOST_HOSTS:
                self._traced.add(self._host)
            self._take(call, name, info)
        except Exception as fault:
            call.recorder.faults.note("trace", fault)

    async def wait(self, name: str, info: Mapping[str, Any]) -> None:
        """As `note`, for async clients."""
        self.note(name, info)

    def pass_on(self, name: str, info: Mapping[str, Any]) -> Any:
        """As `note`, and tell the application, whose answer is passed back."""
        self.note(name, info)
        return None if self.then is None else self.then(name, info)

    def _take(self, call: Call, name: str, info: Mapping[str, Any]) -> None:
        connection, _, what = name.partition(".")
        step, _, state = what.rpartition(".")
        if state == "failed":
            self._take_failure(call, connection, step, info["exception"])
        elif state == "started" and step in _CONNECTING:
            call.retries = _NOT_SENT
        elif what == "retry.started":
            self._failure = None
        elif what == "send_request_headers.started":
            # A proxy is asked for a tunnel first, with the extensions of the request.
            sent = info.get("request")
            self._is_tunnel = getattr(sent, "method", None) == b"CONNECT"
            call.retries = _NOT_SENT if self._is_tunnel else SENT
            call.error = None
        elif what == "receive_response_headers.complete":
            if not self._is_tunnel:
                # It ends with its answer, which is not for a pool of connections to
                # hold: that holds what is told, as long as an answer is not closed.
                self._call = None
                return
            status = info["return_value"][1]
            if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                _end(call, "ProxyError", was_sent=False)

    def _take_failure(
        self, call: Call, connection: str, step: str, error: BaseException
    ) -> None:
        name = type(error).__name__
        if name == "ConnectionNotAvailable":
            return  # the transport takes another connection
        if step in _CONNECTING:
            call.retries = _NOT_SENT
            call.error = name
            if step in _MAY_CONNECT_AGAIN and name in _CONNECTS_AGAIN_AFTER:
                self._watch(call, error)
            else:
                _fail(call, error, was_sent=False)
        elif step == "send_request_headers" and name != "WriteError":
            _fail(call, error, was_sent=False)
        elif step == "receive_response_headers" or (
            # HTTP/1.1 looks for an answer although not all could be written.
            step.startswith("send_request")
            and (name != "WriteError" or connection != "http11")
        ):
            _fail(call, error, was_sent=not self._is_tunnel)

    def _watch(self, call: Call, error: BaseException) -> None:
        """End the call soon, unless the transport tries again to connect.

        Nothing is told when it does not. But then *error* leaves the function in
        which it is caught otherwise, and has one more frame in its traceback.
        """
        self._failure = failure = weakref.ref(error)
        is_over = partial(_is_over, weakref.ref(self), failure, _frames_of(error))
        call.recorder.look_soon(is_over)

    def is_over(self, failure: weakref.ref[BaseException], frames: int) -> bool:
        """Whether there is nothing to wait for; ends the call if *failure* was it."""
        call = self._call
        if self._failure is not failure or call is None or call.ended is not None:
            return True
        error = failure()
        if error is not None and _frames_of(error) == frames:
            return False
        call.recorder.call_dropped(call)
        return True


def _fail(call: Call, error: BaseException, *, was_sent: bool) -> None:
    if isinstance(error, Exception):
        _end(call, type(error).__name__, was_sent=was_sent)
    else:  # the caller waits no longer, as where a task is cancelled
        call.error = None
        call.retries = SENT if was_sent else _NOT_SENT
        call.recorder.call_dropped(call)


def _end(call: Call, error: str, *, was_sent: bool) -> None:
    call.recorder.unanswered(call, error, was_sent=was_sent)


def _is_over(
    traced: weakref.ref[Trace], failure: weakref.ref[BaseException], frames: int
) -> bool:
    """As `Trace.is_over`; holds no call, so that it ends with its request at last."""
    trace = traced()
    return trace is None or trace.is_over(failure, frames)


def _frames_of(error: BaseException) -> int:
    count, traceback = 0, error.__traceback__
    while traceback is not None:
        count, traceback = count + 1, traceback.tb_next
    return count


_MAY_CONNECT_AGAIN = frozenset({"connect_tcp", "connect_unix_socket", "start_tls"})
_CONNECTS_AGAIN_AFTER = frozenset({"ConnectError", "ConnectTimeout"})
_CONNECTING = _MAY_CONNECT_AGAIN | {"setup_socks5_connection", "send_connection_init"}
