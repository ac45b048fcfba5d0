"""How trouble with a ledger is told: once for each, and losses with their number."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from ..errors import LedgerError

logger = logging.getLogger("bedrock_attrib")


class Telling:
    """Logs trouble, its end and losses. A log handler that fails breaks nothing."""

    def __init__(self, dropped: Callable[[], int]) -> None:
        """Tell of as many losses as *dropped* says."""
        self._dropped = dropped
        self._trouble = ""
        self._told = 0

    def trouble(self, error: LedgerError) -> None:
        """Warn of each trouble once, until all is well again."""
        # The message is ours: it holds the path and nothing of a call.
        message = str(error)
        is_new = message != self._trouble
        self._trouble = message
        with suppress(Exception):  # a log handler of the application may fail
            logger.log(
                logging.WARNING if is_new else logging.DEBUG,
                "the ledger cannot write now: %s. No Bedrock call is affected",
                message,
            )
        self.losses()

    def recovery(self) -> None:
        """Say that all is well again, if it was not."""
        if self._trouble:
            self._trouble = ""
            with suppress(Exception):
                logger.warning(
                    "the ledger writes again; %d records were lost in all",
                    self._dropped(),
                )
            self._told = self._dropped()

    def losses(self, *, is_last: bool = False) -> None:
        """Warn when the first record was lost, and of the sum in the end."""
        dropped, told = self._dropped(), self._told
        if dropped > told and (is_last or not told):
            self._told = dropped
            with suppress(Exception):
                logger.warning(
                    "the ledger has lost %d records so far: `dropped` counts them",
                    dropped,
                )
