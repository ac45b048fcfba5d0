"""Error of a price update."""

from __future__ import annotations

from ...errors import BedrockAttribError


class PriceUpdateError(BedrockAttribError, RuntimeError):
    """Prices could not be updated; the price file is as before.

    The message is one line: what was asked for, what came, and what to do.
    """
