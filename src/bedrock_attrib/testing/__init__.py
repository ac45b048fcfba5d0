"""Test support for applications: a local Bedrock endpoint and a list of records."""

from __future__ import annotations

from ._account import InferenceProfile
from ._assert_spend import assert_spend
from ._process_simulator import use_simulator
from ._recordings import Recording, load_recordings, replay
from ._reply import DEFAULT_USAGE, Fault, FaultKind, Reply, ToolUse, tokens
from ._simulator import SeenRequest, Simulator, bedrock_simulator
from ._sink import ListSink

__all__ = [
    "DEFAULT_USAGE",
    "Fault",
    "FaultKind",
    "InferenceProfile",
    "ListSink",
    "Recording",
    "Reply",
    "SeenRequest",
    "Simulator",
    "ToolUse",
    "assert_spend",
    "bedrock_simulator",
    "load_recordings",
    "replay",
    "tokens",
    "use_simulator",
]
