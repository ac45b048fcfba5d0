"""What an examination finds: how things are, and what to do next."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        area: What it belongs to.
        state: How it is.
        what: What was found.
        next_step: What to do; empty only where all is well.
    """

    area: str
    state: State
    what: str
    next_step: str = ""
