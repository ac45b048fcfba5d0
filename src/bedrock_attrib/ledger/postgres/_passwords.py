"""Passwords that an address names: in a file, or as an IAM token of RDS."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3
from botocore.exceptions import BotoCoreError
from psycopg import conninfo

from ...errors import LedgerError
from .._store import UnavailableError

_RDS_HOST = re.compile(r"\.([a-z0-9-]+)\.rds\.amazonaws\.com(?:\.cn)?$")
_PORT = 5432


def connection_options(address: str) -> dict[str, Any]:
    """Return the options of *address*, with the password that it names.

    Beside libpq's own options, a URL may have ``password_file=PATH``, whose content is
    the password, and ``iam=rds``, which makes a token by boto3's credentials. Both are
    read again for each connection, as they change.

    Raises:
        LedgerError: If a file cannot be read, or no token can be made.
        psycopg.Error: If *address* is no address.
    """
    base, mark, query = address.partition("?")
    if not mark or "://" not in base:
        return conninfo.conninfo_to_dict(address)
    pairs = [each.partition("=") for each in query.split("&")]
    own = {name: unquote(value) for name, _, value in pairs if name in _MAKE}
    rest = "&".join("".join(each) for each in pairs if each[0] not in _MAKE)
    known: dict[str, Any] = conninfo.conninfo_to_dict(
        f"{base}?{rest}" if rest else base
    )
    for name, value in own.items():
        known["password"] = _MAKE[name](value, known)
    if "iam" in own:
        known.setdefault("sslmode", "require")  # RDS takes tokens by TLS only
    return known


def _from_file(path: str, _known: dict[str, Any]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise UnavailableError(
            f"cannot read the password_file {path} of the ledger: {reason}"
        ) from error


def _iam_token(service: str, known: dict[str, Any]) -> str:
    host, user = known.get("host"), known.get("user")
    if service != "rds" or not host or not user:
        raise LedgerError("iam=rds needs a URL with a user and a host")
    region = _RDS_HOST.search(host)
    try:
        # Signed here; boto3 asks at most for the credentials of the role.
        rds = boto3.client("rds", region_name=region[1] if region else None)
        token: str = rds.generate_db_auth_token(
            host, int(known.get("port") or _PORT), user
        )
    except BotoCoreError as error:
        raise UnavailableError(
            f"cannot make an IAM token for {host}: {error}"
        ) from error
    return token


_MAKE = {"password_file": _from_file, "iam": _iam_token}
