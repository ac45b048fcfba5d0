"""Keep every socket of this process on the loopback interface."""

from __future__ import annotations

import ipaddress
import sys


class NetworkBlockedError(RuntimeError):
    """A test tried to leave this machine."""


def _is_loopback(host: object) -> bool:
    if host in {None, "", b"", "localhost", b"localhost"}:
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:  # a name, which only a name server could tell
        return False


def _host(event: str, args: tuple[object, ...]) -> object:
    """The host that a socket event is about; None when it is about none."""
    if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        return args[0]
    address = args[1]
    return address[0] if isinstance(address, tuple) else None  # else a Unix path


# "Audit events table" of the Python documentation, checked 2026-11-23.
_EVENTS = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
    }
)


def _hook(event: str, args: tuple[object, ...]) -> None:
    if event in _EVENTS and not _is_loopback(host := _host(event, args)):
        message = f"{event} to {host!r}: tests speak to this machine only"
        raise NetworkBlockedError(message)


def install() -> None:
    """Block other hosts from now on; an audit hook can't be taken back."""
    sys.addaudithook(_hook)
