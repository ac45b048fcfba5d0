"""Targets of instrumentation: their emitters, and the handlers on those."""

from __future__ import annotations

import gc
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import boto3
from botocore.client import BaseClient
from botocore.hooks import BaseEventHooks
from botocore.session import Session as BotocoreSession

from .event_handlers import SERVICE, WHO, Handlers


def events_of(target: Any) -> BaseEventHooks:
    """Return the emitter of *target*, also for targets of aiobotocore and aioboto3.

    Raises:
        TypeError: If *target* is a client of another service, or no client or session.
    """
    for kind, events in _EVENTS:
        if isinstance(target, kind):
            return events(target)
    raise TypeError(
        f"cannot instrument {type(target).__name__}; expected a {SERVICE} client, "
        f"a session of boto3, botocore, aiobotocore or aioboto3, or None for all of "
        f"them{_hint(target)}"
    )


def _hint(target: Any) -> str:
    if not hasattr(type(target), "__aenter__"):
        return ""
    return ". An async client exists within `async with`: instrument what that returns"


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


def current_handlers(events: BaseEventHooks) -> Handlers | None:
    """Return the handlers that meter the calls of an emitter; remove inactive ones."""
    try:
        answers = _answers(events.emit(WHO))
    except Exception:
        return None  # an application's handler for all events fails on this one
    for _, answer in answers:
        if isinstance(answer, Handlers):
            if answer.is_on:
                return answer
            answer.unregister(events)
    return None


def _answers(emitted: Any) -> list[tuple[Any, Any]]:
    """Return what handlers answered; an async emitter returns a coroutine for it.

    Our handler does not wait, so the coroutine ends at once. If another handler for all
    events does wait, nothing is known.
    """
    if not isinstance(emitted, Coroutine):
        return list(emitted)
    try:
        emitted.send(None)
    except StopIteration as done:
        return list(done.value)
    emitted.close()
    return []


def existing_emitters() -> Iterator[BaseEventHooks]:
    """Find the emitters of all sessions, and of all clients of the service.

    Looks at every object that the garbage collector tracks: about 50 ms for a million.
    It does not track those that ``gc.freeze()`` has put away.
    """
    for target in _objects_of(BotocoreSession, BaseClient):
        try:
            events = events_of(target)
        except (AttributeError, RecursionError, TypeError, ValueError):
            continue  # of another service, or another thread is still making it
        yield events


def _objects_of(*kinds: type) -> list[Any]:
    # By type(), as isinstance() asks an object for its class, and lazy proxies of web
    # frameworks would be filled by that.
    return [each for each in gc.get_objects() if issubclass(type(each), kinds)]
