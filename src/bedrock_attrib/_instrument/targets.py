"""What can be instrumented, what stands on it, and where more of it is."""

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
    """The emitter of *target*. aiobotocore's and aioboto3's are kinds of these.

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
    return ". An async client is there within `async with`: instrument what that gives"


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


def standing_on(events: BaseEventHooks) -> Handlers | None:
    """The handlers that meter the calls of an emitter; takes off those that do not."""
    for _, answer in _asked(events.emit(WHO)):
        if isinstance(answer, Handlers):
            if answer.is_on:
                return answer
            answer.unregister(events)
    return None


def _asked(answers: Any) -> list[tuple[Any, Any]]:
    """What handlers answered; an async emitter gives a coroutine for it.

    Nothing of ours waits, so the coroutine comes to its end at once. Where a handler of
    somebody else for every event there is does wait, nothing is known.
    """
    if not isinstance(answers, Coroutine):
        return list(answers)
    try:
        answers.send(None)
    except StopIteration as done:
        return list(done.value)
    answers.close()
    return []


def living_events() -> Iterator[BaseEventHooks]:
    """Emitters of every session and every client of the service that there is.

    Looks at all objects that the garbage collector knows, once: about 50 ms for a
    million. It knows none that ``gc.freeze()`` has put away.
    """
    for target in _living(BotocoreSession, BaseClient):
        try:
            events = events_of(target)
        except (AttributeError, RecursionError, TypeError, ValueError):
            continue  # of another service, or another thread is still making it
        yield events


def _living(*kinds: type) -> list[Any]:
    # By type(), as isinstance() asks an object for its class, and lazy proxies of web
    # frameworks would be filled by that.
    return [each for each in gc.get_objects() if issubclass(type(each), kinds)]
