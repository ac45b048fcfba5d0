"""Redis store: accounts in Redis or Valkey, which many hosts share."""

from __future__ import annotations

from ....errors import MissingExtraError

try:
    import redis  # noqa: F401 -- the client
except ImportError as error:
    raise MissingExtraError("redis", "redis") from error

from ._store import RedisStore

__all__ = ["RedisStore"]
