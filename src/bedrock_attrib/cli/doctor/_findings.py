"""Findings of a check: a state, and what to do."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """State of what was checked."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """Result of one check.

    Attributes:
        area: Area of the check.
        state: The state.
        what: What was found.
        next_step: What to do; empty if there is nothing to do.
    """

    area: str
    state: State
    what: str
    next_step: str = ""
