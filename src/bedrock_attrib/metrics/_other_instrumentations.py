"""Which other instrumentation of Bedrock emits the convention's metrics by now.

Each of them leaves some calls out, so that what it emits is told call by call: what
nobody else emits is still emitted here. Found by running them beside this library
(`tests/neighbours`): opentelemetry-instrumentation-botocore 0.66b2, -genai-bedrock
1.3b0 and -bedrock 0.62.4 (OpenLLMetry) on 2026-11-25, openlit 1.45.0 on 2026-11-23.
OpenInference emits no metrics.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from .._model.record import CallRecord, Outcome
from . import names

Names = frozenset[str]

_NONE: Names = frozenset()
_DURATION = frozenset({names.OPERATION_DURATION.name})
_TOKENS_AND_DURATION = _DURATION | {names.TOKEN_USAGE.name}
_DURATION_AND_FIRST_CHUNK = _DURATION | {names.OPERATION_FIRST_CHUNK.name}
_ALL = _TOKENS_AND_DURATION | _DURATION_AND_FIRST_CHUNK

_CONVERSES = frozenset({"Converse", "ConverseStream"})
_INVOKES = frozenset({"InvokeModel", "InvokeModelWithResponseStream"})


def _by_botocore(record: CallRecord) -> Names:
    """Three families of InvokeModel, found in the model id as it was given."""
    if record.operation not in _CONVERSES and not (
        record.operation in _INVOKES and _is_text_of(record.model.requested)
    ):
        return _NONE
    if record.outcome is Outcome.OK:
        return _TOKENS_AND_DURATION
    # A stream that was closed has a duration there, one that was dropped has nothing;
    # and of failed calls those have one that AWS answered.
    return _DURATION if record.request_id is not None else _NONE


def _is_text_of(model_id: str) -> bool:
    if "amazon.titan" in model_id:
        return "embed" not in model_id and "image" not in model_id
    return "amazon.nova" in model_id or "anthropic.claude" in model_id


def _by_genai_bedrock(record: CallRecord) -> Names:
    """All four operations; no tokens of those that fail or are abandoned."""
    if record.operation not in _CONVERSES | _INVOKES:
        return _NONE
    return _ALL if record.outcome is Outcome.OK else _DURATION_AND_FIRST_CHUNK


def _by_openllmetry(record: CallRecord) -> Names:
    """All four operations; nothing of calls that fail or are abandoned."""
    if record.operation not in _CONVERSES | _INVOKES:
        return _NONE
    return _TOKENS_AND_DURATION if record.outcome is Outcome.OK else _NONE


def _by_openlit(record: CallRecord) -> Names:
    """Converse alone: what it makes of streams is not what callers read."""
    return _ALL if record.operation == "Converse" else _NONE


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another instrumentation of Bedrock.

    Attributes:
        module: Where its instrumentor is.
        instrumentor: Class of its instrumentor.
        emits: Names of the convention's metrics that it emits for a call.
        switch: Function of the module that tells whether it emits metrics at all;
            empty where it always does.
        sign: Attribute of the active instrumentor by which a release that has metrics
            is told from older ones; empty where all have.
    """

    module: str
    instrumentor: str
    emits: Callable[[CallRecord], Names]
    switch: str = ""
    sign: str = ""

    def is_active(self) -> bool:
        """Whether it emits metrics now. Looks at what is imported, imports nothing."""
        module = sys.modules.get(self.module)
        instrumentor = getattr(module, self.instrumentor, None)
        # `BaseInstrumentor` keeps its one instance here; calling the class would do
        # too, but OpenLLMetry's constructor resets its user's settings.
        instance = getattr(instrumentor, "_instance", None)
        if getattr(instance, "is_instrumented_by_opentelemetry", False) is not True:
            return False
        if self.sign and not hasattr(instance, self.sign):
            return False
        is_on = getattr(module, self.switch, None)
        return bool(is_on()) if callable(is_on) else True


NEIGHBOURS = (
    Neighbour(
        "opentelemetry.instrumentation.botocore",
        "BotocoreInstrumentor",
        _by_botocore,
        sign="_meters",  # 0.51b0 has neither metrics nor this; both run 2026-11-25
    ),
    Neighbour(
        "opentelemetry.instrumentation.genai.bedrock",
        "BedrockInstrumentor",
        _by_genai_bedrock,
    ),
    Neighbour(
        "opentelemetry.instrumentation.bedrock",
        "BedrockInstrumentor",
        _by_openllmetry,
        switch="is_metrics_enabled",
    ),
    Neighbour("openlit.instrumentation.bedrock", "BedrockInstrumentor", _by_openlit),
)


def active_neighbours() -> tuple[Neighbour, ...]:
    """Those that emit metrics now."""
    return tuple(neighbour for neighbour in NEIGHBOURS if neighbour.is_active())
