"""What goes wrong with a server, and what to do about it; never the password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg


def address_shown(known: Mapping[str, Any]) -> str:
    """The address without what is secret."""
    user, host, port = (known.get(name) for name in ("user", "host", "port"))
    place = f"{host or known.get('hostaddr') or ''}{f':{port}' if port else ''}"
    return f"postgresql://{f'{user}@' if user else ''}{place}/{known.get('dbname', '')}"


def advice_on(error: psycopg.Error) -> str:
    """What to do about *error*."""
    state = error.sqlstate or ""
    for start, advice in _ADVICE.items():
        if state.startswith(start):
            return advice
    if isinstance(error, psycopg.OperationalError):
        text = str(error)
        return next((do for word, do in _AT_CONNECT.items() if word in text), _AWAY)
    return "look into the server's log"


_AWAY = (
    "see whether the server runs and can be reached; records are kept and tried again"
)
# Before a connection stands the driver gives a text, and no code.
_AT_CONNECT = {
    "password": "see the password, in the address, PGPASSWORD or ~/.pgpass",
    "pg_hba.conf": "the server does not let this host, user and database in",
    "does not exist": "create it, or name another one in the address",
    "too many": "let the server take more connections, or put a pooler before it",
    "translate host name": "see the name of the host in the address",
    "SSL": "see sslmode and the certificates in the address",
}
# https://www.postgresql.org/docs/15/errcodes-appendix.html, checked 2026-11-25.
_ADVICE = {
    "22": "the record is left out",
    "28": "see user and password, in the address, PGPASSWORD or ~/.pgpass",
    "3D": "create the database, or name another one in the address",
    "3F": "create the schema, or name another one",
    "42501": "grant the role what the how-to page on PostgreSQL lists",
    "25006": "the server only reads: name the one that writes, with "
    "target_session_attrs=read-write",
    "40": "another host was in the way; records are kept and tried again",
    "55P03": "another host has held it for long; records are kept and tried again",
    "53": "give the server room or connections; records are kept and tried again",
    "57": _AWAY,
    "08": _AWAY,
    "42": "the tables are not those of a ledger: name another schema",
}
