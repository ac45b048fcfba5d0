"""Attribution of calls: the caller's tags, and the spend of a block."""

from __future__ import annotations

from .._model.tags import MAX_VALUE_LENGTH, check_tags, with_changes
from .block import attribution
from .block_limit import BlockLimit
from .context import (
    NO_ATTRIBUTION,
    AttributionContext,
    CarriedContext,
    GeneratorContext,
    current_attribution,
)
from .decorator import enter_with
from .function_wrappers import Wrappers, async_generator_function
from .spend import Spend

__all__ = [
    "MAX_VALUE_LENGTH",
    "NO_ATTRIBUTION",
    "AttributionContext",
    "BlockLimit",
    "CarriedContext",
    "GeneratorContext",
    "Spend",
    "Wrappers",
    "async_generator_function",
    "attribution",
    "check_tags",
    "current_attribution",
    "enter_with",
    "with_changes",
]
