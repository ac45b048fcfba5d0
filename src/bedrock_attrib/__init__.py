"""Know, the moment an Amazon Bedrock call returns, who spent what on which model."""

from typing import TYPE_CHECKING

from ._attribution import Spend, attribution
from ._default_recorder import configure, current_tags, get_recorder
from ._instrument.instrument import instrument, uninstrument
from ._model.cost import Cost
from ._model.model_id import ModelRef
from ._model.record import CallRecord
from ._model.usage import Unit, Usage
from ._recording.recorder import Recorder
from .errors import (
    BedrockAttribError,
    BudgetExceededError,
    ConfigError,
    LedgerError,
    PriceNotFoundError,
    TagPolicyError,
)

if TYPE_CHECKING:
    from .ledger import Ledger
    from .pricing import PriceTable

__all__ = [
    "BedrockAttribError",
    "BudgetExceededError",
    "CallRecord",
    "ConfigError",
    "Cost",
    "Ledger",
    "LedgerError",
    "ModelRef",
    "PriceNotFoundError",
    "PriceTable",
    "Recorder",
    "Spend",
    "TagPolicyError",
    "Unit",
    "Usage",
    "attribution",
    "configure",
    "current_tags",
    "get_recorder",
    "instrument",
    "uninstrument",
]


def __getattr__(name: str) -> object:
    # Prices take half as long to import as all the rest, and are first needed when a
    # recorder is made: an application that only names them pays for them. SQLite is
    # loaded by those who keep a ledger.
    if name == "PriceTable":
        from .pricing import PriceTable  # noqa: PLC0415

        return PriceTable
    if name == "Ledger":
        from .ledger import Ledger  # noqa: PLC0415

        return Ledger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
