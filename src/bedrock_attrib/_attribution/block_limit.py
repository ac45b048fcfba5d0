"""Limit of one block: what its calls may spend, and how many they may be."""

from __future__ import annotations

import weakref
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from .._model.cost import ZERO, add
from .._runtime.fork import ResetOrder, after_fork
from .._runtime.threads import RLock
from ..errors import ConfigError

Limits: TypeAlias = tuple[Decimal | str | int | None, int | str | None]
"""``limit_usd`` and ``limit_calls`` of a block, as they were given."""


class BlockLimit:
    """Amounts that the calls of one block have spent and reserved.

    It lives in memory, as long as the block or one of its calls does. Safe to use from
    any thread.

    Attributes:
        limit_usd: Most that may be spent; None without a limit.
        limit_calls: Most calls that may be sent; None without a limit.
        spent_usd: Cost of the calls that ended.
        reserved_usd: Amount that is reserved for calls on their way.
        calls: Calls that were sent or are on their way.
        open_calls: Calls that are on their way, or have ended and are not settled.
        largest: Cost of the dearest call so far, by model.
    """

    def __init__(self, limit_usd: Decimal | None, limit_calls: int | None) -> None:
        """Start from nothing."""
        self.limit_usd = limit_usd
        self.limit_calls = limit_calls
        self.spent_usd = ZERO
        self.reserved_usd = ZERO
        self.calls = 0
        self.open_calls = 0
        self.largest: dict[str, Decimal] = {}
        self._renew_lock()
        _EVERY.add(self)

    def _renew_lock(self) -> None:
        self._lock = RLock()

    def leave_to_parent(self) -> None:
        """Forget the calls on their way, which a forked child does not have."""
        self._renew_lock()
        self.reserved_usd = ZERO
        self.open_calls = 0

    def reserve(self, amount: Decimal) -> bool:
        """Reserve *amount* and one call; False where they do not fit."""
        with self._lock:
            if self.limit_calls is not None and self.calls >= self.limit_calls:
                return False
            reserved = add(self.reserved_usd, amount)
            used = add(self.spent_usd, reserved)
            if self.limit_usd is not None and (
                used > self.limit_usd or self.used_usd >= self.limit_usd
            ):
                return False
            self.reserved_usd = reserved
            self.calls += 1
            self.open_calls += 1
        return True

    @property
    def used_usd(self) -> Decimal:
        """What is spent and reserved."""
        return add(self.spent_usd, self.reserved_usd)

    def settle(
        self, amount: Decimal, spent: Decimal, model: str, *, was_sent: bool
    ) -> None:
        """Book *spent* in the place of the *amount* that was reserved."""
        with self._lock:
            self.reserved_usd = max(ZERO, self.reserved_usd - amount)
            self.spent_usd = add(self.spent_usd, spent)
            self.open_calls = max(0, self.open_calls - 1)
            if not was_sent:
                self.calls -= 1
            elif spent > self.largest.get(model, ZERO):
                self.largest[model] = spent


def block_limit(
    limit_usd: Decimal | str | int | None, limit_calls: int | str | None
) -> BlockLimit | None:
    """Return the limit of a block; None where it has none.

    Raises:
        ConfigError: If a limit is not a non-negative amount or number of calls.
    """
    if limit_usd is None and limit_calls is None:
        return None
    return BlockLimit(
        None if limit_usd is None else _amount(limit_usd),
        None if limit_calls is None else _number(limit_calls),
    )


def _number(limit_calls: int | str) -> int:
    # As text too: whoever passes tags on as ``**tags`` has only texts.
    text = str(limit_calls)
    if isinstance(limit_calls, bool) or not (text.isascii() and text.isdecimal()):
        raise ConfigError(
            f"limit_calls is {limit_calls!r}; expected a non-negative integer"
        )
    return int(text)


def _amount(limit_usd: object) -> Decimal:
    is_exact = isinstance(limit_usd, (str, int, Decimal))
    if is_exact and not isinstance(limit_usd, bool):
        try:
            amount = Decimal(limit_usd)  # type: ignore[arg-type]  # checked above
        except InvalidOperation:
            amount = Decimal("NaN")
        if amount.is_finite() and amount >= 0:
            return amount
    raise ConfigError(
        f"limit_usd is {limit_usd!r}; expected a non-negative amount in USD as text, "
        f"such as '0.50'"
    )


_EVERY: weakref.WeakSet[BlockLimit] = weakref.WeakSet()


def _leave_to_parent() -> None:
    for limit in list(_EVERY):
        limit.leave_to_parent()


after_fork(_leave_to_parent, ResetOrder.LOCKS)
