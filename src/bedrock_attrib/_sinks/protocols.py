"""Protocols of sinks and guards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from .._model.call_groups import FinishedCalls
from .._model.call_start import CallStart
from .._model.record import CallRecord
from .._model.tags import Tags


@runtime_checkable
class Sink(Protocol):
    """Takes every finished call.

    ``write`` is called for one record at a time, on a thread of the sink's own, so
    that it may take long: behind 20,000 records that wait for it, more are dropped and
    counted. ``flush`` and ``close`` are called there too. An exception is contained,
    counted and logged.

    A class that sets ``returns_at_once = True`` has no such thread: all three are
    called on the recorder's thread, for which callers may be waiting, or on a
    caller's. So is a sink that is a `Guard` as well, and every sink with the setting
    ``immediate``.
    """

    def write(self, record: CallRecord) -> None:
        """Take one record."""

    def flush(self, timeout_s: float) -> bool:
        """Deliver what is pending; False when ``timeout_s`` was not enough."""

    def close(self) -> None:
        """Deliver what is pending and release everything."""


@runtime_checkable
class PullSink(Sink, Protocol):
    """Sink that others read, and that must then have every call that ended."""

    def pull_with(self, pull: Callable[[], None]) -> None:
        """Take a function to call before being read; it may cause more writes."""


@runtime_checkable
class TimedPullSink(Sink, Protocol):
    """Sink that others read, and that says how long its writes may take then."""

    def pull_within(self, pull: Callable[[float], object]) -> None:
        """As `PullSink.pull_with`; *pull* takes the seconds that it may take."""


@runtime_checkable
class CorrectingSink(Sink, Protocol):
    """Sink that can replace a record when more is known of its call.

    A call through a profile that is still being looked up is written at once,
    unpriced, and corrected when its model is known.
    """

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Take *after* instead of *before*, which was written; never during a write.

        Args:
            before: The record as it was given to ``write``.
            after: The same call: same id, same usage. Model, cost, price status and
                price reason may differ.
        """


@runtime_checkable
class LossySink(Sink, Protocol):
    """Sink that may lose records, and counts them."""

    @property
    def dropped(self) -> int:
        """Records that were lost so far."""


@runtime_checkable
class GroupedSink(Sink, Protocol):
    """Sink that takes many calls at once, most of them in groups of equal ones.

    A class says so itself, as ``accepts_groups = True`` is not inherited: a class that
    is derived from such a sink, to filter records for example, gets one ``write`` for
    each, until it sets the attribute too.
    """

    accepts_groups: bool

    def write_batch(self, batch: FinishedCalls) -> None:
        """Take all of *batch*, instead of one ``write`` for each of its records.

        An exception loses what is left of the batch for this sink.
        """


@runtime_checkable
class Reservation(Protocol):
    """Money, tokens or calls that a guard has reserved for one call."""

    def settle(self, record: CallRecord) -> None:
        """Replace what was reserved by what *record* says; called exactly once.

        It is called on the recorder's thread, whatever the end of the call: an answer,
        an error, a stream that was left, a call that was never sent or that a later
        guard refused. Where nothing was billed, the record's price status is ``free``.
        """


@runtime_checkable
class Guard(Protocol):
    """Decides before each call whether it may be sent.

    A guard whose class says ``is_independent = True`` looks at no sink: no call waits
    for the calls before it.
    """

    def check(self, start: CallStart) -> Reservation | None:
        """Look at a call about to be sent, on the caller's thread.

        Unless the guard is independent, calls that the same thread has finished before
        are by now in the sinks that return at once, this guard among them if it is a
        sink.

        Returns:
            What was reserved for it, or None.

        Raises:
            RefusedError: To refuse it. This reaches the caller; any other exception is
                contained and the call goes on.
        """


@runtime_checkable
class Policy(Protocol):
    """Changes the tags of calls before they are sent, or refuses them."""

    @property
    def violations(self) -> Mapping[tuple[str, str, str], int]:
        """Calls that broke a rule, by rule, key and action."""

    def judge(self, start: CallStart) -> tuple[Tags, bool]:
        """Return what `apply` would, and whether the call may be sent; counts nothing.

        For a call whose model may still change.
        """

    def apply(self, start: CallStart, *, may_refuse: bool = True) -> Tags:
        """Return the tags of a call as the policy leaves them.

        Args:
            start: The call, on the caller's thread.
            may_refuse: False for a call that was made already.

        Raises:
            RefusedError: To refuse the call.
        """


@runtime_checkable
class Router(Protocol):
    """Guard that may have another model answer a call."""

    def route(self, start: CallStart) -> str | None:
        """Return the id of the model to call instead; None to leave the call alone."""


@runtime_checkable
class WaitingGuard(Guard, Protocol):
    """Guard whose `check` may have to wait, and so not on an event loop."""

    def check_at_once(self, start: CallStart) -> tuple[Reservation | None] | None:
        """As `check`, without waiting; None to be asked again, on another thread.

        Raises:
            RefusedError: To refuse the call.
        """


@runtime_checkable
class StoreGuard(WaitingGuard, Protocol):
    """Guard that counts calls in a store, for which `check` may have to wait."""

    def count(self, start: CallStart) -> Reservation | None:
        """Return what counts a call that is not checked, as it was made elsewhere."""

    def pull_with(self, pull: Callable[[], None]) -> None:
        """Take a function that has every call settled that has ended."""

    def flush(self, timeout_s: float) -> bool:
        """Bring what was settled to the store; False if the time was not enough."""

    def close(self) -> None:
        """Return to the store what is reserved for calls to come."""
