"""Which targets are instrumented: clients, sessions, everything."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from threading import RLock
from typing import Any, TypeVar

import botocore
from botocore.client import BaseClient
from botocore.hooks import BaseEventHooks
from botocore.session import Session as BotocoreSession

from .._default_recorder import get_recorder
from .._recording.recorder import Recorder
from .._runtime.contained_errors import PROCESS_ERRORS
from .._runtime.fork import ResetOrder, after_fork
from ..errors import ConfigError
from .event_handlers import Handlers, is_same_recorder
from .targets import events_of, living_events, standing_on

Target = TypeVar("Target")


def instrument(
    target: Target = None,  # type: ignore[assignment]  # None stands for everything
    *,
    recorder: Recorder | None = None,
) -> Target:
    """Meter every Bedrock runtime call of *target*.

    Works by botocore's public events alone: the client stays the client, with the same
    types, exceptions and streaming behaviour. Twice is once, on whatever mixture: every
    call is one record.

    Args:
        target: A bedrock-runtime client of boto3, botocore, aiobotocore or aioboto3; a
            session of any of them, for the clients made from it later; or None, for
            every session created from now on, and every session and bedrock-runtime
            client that exists already.
        recorder: Takes the calls; None for the default recorder, whichever it is when
            a call starts.

    Returns:
        *target* itself.

    Without a target, what exists already is looked for once, among all objects of the
    process: some 50 ms for a million of them, and nothing for a call. What was
    instrumented before keeps its recorder.

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
        _everything.instrument(recorder)
    else:
        _instrument_one(target, recorder)
    return target


def uninstrument(target: Any = None) -> None:
    """Take `instrument` back for *target*. Calls that have started are finished.

    Args:
        target: What was given to `instrument`, or a client or session that
            ``instrument()`` reached; clients made from a session are metered no more
            either. None takes ``instrument()`` back and leaves what was instrumented
            by name. A target that is not instrumented is left as it is.

    Raises:
        TypeError: As for `instrument`.
    """
    if target is None:
        _everything.uninstrument()
        return
    events = events_of(target)
    handlers = standing_on(events)
    if handlers is not None:
        handlers.unregister(events)
        if not isinstance(target, BaseClient):
            handlers.is_on = False  # for the clients that were made from it too


def instrument_from_outside(session: BotocoreSession | None = None) -> None:
    """Meter everything for an application that may not know of it. Twice is once.

    The application's own word comes first: what it instruments with a recorder of its
    own, before or later, goes there.

    Args:
        session: A session whose client is about to be made. Then nothing is done where
            the application has called `uninstrument()` meanwhile.

    Raises:
        ConfigError: If the settings of the default recorder are wrong.
    """
    if session is not None and _everything.is_taken_back:
        return
    get_recorder()
    _everything.instrument(None, gives_way=True)
    if session is not None:
        _everything.reach_session(session)


def _instrument_one(target: Any, recorder: Recorder | None) -> None:
    events = events_of(target)
    standing = standing_on(events)
    if standing is None:
        Handlers(recorder).register(events)
    elif standing.tells(recorder):
        return
    elif standing.gives_way:
        Handlers(recorder).register(events)  # which takes the others off
    else:
        raise ConfigError(
            f"{type(target).__name__} is instrumented with another recorder, directly "
            f"or through its session; call uninstrument() on it first"
        )


class _Everything:
    """What ``instrument()`` without a target has reached, and will reach.

    Attributes:
        is_taken_back: Whether ``uninstrument()`` was the last word.
    """

    def __init__(self) -> None:
        self.is_taken_back = False
        self._is_on = False
        self._gives_way = False
        self._recorder: Recorder | None = None
        self._handlers: weakref.WeakSet[Handlers] = weakref.WeakSet()
        self.renew_lock()

    def renew_lock(self) -> None:
        """Take a lock that nobody holds, as a forked child must."""
        # A handler of the application may make a session in the middle of this.
        self._lock = RLock()

    def instrument(self, recorder: Recorder | None, *, gives_way: bool = False) -> None:
        with self._lock:
            self.is_taken_back = False
            if self._is_on:
                if gives_way:
                    return
                if self._gives_way:
                    self._hand_over(recorder)
                if not is_same_recorder(self._recorder, recorder):
                    raise ConfigError(
                        "every session is instrumented with another recorder already; "
                        "call uninstrument() first"
                    )
                return
            self._is_on = True
            self._gives_way = gives_way
            self._recorder = recorder
            # First this and then the search, so that no session slips through.
            botocore.register_initializer(self.reach_session)
        for events in living_events():
            self._contain(self._reach, events)

    def _hand_over(self, recorder: Recorder | None) -> None:
        """Let *recorder* have what was reached from outside of the application."""
        self._gives_way = False
        self._recorder = recorder
        for handlers in self._handlers:
            handlers.recorder = recorder
            handlers.gives_way = False

    def uninstrument(self) -> None:
        with self._lock:
            self.is_taken_back = True
            if not self._is_on:
                return
            self._is_on = False
            self._recorder = None
            botocore.unregister_initializer(self.reach_session)
            for handlers in self._handlers:
                handlers.is_on = False
            self._handlers.clear()
        for events in living_events():
            self._contain(standing_on, events)  # takes off what is no longer on

    def reach_session(self, session: BotocoreSession) -> None:
        self._contain(lambda: self._reach(events_of(session)))

    def _reach(self, events: BaseEventHooks) -> None:
        """Put handlers of its own on an emitter, which can then be taken back alone."""
        with self._lock:
            if self._is_on and standing_on(events) is None:
                handlers = Handlers(self._recorder, gives_way=self._gives_way)
                handlers.register(events)
                self._handlers.add(handlers)

    def _contain(self, step: Callable[..., object], *arguments: Any) -> None:
        """Take *step* for an object of the application, which may be a stand-in."""
        try:
            step(*arguments)
        except Exception as fault:
            PROCESS_ERRORS.note("instrument", fault)


_everything = _Everything()
after_fork(_everything.renew_lock, ResetOrder.LOCKS)
