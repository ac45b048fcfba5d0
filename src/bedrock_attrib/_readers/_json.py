"""How one field is found in JSON text without parsing the whole of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_DECODER = json.JSONDecoder()
_LONGEST_VALUE = 65_536
_SPACES = " \t\r\n"


def last_value(text: bytes, key: str) -> Any:
    """Value of the last member named *key* in JSON *text*, or None.

    Only real members are seen: inside a JSON string a quote is escaped, so a prompt or
    an answer that quotes the key is passed over. *text* may be a piece of a document.
    The level at which the member stands is not looked at.

    Args:
        text: UTF-8 JSON, whole or in part.
        key: Member name, without quotes.
    """
    for start in _members(text, key):
        piece = text[start : start + _LONGEST_VALUE].decode("utf-8", "replace")
        try:
            value, _ = _DECODER.raw_decode(piece.lstrip(_SPACES))
        except ValueError:
            continue
        return value
    return None


def last_object(text: bytes, key: str) -> dict[str, Any] | None:
    """Like `last_value`, where the value is an object; None for anything else."""
    value = last_value(text, key)
    return value if isinstance(value, dict) else None


def whole_object(text: bytes) -> dict[str, Any] | None:
    """Parse *text* as one JSON object; None if it is anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _members(text: bytes, key: str) -> Iterator[int]:
    """Positions right after ``"key":``, last first."""
    needle = b'"%s"' % key.encode()
    at = text.rfind(needle)
    while at >= 0:
        rest = at + len(needle)
        colon = text.find(b":", rest, rest + 8)
        is_member = colon >= 0 and not text[rest:colon].strip()
        if is_member and text[max(0, at - 1) : at] != b"\\":
            yield colon + 1
        at = text.rfind(needle, 0, at)
