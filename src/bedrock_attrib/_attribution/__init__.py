"""Whose call this is: the caller's tags, and the sum of what a block spent."""

from __future__ import annotations

from ._block import attribution
from ._decorate import Taken, bring
from ._kinds import Wrappers, async_generator_function
from ._scope import NO_SCOPE, Scope, Stay, Steps, current_scope
from ._spend import Spend
from ._tags import LONGEST_VALUE, check_tags, with_changes

__all__ = [
    "LONGEST_VALUE",
    "NO_SCOPE",
    "Scope",
    "Spend",
    "Stay",
    "Steps",
    "Taken",
    "Wrappers",
    "async_generator_function",
    "attribution",
    "bring",
    "check_tags",
    "current_scope",
    "with_changes",
]
