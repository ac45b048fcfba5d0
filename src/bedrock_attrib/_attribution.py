"""Whose call this is: the caller's tags, and the sum of what a block spent."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextvars import ContextVar, Token
from decimal import Decimal
from functools import reduce
from threading import Lock
from types import AsyncGeneratorType, CoroutineType, GeneratorType, TracebackType
from typing import Any, NamedTuple, Self, TypeVar, cast

from ._errors import ConfigError
from ._money import ZERO, add
from ._record import NO_TAGS, CallRecord, Cost, PriceStatus, Rates, Tags
from ._usage import Unit, Usage

Function = TypeVar("Function", bound=Callable[..., Any])

# The limits of AWS session tags, so that every tag can also be sent to AWS: botocore
# 1.44.5, sts AssumeRole, checked 2026-11-23.
_LONGEST_KEY = 128
_LONGEST_VALUE = 256
_MOST_TAGS = 50
_ALLOWED = re.compile(r"[\w .:/=+\-@]*")


class Spend:
    """What a block of code has spent so far, at list price.

    Counts every call that started inside the block, in inner blocks and in streams
    that are read after the block has ended too. Safe to read from any thread.
    """

    def __init__(self) -> None:
        """Start from nothing."""
        self._settlers: tuple[Callable[[], None], ...] = ()
        self._lock = Lock()
        self._calls = 0
        self._unpriced_calls = 0
        # By model and rates: counts of calls whose amounts follow from them.
        self._tallies: dict[
            tuple[str, int | None], tuple[Rates | None, dict[Unit, int]]
        ] = {}
        # By model: amounts of calls whose cost was given.
        self._given: dict[str, Decimal] = {}

    @property
    def cost(self) -> Decimal:
        """USD of the priced and estimated calls, and of the known part of others."""
        return reduce(add, self.by_model.values(), ZERO)

    @property
    def calls(self) -> int:
        """Finished calls, failed and abandoned ones included."""
        self._settle()
        return self._calls

    @property
    def unpriced_calls(self) -> int:
        """Finished calls whose cost is not, or not wholly, in ``cost``."""
        self._settle()
        return self._unpriced_calls

    @property
    def usage(self) -> Usage:
        """Counts by unit of all finished calls."""
        self._settle()
        with self._lock:
            counts = [Usage.of(dict(counts)) for _, counts in self._tallies.values()]
        return reduce(Usage.__add__, counts, Usage({}))

    @property
    def by_model(self) -> Mapping[str, Decimal]:
        """USD by base model id, or by the id as written where it is opaque."""
        self._settle()
        with self._lock:
            amounts = dict(self._given)
            for (model, _), (rates, counts) in self._tallies.items():
                if rates is not None:
                    amount = Cost.at(rates, Usage.of(counts), "USD").total
                    amounts[model] = add(amounts.get(model, ZERO), amount)
        return amounts

    def __repr__(self) -> str:
        return f"Spend(cost={self.cost}, calls={self.calls})"

    def add(self, record: CallRecord) -> None:
        """Count one finished call. Called by the recorder."""
        with self._lock:
            self._count(record)

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Count *after* instead of *before*. Called by the recorder."""
        lacked = before.price_status in _NOT_WHOLLY_PRICED
        lacks = after.price_status in _NOT_WHOLLY_PRICED
        with self._lock:
            self._unpriced_calls += lacks - lacked
            if before.usage:
                self._take_back(before, before.usage)
            if after.usage:
                self._tally(after, after.usage)

    def settle_with(self, settle: Callable[[], None]) -> None:
        """Call *settle* before figures are read. Called by each recorder of a call."""
        if settle not in self._settlers:
            with self._lock:
                self._settlers = (*self._settlers, settle)

    def _settle(self) -> None:
        for settle in self._settlers:
            settle()

    def _count(self, record: CallRecord) -> None:
        self._calls += 1
        if record.price_status in _NOT_WHOLLY_PRICED:
            self._unpriced_calls += 1
        if record.usage:
            self._tally(record, record.usage)

    def _tally(self, record: CallRecord, usage: Usage) -> None:
        """Count units by model and rates: amounts follow when somebody looks."""
        cost = record.cost
        model = record.model.model_id or record.model.requested
        rates = cost.rates if cost is not None and cost.usage is not None else None
        key = (model, None if rates is None else rates.key)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = (rates, {})
        counts = tally[1]
        for unit, count in usage.items():
            counts[unit] = counts.get(unit, 0) + count
        if cost is not None and rates is None:
            given = self._given.get(model, ZERO)
            self._given[model] = add(given, cost.total)

    def _take_back(self, record: CallRecord, usage: Usage) -> None:
        cost = record.cost
        if cost is not None and cost.usage is None:
            cost = Cost(-cost.total, cost.currency, {}, cost.rates)
        taken = Usage.of({unit: -count for unit, count in usage.items()})
        self._tally(record._replace(cost=cost), taken)
        # A model of which nothing is left would be shown with an amount of zero.
        model = record.model.model_id or record.model.requested
        if not self._given.get(model, ZERO):
            self._given.pop(model, None)
        for key in [key for key in self._tallies if key[0] == model]:
            if not any(self._tallies[key][1].values()):
                del self._tallies[key]


