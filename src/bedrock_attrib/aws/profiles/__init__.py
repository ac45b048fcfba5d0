"""Which model an application inference profile stands for, as AWS tells it."""

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
from ._api import WAY_OUT, WHAT, ProfileApi, ProfileClient, name_of, verdict_on
from ._cache import ProfileCache
from ._lookups import Lookup, Lookups
from ._members import model_of_members, regions_of

_MOST_PROFILES = 4096

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Unknown:
    """A look-up that came to nothing.

    Attributes:
        reason: Why.
        until: When it may be tried again, by the resolver's clock.
    """

    reason: str
    until: float


class ProfileResolver:
    """Finds out which models application inference profiles stand for.

    `model_of` answers from memory. An ARN that is not known is looked up with
    GetInferenceProfile on a thread of the resolver's own, once however many ask, and
    whoever asked `on_answer` is told. Profiles never change, so an answer holds for
    ever.

    Needs the permission ``bedrock:GetInferenceProfile``. Without it the calls stay
    unpriced, which is told once, and AWS is asked again after an hour.

    A forked child keeps what is known and looks up the rest itself.

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
                to be shared between threads, so none that another thread makes clients
                with. None for a new one.
            cache: File that keeps what was looked up, read now; None for none.
            client_for: Makes the client of ``bedrock`` for a region, instead of the
                session. It is left open.
            clock: Gives seconds that never go back.
            jitter: Gives the part of a pause to keep before AWS is asked again, from
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
        self._told: set[str] = set()
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
        """Drop look-ups and clients, as a forked child does: they are its parent's."""
        self._lookups.reset()
        self._api.forget()
        self._unsaved = {}

    def _recall(self) -> None:
        for arn, members in (self._cache.read() if self._cache else {}).items():
            model = model_of_members(arn, members)
            if model is not None:
                self._models[arn] = model

    # Asked by recorders, on any thread: nothing here waits or raises.

    def model_of(self, arn: str, region: str) -> ModelRef | None:
        """The model behind *arn*; None if it is not known, and it is then looked up.

        Args:
            arn: ARN of an application inference profile.
            region: Region in which it was called, which is asked about it.
        """
        model = self._models.get(arn)
        if model is None:
            try:
                self._lookups.add(arn, region, unless=lambda: self._is_answered(arn))
            except Exception as fault:  # noqa: BLE001 -- a call may be waiting
                PROCESS_ERRORS.note("profile look-up", fault)
        return model

    def why_unknown(self, arn: str) -> str:
        """Why no model of *arn* is to be expected; empty while it is looked up."""
        unknown = self._unknown.get(arn)
        if unknown is not None and self._clock() < unknown.until:
            return unknown.reason
        # One that is known by now is being told.
        if arn in self._lookups or arn in self._models:
            return ""
        return f"its application inference profile is not looked up; {WAY_OUT}"

    def _is_answered(self, arn: str) -> bool:
        unknown = self._unknown.get(arn)
        return arn in self._models or (
            unknown is not None and self._clock() < unknown.until
        )

    def on_answer(self, callback: Callable[[str, ModelRef | None], None]) -> None:
        """Call *callback* after each look-up with ARN and model, None for none.

        Args:
            callback: Called on the resolver's thread.
        """
        self._callbacks = (*self._callbacks, callback)

    def pull_with(self, pull: Callable[[], None]) -> None:
        """Call *settle* before `wait`, to learn of calls that have just ended."""
        self._pulls = (*self._pulls, pull)

    # For scripts, and for the end.

    def wait(self, timeout_s: float = 10.0) -> bool:
        """Wait until every look-up is done, those of calls that just ended included.

        Args:
            timeout_s: Seconds to wait at most.

        Returns:
            False when the time was not enough.
        """
        for pull in self._pulls:
            pull()
        return self._lookups.wait(timeout_s)

    def close(self) -> None:
        """Stop looking up. What is known goes on being answered."""
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
            reason = "its application inference profile names no single model"
            self._give_up(arn, f"{reason}; {WAY_OUT}", math.inf)
            return
        if model.scope is Scope.GEO and model.geography is None:
            regions = ", ".join(regions_of(members))
            self._tell(
                regions,
                f"{arn} is served in {regions}, which is no geography that is known; "
                f"its calls are priced as cross-Region ones of none",
            )
        if self._cache is not None:
            self._unsaved[arn] = members
        _keep(self._models, arn, model)
        self._answer(arn, model)

    def _failed(self, lookup: Lookup, error: Exception) -> None:
        if not isinstance(error, (BotoCoreError, ClientError)):
            PROCESS_ERRORS.note("profile look-up", error)
        verdict = verdict_on(error)
        if not verdict.is_final and self._lookups.postpone(lookup):
            return
        reason = f"{WHAT} ({name_of(error)}); {verdict.way_out}"
        self._tell(verdict.kind, f"{lookup.arn}: {reason}")
        self._give_up(lookup.arn, reason, verdict.for_s)

    def _give_up(self, arn: str, reason: str, for_s: float) -> None:
        _keep(self._unknown, arn, _Unknown(reason, self._clock() + for_s))
        self._answer(arn, None)

    def _answer(self, arn: str, model: ModelRef | None) -> None:
        """Tell whoever waits; only then nobody has to wait any more."""
        for callback in self._callbacks:
            try:
                callback(arn, model)
            except Exception as fault:  # noqa: BLE001 -- others are to be told too
                PROCESS_ERRORS.note("profile answer", fault)
        self._lookups.done(arn)

    def _tell(self, kind: str, message: str) -> None:
        """Warn of the first of a kind; the others are logged at DEBUG."""
        if kind in self._told:
            logger.debug("%s", message)
            return
        self._told.add(kind)
        logger.warning("%s. More of this kind are logged at DEBUG.", message)

    def _save(self) -> None:
        unsaved, self._unsaved = self._unsaved, {}
        if unsaved and self._cache is not None:
            self._cache.write(unsaved)


def _keep(memory: dict[str, Value], arn: str, value: Value) -> None:
    """Put *value* into *memory*, in the place of the oldest one if it is full."""
    if len(memory) >= _MOST_PROFILES:
        memory.pop(next(iter(memory)), None)
    memory[arn] = value
