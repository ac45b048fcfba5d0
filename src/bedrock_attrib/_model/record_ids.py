"""Ids of records: unique across processes, without a random number for each."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from uuid import uuid4


class _Ids:
    """Numbers of calls, and the ids that they stand for in this process.

    Attributes:
        take: Gives the next number. It runs no Python of its own, so that threads
            cannot come in between.
    """

    take: Callable[[], int]

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Take a new random prefix, as a forked child must."""
        self._prefix = uuid4().hex[:20]
        self.take = itertools.count().__next__

    def text(self, number: int) -> str:
        """The id that *number* stands for: 32 hexadecimal digits."""
        return self._prefix + number.to_bytes(6).hex()


IDS = _Ids()
if hasattr(os, "register_at_fork"):  # pragma: no branch -- Windows has no fork
    os.register_at_fork(after_in_child=IDS.restart)
