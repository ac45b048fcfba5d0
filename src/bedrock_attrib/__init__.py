"""Know, the moment an Amazon Bedrock call returns, who spent what on which model."""

from importlib import import_module
from typing import TYPE_CHECKING

from ._attribution import Spend, attribution
from ._default_recorder import configure, current_tags, get_recorder
from ._instrument.instrument import instrument, uninstrument
from ._model.call_start import CallStart
from ._model.cost import Cost
from ._model.model_id import ModelRef
from ._model.record import CallRecord, Outcome, PriceReason, PriceStatus
from ._model.usage import Unit, Usage
from ._recording.recorder import Recorder
from ._sinks.protocols import Guard, Sink
from ._sinks.queue_sink import QueueSink
from ._version import __version__ as __version__
from .errors import (
    BedrockAttribError,
    BudgetExceededError,
    ConfigError,
    LedgerError,
    MissingExtraError,
    PriceNotFoundError,
    RefusedError,
    TagPolicyError,
)

if TYPE_CHECKING:
    from ._config import Config
    from .budgets import Budget
    from .ledger import Ledger
    from .policy import TagPolicy
    from .pricing import PriceTable

__all__ = [
    "BedrockAttribError",
    "Budget",
    "BudgetExceededError",
    "CallRecord",
    "CallStart",
    "Config",
    "ConfigError",
    "Cost",
    "Guard",
    "Ledger",
    "LedgerError",
    "MissingExtraError",
    "ModelRef",
    "Outcome",
    "PriceNotFoundError",
    "PriceReason",
    "PriceStatus",
    "PriceTable",
    "QueueSink",
    "Recorder",
    "RefusedError",
    "Sink",
    "Spend",
    "TagPolicy",
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

# Prices take half as long to import as all the rest, pydantic several times as long,
# and SQLite is for those who use a ledger: only an application that names one of these
# pays for it.
_LATE = {
    "Budget": ".budgets",
    "Config": "._config",
    "Ledger": ".ledger",
    "PriceTable": ".pricing",
    "TagPolicy": ".policy",
}


def __getattr__(name: str) -> object:
    if name in _LATE:
        return getattr(import_module(_LATE[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
