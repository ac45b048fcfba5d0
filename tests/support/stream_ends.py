"""Streams that are left at some point: what the matrices of sync and async share."""

from __future__ import annotations

from typing import Any

from cells import MESSAGES, MODEL, USAGE

from bedrock_attrib import CallRecord, Unit, Usage
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.testing import Reply

REPLY = Reply(usage=USAGE, chunks=10, text="0123456789")
PARAMS: dict[str, tuple[str, dict[str, Any], str]] = {
    "ConverseStream": (
        "converse_stream",
        {"modelId": MODEL, "messages": MESSAGES},
        "stream",
    ),
    "InvokeModelWithResponseStream": (
        "invoke_model_with_response_stream",
        {"modelId": MODEL, "body": b"{}"},
        "body",
    ),
}
"""Method, parameters and member of the answer, by operation."""

PLACES = ("before", "at messageStop", "at the counts")
ENDS = ("break", "close", "drop", "cancel", "exit")


def is_at(place: str, event: Any, number: int) -> bool:
    """Return whether a reader that leaves at *place* leaves at *event*."""
    text = str(event)
    if place == "before":
        return number == 5
    if place == "at messageStop":
        return "messageStop" in text or "message_delta" in text
    return "'metadata'" in text or "invocationMetrics" in text


def check(record: CallRecord, operation: str, place: str) -> None:
    """Compare *record* with all that its reader got of the stream."""
    if place == "at the counts" or (
        # Anthropic states its own final counts before the stream's last event.
        place == "at messageStop" and operation != "ConverseStream"
    ):
        assert record.usage == USAGE
        assert record.price_status is PriceStatus.PRICED
        assert record.outcome is Outcome.OK
        return
    assert record.outcome is Outcome.ABANDONED
    assert record.price_status is not PriceStatus.PRICED
    assert record.usage is not None
    expected = 5 if place == "before" else 13
    assert record.usage[Unit.OUTPUT_TOKEN] == expected
    if operation != "ConverseStream":
        assert Usage({**record.usage, Unit.OUTPUT_TOKEN: 50}) == USAGE
