"""Log of a ledger's failures: each kind once, and losses with their number."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from ..errors import LedgerError

logger = logging.getLogger("bedrock_attrib")


class LedgerLog:
    """Logs failures, recovery and losses. A failing log handler breaks nothing."""

    def __init__(self, dropped: Callable[[], int]) -> None:
        """Log for a ledger that has lost as many records as *dropped* returns."""
        self._dropped = dropped
        self._failure = ""
        self._logged_losses = 0

    def failure(self, error: LedgerError) -> None:
        """Warn of *error* once, until the ledger has recovered."""
        # The message is ours: it holds the path and nothing of a call.
        message = str(error)
        is_new = message != self._failure
        self._failure = message
        with suppress(Exception):  # a log handler of the application may fail
            logger.log(
                logging.WARNING if is_new else logging.DEBUG,
                "the ledger cannot write now: %s. No Bedrock call is affected",
                message,
            )
        self.losses()

    def recovery(self) -> None:
        """Log that the ledger writes again, if it had failed."""
        if self._failure:
            self._failure = ""
            with suppress(Exception):
                logger.warning(
                    "the ledger writes again; %d records were lost in all",
                    self._dropped(),
                )
            self._logged_losses = self._dropped()

    def losses(self, *, is_last: bool = False) -> None:
        """Warn when the first record was lost, and of all losses at the end."""
        dropped, logged = self._dropped(), self._logged_losses
        if dropped > logged and (is_last or not logged):
            self._logged_losses = dropped
            with suppress(Exception):
                logger.warning(
                    "the ledger has lost %d records so far: `dropped` counts them",
                    dropped,
                )
