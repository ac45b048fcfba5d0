"""How functions of every kind are run inside a block of their own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Protocol, TypeVar, cast

from ._scope import Block, Scope, Stay, Steps, inner_scope
from ._tags import Changes

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
        return Steps(inner_scope(self._changes))


class Taken:
    """Inside a scope that was taken along, whatever the scope of the caller."""

    __slots__ = ("scope",)

    def __init__(self, scope: Scope) -> None:
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
    wrap = next(wrap for is_kind, wrap in _WRAPPERS if is_kind(function))
    return wrap(inside, function)


def _wrap_function(inside: Inside, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with inside.block():
            result = function(*args, **kwargs)
        # Other decorators hide a coroutine function or generator behind a plain one.
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
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = inside.steps()
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


_Wrapper = Callable[[Inside, Callable[..., Any]], Callable[..., Any]]
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
