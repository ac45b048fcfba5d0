"""instrument() and uninstrument()."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
import botocore
from botocore.client import BaseClient
from botocore.hooks import BaseEventHooks
from botocore.session import Session as BotocoreSession

from .._default_recorder import get_recorder
from .._recording.recorder import Recorder
from .._runtime.contained_errors import PROCESS_ERRORS
from .._runtime.fork import ResetOrder, after_fork
from .._runtime.threads import RLock
from ..errors import ConfigError
from .event_handlers import Handlers, is_same_recorder
from .targets import current_handlers, events_of, existing_emitters

Target = TypeVar("Target")


def instrument(
    target: Target = None,  # type: ignore[assignment]  # None for the whole process
    *,
    recorder: Recorder | None = None,
    include_existing: bool = False,
) -> Target:
    """Meter every Bedrock runtime call of *target*.

    Works by botocore's public events alone: the client stays the client, with the same
    types, exceptions and streaming behaviour. Calling it again has no effect: every
    call is one record.

    Args:
        target: A bedrock-runtime client of boto3, botocore, aiobotocore or aioboto3; a
            session of any of them, for the clients made from it later; or None, for
            the clients made later from boto3's default session and from every session
            created from now on.
        recorder: Takes the calls; None for the default recorder, whichever it is when
            a call starts.
        include_existing: Without a target, meter the sessions and bedrock-runtime
            clients that exist already, too. They are searched among all objects of the
            process: some 50 ms for a million objects. What was instrumented before
            keeps its recorder.

    Returns:
        *target* itself.

    Raises:
        TypeError: If *target* is a client of another service, or no client or session;
            or if *include_existing* is given with a target.
        ConfigError: If *target* is instrumented with another recorder, or the settings
            of the default recorder are wrong.

    Example:
        >>> bedrock = instrument(boto3.client("bedrock-runtime"))  # doctest: +SKIP
    """
    if target is not None and include_existing:
        raise TypeError("include_existing is for instrument() without a target")
    if recorder is None:
        get_recorder()  # fail here on invalid settings, not during a call
    if target is None:
        _process_wide.instrument(recorder)
        if include_existing:
            _process_wide.reach_existing()
    else:
        _instrument_one(target, recorder)
    return target


def uninstrument(target: Any = None) -> None:
    """Undo `instrument` for *target*. Calls that have started are finished.

    Args:
        target: What was given to `instrument`, or a client or session that
            ``instrument()`` reached; clients made from a session are no longer metered
            either. None undoes ``instrument()`` and leaves what was instrumented by
            name. A target that is not instrumented is left as it is.

    Raises:
        TypeError: As for `instrument`.
    """
    if target is None:
        _process_wide.uninstrument()
        return
    events = events_of(target)
    handlers = current_handlers(events)
    if handlers is not None:
        handlers.unregister(events)
        if not isinstance(target, BaseClient):
            handlers.is_on = False  # for the clients that were made from it too


def instrument_from_outside(session: BotocoreSession | None = None) -> None:
    """Meter everything for an application that may not know of it.

    What the application instruments with a recorder of its own, before or later, goes
    to that recorder. Calling it again has no effect.

    Args:
        session: A session whose client is about to be made. Then nothing is done if
            the application has called `uninstrument()` meanwhile.

    Raises:
        ConfigError: If the settings of the default recorder are wrong.
    """
    if session is not None and _process_wide.is_undone:
        return
    get_recorder()
    _process_wide.instrument(None, is_implicit=True)
    if session is not None:
        _process_wide.reach_session(session)


def _instrument_one(target: Any, recorder: Recorder | None) -> None:
    events = events_of(target)
    current = current_handlers(events)
    if current is None:
        Handlers(recorder).register(events)
    elif current.is_for(recorder):
        return
    elif current.is_implicit:
        Handlers(recorder).register(events)  # which removes the others
    else:
        raise ConfigError(
            f"{type(target).__name__} is instrumented with another recorder, directly "
            f"or through its session; call uninstrument() on it first"
        )


class ProcessWideInstrumentation:
    """Targets that ``instrument()`` without a target reaches, now and later.

    Attributes:
        is_undone: Whether ``uninstrument()`` was called last.
    """

    def __init__(self) -> None:
        self.is_undone = False
        self._is_on = False
        self._is_implicit = False
        self._recorder: Recorder | None = None
        self._handlers: weakref.WeakSet[Handlers] = weakref.WeakSet()
        self._emitters: weakref.WeakSet[BaseEventHooks] = weakref.WeakSet()
        self.renew_lock()

    def renew_lock(self) -> None:
        """Make a new lock, as a forked child must."""
        # A handler of the application may make a session in the middle of this.
        self._lock = RLock()

    def instrument(
        self, recorder: Recorder | None, *, is_implicit: bool = False
    ) -> None:
        """Meter boto3's default session, and every session created from now on."""
        with self._lock:
            self.is_undone = False
            if self._is_on:
                if is_implicit:
                    return
                if self._is_implicit:
                    self._hand_over(recorder)
                if not is_same_recorder(self._recorder, recorder):
                    raise ConfigError(
                        "every session is instrumented with another recorder already; "
                        "call uninstrument() first"
                    )
                return
            self._is_on = True
            self._is_implicit = is_implicit
            self._recorder = recorder
            botocore.register_initializer(self.reach_session)
        if boto3.DEFAULT_SESSION is not None:
            self.reach_session(boto3.DEFAULT_SESSION)

    def reach_existing(self) -> None:
        """Meter every session and client that exists."""
        for events in existing_emitters():
            self._contain(self._reach, events)

    def _hand_over(self, recorder: Recorder | None) -> None:
        """Send to *recorder* what was instrumented from outside of the application."""
        self._is_implicit = False
        self._recorder = recorder
        for handlers in self._handlers:
            handlers.recorder = recorder
            handlers.is_implicit = False

    def uninstrument(self) -> None:
        """Undo `instrument`.

        Emitters of clients are copies of their session's. Handlers on a copy are
        switched off, and stay there without effect.
        """
        with self._lock:
            self.is_undone = True
            if not self._is_on:
                return
            self._is_on = False
            self._recorder = None
            botocore.unregister_initializer(self.reach_session)
            for handlers in self._handlers:
                handlers.is_on = False
            self._handlers.clear()
            emitters = list(self._emitters)
            self._emitters.clear()
        for events in emitters:
            self._contain(current_handlers, events)  # removes what is switched off

    def reach_session(self, session: BotocoreSession | boto3.Session) -> None:
        """Meter the clients that will be made from *session*."""
        self._contain(lambda: self._reach(events_of(session)))

    def _reach(self, events: BaseEventHooks) -> None:
        """Register handlers of its own on an emitter, to be removed alone."""
        with self._lock:
            if self._is_on and current_handlers(events) is None:
                handlers = Handlers(self._recorder, is_implicit=self._is_implicit)
                handlers.register(events)
                self._handlers.add(handlers)
                self._emitters.add(events)

    def _contain(self, step: Callable[..., object], *arguments: Any) -> None:
        """Take *step* for an object of the application, which may be a stand-in."""
        try:
            step(*arguments)
        except Exception as fault:
            PROCESS_ERRORS.note("instrument", fault)


_process_wide = ProcessWideInstrumentation()
after_fork(_process_wide.renew_lock, ResetOrder.LOCKS)
