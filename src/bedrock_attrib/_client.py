"""How a client is instrumented: handlers on botocore's public events, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import boto3
import botocore
import botocore.exceptions
from botocore.client import BaseClient
from botocore.hooks import BaseEventHooks
from botocore.session import Session as BotocoreSession

from ._call import Call
from ._defaults import get_recorder
from ._errors import ConfigError, RefusedError
from ._faults import Faults
from ._readers import needs_body
from ._recorder import Recorder
from ._streams import error_name, watch_body, watch_stream

Target = TypeVar("Target")

_SERVICE = "bedrock-runtime"
_KEY = "bedrock_attrib"
_WHO = f"bedrock-attrib-who.{_SERVICE}"

# Raised before a byte of the request can have reached AWS. botocore 1.44.5.
_BEFORE_SENDING = (
    botocore.exceptions.EndpointConnectionError,
    botocore.exceptions.ConnectTimeoutError,
    botocore.exceptions.ProxyConnectionError,
    botocore.exceptions.SSLError,
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.PartialCredentialsError,
    botocore.exceptions.CredentialRetrievalError,
    botocore.exceptions.TokenRetrievalError,
    botocore.exceptions.NoAuthTokenError,
    botocore.exceptions.UnknownSignatureVersionError,
)


class Handlers:
    """The event handlers of one instrumented target.

    All state of a call stands in botocore's context of that call.

    Attributes:
        recorder: The recorder that was asked for; None for whichever is the default.
        is_on: False once the target is no longer instrumented. Clients that were made
            from a session keep its handlers.
    """

    def __init__(self, recorder: Recorder | None) -> None:
        """Make handlers that tell *recorder*."""
        self.recorder = recorder
        self.is_on = True

    def register(self, events: BaseEventHooks) -> None:
        """Put the handlers on an emitter.

        Parameters are seen after all other handlers have changed them, answers before
        any other handler has replaced their streams.
        """
        events.register_last(f"before-parameter-build.{_SERVICE}", self.start, _ID[0])
        events.register_last(f"before-call.{_SERVICE}", self.send, _ID[1])
        events.register_first(f"after-call.{_SERVICE}", self.answer, _ID[2])
        events.register_first(f"after-call-error.{_SERVICE}", self.fail, _ID[3])
        events.register_last(_WHO, self.who, _ID[4])

    def unregister(self, events: BaseEventHooks) -> None:
        """Take the handlers off an emitter."""
        events.unregister(f"before-parameter-build.{_SERVICE}", self.start, _ID[0])
        events.unregister(f"before-call.{_SERVICE}", self.send, _ID[1])
        events.unregister(f"after-call.{_SERVICE}", self.answer, _ID[2])
        events.unregister(f"after-call-error.{_SERVICE}", self.fail, _ID[3])
        events.unregister(_WHO, self.who, _ID[4])

    def tells(self, recorder: Recorder | None) -> bool:
        """Whether calls go to *recorder*, None standing for the default one."""
        return (self.recorder or get_recorder()) is (recorder or get_recorder())

    def who(self, **_kwargs: Any) -> Handlers:
        """Answer that these handlers stand on the emitter."""
        return self

    def start(
        self, params: Mapping[str, Any], model: Any, context: dict[str, Any], **_: Any
    ) -> None:
        """Open the call, once its parameters are known."""
        if _KEY in context or not self.is_on:
            return
        try:
            recorder = self.recorder or get_recorder()
        except Exception as fault:
            _no_recorder.note("default recorder", fault)
            return
        try:
            context[_KEY] = recorder.start(model.name, params, context["client_region"])
        except RefusedError:
            raise
        except Exception as fault:
            recorder.faults.note("start", fault)

    def send(
        self, params: Mapping[str, Any], context: dict[str, Any], **_: Any
    ) -> None:
        """Note that the request is about to leave, and how large it is."""
        call: Call | None = context.get(_KEY)
        if call is None:
            return
        try:
            call.was_sent = True
            body = params.get("body")
            if isinstance(body, (bytes, bytearray)):
                call.request_bytes = len(body)
        except Exception as fault:
            call.recorder.faults.note("send", fault)

    def answer(
        self, http_response: Any, parsed: Any, context: dict[str, Any], **_: Any
    ) -> None:
        """Read the answer, or watch the stream that it opens."""
        call: Call | None = context.pop(_KEY, None)
        if call is None:
            return
        try:
            _take_answer(call, http_response.status_code, parsed)
        except Exception as fault:
            call.recorder.faults.note("answer", fault)
            _end_without_answer(call)

    def fail(self, exception: Exception, context: dict[str, Any], **_: Any) -> None:
        """Finish a call that got no answer."""
        call: Call | None = context.pop(_KEY, None)
        if call is None:
            return
        try:
            call.attempts = context.get("retries", {}).get("attempt", 1)
            was_sent = not isinstance(exception, _BEFORE_SENDING)
            call.recorder.unanswered(call, error_name(exception), was_sent=was_sent)
        except Exception as fault:
            call.recorder.faults.note("fail", fault)


# For calls that have no recorder, as the default one could not be made.
_no_recorder = Faults()

_ID = tuple(f"bedrock-attrib-{number}" for number in range(5))


def _end_without_answer(call: Call) -> None:
    try:
        call.recorder.answer_lost(call)
    except Exception as fault:
        call.recorder.faults.note("answer", fault)


def _take_answer(call: Call, status: int, parsed: Any) -> None:
    recorder = call.recorder
    metadata = parsed.get("ResponseMetadata") or {}
    call.request_id = metadata.get("RequestId")
    retries = metadata.get("RetryAttempts")
    if retries:
        call.attempts = retries + 1
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        error = parsed.get("Error", {}).get("Code") or str(status)
        recorder.turned_away(call, status, str(error))
        return
    row = call.route.operation
    headers = metadata.get("HTTPHeaders") or {}
    if row.stream is not None:
        call.answer = row.read(parsed, call.route.model)
        watch_stream(parsed[row.stream], call)
    elif row.body is not None and (needs_body(headers) or call.has_guardrail):
        call.answer = row.read(parsed, call.route.model)
        length = headers.get("content-length")
        watch_body(parsed[row.body], call, int(length) if length else None)
    else:
        recorder.answered(call, row.keep(parsed))


_everything: Handlers | None = None


def instrument(
    target: Target = None,  # type: ignore[assignment]  # None stands for everything
    *,
    recorder: Recorder | None = None,
) -> Target:
    """Meter every Bedrock runtime call of *target*.

    Works by botocore's public events alone: the client stays the client, with the same
    types, exceptions and streaming behaviour. Twice is once.

    Args:
        target: A bedrock-runtime client; a boto3 or botocore session, for the clients
            made from it later; or None, for every session created from now on and
            boto3's default session.
        recorder: Takes the calls; None for the default recorder, whichever it is when
            a call starts.

    Returns:
        *target* itself.

    Raises:
        TypeError: If *target* is a client of another service, or no client or session.
        ConfigError: If *target* is instrumented with another recorder, or the settings
            of the default recorder are wrong.

    Example:
        >>> bedrock = instrument(boto3.client("bedrock-runtime"))  # doctest: +SKIP
    """
    if recorder is None:
        get_recorder()  # wrong settings are told here, not in a call
    if target is None:
        _instrument_everything(recorder)
    else:
        _instrument_one(target, recorder)
    return target


def uninstrument(target: Any = None) -> None:
    """Take `instrument` back for *target*. Calls that have started are finished.

    Args:
        target: What was given to `instrument`. One that is not instrumented is left
            as it is.

    Raises:
        TypeError: As for `instrument`.
    """
    if target is None:
        _uninstrument_everything()
        return
    events = _events_of(target)
    handlers = _standing_on(events)
    if handlers is not None:
        handlers.unregister(events)
        if not isinstance(target, BaseClient):
            handlers.is_on = False  # for the clients that were made from it too


def _instrument_one(target: Any, recorder: Recorder | None) -> None:
    events = _events_of(target)
    standing = _standing_on(events)
    if standing is None:
        Handlers(recorder).register(events)
    elif not standing.tells(recorder):
        raise ConfigError(
            f"{type(target).__name__} is instrumented with another recorder, directly "
            f"or through its session; call uninstrument() on it first"
        )


def _standing_on(events: BaseEventHooks) -> Handlers | None:
    """The handlers that meter the calls of an emitter; takes off those that do not."""
    for _, answer in events.emit(_WHO):
        if isinstance(answer, Handlers):
            if answer.is_on:
                return answer
            answer.unregister(events)
    return None


def _events_of(target: Any) -> BaseEventHooks:
    for kind, events_of in _EVENTS:
        if isinstance(target, kind):
            return events_of(target)
    raise TypeError(
        f"cannot instrument {type(target).__name__}; expected a bedrock-runtime "
        f"client, a boto3.Session, a botocore session, or None for all of them"
    )


def _client_events(client: BaseClient) -> BaseEventHooks:
    service = client.meta.service_model.service_name
    if service != _SERVICE:
        raise TypeError(
            f"cannot instrument a client of {service}; expected one of {_SERVICE}, "
            f'as from boto3.client("{_SERVICE}")'
        )
    return client.meta.events


def _session_events(session: BotocoreSession) -> BaseEventHooks:
    return session.get_component("event_emitter")


def _boto3_session_events(session: boto3.Session) -> BaseEventHooks:
    return session.events


_EVENTS: tuple[tuple[type, Callable[[Any], BaseEventHooks]], ...] = (
    (BaseClient, _client_events),
    (boto3.Session, _boto3_session_events),
    (BotocoreSession, _session_events),
)


def _instrument_everything(recorder: Recorder | None) -> None:
    global _everything  # noqa: PLW0603 -- botocore keeps one list of initialisers
    if _everything is not None:
        if not _everything.tells(recorder):
            raise ConfigError(
                "every session is instrumented with another recorder already; call "
                "uninstrument() first"
            )
        return
    _everything = Handlers(recorder)
    botocore.register_initializer(_on_new_session)
    if boto3.DEFAULT_SESSION is not None:
        _instrument_one(boto3.DEFAULT_SESSION, recorder)


def _on_new_session(session: BotocoreSession) -> None:
    if _everything is not None and _standing_on(_session_events(session)) is None:
        _everything.register(_session_events(session))


def _uninstrument_everything() -> None:
    global _everything  # noqa: PLW0603 -- as above
    if _everything is None:
        return
    _everything.is_on = False
    _everything = None
    botocore.unregister_initializer(_on_new_session)
    if boto3.DEFAULT_SESSION is not None:
        uninstrument(boto3.DEFAULT_SESSION)