_NOT_WHOLLY_PRICED = frozenset({PriceStatus.UNPRICED, PriceStatus.PARTIAL})


class Scope(NamedTuple):
    """The attribution in force: tags, and every enclosing block's spend."""

    tags: Tags
    spends: tuple[Spend, ...]


_NO_SCOPE = Scope(NO_TAGS, ())
_SCOPE: ContextVar[Scope] = ContextVar("bedrock_attrib_scope", default=_NO_SCOPE)

current_scope: Callable[[], Scope] = _SCOPE.get
"""The scope that a call starting now belongs to."""


def check_tags(tags: Mapping[str, object]) -> dict[str, str | None]:
    """Check *tags* at the border; None as a value stands for removal.

    Raises:
        ConfigError: If a key or value is not text of the length and characters that
            AWS accepts for session tags, or there are more than 50.
    """
    if len(tags) > _MOST_TAGS:
        raise ConfigError(f"{len(tags)} tags given; at most {_MOST_TAGS} are allowed")
    return {
        _checked("tag key", key, _LONGEST_KEY): (
            None if value is None else _checked(f"tag {key!r}", value, _LONGEST_VALUE)
        )
        for key, value in tags.items()
    }


def _checked(what: str, text: object, longest: int) -> str:
    if not isinstance(text, str):
        raise ConfigError(
            f"{what} is {type(text).__name__} {text!r}; expected text: pass "
            f"str(value), or None to remove the tag"
        )
    if not 1 <= len(text) <= longest:
        raise ConfigError(
            f"{what} has {len(text)} characters; expected 1 to {longest}: shorten it "
            f"where it is set, nothing is cut silently"
        )
    if not _ALLOWED.fullmatch(text):
        bad = sorted({char for char in text if not _ALLOWED.fullmatch(char)})
        raise ConfigError(
            f"{what} holds {bad!r}; allowed are letters, digits, spaces and _.:/=+-@"
        )
    # Plain text, whatever its class: str() of an enumeration's member is its name.
    return str.__str__(text)


class attribution:  # noqa: N801 -- reads as a statement after `with` and `@`
    """Attribute every Bedrock call of a block or function to *tags*.

    Works as a context manager, giving a `Spend`, and as a decorator of functions,
    generators and their async kinds. Blocks nest: inner tags win, ``None`` takes a
    key away. A call belongs to the block in which it started.

    New threads start without tags; `asyncio` tasks and ``asyncio.to_thread`` keep
    them. For other executors, submit through ``contextvars.copy_context().run``.

    Args:
        **tags: The caller's own keys: ``team``, ``app``, ``experiment``, anything.
            Keys of 1 to 128 and values of 1 to 256 letters, digits, spaces and
            ``_.:/=+-@``; at most 50.

    Raises:
        ConfigError: If a key or value is not allowed, or more than 50 tags would be in
            force.

    Example:
        >>> with attribution(team="search") as spend:
        ...     with attribution(experiment="prompt-v7"):
        ...         print(dict(current_tags()))
        {'team': 'search', 'experiment': 'prompt-v7'}
        >>> spend.calls
        0
    """

    def __init__(self, **tags: str | None) -> None:
        self._changes = check_tags(tags)
        self._token: Token[Scope] | None = None

    def __enter__(self) -> Spend:
        if self._token is not None:
            raise ConfigError(
                "this attribution() is entered already; make a new one for each `with`"
            )
        spend = Spend()
        self._token = _SCOPE.set(self._scope_with(spend))
        return spend

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            _reset(token)

    def __call__(self, function: Function) -> Function:
        """Decorate *function*: each call of it runs inside a block of its own.

        Raises:
            TypeError: If *function* is a class or cannot be called.
        """
        if isinstance(function, (staticmethod, classmethod)):
            return cast("Function", type(function)(self(function.__func__)))
        if isinstance(function, type) or not callable(function):
            raise TypeError(
                f"attribution() decorates functions and methods, not {function!r}"
            )
        wrap = next(wrap for is_kind, wrap in _WRAPPERS if is_kind(function))
        return cast("Function", functools.wraps(function)(wrap(self, function)))

    def _again(self) -> Self:
        """A fresh block with the same tags, as one object holds one open block."""
        block = type(self).__new__(type(self))
        block._changes = self._changes
        block._token = None
        return block

    def _scope_with(self, spend: Spend) -> Scope:
        outer = _SCOPE.get()
        tags = with_changes(outer.tags, self._changes)
        if len(tags) > _MOST_TAGS:
            raise ConfigError(
                f"{len(tags)} tags would be in force with those of the blocks around; "
                f"at most {_MOST_TAGS} are allowed"
            )
        return Scope(tags, (*outer.spends, spend))


