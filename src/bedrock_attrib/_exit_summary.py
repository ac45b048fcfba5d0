"""Summary of the calls of a process: one line on stderr at exit."""

from __future__ import annotations

import os
import sys

from ._attribution import Spend
from ._attribution.spend import sums_of
from ._model.formatting import counted, money
from ._model.record import CallRecord
from ._runtime.fork import ResetOrder, after_fork
from ._runtime.shutdown import ExitOrder, on_exit


class SummarySink:
    """Sink that adds up the calls of this process, over all recorders.

    A forked child starts from zero, as its parent reports the calls before.

    Attributes:
        has_written: Whether a line was written.
    """

    returns_at_once = True

    def __init__(self) -> None:
        """Start from zero."""
        self.reset()

    def write(self, record: CallRecord) -> None:
        """Count one call."""
        sums_of(self._spend).add(record)

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Count *after* instead of *before*."""
        sums_of(self._spend).correct(before, after)

    def flush(self, timeout_s: float) -> bool:
        """Return True, as nothing is pending."""
        return timeout_s >= 0

    def close(self) -> None:
        """Do nothing: the process may make calls with another recorder."""

    def reset(self) -> None:
        """Start again from zero."""
        self.has_written = False
        self._spend = Spend()

    def write_line(self) -> None:
        """Write the line for the calls since the last line, if there are any."""
        spend, self._spend = self._spend, Spend()
        if spend.calls:
            self.has_written = True
            sys.stderr.write(
                f"bedrock-attrib: {_line(spend)} (process {os.getpid()})\n"
            )
            sys.stderr.flush()


def _line(spend: Spend) -> str:
    calls = counted(spend.calls, "call")
    return f"{calls}, {money(spend.cost)}, {spend.unpriced_calls:,} without a price"


SUMMARY = SummarySink()
"""The sink of this process."""

on_exit(SUMMARY.write_line, ExitOrder.REPORTS)
after_fork(SUMMARY.reset, ResetOrder.FIGURES)
