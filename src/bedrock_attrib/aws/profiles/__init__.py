"""Models of application inference profiles, looked up in AWS."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ..._model.model_id import ModelRef, Scope
from ..._runtime.contained_errors import PROCESS_ERRORS, logger
from ..._runtime.fork import ResetOrder, after_fork
from ._api import WAY_OUT, WHAT, ProfileApi, ProfileClient, failure_of, name_of
from ._cache import ProfileCache
from ._lookups import Lookup, Lookups
from ._members import model_of_members, regions_of

_MOST_PROFILES = 4096

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Unknown:
    """A failed look-up.

    Attributes:
        reason: Why it failed.
        until: Time of the next possible attempt, by the resolver's clock.
    """

    reason: str
    until: float


class ProfileResolver:
    """Resolver of application inference profiles to models.

    `model_of` reads from memory. An unknown ARN is looked up with GetInferenceProfile
    on a thread of the resolver's own, once for all callers, and the callbacks of
    `on_answer` are called. Profiles never change, so a result is valid for ever.

    Needs the permission ``bedrock:GetInferenceProfile``. Without it the calls stay
    unpriced, which is logged once, and AWS is asked again after an hour.

    A forked child inherits known profiles and looks up others itself.

    Example:
        >>> configure(profiles=ProfileResolver())  # doctest: +SKIP
    """

    def __init__(
        self,
        session: boto3.Session | None = None,
        *,
        cache: Path | str | None = None,
        client_for: Callable[[str], ProfileClient] | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Prepare; the thread starts with the first look-up.

        Args:
            session: Makes the clients, on the resolver's thread; boto3 sessions are not
                thread-safe, so no other thread may make clients with it. None for a
                new one.
            cache: File that stores results, read now; None for none.
            client_for: Makes the ``bedrock`` client of a region instead of the session;
                it is not closed.
            clock: Returns monotonic seconds.
            jitter: Returns the fraction of a pause to wait before another attempt, from
                0 to 1.
        """
        self._api = ProfileApi(session, client_for)
        self._clock = clock
        self._cache = (
            None if cache is None else ProfileCache(Path(cache), most=_MOST_PROFILES)
        )
        self._models: dict[str, ModelRef] = {}
        self._unknown: dict[str, _Unknown] = {}
        self._unsaved: dict[str, tuple[str, ...]] = {}
        self._callbacks: tuple[Callable[[str, ModelRef | None], None], ...] = ()
        self._pulls: tuple[Callable[[], None], ...] = ()
        self._warned: set[str] = set()
        self._lookups = Lookups(
            self._look_up,
            name="bedrock-attrib-profiles",
            at_rest=self._save,
            clock=clock,
            jitter=jitter,
        )
        self._recall()
        after_fork(self.reset, ResetOrder.QUEUES)

    def reset(self) -> None:
        """Drop look-ups and clients, which in a forked child are its parent's."""
        self._lookups.reset()
        self._api.forget()
        self._unsaved = {}

    def _recall(self) -> None:
        for arn, members in (self._cache.read() if self._cache else {}).items():
            model = model_of_members(arn, members)
            if model is not None:
                self._models[arn] = model

    # Called by recorders on any thread: nothing here waits or raises.

    def model_of(self, arn: str, region: str) -> ModelRef | None:
        """Return the model of *arn*; None if unknown, which starts a look-up.

        Args:
            arn: ARN of an application inference profile.
            region: Region of the call, where it is looked up.
        """
        model = self._models.get(arn)
        if model is None:
            try:
                self._lookups.add(arn, region, unless=lambda: self._is_answered(arn))
            except Exception as fault:  # noqa: BLE001 -- a call may be waiting
                PROCESS_ERRORS.note("profile look-up", fault)
        return model

    def why_unknown(self, arn: str) -> str:
        """Return why *arn* has no model; empty while it is being looked up."""
        unknown = self._unknown.get(arn)
        if unknown is not None and self._clock() < unknown.until:
            return unknown.reason
        # A model known by now is on its way to the callbacks.
        if arn in self._lookups or arn in self._models:
            return ""
        return f"its application inference profile is not looked up; {WAY_OUT}"

    def _is_answered(self, arn: str) -> bool:
        unknown = self._unknown.get(arn)
        return arn in self._models or (
            unknown is not None and self._clock() < unknown.until
        )

    def on_answer(self, callback: Callable[[str, ModelRef | None], None]) -> None:
        """Call *callback* after each look-up with the ARN and the model or None.

        Args:
            callback: Called on the resolver's thread.
        """
        self._callbacks = (*self._callbacks, callback)

    def pull_with(self, pull: Callable[[], None]) -> None:
        """Call *pull* before `wait`, so that calls that just ended are included."""
        self._pulls = (*self._pulls, pull)

    # For scripts and for shutdown.

    def wait(self, timeout_s: float = 10.0) -> bool:
        """Wait until every look-up is done, including those of calls that just ended.

        Args:
            timeout_s: Seconds to wait at most.

        Returns:
            False on a timeout.
        """
        for pull in self._pulls:
            pull()
        return self._lookups.wait(timeout_s)

    def close(self) -> None:
        """Stop looking up. Known profiles are still resolved."""
        for arn in self._lookups.close():
            self._give_up(arn, f"{WHAT} before the resolver was closed", math.inf)
        if self._lookups.join():
            self._api.close()

    # On the resolver's own thread.

    def _look_up(self, lookup: Lookup) -> None:
        try:
            members = self._api.members_of(lookup.arn, lookup.region)
        except Exception as error:  # noqa: BLE001 -- whatever a client raises
            self._failed(lookup, error)
        else:
            self._found(lookup.arn, members)

    def _found(self, arn: str, members: tuple[str, ...]) -> None:
        model = model_of_members(arn, members)
        if model is None:
            reason = "its application inference profile does not name a single model"
            self._give_up(arn, f"{reason}; {WAY_OUT}", math.inf)
            return
        if model.scope is Scope.GEO and model.geography is None:
            regions = ", ".join(regions_of(members))
            self._warn(
                regions,
                f"{arn} is served in {regions}, which is not a known geography; "
                f"its calls are priced as cross-Region calls without one",
            )
        if self._cache is not None:
            self._unsaved[arn] = members
        _keep(self._models, arn, model)
        self._answer(arn, model)

    def _failed(self, lookup: Lookup, error: Exception) -> None:
        if not isinstance(error, (BotoCoreError, ClientError)):
            PROCESS_ERRORS.note("profile look-up", error)
        failure = failure_of(error)
        if not failure.is_final and self._lookups.postpone(lookup):
            return
        reason = f"{WHAT} ({name_of(error)}); {failure.way_out}"
        self._warn(failure.kind, f"{lookup.arn}: {reason}")
        self._give_up(lookup.arn, reason, failure.for_s)

    def _give_up(self, arn: str, reason: str, for_s: float) -> None:
        _keep(self._unknown, arn, _Unknown(reason, self._clock() + for_s))
        self._answer(arn, None)

    def _answer(self, arn: str, model: ModelRef | None) -> None:
        """Call the callbacks, and end the look-up afterwards."""
        for callback in self._callbacks:
            try:
                callback(arn, model)
            except Exception as fault:  # noqa: BLE001 -- the other callbacks must run
                PROCESS_ERRORS.note("profile answer", fault)
        self._lookups.done(arn)

    def _warn(self, kind: str, message: str) -> None:
        """Log the first message of a kind as a warning, others at DEBUG."""
        if kind in self._warned:
            logger.debug("%s", message)
            return
        self._warned.add(kind)
        logger.warning("%s. More of this kind are logged at DEBUG.", message)

    def _save(self) -> None:
        unsaved, self._unsaved = self._unsaved, {}
        if unsaved and self._cache is not None:
            self._cache.write(unsaved)


def _keep(memory: dict[str, Value], arn: str, value: Value) -> None:
    """Store *value* in *memory*; when it is full, drop the oldest entry."""
    if len(memory) >= _MOST_PROFILES:
        memory.pop(next(iter(memory)), None)
    memory[arn] = value
