"""Handlers of botocore's events: a call is amended, opened, answered or fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

import botocore.exceptions
from botocore.hooks import BaseEventHooks

from .._default_recorder import get_recorder
from .._readers import (
    ANSWERED_LOCALLY,
    OPERATIONS,
    SYSTEM_TOOL,
    Asked,
    BodyAnswer,
    ConverseCounts,
    count_groundings,
    is_count,
    is_rejected,
    number_in,
    plain_name,
)
from .._recording.call import NO_RETRIES, Call
from .._recording.guard_wait import GuardWait
from .._recording.recorder import Recorder, lifecycle_of
from .._runtime.contained_errors import PROCESS_ERRORS
from ..errors import RefusedError
from .async_streams import observe_aio_body, observe_aio_stream
from .botocore_internals import (
    is_async_body,
    is_async_emitter,
    is_async_event_stream,
)
from .observers import error_name
from .sync_streams import observe_body, observe_stream

SERVICE = "bedrock-runtime"
WHO = f"bedrock-attrib-who.{SERVICE}"
"""Event to which the handlers that stand on an emitter answer with themselves."""

_KEY = "bedrock_attrib"
_NOTHING: Mapping[str, Any] = {}
_NOTHING_ASKED = Asked(None, None, has_system_tool=False)

# Raised before a byte of the request can have reached AWS. botocore 1.44.5.
_BEFORE_SENDING = (
    botocore.exceptions.EndpointConnectionError,
    botocore.exceptions.ConnectTimeoutError,
    botocore.exceptions.ProxyConnectionError,
    botocore.exceptions.InvalidEndpointConfigurationError,
    botocore.exceptions.SSLError,
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.PartialCredentialsError,
    botocore.exceptions.CredentialRetrievalError,
    botocore.exceptions.TokenRetrievalError,
    botocore.exceptions.NoAuthTokenError,
    botocore.exceptions.UnknownSignatureVersionError,
)


Amendment: TypeAlias = Callable[[str, dict[str, Any]], None]
"""Changes the parameters of an operation in place."""


class Handlers:
    """The event handlers of one instrumented target.

    All state of a call is in botocore's context of that call. Before parameters are
    built, `amend` may change them, and then `open` sees them as they are sent.

    Attributes:
        amendments: Change the parameters of a call, given its operation, before it is
            opened.
        recorder: The recorder that was asked for; None for whichever is the default.
        is_on: False once the target is no longer instrumented. Clients that were made
            from a session keep its handlers.
        is_implicit: Whether they were registered from outside the application's code.
            Instrumenting with another recorder then replaces them.
    """

    def __init__(self, recorder: Recorder | None, *, is_implicit: bool = False) -> None:
        """Make handlers for *recorder*."""
        self.recorder = recorder
        self.is_implicit = is_implicit
        self.is_on = True
        self.amendments: tuple[Amendment, ...] = ()

    def register(self, events: BaseEventHooks) -> None:
        """Put the handlers on an emitter.

        Parameters are seen after all other handlers have changed them, answers before
        any other handler has replaced their streams.
        """
        self.unregister(events)  # handlers with the same ids would be in the way
        start = self.start_async if is_async_emitter(events) else self.start
        events.register_last(_START, start, _id_of(_START))
        for event in _SEND:
            events.register_last(event, self.send, _id_of(event))
        events.register_last(_TRIED, self.tried, _id_of(_TRIED))
        events.register_first(_ANSWER, self.answer, _id_of(_ANSWER))
        events.register_first(_FAIL, self.fail, _id_of(_FAIL))
        events.register_last(WHO, self.who, _id_of(WHO))

    def unregister(self, events: BaseEventHooks) -> None:
        """Take the handlers off an emitter."""
        events.unregister(_START, self.start, _id_of(_START))
        for event in _SEND:
            events.unregister(event, self.send, _id_of(event))
        events.unregister(_TRIED, self.tried, _id_of(_TRIED))
        events.unregister(_ANSWER, self.answer, _id_of(_ANSWER))
        events.unregister(_FAIL, self.fail, _id_of(_FAIL))
        events.unregister(WHO, self.who, _id_of(WHO))

    def __deepcopy__(self, _memo: object) -> Handlers:
        """These handlers: a copy of a session is metered by the same recorder."""
        return self

    def is_for(self, recorder: Recorder | None) -> bool:
        """Return whether calls go to *recorder*, None for the default one."""
        return is_same_recorder(self.recorder, recorder)

    def who(self, **_kwargs: Any) -> Handlers:
        """Answer that these handlers stand on the emitter."""
        return self

    # `event_name` and the like are named, as collecting them takes longer.

    def start(
        self,
        params: dict[str, Any],
        model: Any,
        context: dict[str, Any],
        event_name: str = "",  # noqa: ARG002 -- as above
        **_: Any,
    ) -> None:
        """Amend the parameters of a call, then open it.

        One handler for both, as each costs every call a microsecond.
        """
        region = context.get("client_region")
        # A URL that is signed for somebody else names no region, and is no call.
        if region is None or _KEY in context or not self.is_on:
            return
        if self.amendments:
            self.amend(model.name, params)
        self.open(model.name, params, region, context)

    def start_async(
        self,
        params: dict[str, Any],
        model: Any,
        context: dict[str, Any],
        event_name: str = "",  # noqa: ARG002 -- as above
        **_: Any,
    ) -> Awaitable[None] | None:
        """As `start`, for an emitter that awaits what its handlers return.

        Returns:
            What waits for the guards that could not say at once; else None.
        """
        region = context.get("client_region")
        if region is None or _KEY in context or not self.is_on:
            return None
        if self.amendments:
            self.amend(model.name, params)
        self.open(model.name, params, region, context, may_wait=False)
        call: Call | None = context.get(_KEY)
        if call is None or call.guard_round is None:
            return None
        return self._ask_guards(call, context)

    async def _ask_guards(self, call: Call, context: dict[str, Any]) -> None:
        """Have guards asked that may wait for a server, off the event loop."""
        from asyncio import to_thread  # noqa: PLC0415 -- here it is imported already

        wait = GuardWait(call)
        try:
            await to_thread(wait.ask)
        except BaseException as error:
            context.pop(_KEY, None)
            wait.give_up(error_name(error))
            raise

    def amend(self, operation: str, params: dict[str, Any]) -> None:
        """Have parameters changed before guards see them: metadata, routing."""
        for amendment in self.amendments:
            try:
                amendment(operation, params)
            except Exception as fault:
                PROCESS_ERRORS.note("amend", fault)

    def open(
        self,
        operation: str,
        params: dict[str, Any],
        region: str,
        context: dict[str, Any],
        *,
        may_wait: bool = True,
    ) -> None:
        """Open the call, once its parameters are known."""
        try:
            recorder = self.recorder or get_recorder()
        except Exception as fault:
            PROCESS_ERRORS.note("default recorder", fault)
            return
        try:
            lifecycle = lifecycle_of(recorder)
            routed_from = (
                lifecycle.route(operation, params, region)
                if lifecycle.routers
                else None
            )
            call = lifecycle.start(
                operation,
                params,
                region,
                may_wait=may_wait,
                routed_from=routed_from,
            )
            # botocore writes down here each attempt that it is about to make, and
            # does not mind that the dictionary is there already: 1.44.5.
            call.retries = context.setdefault("retries", {})
            context[_KEY] = call
        except RefusedError:
            raise
        except Exception as fault:
            recorder.faults.note("start", fault)

    def send(
        self, params: Mapping[str, Any], context: dict[str, Any], **_: Any
    ) -> None:
        """Note how large the request of a stream is, which may be left unread."""
        call: Call | None = context.get(_KEY)
        if call is None:
            return
        try:
            body = params.get("body")
            if isinstance(body, (bytes, bytearray)):
                call.request_bytes = len(body)
                if call.target.model.vendor == "amazon" and SYSTEM_TOOL in body:
                    call.asked = (call.asked or _NOTHING_ASKED)._replace(
                        has_system_tool=True
                    )
        except Exception as fault:
            call.lifecycle.faults.note("send", fault)

    def tried(
        self,
        response: tuple[Any, Any] | None,
        caught_exception: Exception | None,
        request_dict: Mapping[str, Any],
        endpoint: Any = None,  # noqa: ARG002 -- as above
        operation: Any = None,  # noqa: ARG002 -- as above
        attempts: int = 0,  # noqa: ARG002 -- as above
        event_name: str = "",  # noqa: ARG002 -- as above
        **_: Any,
    ) -> None:
        """Note an attempt that failed, and that AWS may have billed all the same.

        botocore asks after every attempt whether to try again; None has no opinion.
        """
        if response is not None and response[0].status_code < _FIRST_ERROR:
            return
        call: Call | None = request_dict["context"].get(_KEY)
        if call is None:
            return
        try:
            error = _doubtful_error(response, caught_exception)
            if error is not None:
                call.doubtful_attempts = (*call.doubtful_attempts, error)
        except Exception as fault:
            call.lifecycle.faults.note("attempt", fault)

    def answer(
        self,
        http_response: Any,
        parsed: Any,
        context: dict[str, Any],
        model: Any = None,  # noqa: ARG002 -- as above
        event_name: str = "",  # noqa: ARG002 -- as above
        **_: Any,
    ) -> None:
        """Read the answer, or watch the stream that it opens."""
        call: Call | None = context.pop(_KEY, None)
        if call is None:
            return
        try:
            _take_answer(call, http_response.status_code, parsed)
        except Exception as fault:
            call.lifecycle.faults.note("answer", fault)
            _end_without_answer(call)

    def fail(self, exception: Exception, context: dict[str, Any], **_: Any) -> None:
        """Finish a call that got no answer."""
        call: Call | None = context.pop(_KEY, None)
        if call is None:
            return
        try:
            call.attempts = call.retries.get("attempt", 1)
            was_sent = not isinstance(exception, _BEFORE_SENDING)
            call.lifecycle.unanswered(call, error_name(exception), was_sent=was_sent)
        except Exception as fault:
            call.lifecycle.faults.note("fail", fault)


def is_same_recorder(one: Recorder | None, other: Recorder | None) -> bool:
    """Return whether *one* is *other*, None for the default one."""
    return (one or get_recorder()) is (other or get_recorder())


# As botocore has it: 1.44.5.
_FIRST_ERROR = HTTPStatus.MULTIPLE_CHOICES.value


_START = f"before-parameter-build.{SERVICE}"
_TRIED = f"needs-retry.{SERVICE}"
_ANSWER = f"after-call.{SERVICE}"
_FAIL = f"after-call-error.{SERVICE}"
# A handler costs every call a microsecond, so only streams have this one.
_SEND = tuple(
    f"before-call.{SERVICE}.{name}"
    for name, row in OPERATIONS.items()
    if row.stream is not None
)


def _id_of(event: str) -> str:
    return f"bedrock-attrib-{event}"


def _doubtful_error(
    response: tuple[Any, Any] | None, exception: Exception | None
) -> str | None:
    """Return what failed in an attempt; None where AWS has not billed it."""
    if response is None:
        if exception is None or isinstance(exception, _BEFORE_SENDING):
            return None
        return plain_name(error_name(exception)) or "Error"
    http_response, parsed = response
    status = http_response.status_code
    return None if is_rejected(status) else _error_code(parsed, status)


def _error_code(parsed: Any, status: int) -> str:
    return plain_name(parsed.get("Error", {}).get("Code")) or str(status)


def _end_without_answer(call: Call) -> None:
    try:
        call.lifecycle.answer_unreadable(call)
    except Exception as fault:
        call.lifecycle.faults.note("answer", fault)


def _take_answer(call: Call, status: int, parsed: Any) -> None:
    recorder = call.lifecycle
    if not call.retries:  # no attempt was made: a stub or a cache has answered
        call.failure = ANSWERED_LOCALLY
    call.retries = NO_RETRIES  # large, and of no more use
    metadata = parsed.get("ResponseMetadata") or {}
    call.request_id = metadata.get("RequestId")
    retries = metadata.get("RetryAttempts")
    if retries:
        call.attempts = retries + 1
    if status >= _FIRST_ERROR:
        recorder.rejected(call, status, _error_code(parsed, status))
        return
    row = call.target.operation
    if row.stream is not None:
        call.answer = row.read(row.keep(parsed), call.target.model)
        stream = parsed[row.stream]
        observe = (
            observe_aio_stream if is_async_event_stream(stream) else observe_stream
        )
        parsed[row.stream] = observe(stream, call)
        return
    kept = row.keep(parsed)
    if row.body is not None and (
        kept is None or call.target.reads_body or call.has_guardrail
    ):
        headers = metadata.get("HTTPHeaders") or {}
        answer = BodyAnswer(row, dict(headers), call.target.model)
        body, length = parsed[row.body], headers.get("content-length")
        observe_it = observe_aio_body if is_async_body(body) else observe_body
        size = number_in(length)
        observe_it(body, call, answer, size if is_count(size) else None)
        return
    asked = call.asked
    if asked is not None and asked.has_system_tool and isinstance(kept, ConverseCounts):
        kept = kept._replace(searches=count_groundings(parsed))
    recorder.answered(call, kept or _NOTHING)
