"""Other instrumentations of Bedrock that emit the convention's metrics.

Each of them leaves some calls out, so what it emits is decided per call: anything that
no other emits is still emitted here. Found by running them beside this library
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
from ._otel_internals import active_instrumentor

MetricNames = frozenset[str]

_NONE: MetricNames = frozenset()
_DURATION = frozenset({names.OPERATION_DURATION.name})
_TOKENS_AND_DURATION = _DURATION | {names.TOKEN_USAGE.name}
_DURATION_AND_FIRST_CHUNK = _DURATION | {names.OPERATION_FIRST_CHUNK.name}
_ALL = _TOKENS_AND_DURATION | _DURATION_AND_FIRST_CHUNK

_CONVERSES = frozenset({"Converse", "ConverseStream"})
_INVOKES = frozenset({"InvokeModel", "InvokeModelWithResponseStream"})


def _by_botocore(record: CallRecord) -> MetricNames:
    """Return names for Converse and three families of InvokeModel, by model id."""
    if record.operation not in _CONVERSES and not (
        record.operation in _INVOKES and _is_text_of(record.model.requested)
    ):
        return _NONE
    if record.outcome is Outcome.OK:
        return _TOKENS_AND_DURATION
    # A closed stream has a duration there, a dropped one has nothing; a failed call
    # has one if AWS answered.
    return _DURATION if record.request_id is not None else _NONE


def _is_text_of(model_id: str) -> bool:
    if "amazon.titan" in model_id:
        return "embed" not in model_id and "image" not in model_id
    return "amazon.nova" in model_id or "anthropic.claude" in model_id


def _by_genai_bedrock(record: CallRecord) -> MetricNames:
    """Return names for all four operations; no tokens if failed or abandoned."""
    if record.operation not in _CONVERSES | _INVOKES:
        return _NONE
    return _ALL if record.outcome is Outcome.OK else _DURATION_AND_FIRST_CHUNK


def _by_openllmetry(record: CallRecord) -> MetricNames:
    """Return names for all four operations; nothing if failed or abandoned."""
    if record.operation not in _CONVERSES | _INVOKES:
        return _NONE
    return _TOKENS_AND_DURATION if record.outcome is Outcome.OK else _NONE


def _by_openlit(record: CallRecord) -> MetricNames:
    """Return names for Converse only: its stream counts differ from the response."""
    return _ALL if record.operation == "Converse" else _NONE


@dataclass(frozen=True, slots=True)
class OtherInstrumentation:
    """Another instrumentation of Bedrock.

    Attributes:
        module: Module of its instrumentor.
        instrumentor: Class of its instrumentor.
        emits: Returns the convention's metrics that it emits for a call.
        switch: Function of the module that returns whether it emits metrics; empty
            if it always does.
        sign: Attribute of the active instrumentor that only releases with metrics
            have; empty if all releases have metrics.
    """

    module: str
    instrumentor: str
    emits: Callable[[CallRecord], MetricNames]
    switch: str = ""
    sign: str = ""

    def is_active(self) -> bool:
        """Return whether it emits metrics now. Imports nothing."""
        module = sys.modules.get(self.module)
        instance = active_instrumentor(getattr(module, self.instrumentor, None))
        if instance is None:
            return False
        if self.sign and not hasattr(instance, self.sign):
            return False
        is_on = getattr(module, self.switch, None)
        return bool(is_on()) if callable(is_on) else True


OTHER_INSTRUMENTATIONS = (
    OtherInstrumentation(
        "opentelemetry.instrumentation.botocore",
        "BotocoreInstrumentor",
        _by_botocore,
        sign="_meters",  # 0.51b0 has neither metrics nor this; both run 2026-11-25
    ),
    OtherInstrumentation(
        "opentelemetry.instrumentation.genai.bedrock",
        "BedrockInstrumentor",
        _by_genai_bedrock,
    ),
    OtherInstrumentation(
        "opentelemetry.instrumentation.bedrock",
        "BedrockInstrumentor",
        _by_openllmetry,
        switch="is_metrics_enabled",
    ),
    OtherInstrumentation(
        "openlit.instrumentation.bedrock", "BedrockInstrumentor", _by_openlit
    ),
)


def active_instrumentations() -> tuple[OtherInstrumentation, ...]:
    """Return those that emit metrics now."""
    return tuple(other for other in OTHER_INSTRUMENTATIONS if other.is_active())
