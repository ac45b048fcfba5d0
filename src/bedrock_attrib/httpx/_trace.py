"""Trace of a request: how far it came, where httpx calls no event hook.

Names and order of the trace events: httpcore 1.0.9 and httpcore2 2.16.2, "Request
Extensions", checked 2026-11-25. Other transports may send none.
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
"""The attempts of a call that may have reached AWS."""

_NOT_SENT: Mapping[str, Any] = {}
_KEY = "trace"
_MOST_HOSTS = 256

Callback = Callable[[str, Mapping[str, Any]], Any]


def follow(request: Any, call: Call, traced: set[str], *, is_async: bool) -> None:
    """Have the transport of *request* report how far the request came.

    A trace callback of the application is called as before.

    Args:
        request: About to be sent.
        call: Ends where the request fails.
        traced: Hosts whose transport is known to send trace events. A request to one of
            them without any event was not sent: it waited for a connection.
        is_async: Whether the transport awaits the callback.
    """
    current = request.extensions.get(_KEY)
    owner = getattr(current, "__self__", None)
    then = owner.then if isinstance(owner, Trace) else current
    host = str(request.url.host)
    trace = Trace(call, then, host, traced)
    if host in traced:
        call.retries = _NOT_SENT
    if then is not None:
        request.extensions[_KEY] = trace.pass_on
    else:
        request.extensions[_KEY] = trace.wait if is_async else trace.note


class Trace:
    """The trace callback of one request.

    Attributes:
        then: The application's own callback, called as well; None without one.
    """

    __slots__ = (
        "__weakref__",
        "_call",
        "_failed_attempts",
        "_has_retried",
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
        self._failed_attempts = 0
        self._has_retried = False

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
            call.lifecycle.faults.note("trace", fault)

    async def wait(self, name: str, info: Mapping[str, Any]) -> None:
        """As `note`, for async clients."""
        self.note(name, info)

    def pass_on(self, name: str, info: Mapping[str, Any]) -> Any:
        """As `note`; calls the application's callback and returns what it returns."""
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
            self._has_retried = True
        elif what == "send_request_headers.started":
            # A request for a tunnel goes to a proxy first, with the same extensions.
            sent = info.get("request")
            self._is_tunnel = getattr(sent, "method", None) == b"CONNECT"
            call.retries = _NOT_SENT if self._is_tunnel else SENT
            call.error = None
        elif what == "receive_response_headers.complete":
            if not self._is_tunnel:
                # The call ends with its answer. The pool of connections holds this
                # object as long as an answer is not closed, and must not hold the call.
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
                self._end_unless_retried(call)
            else:
                _fail(call, error, was_sent=False)
        elif step == "send_request_headers" and name != "WriteError":
            _fail(call, error, was_sent=False)
        elif step == "receive_response_headers" or (
            # HTTP/1.1 waits for an answer although not all could be written.
            step.startswith("send_request")
            and (name != "WriteError" or connection != "http11")
        ):
            _fail(call, error, was_sent=not self._is_tunnel)

    def _end_unless_retried(self, call: Call) -> None:
        """End the call soon, unless the transport tries again to connect.

        It says so at once if it does, and nothing if it does not. Should the recorder
        look between the two, the answer to the second attempt is a call of its own.
        """
        self._has_retried = False
        self._failed_attempts += 1
        call.lifecycle.poll_soon(
            partial(_is_over, weakref.ref(self), self._failed_attempts)
        )

    def is_over(self, failed_attempts: int) -> bool:
        """End the call if its last attempt has failed; nothing is left to wait for."""
        call = self._call
        is_last = self._failed_attempts == failed_attempts and not self._has_retried
        if is_last and call is not None and call.ended is None:
            call.lifecycle.call_dropped(call)
        return True


def _fail(call: Call, error: BaseException, *, was_sent: bool) -> None:
    if isinstance(error, Exception):
        _end(call, type(error).__name__, was_sent=was_sent)
    else:  # the caller no longer waits, as when a task is cancelled
        call.error = None
        call.retries = SENT if was_sent else _NOT_SENT
        call.lifecycle.call_dropped(call)


def _end(call: Call, error: str, *, was_sent: bool) -> None:
    call.lifecycle.unanswered(call, error, was_sent=was_sent)


def _is_over(traced: weakref.ref[Trace], failed_attempts: int) -> bool:
    """As `Trace.is_over`; holds no call, so that one ends with its request at last."""
    trace = traced()
    return trace is None or trace.is_over(failed_attempts)


_MAY_CONNECT_AGAIN = frozenset({"connect_tcp", "connect_unix_socket", "start_tls"})
_CONNECTS_AGAIN_AFTER = frozenset({"ConnectError", "ConnectTimeout"})
_CONNECTING = _MAY_CONNECT_AGAIN | {"setup_socks5_connection", "send_connection_init"}
