"""Public addresses: what of a URL or a DSN may be shown."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

HIDDEN = "…"

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_URL_IN_TEXT = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
# Options as libpq takes them: name = value or name = 'value'.
_DSN = re.compile(r"(?:\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s']*))")
_DSN_WORD = re.compile(
    r"\b(?:password|passwd|user|host|hostaddr|dbname|sslpassword)\s*=", re.IGNORECASE
)
_PASSWORD_WORD = re.compile(r"\b(?:ssl)?passw(?:or)?d\s*=\s*\S", re.IGNORECASE)
_HOST = re.compile(r"(?:[\w.-]+|\[[0-9a-f:.]+\])?(?::[0-9]+)?", re.IGNORECASE)
_PATH = re.compile(r"/?[\w./+-]*")


def public_address(text: str) -> str:
    """Return scheme, host and database of a URL or DSN; a path as it is.

    Users, passwords and options are left out, and so is everything of an address that
    is not understood: a password with a slash or an ``@`` may be anywhere in it.

    Example:
        >>> public_address("postgresql://ada:secret@db.internal/costs?sslmode=require")
        'postgresql://db.internal/costs'
    """
    scheme = _URL.match(text)
    if scheme is not None:
        return f"{scheme[1]}://{_of_url(text)}"
    if _DSN_WORD.search(text):
        return f"postgresql://{_of_dsn(text)}"
    return text


def without_addresses(text: str) -> str:
    """Return *text* with the public part of each URL in it only."""
    if _PASSWORD_WORD.search(text):
        return HIDDEN
    return _URL_IN_TEXT.sub(lambda found: public_address(found[0]), text)


def _of_url(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        return HIDDEN
    hosts = parts.netloc.rpartition("@")[2]
    is_clear = "@" not in f"{parts.path}{parts.query}{parts.fragment}"
    if is_clear and not parts.fragment:
        return _shown(hosts, unquote(parts.path))
    return HIDDEN


def _of_dsn(text: str) -> str:
    if "".join(found[0] for found in _DSN.finditer(text)).strip() != text.strip():
        return HIDDEN
    known = {name.lower(): value.strip("'") for name, value in _DSN.findall(text)}
    port = f":{known['port']}" if known.get("port") else ""
    host = known.get("host") or known.get("hostaddr") or ""
    return _shown(f"{host}{port}", f"/{known.get('dbname', '')}")


def _shown(hosts: str, path: str) -> str:
    are_hosts = all(map(_HOST.fullmatch, hosts.split(",")))
    return f"{hosts}{path}" if are_hosts and _PATH.fullmatch(path) else HIDDEN
