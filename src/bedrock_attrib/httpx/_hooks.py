"""Event hooks of httpx: a call is sent, and answered."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from importlib import import_module
from typing import Any

from .._default_recorder import get_recorder
from .._model.record import PriceReason, PriceState, PriceStatus, UsageReading
from .._readers import (
    BodyAnswer,
    Operation,
    has_guardrail_in,
    needs_body,
    operation_named,
    outer_value,
    read_headers,
    whole_object,
)
from .._recording.call import Call
from .._recording.guard_wait import GuardWait
from .._recording.recorder import Recorder, lifecycle_of
from .._runtime.contained_errors import PROCESS_ERRORS
from ..errors import RefusedError
from ._observers import (
    UNPACKED,
    HttpBodyObserver,
    HttpStreamObserver,
    Observer,
    UnpackingObserver,
    frames,
    server_sent,
)
from ._streams import ContainedObserver, observed
from ._trace import SENT, follow
from ._url_matching import MODEL_IN_BODY, CallMatcher, MatchedCall, guardrail_in

_KEY = "bedrock_attrib"
_EVENT_STREAM = "application/vnd.amazon.eventstream"
_SERVER_SENT = "text/event-stream"
_GUARDRAIL = "x-amzn-bedrock-guardrailidentifier"
_REQUEST_IDS = ("x-amzn-requestid", "x-request-id")
_UNKNOWN = "unknown"
_NO_REGION = PriceState(
    PriceStatus.UNPRICED,
    "neither address nor signature states the calling region; name it where the client "
    "is instrumented",
    PriceReason.REGION_UNKNOWN,
)


class Hooks:
    """The event hooks of one client.

    All state of a call is in the extensions of its request.

    Attributes:
        recorder: The recorder that was asked for; None for whichever is the default.
        calls: Recognizes calls of Bedrock among other requests.
        is_async: Whether they are for an async client, which awaits its hooks.
    """

    def __init__(
        self, recorder: Recorder | None, calls: CallMatcher, *, is_async: bool
    ) -> None:
        """Make hooks that record with *recorder*."""
        self.recorder = recorder
        self.calls = calls
        self.is_async = is_async
        self._traced: set[str] = set()

    @property
    def on_request(self) -> Callable[[Any], Any]:
        """The hook for ``request``."""
        return self._start_async if self.is_async else self.start

    @property
    def on_response(self) -> Callable[[Any], Any]:
        """The hook for ``response``."""
        return self._answer_async if self.is_async else self.answer

    async def _start_async(self, request: Any) -> None:
        self.start(request)
        call: Call | None = request.extensions.get(_KEY)
        if call is None or call.guard_round is None:
            return
        # A guard may wait for a server: off the event loop, of whatever library.
        # anyio comes with httpx, which an application has that comes here.
        threads = import_module("anyio.to_thread")
        wait = GuardWait(call)
        try:
            await threads.run_sync(wait.ask)
        except BaseException as error:
            wait.give_up(type(error).__name__)
            raise

    async def _answer_async(self, response: Any) -> None:
        self.answer(response)

    def is_for(self, recorder: Recorder | None) -> bool:
        """Return whether calls go to *recorder*; None is the default one."""
        return (self.recorder or get_recorder()) is (recorder or get_recorder())

    def start(self, request: Any) -> None:
        """Open the call, about to be sent."""
        try:
            where = self.calls.find(request.method, str(request.url), request.headers)
            if where is None:
                return
            recorder = self.recorder or get_recorder()
        except Exception as fault:
            PROCESS_ERRORS.note("httpx request", fault)
            return
        try:
            request.extensions[_KEY] = call = _open(
                recorder, where, request, may_wait=not self.is_async
            )
            follow(request, call, self._traced, is_async=self.is_async)
        except RefusedError:
            raise
        except Exception as fault:
            recorder.faults.note("start", fault)

    def answer(self, response: Any) -> None:
        """Read the answer, or observe the stream that it opens."""
        try:
            call: Call | None = response.request.extensions.pop(_KEY, None)
        except Exception as fault:
            PROCESS_ERRORS.note("httpx response", fault)
            return
        if call is None:
            return
        try:
            if call.ended is None:
                call.is_timed = True
            else:  # it had failed, and what is around the transport has tried again
                call = _open_again(call)
            _take_answer(call, response)
        except Exception as fault:
            call.lifecycle.faults.note("answer", fault)
            call.lifecycle.answer_unreadable(call)


def _open(
    recorder: Recorder, where: MatchedCall, request: Any, *, may_wait: bool
) -> Call:
    lifecycle = lifecycle_of(recorder)
    row = operation_named(where.operation)
    content = _content_of(request)
    body = content or b""
    model_id = where.model_id
    params: dict[str, Any] = {}
    if where.operation in MODEL_IN_BODY:
        model_id = outer_value(body, MODEL_IN_BODY[where.operation])
    if model_id is not None:
        params["modelId"] = model_id
    if row.request == "modelInput":
        params["modelInput"] = (whole_object(body) or {}).get("modelInput")
    elif row.request is not None:
        params[row.request] = body
    if row.guardrail and (_GUARDRAIL in request.headers or has_guardrail_in(row, body)):
        params[row.guardrail] = True
    params.update(_terms_of(row, body, request.headers))
    is_whole = content is not None
    if lifecycle.hashes_requests:
        said = _said_in(row, body, request)
        is_whole = is_whole and said is not None
        params = {**params, **(said or {})}
        if model_id is not None:
            params["modelId"] = model_id
    call = lifecycle.start(
        where.operation,
        params,
        where.region or _UNKNOWN,
        may_wait=may_wait,
        body=body if is_whole else None,
    )
    if not is_whole:
        call.request_hash = None
    if where.region is None:
        call.failure = _NO_REGION
    call.retries = SENT
    call.is_timed = False  # until the transport reports how far the request came
    call.request_bytes = len(body)
    return call


def _terms_of(row: Operation, body: bytes, headers: Any) -> dict[str, Any]:
    """Return the tier and latency mode that a request asks for, as boto3 names them."""
    found = {name: headers[header] for name, header in _TERMS if header in headers}
    for name, member in _TERMS_IN_BODY:
        if row.request is None and b'"%b"' % member.encode() in body:
            found[name] = outer_value(body, member)
    return found


# botocore 1.44.8, InvokeModel and Converse; OpenAI's Chat Completions.
_TERMS = (
    ("serviceTier", "x-amzn-bedrock-service-tier"),
    ("performanceConfigLatency", "x-amzn-bedrock-performanceconfig-latency"),
)
_TERMS_IN_BODY = (
    ("serviceTier", "serviceTier"),
    ("serviceTier", "service_tier"),
    ("performanceConfig", "performanceConfig"),
)


def _said_in(row: Operation, body: bytes, request: Any) -> dict[str, Any] | None:
    """Return all parameters of a request, by their names in boto3; None without any."""
    said = {} if row.request == "body" else whole_object(body)
    if said is None:
        return None
    headers = request.headers
    named = {name: headers[header] for header, name in _HEADERS if header in headers}
    return {**said, **named, **guardrail_in(str(request.url))}


# botocore 1.44.5, service model of bedrock-runtime: InvokeModel.
_HEADERS = (
    (_GUARDRAIL, "guardrailIdentifier"),
    ("x-amzn-bedrock-guardrailversion", "guardrailVersion"),
    ("x-amzn-bedrock-trace", "trace"),
    ("accept", "accept"),
)


def _open_again(failed: Call) -> Call:
    """Open a call for the answer to a request whose earlier attempt ended as *failed*.

    No guard is asked, as the request was sent; it is not known when.
    """
    call = failed.lifecycle.start_again(failed)
    if failed.target.region == _UNKNOWN:
        call.failure = _NO_REGION
    call.retries = SENT
    call.is_timed = False
    return call


def _content_of(message: Any) -> bytes | None:
    """Return the body of a request or response; None while it is not read."""
    try:
        content: bytes = message.content
    except Exception:  # "not read", as httpx, httpx2 or another says it
        return None
    return content


def _take_answer(call: Call, response: Any) -> None:
    recorder, status = call.lifecycle, response.status_code
    headers = {name.lower(): value for name, value in response.headers.items()}
    call.request_id = next(
        (headers[name] for name in _REQUEST_IDS if name in headers), None
    )
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        code = headers.get("x-amzn-errortype", "").partition(":")[0]
        recorder.rejected(call, status, code or str(status))
        return
    row = call.target.operation
    reading = read_headers(row, headers, call.target.model)
    kind = headers.get("content-type", "")
    is_stream = kind.startswith((_EVENT_STREAM, _SERVER_SENT))
    is_told = (
        row.body == "body"
        and row.request is not None
        and not call.target.reads_body
        and not needs_body(headers)
    )
    if not is_stream and is_told and not call.has_guardrail:
        recorder.answered(call, reading)
        return
    content = _content_of(response)
    encoding = headers.get("content-encoding", "identity").lower()
    if content is None and encoding not in {"identity", *UNPACKED}:
        reading.note = f"response uses content-encoding {encoding}; usage not readable"
        reading.code = PriceReason.USAGE_UNREADABLE
        recorder.answered(call, reading)
        return
    observer = _observer_of(call, kind, reading, headers)
    if content is not None:  # another hook has read it, or it was never far away
        contained = ContainedObserver(observer, recorder.faults)
        contained.saw(content)
        contained.ended(was_read=True)
        return
    if encoding in UNPACKED:
        observer = UnpackingObserver(observer, encoding)
    response.stream = observed(
        response.stream, ContainedObserver(observer, recorder.faults)
    )


def _observer_of(
    call: Call, kind: str, reading: UsageReading, headers: dict[str, str]
) -> Observer:
    call.answer = reading
    if kind.startswith(_EVENT_STREAM):
        return HttpStreamObserver(call, frames)
    if kind.startswith(_SERVER_SENT):
        return HttpStreamObserver(call, server_sent)
    answer = BodyAnswer(call.target.operation, headers, call.target.model)
    return HttpBodyObserver(call, answer)
