"""What a request asks for that decides its price: tier, latency mode, system tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .._model.record import PriceReason, UsageReading

TIERS = frozenset({"default", "flex", "priority", "reserved"})
_LATENCY_MODES = frozenset({"standard", "optimized"})
_DEFAULTS = frozenset({"default", "standard"})

# Parameters of Converse and of InvokeModel: botocore 1.44.8.
ASKED_PARAMETERS = frozenset(
    {"serviceTier", "performanceConfig", "performanceConfigLatency", "toolConfig"}
)


class Asked(NamedTuple):
    """Terms that a request asks for.

    Attributes:
        tier: Service tier; None for the default.
        latency_mode: Latency mode; None for the standard one.
        has_system_tool: Whether the model may use tools that run at AWS.
    """

    tier: str | None
    latency_mode: str | None
    has_system_tool: bool


def asked_for(params: Mapping[str, Any]) -> Asked:
    """Read the terms in the parameters of a call, which need not be valid."""
    latency = params.get("performanceConfigLatency")
    if latency is None:
        latency = _member(params.get("performanceConfig"), "latency")
    tools = _member(params.get("toolConfig"), "tools")
    return Asked(
        _one_of(TIERS, _member(params.get("serviceTier"), "type")),
        _one_of(_LATENCY_MODES, latency),
        isinstance(tools, list)
        and any(isinstance(tool, Mapping) and "systemTool" in tool for tool in tools),
    )


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else value


def _one_of(names: frozenset[str], value: Any) -> str | None:
    return value if isinstance(value, str) and value in names else None


def compare_asked(reading: UsageReading, asked: Asked) -> None:
    """Compare the terms that were asked for with those that the answer states.

    A stream that ended before its last event could not state any, so those that were
    asked for hold. An answer that came whole and states none was served at the
    default, as far as it shows; its price is then an estimate. Where it states other
    terms than were asked for, those served the call.
    """
    silent = [
        (member, wanted)
        for member, wanted in (
            ("tier", asked.tier),
            ("latency_mode", asked.latency_mode),
        )
        if wanted is not None and getattr(reading, member) is None
    ]
    if reading.code is PriceReason.STREAM_UNFINISHED:
        for member, wanted in silent:
            setattr(reading, member, wanted)
        return
    named = [wanted for _, wanted in silent if wanted not in _DEFAULTS]
    if named and not reading.estimated:
        terms = " and ".join(named)
        reading.estimated = True
        reading.note = f"{terms} was asked for, and the answer does not state it"
