"""Which targets are instrumented: clients, sessions, everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import boto3
import botocore
from botocore.client import BaseClient
from botocore.hooks import BaseEventHooks
from botocore.session import Session as BotocoreSession

from ._defaults import get_recorder
from ._errors import ConfigError
from ._handlers import SERVICE, WHO, Handlers
from ._recorder import Recorder

Target = TypeVar("Target")

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
    for _, answer in events.emit(WHO):
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
    if service != SERVICE:
        raise TypeError(
            f"cannot instrument a client of {service}; expected one of {SERVICE}, "
            f'as from boto3.client("{SERVICE}")'
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
