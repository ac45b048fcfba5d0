"""Estimates: what a call is expected to use, learned from calls like it."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import NamedTuple

from .._model.call_start import CallStart
from .._model.cost import ZERO
from .._model.record import CallRecord, Outcome
from .._model.usage import is_token_unit
from .._runtime.bounded_cache import BoundedCache
from .bounds import Bound

_REMEMBERED = 64
_ENOUGH = 8
_MOST_KINDS = 4096
_Kind = tuple[str, frozenset[tuple[str, str]] | None]


class _Use(NamedTuple):
    """What one call has used.

    Attributes:
        usd: Cost in USD; None where it is not known.
        tokens: Tokens of every kind.
    """

    usd: Decimal | None
    tokens: int


class _Seen:
    """The last calls of one kind, and the most that one of them has used."""

    __slots__ = ("_last", "most_tokens", "most_usd")

    def __init__(self) -> None:
        self._last: deque[_Use] = deque(maxlen=_REMEMBERED)
        self.most_usd: Decimal | None = None
        self.most_tokens = 0

    def __len__(self) -> int:
        return len(self._last)

    def add(self, use: _Use) -> None:
        self._last.append(use)
        amounts = [each.usd for each in self._last]
        self.most_usd = (
            None if None in amounts else max(each or ZERO for each in amounts)
        )
        self.most_tokens = max(each.tokens for each in self._last)


class Estimates:
    """Learns what calls use, by model and tags.

    A call is expected to use the most that one of the last 64 calls to the same model
    with the same tags has used; with fewer than eight of them, that calls to the model
    with any tags have; with fewer than eight of those, its bound. Never more than its
    bound.

    So a budget is passed by no more than what the calls that are on their way when it
    is reached use beyond the dearest of the last 64 like them.
    """

    def __init__(self) -> None:
        """Start from nothing."""
        self._kinds: BoundedCache[_Kind, _Seen] = BoundedCache(_MOST_KINDS)

    def estimate(self, start: CallStart, bound: Bound) -> Bound:
        """Return what a call is expected to use, which is at most *bound*."""
        model = start.model.requested
        for kind in ((model, start.tags.key), (model, None)):
            seen = self._kinds.get(kind)
            if seen is None or len(seen) < _ENOUGH:
                continue
            usd, tokens = seen.most_usd, seen.most_tokens
            if bound.usd is not None:
                usd = bound.usd if usd is None else min(usd, bound.usd)
            if bound.tokens is not None:
                tokens = min(tokens, bound.tokens)
            return Bound(usd, tokens, bound.reason if usd is None else None)
        return bound

    def learn(self, record: CallRecord) -> None:
        """Take a finished call; on one thread at a time."""
        if record.outcome is not Outcome.OK or record.usage is None:
            return
        cost = record.cost
        in_usd = cost is not None and cost.currency == "USD"
        use = _Use(
            cost.total if cost is not None and in_usd else None,
            sum(count for unit, count in record.usage.items() if is_token_unit(unit)),
        )
        model = record.model.requested
        for kind in ((model, record.tags.key), (model, None)):
            seen = self._kinds.get(kind)
            if seen is None:
                seen = self._kinds[kind] = _Seen()
            seen.add(use)
