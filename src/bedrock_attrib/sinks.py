"""Sinks and guards: what you implement or reuse to take records and to refuse calls."""

from ._model.call_groups import CallGroup, FinishedCalls, GroupedCall
from ._model.call_start import CallStart, RequestSize
from ._sinks.protocols import (
    CorrectingSink,
    GroupedSink,
    Guard,
    LossySink,
    PullSink,
    Reservation,
    Sink,
)
from ._sinks.queue_sink import QueueSink

__all__ = [
    "CallGroup",
    "CallStart",
    "CorrectingSink",
    "FinishedCalls",
    "GroupedCall",
    "GroupedSink",
    "Guard",
    "LossySink",
    "PullSink",
    "QueueSink",
    "RequestSize",
    "Reservation",
    "Sink",
]
