"""How functions of every kind are run inside a block of their own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar, cast

from .._model.tags import Changes
from .context import AttributionContext, Block, Stay, Steps, nested_attribution
from .function_wrappers import Wrappers, async_generator_function

Function = TypeVar("Function", bound=Callable[..., Any])


class Inside(Protocol):
    """How a function is brought into a scope."""

    def block(self) -> AbstractContextManager[object]:
        """The scope for one call of it, from its start to its end."""

    def steps(self) -> Steps:
        """The scope for one generator of it, while that runs."""


class Nested:
    """Inside the scope of the caller, changed."""

    __slots__ = ("_changes",)

    def __init__(self, changes: Changes) -> None:
        """Make *changes*, which have been checked, to the scope of each caller."""
        self._changes = changes

    def block(self) -> Block:
        """A block of the call's own."""
        return Block(self._changes)

    def steps(self) -> Steps:
        """A scope of the generator's own."""
        return Steps(nested_attribution(self._changes))


class Taken:
    """Inside a scope that was taken along, whatever the scope of the caller."""

    __slots__ = ("scope",)

    def __init__(self, scope: AttributionContext) -> None:
        """Bring functions into *scope*."""
        self.scope = scope

    def block(self) -> Stay:
        """A stay for the call."""
        return Stay(self.scope)

    def steps(self) -> Steps:
        """The scope for the generator."""
        return Steps(self.scope)


def decorate(inside: Inside, function: Function) -> Function:
    """Have each call of *function* run inside a scope.

    Args:
        inside: Makes that scope, for each call or generator.
        function: A function of any kind.

    Raises:
        TypeError: If *function* is a class or cannot be called.
    """
    if isinstance(function, (staticmethod, classmethod)):
        inner = decorate(inside, function.__func__)
        return cast("Function", type(function)(inner))
    if isinstance(function, type) or not callable(function):
        raise TypeError(
            f"attribution() decorates functions and methods, not {function!r}"
        )
    return cast("Function", functools.wraps(function)(bring(inside, function)))


def bring(inside: Inside, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the same kind as *function*, that runs it inside a scope."""
    return _WRAPPERS.wrap(inside, function)


def _wrap_function(inside: Inside, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with inside.block():
            result = function(*args, **kwargs)
        wrap = _UNFINISHED.get(type(result))
        return result if wrap is None else wrap(inside, lambda: result)()

    return call


def _wrap_coroutine(inside: Inside, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with inside.block():
            return await function(*args, **kwargs)

    return call


def _wrap_generator(inside: Inside, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = inside.steps()
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


def _wrap_async_generator(
    inside: Inside, function: Callable[..., Any]
) -> Callable[..., Any]:
    return async_generator_function(function, inside.steps)


_WRAPPERS: Wrappers[Inside] = Wrappers(
    _wrap_function, _wrap_coroutine, _wrap_generator, _wrap_async_generator
)
_UNFINISHED = _WRAPPERS.by_result()
