"""Whose call this is: the caller's tags, and the sum of what a block spent."""

from __future__ import annotations

from .._model.tags import LONGEST_VALUE, check_tags, with_changes
from .block import attribution
from .context import (
    NO_ATTRIBUTION,
    AttributionContext,
    Stay,
    Steps,
    current_attribution,
)
from .decorator import Taken, bring
from .function_wrappers import Wrappers, async_generator_function
from .spend import Spend

__all__ = [
    "LONGEST_VALUE",
    "NO_ATTRIBUTION",
    "AttributionContext",
    "Spend",
    "Stay",
    "Steps",
    "Taken",
    "Wrappers",
    "async_generator_function",
    "attribution",
    "bring",
    "check_tags",
    "current_attribution",
    "with_changes",
]
