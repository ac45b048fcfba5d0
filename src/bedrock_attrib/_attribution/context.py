"""Which tags are in force, and whose sums a call starting now is added to."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType

from .._model.record import NO_TAGS, Tags
from .._model.tags import MOST_TAGS, Changes, with_changes
from ..errors import ConfigError
from .spend import Spend


class AttributionContext:
    """The attribution in force: tags, and every enclosing block's spend.

    Never changes, but for who its spends have to ask.

    Attributes:
        tags: Tags of the block and those around it.
        spends: What each of these blocks has spent, outermost first. Only the caller
            holds a spend: one that nobody kept can never be looked at, so calls need
            not be added to it.
        removed: Keys that a block took away, default tags included.
        block: The block that made it; None for one that came from elsewhere.
        baggage: W3C baggage that was carried along with it from another thread or
            process, as it came in: strangers wrote it.
        settlers: Who its spends are known to ask before they are looked at.
    """

    __slots__ = ("baggage", "block", "removed", "settlers", "spends", "tags")

    def __init__(
        self,
        tags: Tags,
        spends: tuple[weakref.ref[Spend], ...] = (),
        removed: frozenset[str] = frozenset(),
        block: Block | None = None,
        baggage: Mapping[str, object] = NO_TAGS,
    ) -> None:
        """Put *tags* in force, for blocks with *spends*."""
        self.tags = tags
        self.spends = spends
        self.removed = removed
        self.block = block
        self.baggage = baggage
        self.settlers: tuple[Callable[[], None], ...] = ()

    def settle_with(self, settle: Callable[[], None]) -> None:
        """Have its spends call *settle* before they are looked at."""
        for kept in self.spends:
            spend = kept()
            if spend is not None:
                spend.settle_with(settle)
        self.settlers = (*self.settlers, settle)


NO_ATTRIBUTION = AttributionContext(NO_TAGS)
_CURRENT: ContextVar[AttributionContext] = ContextVar(
    "bedrock_attrib_scope", default=NO_ATTRIBUTION
)


def current_attribution() -> AttributionContext:
    """The scope that a call starting now belongs to."""
    scope = _CURRENT.get()
    block = scope.block
    return scope if block is None or not block.is_left else _take_off_left(scope)


def _take_off_left(scope: AttributionContext) -> AttributionContext:
    """Take the blocks off that were left while they could not be taken off.

    Only where they were entered: what has inherited their scope, such as a task that
    was made within, keeps it.
    """
    while (block := scope.block) is not None and block.is_left:
        try:
            _CURRENT.reset(block.token)
        except (ValueError, RuntimeError):  # entered in another context
            break
        scope = _CURRENT.get()
    return scope


def nested_attribution(
    changes: Changes, spend: Spend | None = None, block: Block | None = None
) -> AttributionContext:
    """The scope in force after *changes*, for *block* to enter.

    Raises:
        ConfigError: If more tags would be in force than are allowed.
    """
    outer = current_attribution()
    tags = with_changes(outer.tags, changes)
    if len(tags) > MOST_TAGS:
        raise ConfigError(
            f"{len(tags)} tags would be in force with those of the blocks around; "
            f"at most {MOST_TAGS} are allowed"
        )
    removed = frozenset(key for key, value in changes.items() if value is None)
    removed |= outer.removed.difference(tags)
    spends = [kept for kept in outer.spends if kept() is not None]
    if spend is not None:
        spends.append(spend.weak())
    return AttributionContext(tags, tuple(spends), removed, block, outer.baggage)


class Block:
    """Tags that are in force from entering to leaving, which each happen once.

    Blocks are not always left in the reverse order of entering, nor where they were
    entered: a generator holds its blocks open over its yields, and may be closed late
    and by another thread. Such a block is taken off when it is the innermost one of
    the context that it was entered in, so that it neither ends another block nor
    outlasts all of them.

    Attributes:
        token: Restores what was in force before.
        is_left: Whether the block was left and is still to be taken off.
    """

    __slots__ = ("_changes", "is_left", "token")

    token: Token[AttributionContext]

    def __init__(self, changes: Changes) -> None:
        """Prepare a block that makes *changes*, which have been checked."""
        self._changes = changes
        self.is_left = False

    def enter(self, spend: Spend) -> None:
        """Put the tags in force; calls are added to *spend* while somebody holds it."""
        self.token = _CURRENT.set(nested_attribution(self._changes, spend, self))

    def __enter__(self) -> None:
        self.token = _CURRENT.set(nested_attribution(self._changes, None, self))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if _CURRENT.get().block is not self:
            self.is_left = True
            return
        try:
            _CURRENT.reset(self.token)
            del self.token  # it holds on to its whole context
        except ValueError:  # where it was entered it is still to be taken off
            self.is_left = True
            outer = self.token.old_value
            _CURRENT.set(
                outer if isinstance(outer, AttributionContext) else NO_ATTRIBUTION
            )
        current_attribution()


class Steps:
    """A scope that is in force only while a generator runs, step by step."""

    __slots__ = ("_inside", "_token")

    _token: Token[AttributionContext]

    def __init__(self, inside: AttributionContext) -> None:
        """Prepare *inside*."""
        self._inside = inside

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._inside)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A block that the generator has open stays open over its yields.
        self._inside = current_attribution()
        _restore(self._token)


class Stay:
    """A scope from elsewhere that is in force from entering to leaving.

    Whatever is still open in it when it is left is left with it.
    """

    __slots__ = ("_scope", "_token")

    _token: Token[AttributionContext]

    def __init__(self, scope: AttributionContext) -> None:
        """Prepare a stay in *scope*."""
        self._scope = scope

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._scope)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _restore(self._token)


def _restore(token: Token[AttributionContext]) -> None:
    try:
        _CURRENT.reset(token)
    except ValueError:
        # Left in another context than entered, as a generator collected by another
        # thread is: the entered context is gone, so there is nothing to restore.
        return
