"""Ledger in PostgreSQL, which many hosts write together."""

from __future__ import annotations

from ...errors import MissingExtraError

try:
    import psycopg  # noqa: F401 -- needs a libpq too, which the extra installs
except ImportError as error:
    raise MissingExtraError("postgres", "psycopg") from error

from ._store import PostgresStore

__all__ = ["PostgresStore"]
