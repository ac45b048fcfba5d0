"""Manual records: calls that were made elsewhere and are reported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from .._model.model_id import GUARDRAIL_MODEL
from .._model.record import Outcome, UsageReading
from .._model.usage import Usage
from .._readers import (
    MOST_COUNTED,
    Operation,
    events_of,
    has_guardrail_in,
    is_count,
    plain_name,
    read_document_of,
    read_headers,
    read_http_body,
    status_of_refusal,
    status_without_answer,
    whole_object,
)
from ..errors import ConfigError
from .call import Call
from .call_target import CallTarget
from .record_builder import read_stream

Event: TypeAlias = Mapping[str, Any] | bytes | str
Answered: TypeAlias = Usage | Mapping[str, Any] | bytes | str | Iterable[Event] | None
"""Answer of a reported call: counts, a body, a parsed answer, or stream events."""

REPORTED = "reported"
_FIRST_ERROR_STATUS = 300


class Report(NamedTuple):
    """Facts that a caller reports about a call, besides operation, model and region.

    Attributes:
        answer: What came back; None for nothing.
        headers: Headers of the answer, by name in any case.
        request: Body of the request; None where it is not at hand.
        started_at: Aware time of the start; None when not known.
        duration_s: Seconds it took; None when not known.
        tier: Tier that served it; None for what the answer says.
        latency_mode: Latency mode that served it; None for what the answer says.
        error: Error code or class name; None without an error.
        http_status: Status of the answer; None when not known.
    """

    answer: Answered
    headers: Mapping[str, str]
    request: Mapping[str, Any] | bytes | str | None
    started_at: datetime | None
    duration_s: float | None
    tier: str | None
    latency_mode: str | None
    error: str | None
    http_status: int | None

    def check(self, target: CallTarget) -> None:
        """Check that the report makes sense for *target*.

        Raises:
            ConfigError: If a time has no zone, a duration is negative, or the answer is
                of a form that the operation does not have.
        """
        if self.started_at is not None and self.started_at.tzinfo is None:
            raise ConfigError(
                f"started_at is {self.started_at!r}; expected a time with its zone, as "
                f"from datetime.now(UTC)"
            )
        if self.duration_s is not None and self.duration_s < 0:
            raise ConfigError(
                f"duration_s is {self.duration_s}; expected seconds, 0 or more"
            )
        if isinstance(self.answer, Usage) and not all(
            map(is_count, self.answer.values())
        ):
            raise ConfigError(
                f"a count of {self.answer!r} is above {MOST_COUNTED:,}, which no call "
                f"can use"
            )
        row = target.operation
        if self.is_stream and row.read_events is None:
            raise ConfigError(
                f"{row.name} has no stream; expected its answer as a mapping, as the "
                f"bytes of its body, or as Usage"
            )
        if row.stream is not None and isinstance(self.answer, _DOCUMENTS):
            raise ConfigError(
                f"{row.name} answers with a stream; expected its events, or Usage"
            )

    @property
    def is_stream(self) -> bool:
        """Return whether the answer is the events of a stream."""
        return self.answer is not None and not isinstance(
            self.answer, (Usage, *_DOCUMENTS)
        )

    def start(self, now: datetime) -> datetime:
        """Return the start: as reported, or as long before *now* as the call took."""
        if self.started_at is not None:
            return self.started_at.astimezone(UTC)
        return now - timedelta(seconds=self.duration_s or 0)


_DOCUMENTS = (Mapping, bytes, str)


def fill(call: Call, report: Report) -> None:
    """Put what *report* says into *call*, which has ended."""
    call.is_timed = report.duration_s is not None
    call.started, call.ended = 0.0, report.duration_s or 0.0
    call.was_read = True
    headers = {name.lower(): value for name, value in report.headers.items()}
    metadata: Mapping[str, Any] = {}
    if isinstance(report.answer, Mapping) and not isinstance(report.answer, Usage):
        metadata = report.answer.get("ResponseMetadata") or {}
        headers = {**metadata.get("HTTPHeaders", {}), **headers}
    call.request_id = headers.get("x-amzn-requestid") or metadata.get("RequestId")
    _take_request(call, report.request)
    status = report.http_status or 0
    if status >= _FIRST_ERROR_STATUS:
        code = plain_name(report.error) or str(status)
        call.outcome, call.error = Outcome.ERROR, code
        call.failure = status_of_refusal(status, call.error)
    elif report.answer is None and call.error is not None:
        call.failure = status_without_answer(call.error, was_sent=True)
    else:
        _take_answer(call, report, headers)


def _take_request(call: Call, request: Mapping[str, Any] | bytes | str | None) -> None:
    if request is None:
        return
    text = json.dumps(request) if isinstance(request, Mapping) else request
    body = text.encode() if isinstance(text, str) else text
    target = call.target
    call.request_bytes = len(body)
    call.has_guardrail = has_guardrail_in(target.operation, body)
    if target.read_request is not None and target.operation.request is not None:
        call.facts = target.read_request(body)


def params_of(
    row: Operation,
    model_id: str | None,
    request: Mapping[str, Any] | bytes | str | None,
) -> Mapping[str, Any] | None:
    """Return the parameters of a reported request, as boto3 would take them.

    Returns:
        None where the request is not known, or is not what the operation takes.
    """
    if request is None:
        return None
    named = {} if model_id is None else {"modelId": model_id}
    if row.request == "body":
        text = json.dumps(request) if isinstance(request, Mapping) else request
        return {**named, "body": text}
    if not isinstance(request, Mapping):
        text = request.encode() if isinstance(request, str) else request
        request = whole_object(text)
    # Two guardrails judge the same text, and a body does not say which it is for.
    if request is None or (row.model is GUARDRAIL_MODEL and _GUARDRAIL not in request):
        return None
    return {**request, **named}


_GUARDRAIL = "guardrailIdentifier"


def _take_answer(call: Call, report: Report, headers: Mapping[str, str]) -> None:
    row, model, answer = call.target.operation, call.target.model, report.answer
    if isinstance(answer, Usage):
        reading = UsageReading(dict(answer), REPORTED)
    elif answer is None:
        reading = read_headers(row, headers, model)
    elif isinstance(answer, Mapping):
        opening = read_headers(row, headers, model)
        reading = read_document_of(row, answer, opening, model)
    elif isinstance(answer, (bytes, str)):
        body = answer.encode() if isinstance(answer, str) else answer
        opening = read_headers(row, headers, model)
        reading = read_http_body(row, body, opening, model)
    else:
        events = events_of(answer)
        events.request_bytes = call.request_bytes
        call.answer = read_headers(row, headers, model)
        reading = read_stream(call, events)
    reading.tier = report.tier or reading.tier
    reading.latency_mode = report.latency_mode or reading.latency_mode
    call.answer = reading
