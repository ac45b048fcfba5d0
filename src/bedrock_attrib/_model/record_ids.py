"""Record ids: unique across processes, without a random number for each."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from uuid import uuid4


class _Ids:
    """Numbers of calls, and their ids in this process.

    Attributes:
        take: Returns the next number. It runs no Python of its own, so that threads
            cannot come in between.
    """

    take: Callable[[], int]

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Take a new random prefix, as a forked child must do."""
        self._prefix = uuid4().hex[:20]
        self.take = itertools.count().__next__

    def text(self, number: int) -> str:
        """Return the id of *number*: 32 hexadecimal digits."""
        return self._prefix + number.to_bytes(6).hex()


IDS = _Ids()
"""Those of this process; `bedrock_attrib._recording` restarts them after a fork."""
