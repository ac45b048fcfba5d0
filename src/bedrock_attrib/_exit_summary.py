"""What a process tells of its calls when it ends: one line."""

from __future__ import annotations

import os
import sys
from decimal import Decimal

from ._attribution import Spend
from ._attribution.spend import sums_of
from ._model.record import CallRecord
from ._runtime.fork import ResetOrder, after_fork
from ._runtime.shutdown import when_it_ends


class SummarySink:
    """Adds up the calls of this process, over all recorders that tell it.

    A forked child starts from nothing, as its parent tells of what came before.

    Attributes:
        has_told: Whether a line was written.
    """

    def __init__(self) -> None:
        """Start from nothing."""
        self.reset()

    def write(self, record: CallRecord) -> None:
        """Count one call."""
        sums_of(self._spend).add(record)

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Count *after* instead of *before*."""
        sums_of(self._spend).correct(before, after)

    def flush(self, timeout_s: float) -> bool:
        """Nothing is pending."""
        return timeout_s >= 0

    def close(self) -> None:
        """Nothing to release; the process may make calls with another recorder."""

    def reset(self) -> None:
        """Forget everything."""
        self.has_told = False
        self._spend = Spend()

    def tell(self) -> None:
        """Write the line for the calls since it was last told, if there were any."""
        spend, self._spend = self._spend, Spend()
        if spend.calls:
            self.has_told = True
            sys.stderr.write(
                f"bedrock-attrib: {_line(spend)} (process {os.getpid()})\n"
            )
            sys.stderr.flush()


def _line(spend: Spend) -> str:
    calls = f"{spend.calls:,} {'call' if spend.calls == 1 else 'calls'}"
    return f"{calls}, {_dollars(spend.cost)}, {spend.unpriced_calls:,} without a price"


def _dollars(amount: Decimal) -> str:
    exponent = amount.normalize().as_tuple().exponent
    decimals = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"${amount:,.{decimals}f}"


SUMMARY = SummarySink()
"""The one of this process."""

when_it_ends(SUMMARY.tell)
after_fork(SUMMARY.reset, ResetOrder.FIGURES)
