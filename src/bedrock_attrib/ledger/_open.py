"""Opening of a ledger by its name: a file, or the URL of another store."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import ConfigError
from ._ledger import Ledger
from ._sqlite.connection import refuse_missing

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)

# Not the name of a file, which would be shown with the password in it.
_ALMOST_AN_ADDRESS = re.compile(
    r"^postgres(?:ql)?:|\b(?:password|dbname)\s*=", re.IGNORECASE
)
_POSTGRES = frozenset({"postgres", "postgresql"})


def open_ledger(
    name: Path | str,
    *,
    must_exist: bool = False,
    read_only: bool = False,
    lazy: bool = False,
) -> Ledger:
    """Open the ledger with this name.

    Args:
        name: Path of a SQLite file, or ``postgresql://…`` as libpq takes it.
        must_exist: Whether a missing file is an error, rather than created: a name is
            more likely mistyped than new where a ledger is maintained.
        read_only: Only read it: nothing is created, written or migrated, and no right
            to write is needed. It must exist then.
        lazy: Raise nothing that the database or file system says: it is logged, and
            tried again with the records.

    Raises:
        ConfigError: If *name* is the URL of something that holds no ledger.
        MissingExtraError: If the store needs an extra that is not installed.
        LedgerError: If it cannot be opened.
    """
    text = os.fspath(name)
    scheme = _SCHEME.match(text)
    if scheme is not None:
        if scheme[1].lower() not in _POSTGRES:
            raise ConfigError(
                f"a ledger cannot be stored in {scheme[1]}://; expected the path of a "
                f"SQLite file, or postgresql://…"
            )
        from .postgres import PostgresStore  # noqa: PLC0415 -- an extra

        return Ledger(PostgresStore(text, read_only=read_only, lazy=lazy))
    if _ALMOST_AN_ADDRESS.search(text):
        raise ConfigError(
            "a ledger on a server is named by its URL, postgresql://user@host/database"
        )
    path = Path(text)
    if must_exist or read_only:
        refuse_missing(path)
    return Ledger(path, read_only=read_only, lazy=lazy)
