"""Which tags are in force, and whose sums a call starting now is added to."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import NamedTuple

from .._errors import ConfigError
from .._record import NO_TAGS, Tags
from ._spend import Spend

# The limits of AWS session tags, so that every tag can also be sent to AWS: botocore
# 1.44.5, sts AssumeRole, checked 2026-11-23.
_LONGEST_KEY = 128
_LONGEST_VALUE = 256
_MOST_TAGS = 50
_ALLOWED = re.compile(r"[\w .:/=+\-@]*")

Changes = Mapping[str, str | None]


class Scope(NamedTuple):
    """The attribution in force: tags, and every enclosing block's spend.

    Attributes:
        tags: Tags of the block and those around it.
        spends: What each of these blocks has spent, outermost first. Only the caller
            holds a spend: one that nobody kept can never be looked at, so calls need
            not be added to it.
        removed: Keys that a block took away, default tags included.
    """

    tags: Tags
    spends: tuple[weakref.ref[Spend], ...]
    removed: frozenset[str] = frozenset()


_NO_SCOPE = Scope(NO_TAGS, ())
_SCOPE: ContextVar[Scope] = ContextVar("bedrock_attrib_scope", default=_NO_SCOPE)

current_scope: Callable[[], Scope] = _SCOPE.get
"""The scope that a call starting now belongs to."""


def check_tags(tags: Mapping[str, object]) -> dict[str, str | None]:
    """Check *tags* at the border; None as a value stands for removal.

    Raises:
        ConfigError: If a key or value is not text of the length and characters that
            AWS accepts for session tags, or there are more than 50.
    """
    if len(tags) > _MOST_TAGS:
        raise ConfigError(f"{len(tags)} tags given; at most {_MOST_TAGS} are allowed")
    return {
        _checked("tag key", key, _LONGEST_KEY): (
            None if value is None else _checked(f"tag {key!r}", value, _LONGEST_VALUE)
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
            f"where it is set, nothing is cut silently"
        )
    if not _ALLOWED.fullmatch(text):
        bad = sorted({char for char in text if not _ALLOWED.fullmatch(char)})
        raise ConfigError(
            f"{what} holds {bad!r}; allowed are letters, digits, spaces and _.:/=+-@"
        )
    # Plain text, whatever its class: str() of an enumeration's member is its name.
    return str.__str__(text)


def with_changes(tags: Tags, changes: Changes) -> Tags:
    """*tags* after *changes*; None takes a key away."""
    if not changes:
        return tags
    merged = {**tags, **changes}
    return Tags({key: value for key, value in merged.items() if value is not None})


def _inner_scope(changes: Changes, spend: Spend | None = None) -> Scope:
    outer = _SCOPE.get()
    tags = with_changes(outer.tags, changes)
    if len(tags) > _MOST_TAGS:
        raise ConfigError(
            f"{len(tags)} tags would be in force with those of the blocks around; "
            f"at most {_MOST_TAGS} are allowed"
        )
    removed = frozenset(key for key, value in changes.items() if value is None)
    removed |= outer.removed.difference(tags)
    spends = [kept for kept in outer.spends if kept() is not None]
    if spend is not None:
        spends.append(spend.weak())
    return Scope(tags, tuple(spends), removed)


class Block:
    """Tags that are in force from entering to leaving, which each happen once."""

    __slots__ = ("_changes", "_token")

    _token: Token[Scope]

    def __init__(self, changes: Changes) -> None:
        """Prepare a block that makes *changes*, which have been checked."""
        self._changes = changes

    def enter(self, spend: Spend) -> None:
        """Put the tags in force; calls are added to *spend* while somebody holds it."""
        self._token = _SCOPE.set(_inner_scope(self._changes, spend))

    def __enter__(self) -> None:
        self._token = _SCOPE.set(_inner_scope(self._changes))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _reset(self._token)


class Steps:
    """A scope that is in force only while a generator runs, step by step."""

    __slots__ = ("_inside", "_token")

    _token: Token[Scope]

    def __init__(self, changes: Changes) -> None:
        """Prepare the scope, inside the one that is in force now."""
        self._inside = _inner_scope(changes)

    def __enter__(self) -> None:
        self._token = _SCOPE.set(self._inside)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A block that the generator has open stays open over its yields.
        self._inside = _SCOPE.get()
        _reset(self._token)


def _reset(token: Token[Scope]) -> None:
    try:
        _SCOPE.reset(token)
    except ValueError:
        # Left in another context than entered, as a generator collected by another
        # thread is: the entered context is gone, so there is nothing to restore.
        return
