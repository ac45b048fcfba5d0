"""Which targets are instrumented: clients, sessions, everything."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock
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
_is_taken_back = False
_switching = Lock()


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


def instrument_from_outside(session: BotocoreSession | None = None) -> None:
    """Meter everything for an application that may not know of it. Twice is once.

    The application's own word comes first: what it instruments with a recorder of its
    own, before or later, goes there.

    Args:
        session: A session that was made before, to be metered too. Then nothing is
            done where the application has called `uninstrument()` meanwhile.

    Raises:
        ConfigError: If the settings of the default recorder are wrong.
    """
    with _switching:  # the first two threads that make a client come at once
        if session is not None and _is_taken_back:
            return
        get_recorder()
        _instrument_everything(None, gives_way=True)
    if session is not None:
        _meter_by_default(_session_events(session))


def _instrument_one(target: Any, recorder: Recorder | None) -> None:
    events = _events_of(target)
    standing = _standing_on(events)
    if standing is None:
        Handlers(recorder).register(events)
    elif standing.tells(recorder):
        return
    elif standing.gives_way:
        standing.unregister(events)
        Handlers(recorder).register(events)
    else:
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


def _instrument_everything(
    recorder: Recorder | None, *, gives_way: bool = False
) -> None:
    global _everything, _is_taken_back  # noqa: PLW0603 -- as botocore's list of initialisers
    _is_taken_back = False
    if _everything is not None:
        if gives_way:
            return
        if _everything.gives_way:
            _everything.recorder = recorder
            _everything.gives_way = False
        elif not _everything.tells(recorder):
            raise ConfigError(
                "every session is instrumented with another recorder already; call "
                "uninstrument() first"
            )
        return
    _everything = Handlers(recorder, gives_way=gives_way)
    botocore.register_initializer(_on_new_session)
    if boto3.DEFAULT_SESSION is not None:
        if gives_way:
            _meter_by_default(boto3.DEFAULT_SESSION.events)
        else:
            _instrument_one(boto3.DEFAULT_SESSION, recorder)


def _on_new_session(session: BotocoreSession) -> None:
    _meter_by_default(_session_events(session))


def _meter_by_default(events: BaseEventHooks) -> None:
    if _everything is not None and _standing_on(events) is None:
        _everything.register(events)


def _uninstrument_everything() -> None:
    global _everything, _is_taken_back  # noqa: PLW0603 -- as above
    _is_taken_back = True
    if _everything is None:
        return
    _everything.is_on = False
    _everything = None
    botocore.unregister_initializer(_on_new_session)
    if boto3.DEFAULT_SESSION is not None:
        uninstrument(boto3.DEFAULT_SESSION)


def _renew_lock() -> None:
    global _switching  # noqa: PLW0603 -- nobody is left to free the old one
    _switching = Lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch -- Windows has no fork
    os.register_at_fork(after_in_child=_renew_lock)
