"""Tags: their rules, and changes to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..errors import ConfigError

# The limits of AWS session tags, so that every tag can also be sent to AWS: botocore
# 1.44.5, sts AssumeRole, checked 2026-11-23.
_MAX_KEY_LENGTH = 128
MAX_VALUE_LENGTH = 256
MAX_TAGS = 50
_ALLOWED = re.compile(r"[\w .:/=+\-@]*")

Changes = Mapping[str, str | None]


class Tags(Mapping[str, str]):
    """The caller's tags, immutable and cheap to hash.

    Equal to any mapping with the same pairs. Values are checked by `check_tags` before,
    not here.

    Attributes:
        key: The pairs as a frozenset, which hashes without running Python code.
    """

    __slots__ = ("_hash", "_pairs", "key")

    def __init__(self, pairs: Mapping[str, str] | None = None) -> None:
        self._pairs = dict(pairs) if pairs else {}
        self.key = frozenset(self._pairs.items())
        self._hash = hash(self.key)

    def __getitem__(self, key: str) -> str:
        return self._pairs[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Tags):
            return self._pairs == other._pairs
        return Mapping.__eq__(self, other)

    def __reduce__(self) -> tuple[type[Tags], tuple[dict[str, str]]]:
        # String hashes differ between processes, so the hash is not pickled.
        return Tags, (self._pairs,)

    def __repr__(self) -> str:
        return f"Tags({self._pairs!r})"


NO_TAGS = Tags()


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
