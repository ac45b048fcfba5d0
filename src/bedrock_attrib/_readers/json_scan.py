"""Search for one member of a JSON object without parsing all of the text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

_DECODER = json.JSONDecoder()
_LONGEST_VALUE = 65_536
_MOST_TRIES = 8
_AFTER_NAME = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")


def last_value(text: bytes, key: str) -> Any:
    """Value of the last member named *key* in JSON *text*, or None.

    Only real members are seen: inside a JSON string a quote is escaped, so a prompt or
    an answer that quotes the key is passed over. *text* may be a piece of a document.
    The nesting level of the member is not checked.

    Args:
        text: UTF-8 JSON, whole or in part.
        key: Member name, without quotes.
    """
    for _, start in _members(text, key):
        piece = text[start : start + _LONGEST_VALUE].decode("utf-8", "replace")
        try:
            value, _ = _DECODER.raw_decode(piece)
        except (ValueError, RecursionError):
            continue
        return value
    return None


def has_content(text: bytes, key: str) -> bool:
    """Return whether member *key* of *text* holds a string or object of any length."""
    return any(text[start : start + 1] in _OPENINGS for _, start in _members(text, key))


_OPENINGS = frozenset({b'"', b"{"})


def whole_object(text: bytes) -> dict[str, Any] | None:
    """Parse *text* as one JSON object; None if it is anything else."""
    try:
        # A character that was cut in two must not hide the rest.
        value = _DECODER.decode(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def outer_object(text: bytes, names: Iterable[str]) -> dict[str, Any] | None:
    """The outermost object of *text*, or those of its last members that are named.

    Of a long document only head and tail may be there. Where they do not make JSON,
    each of *names* is looked for in the tail: a member belongs to the outermost object
    if it makes a whole object with all that follows it and nothing else.

    Args:
        text: UTF-8 JSON, whole or without its middle.
        names: Members that are wanted.

    Returns:
        Members by name, perhaps more than those named; None if there are none.
    """
    document = whole_object(text)
    if document is not None:
        return document
    found: dict[str, Any] = {}
    for name in names:
        for at, _ in islice(_members(text, name), _MOST_TRIES):
            rest = whole_object(b"{" + text[at:])
            if rest is not None:
                found.update(rest)
                break
    return found or None


def outer_value(text: bytes, name: str) -> Any:
    """Member *name* of the outermost object of *text*; None where there is none.

    A member near the start or the end is found without parsing the rest: in requests,
    prompts are what is long.
    """
    first = _FIRST_MEMBER.match(text)
    if first is not None and first[1] == name.encode():
        member = b"{%b}" % text[first.start(1) - 1 : first.end()]
        return (whole_object(member) or {}).get(name)
    for at, _ in islice(_members(text, name), _MOST_TRIES):
        rest = whole_object(b"{" + text[at:])
        if rest is not None:
            return rest.get(name)
    return None


_FIRST_MEMBER = re.compile(rb'\s*\{\s*"(\w+)"\s*:\s*"(?:[^"\\]|\\.)*"')


def _members(text: bytes, key: str) -> Iterator[tuple[int, int]]:
    """Positions of each member named *key* and of its value, last first."""
    needle = b'"%s"' % key.encode()
    at = text.rfind(needle)
    while at >= 0:
        colon = _AFTER_NAME.match(text, at + len(needle))
        if colon is not None and text[max(0, at - 1) : at] != b"\\":
            yield at, colon.end()
        at = text.rfind(needle, 0, at)
