"""Which other instrumentation of Bedrock emits the convention's metrics by now."""

from __future__ import annotations

import sys

from . import names

_TOKENS_AND_DURATION = frozenset(
    {names.TOKEN_USAGE.name, names.OPERATION_DURATION.name}
)
_AND_FIRST_CHUNK = _TOKENS_AND_DURATION | {names.OPERATION_FIRST_CHUNK.name}

# Module, instrumentor and what it emits for bedrock-runtime, read in the wheels of
# opentelemetry-instrumentation-botocore 0.66b2, -genai-bedrock 1.3b0, -bedrock 0.62.4
# (OpenLLMetry) and openlit 1.45.0 on 2026-11-23.
NEIGHBOURS = (
    (
        "opentelemetry.instrumentation.botocore",
        "BotocoreInstrumentor",
        _TOKENS_AND_DURATION,
    ),
    (
        "opentelemetry.instrumentation.genai.bedrock",
        "BedrockInstrumentor",
        _AND_FIRST_CHUNK,
    ),
    (
        "opentelemetry.instrumentation.bedrock",
        "BedrockInstrumentor",
        _TOKENS_AND_DURATION,
    ),
    ("openlit.instrumentation.bedrock", "BedrockInstrumentor", _AND_FIRST_CHUNK),
)


def emitted_elsewhere() -> frozenset[str]:
    """Names of the metrics that an active instrumentation emits for the same calls.

    Looks at what is imported and imports nothing.
    """
    emitted: frozenset[str] = frozenset()
    for module_name, class_name, metrics in NEIGHBOURS:
        instrumentor = getattr(sys.modules.get(module_name), class_name, None)
        # `BaseInstrumentor` keeps its one instance here; calling the class would do
        # too, but OpenLLMetry's constructor resets its user's settings.
        instance = getattr(instrumentor, "_instance", None)
        if getattr(instance, "is_instrumented_by_opentelemetry", False) is True:
            emitted |= metrics
    return emitted
