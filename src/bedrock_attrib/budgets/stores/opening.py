"""Opening of a store by its URL."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from ..._runtime.public_address import public_address
from ...errors import ConfigError
from .memory import MemoryStore
from .protocol import Store

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# The rest of a URL may hold a password.
_WITHOUT_SLASHES = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)


def open_store(url: str, *, timeout_s: float) -> Store:
    """Open the store that a URL names.

    Nothing is connected to before the store is used.

    Args:
        url: ``memory://``, ``sqlite:///PATH``, ``redis://…``, ``rediss://…``,
            ``unix://…`` or ``dynamodb://TABLE?region=…``.
        timeout_s: Seconds within which each use of the store ends, with an answer or
            a `StoreError`.

    Raises:
        ConfigError: If *url* names no store.
        MissingExtraError: If the store needs an extra that is not installed.
    """
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found else ""
    opener = _OPENERS.get(scheme)
    if opener is None:
        raise ConfigError(
            f"budgets cannot be stored in {_shown(url)}; expected memory://, "
            f"sqlite:///PATH, redis://…, rediss://…, unix://… or "
            f"dynamodb://TABLE?region=…"
        )
    return opener(url, timeout_s)


def _shown(url: str) -> str:
    if _SCHEME.match(url):
        return repr(public_address(url))
    found = _WITHOUT_SLASHES.match(url)
    return f"'{found[1]}:…'" if found else repr(public_address(url))


def _open_memory(url: str, _timeout_s: float) -> Store:
    if url.partition("://")[2]:
        raise ConfigError(f"memory:// names nothing further, got {_shown(url)}")
    return MemoryStore()


def _open_sqlite(url: str, timeout_s: float) -> Store:
    from .sqlite import SQLiteBudgetStore  # noqa: PLC0415 -- imports sqlite3

    host, slash, path = url.partition("://")[2].partition("/")
    if host or not slash or not path:
        raise ConfigError(
            f"expected sqlite:///PATH, with four slashes where the path begins with "
            f"one, got {_shown(url)}"
        )
    return SQLiteBudgetStore(unquote(path), timeout_s=timeout_s)


def _open_redis(url: str, timeout_s: float) -> Store:
    from .redis import RedisStore  # noqa: PLC0415 -- an extra

    return RedisStore(url, timeout_s=timeout_s)


def _open_dynamodb(url: str, timeout_s: float) -> Store:
    from .dynamodb import open_dynamodb  # noqa: PLC0415 -- imports boto3

    return open_dynamodb(url, timeout_s)


_OPENERS: dict[str, Callable[[str, float], Store]] = {
    "memory": _open_memory,
    "sqlite": _open_sqlite,
    "redis": _open_redis,
    "rediss": _open_redis,
    "unix": _open_redis,
    "dynamodb": _open_dynamodb,
}
