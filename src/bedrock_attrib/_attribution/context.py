"""Attribution contexts: the tags in force and the open `Spend` objects."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType

from .._model.tags import MAX_TAGS, NO_TAGS, Changes, Tags, with_changes
from ..errors import ConfigError
from .block_limit import BlockLimit
from .spend import Spend, SpendSums, sums_of


class AttributionContext:
    """Attribution in force: tags, and the `Spend` of every enclosing block.

    Immutable, except for ``pulls``.

    Attributes:
        tags: Tags of the block and of those around it.
        spends: Weak references to the `Spend` of each of these blocks, outermost
            first. Only the caller holds a `Spend`; calls need not be added to one that
            was discarded.
        removed: Keys that a block removed, default tags included.
        block: Block that made it; None for one that came from elsewhere.
        baggage: W3C baggage carried along from another thread or process, as received:
            untrusted input.
        limits: Limits of the enclosing blocks, outermost first.
        pulls: Callbacks that its spends run before they are read.
    """

    __slots__ = ("baggage", "block", "limits", "pulls", "removed", "spends", "tags")

    def __init__(
        self,
        tags: Tags,
        spends: tuple[weakref.ref[SpendSums], ...] = (),
        removed: frozenset[str] = frozenset(),
        block: Block | None = None,
        baggage: Mapping[str, object] = NO_TAGS,
        limits: tuple[BlockLimit, ...] = (),
    ) -> None:
        """Store *tags* and the *spends* of the open blocks."""
        self.tags = tags
        self.spends = spends
        self.removed = removed
        self.block = block
        self.baggage = baggage
        self.limits = limits
        self.pulls: tuple[Callable[[], None], ...] = ()

    def pull_with(self, pull: Callable[[], None]) -> None:
        """Have its spends call *pull* before they are read."""
        for reference in self.spends:
            sums = reference()
            if sums is not None:
                sums.pull_with(pull)
        self.pulls = (*self.pulls, pull)


NO_ATTRIBUTION = AttributionContext(NO_TAGS)
_CURRENT: ContextVar[AttributionContext] = ContextVar(
    "bedrock_attrib_context", default=NO_ATTRIBUTION
)


def current_attribution() -> AttributionContext:
    """Return the context that a call starting now belongs to."""
    context = _CURRENT.get()
    block = context.block
    return context if block is None or not block.is_left else _remove_left(context)


def _remove_left(context: AttributionContext) -> AttributionContext:
    """Remove the blocks that were left while they could not be removed.

    Only in the Python context in which they were entered. Anything that inherited
    their attribution, such as a task created inside, keeps it.
    """
    while (block := context.block) is not None and block.is_left:
        try:
            _CURRENT.reset(block.token)
        except (ValueError, RuntimeError):  # entered in another context
            break
        context = _CURRENT.get()
    return context


def nested_attribution(
    changes: Changes,
    spend: Spend | None = None,
    block: Block | None = None,
    limit: BlockLimit | None = None,
) -> AttributionContext:
    """Return the context in force after *changes*, for *block* to enter.

    Raises:
        ConfigError: If more tags would be in force than are allowed.
    """
    outer = current_attribution()
    tags = with_changes(outer.tags, changes)
    if len(tags) > MAX_TAGS:
        raise ConfigError(
            f"{len(tags)} tags would be in force with those of the blocks around; "
            f"at most {MAX_TAGS} are allowed"
        )
    removed = frozenset(key for key, value in changes.items() if value is None)
    removed |= outer.removed.difference(tags)
    spends = [each for each in outer.spends if each() is not None]
    if spend is not None:
        spends.append(sums_of(spend).weak)
    limits = outer.limits if limit is None else (*outer.limits, limit)
    return AttributionContext(
        tags, tuple(spends), removed, block, outer.baggage, limits
    )


class Block:
    """Tags that are in force from entering to leaving; each happens once.

    Blocks are not always left in the reverse order of entering, nor where they were
    entered: a generator holds its blocks open across its yields, and may be closed
    late and by another thread. Such a block is removed when it is the innermost one
    of the Python context in which it was entered, so that it neither ends another
    block nor outlasts all of them.

    Attributes:
        token: Restores the context that was in force before.
        is_left: Whether the block was left but not yet removed.
    """

    __slots__ = ("_changes", "_limit", "is_left", "token")

    token: Token[AttributionContext]

    def __init__(self, changes: Changes, limit: BlockLimit | None = None) -> None:
        """Prepare a block that applies *changes*, which must be checked."""
        self._changes = changes
        self._limit = limit
        self.is_left = False

    def enter(self, spend: Spend) -> None:
        """Activate the tags; calls are added to *spend* while it is referenced."""
        self.token = _CURRENT.set(
            nested_attribution(self._changes, spend, self, self._limit)
        )

    def __enter__(self) -> None:
        self.token = _CURRENT.set(
            nested_attribution(self._changes, None, self, self._limit)
        )

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
            del self.token  # it references its whole Python context
        except ValueError:  # still to be removed where it was entered
            self.is_left = True
            outer = self.token.old_value
            _CURRENT.set(
                outer if isinstance(outer, AttributionContext) else NO_ATTRIBUTION
            )
        current_attribution()


class GeneratorContext:
    """Context that is in force only while a generator runs, step by step."""

    __slots__ = ("_inside", "_token")

    _token: Token[AttributionContext]

    def __init__(self, inside: AttributionContext) -> None:
        """Prepare *inside* for the first step."""
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


class CarriedContext:
    """Context from elsewhere that is in force from entering to leaving.

    Blocks that are still open inside it end with it.
    """

    __slots__ = ("_context", "_token")

    _token: Token[AttributionContext]

    def __init__(self, context: AttributionContext) -> None:
        """Prepare to enter *context*."""
        self._context = context

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._context)

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
        # Left in another Python context than entered, as a generator is that another
        # thread collects: the entered context is gone, there is nothing to restore.
        return
