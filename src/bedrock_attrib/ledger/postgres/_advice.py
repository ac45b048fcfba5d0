"""Advice on the errors of a PostgreSQL server; it never contains the password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg


def shown_address(known: Mapping[str, Any]) -> str:
    """Return the host and database of an address."""
    host = known.get("host") or known.get("hostaddr") or ""
    port = f":{known['port']}" if known.get("port") else ""
    return f"postgresql://{host}{port}/{known.get('dbname', '')}"


def advice_on(error: psycopg.Error) -> str:
    """Return what to do about *error*."""
    state = error.sqlstate or ""
    for start, advice in _ADVICE.items():
        if state.startswith(start):
            return advice
    if isinstance(error, psycopg.OperationalError):
        text = str(error)
        return next((do for word, do in _AT_CONNECT.items() if word in text), _AWAY)
    return "read the server's log"


def may_pass(error: psycopg.Error) -> bool:
    """Return whether *error* is of a moment, rather than of a setting."""
    state = error.sqlstate or ""
    if state:
        return state.startswith(_PASSING)
    text = str(error)
    return isinstance(error, psycopg.OperationalError) and not any(
        word in text for word in _FOR_GOOD
    )


_PASSING = ("08", "40", "53", "55P03", "57")
_FOR_GOOD = ("password", "pg_hba.conf", "does not exist", "SSL")

_AWAY = (
    "check that the server runs and can be reached; records wait and are tried again"
)
# Before there is a connection the driver gives a text, and no code.
_AT_CONNECT = {
    "password": "check the password, in the address, PGPASSWORD or ~/.pgpass",
    "pg_hba.conf": "the server does not admit this host, user and database",
    "does not exist": "create it, or name another one in the address",
    "too many": "allow more connections on the server, or use a pooler",
    "translate host name": "check the name of the host in the address",
    "SSL": "check sslmode and the certificates in the address",
}
# https://www.postgresql.org/docs/15/errcodes-appendix.html, checked 2026-11-25.
_ADVICE = {
    "22": "the record is dropped",
    "28": "check user and password, in the address, PGPASSWORD or ~/.pgpass",
    "3D": "create the database, or name another one in the address",
    "3F": "create the schema, or name another one",
    "42501": "grant the role what the how-to page on PostgreSQL lists",
    "25006": "the server is read-only: name the primary, with "
    "target_session_attrs=read-write",
    "40": "another host wrote the same rows; records wait and are tried again",
    "55P03": "another host has locked it for long; records wait and are tried again",
    "53": "give the server space or connections; records wait and are tried again",
    "57": _AWAY,
    "08": _AWAY,
    "42": "the tables are not those of a ledger: name another schema",
}
