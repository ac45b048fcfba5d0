"""Decoration of functions of every kind, so that they run in a context."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar, cast

from .._model.tags import Changes
from .block_limit import Limits, block_limit
from .context import Block, GeneratorContext, nested_attribution
from .function_wrappers import Wrappers, async_generator_function

Function = TypeVar("Function", bound=Callable[..., Any])


class ContextEntry(Protocol):
    """Factory of the contexts in which a function runs."""

    def block(self) -> AbstractContextManager[object]:
        """Return the context of one call, from its start to its end."""

    def generator_context(self) -> GeneratorContext:
        """Return the context of one generator, active while it runs."""


class NestedEntry:
    """Entry into the caller's context with changed tags, and limits of its own."""

    __slots__ = ("_changes", "_limits")

    def __init__(self, changes: Changes, limits: Limits = (None, None)) -> None:
        """Apply *changes* and *limits*, which must be checked, to each caller's."""
        self._changes = changes
        self._limits = limits

    def block(self) -> Block:
        """Return a block for one call."""
        return Block(self._changes, block_limit(*self._limits))

    def generator_context(self) -> GeneratorContext:
        """Return a context for one generator."""
        limit = block_limit(*self._limits)
        return GeneratorContext(nested_attribution(self._changes, limit=limit))


def decorate(entry: ContextEntry, function: Function) -> Function:
    """Have each call of *function* run in a context.

    Args:
        entry: Makes that context, for each call or generator.
        function: A function of any kind.

    Raises:
        TypeError: If *function* is a class or cannot be called.
    """
    if isinstance(function, (staticmethod, classmethod)):
        inner = decorate(entry, function.__func__)
        return cast("Function", type(function)(inner))
    if isinstance(function, type) or not callable(function):
        raise TypeError(
            f"attribution() decorates functions and methods, not {function!r}"
        )
    return cast("Function", functools.wraps(function)(enter_with(entry, function)))


def enter_with(entry: ContextEntry, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the same kind that runs *function* in a context."""
    return _WRAPPERS.wrap(entry, function)


def _wrap_function(
    entry: ContextEntry, function: Callable[..., Any]
) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with entry.block():
            result = function(*args, **kwargs)
        wrap = _UNFINISHED.get(type(result))
        return result if wrap is None else wrap(entry, lambda: result)()

    return call


def _wrap_coroutine(
    entry: ContextEntry, function: Callable[..., Any]
) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with entry.block():
            return await function(*args, **kwargs)

    return call


def _wrap_generator(
    entry: ContextEntry, function: Callable[..., Any]
) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        context = entry.generator_context()
        generator = function(*args, **kwargs)
        step, sent = generator.send, None
        try:
            while True:
                try:
                    with context:
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
            with context:
                generator.close()

    return call


def _wrap_async_generator(
    entry: ContextEntry, function: Callable[..., Any]
) -> Callable[..., Any]:
    return async_generator_function(function, entry.generator_context)


_WRAPPERS: Wrappers[ContextEntry] = Wrappers(
    _wrap_function, _wrap_coroutine, _wrap_generator, _wrap_async_generator
)
_UNFINISHED = _WRAPPERS.by_result()