def with_changes(tags: Tags, changes: Mapping[str, str | None]) -> Tags:
    """*tags* after *changes*; None takes a key away."""
    if not changes:
        return tags
    merged = {**tags, **changes}
    return Tags({key: value for key, value in merged.items() if value is not None})


def _reset(token: Token[Scope]) -> None:
    try:
        _SCOPE.reset(token)
    except ValueError:
        # Left in another context than entered, as a generator collected by another
        # thread is: the entered context is gone, so there is nothing to restore.
        return


def _wrap_function(block: attribution, function: Callable[..., Any]) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        with block._again():
            result = function(*args, **kwargs)
        # Other decorators hide a coroutine function or generator behind a plain one.
        wrap = _UNFINISHED.get(type(result))
        return result if wrap is None else wrap(block, lambda: result)()

    return call


def _wrap_coroutine(block: attribution, function: Callable[..., Any]) -> Any:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with block._again():
            return await function(*args, **kwargs)

    return call


class _Steps:
    """Keeps a generator's scope in force only while the generator runs."""

    def __init__(self, block: attribution) -> None:
        self._inside = block._scope_with(Spend())
        self._token: Token[Scope] | None = None

    def __enter__(self) -> None:
        self._token = _SCOPE.set(self._inside)

    def __exit__(self, *_error: object) -> None:
        self._inside = _SCOPE.get()
        if self._token is not None:
            _reset(self._token)


def _wrap_generator(block: attribution, function: Callable[..., Any]) -> Any:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = _Steps(block)
        generator = function(*args, **kwargs)
        step, sent = generator.send, None
        try:
            while True:
                try:
                    with steps:
                        item = step(sent)
                except StopIteration as stop:
                    return stop.value
                try:
                    sent = yield item
                    step = generator.send
                except GeneratorExit:
                    raise
                except BaseException as error:
                    step, sent = generator.throw, error
        finally:
            with steps:
                generator.close()

    return call


def _wrap_async_generator(block: attribution, function: Callable[..., Any]) -> Any:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = _Steps(block)
        generator = function(*args, **kwargs)
        step, sent = generator.asend, None
        try:
            while True:
                try:
                    with steps:
                        item = await step(sent)
                except StopAsyncIteration:
                    return
                try:
                    sent = yield item
                    step = generator.asend
                except GeneratorExit:
                    raise
                except BaseException as error:
                    step, sent = generator.athrow, error
        finally:
            with steps:
                await generator.aclose()

    return call


_Wrapper = Callable[[attribution, Callable[..., Any]], Any]
_WRAPPERS: tuple[tuple[Callable[[Any], bool], _Wrapper], ...] = (
    (inspect.isasyncgenfunction, _wrap_async_generator),
    (inspect.iscoroutinefunction, _wrap_coroutine),
    (inspect.isgeneratorfunction, _wrap_generator),
    (callable, _wrap_function),
)
_UNFINISHED: dict[type, _Wrapper] = {
    AsyncGeneratorType: _wrap_async_generator,
    CoroutineType: _wrap_coroutine,
    GeneratorType: _wrap_generator,
}
