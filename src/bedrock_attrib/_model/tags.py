"""Tags: their rules, and changes to them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import ConfigError
from .record import Tags

# The limits of AWS session tags, so that every tag can also be sent to AWS: botocore
# 1.44.5, sts AssumeRole, checked 2026-11-23.
_MAX_KEY_LENGTH = 128
MAX_VALUE_LENGTH = 256
MAX_TAGS = 50
_ALLOWED = re.compile(r"[\w .:/=+\-@]*")

Changes = Mapping[str, str | None]


def check_tags(tags: Mapping[str, object]) -> dict[str, str | None]:
    """Check tags from outside; the value None removes a key.

    Raises:
        ConfigError: If a key or value is not text of the length and characters that
            AWS accepts for session tags, or there are more than 50.
    """
    if len(tags) > MAX_TAGS:
        raise ConfigError(f"{len(tags)} tags given; at most {MAX_TAGS} are allowed")
    return {
        _checked("tag key", key, _MAX_KEY_LENGTH): (
            None if value is None else _checked(f"tag {key!r}", value, MAX_VALUE_LENGTH)
        )
        for key, value in tags.items()
    }


def _checked(what: str, text: object, longest: int) -> str:
    if not isinstance(text, str):
        raise ConfigError(
            f"{what} is {type(text).__name__} {text!r}; expected text: pass "
            f"str(value), or None to remove the tag"
        )
    if not 1 <= len(text) <= longest:
        raise ConfigError(
            f"{what} has {len(text)} characters; expected 1 to {longest}: shorten it "
            f"where it is set, values are never truncated"
        )
    if not _ALLOWED.fullmatch(text):
        bad = sorted({char for char in text if not _ALLOWED.fullmatch(char)})
        raise ConfigError(
            f"{what} contains {bad!r}; allowed are letters, digits, spaces and _.:/=+-@"
        )
    # A plain `str` whatever its class: str() of an enum member is its name.
    return str.__str__(text)


def with_changes(tags: Tags, changes: Changes) -> Tags:
    """Return *tags* after *changes*; None removes a key."""
    if not changes:
        return tags
    merged = {**tags, **changes}
    return Tags({key: value for key, value in merged.items() if value is not None})
