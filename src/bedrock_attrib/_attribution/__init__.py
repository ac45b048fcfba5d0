"""Whose call this is: the caller's tags, and the sum of what a block spent."""

from __future__ import annotations

from ._block import attribution
from ._scope import Scope, check_tags, current_scope, with_changes
from ._spend import Spend

__all__ = [
    "Scope",
    "Spend",
    "attribution",
    "check_tags",
    "current_scope",
    "with_changes",
]
