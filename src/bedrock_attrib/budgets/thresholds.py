"""Thresholds: actions that run once a part of a limit is reached."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from time import sleep

from .._runtime.bounded_cache import BoundedCache
from .._runtime.contained_errors import ContainedErrors, logger
from .actions import Action
from .plan import Match
from .status import BudgetStatus

_MOST_REMEMBERED = 10_000


class Thresholds:
    """Runs each action of a budget once per window, and slows calls down.

    Attributes:
        reached: Part of the limit that was last seen, by account and bucket.
    """

    def __init__(
        self, faults: ContainedErrors, wait: Callable[[float], None] = sleep
    ) -> None:
        """Note errors of callbacks in *faults*."""
        self.reached: BoundedCache[tuple[str, int], Decimal]
        self.reached = BoundedCache(_MOST_REMEMBERED)
        self._faults = faults
        self._wait = wait
        self._done: BoundedCache[tuple[str, int, Action], bool]
        self._done = BoundedCache(_MOST_REMEMBERED)

    def passed(self, match: Match, bucket: int, status: BudgetStatus) -> None:
        """Take the state of a budget, and run the actions that it has reached."""
        used = status.spent + status.reserved
        part = used / status.limit if status.limit else Decimal(1)
        self.reached[match.account, bucket] = part
        for action in match.limit.actions:
            key = (match.account, bucket, action)
            if action.at <= part and key not in self._done:
                self._done[key] = True
                self._run(action, status)

    def delay_s(self, match: Match, bucket: int) -> float:
        """Return the seconds by which the budget slows calls down now."""
        part = self.reached.get((match.account, bucket))
        if part is None:
            return 0.0
        delays = [
            action.delay_s
            for action in match.limit.actions
            if action.kind == "slow" and action.at <= part
        ]
        return max(delays, default=0.0)

    def delay(self, match: Match, bucket: int) -> None:
        """Wait for as long as the budget slows calls down now."""
        seconds = self.delay_s(match, bucket)
        if seconds:
            self._wait(seconds)

    def _run(self, action: Action, status: BudgetStatus) -> None:
        if action.call is not None:
            try:
                action.call(status)
            except Exception as fault:  # noqa: BLE001 -- of the user's
                self._faults.note("budget action", fault)
            return
        key = "" if status.key is None else f" for {status.key or 'no value'}"
        logger.warning(
            "budget %s%s has reached %s%% of its limit: %s of %s %s spent and reserved",
            status.name,
            key,
            f"{action.at * 100:f}".rstrip("0").rstrip("."),
            status.spent + status.reserved,
            status.limit,
            status.measure,
        )
