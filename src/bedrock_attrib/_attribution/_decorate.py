"""How functions of every kind are run inside a block of their own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, TypeVar, cast

from ._scope import Block, Changes, Steps

Function = TypeVar("Function", bound=Callable[..., Any])


def decorate(changes: Changes, function: Function) -> Function:
    """Have each call of *function* run inside a block that makes *changes*.

    Raises:
        TypeError: If *function* is a class or cannot be called.
    """
    if isinstance(function, (staticmethod, classmethod)):
        inner = decorate(changes, function.__func__)
        return cast("Function", type(function)(inner))
    if isinstance(function, type) or not callable(function):
        raise TypeError(
            f"attribution() decorates functions and methods, not {function!r}"
        )
    wrap = next(wrap for is_kind, wrap in _WRAPPERS if is_kind(function))
    return cast("Function", functools.wraps(function)(wrap(changes, function)))


def _wrap_function(changes: Changes, function: Callable[..., Any]) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        with Block(changes):
            result = function(*args, **kwargs)
        # Other decorators hide a coroutine function or generator behind a plain one.
        wrap = _UNFINISHED.get(type(result))
        return result if wrap is None else wrap(changes, lambda: result)()

    return call


def _wrap_coroutine(changes: Changes, function: Callable[..., Any]) -> Any:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with Block(changes):
            return await function(*args, **kwargs)

    return call


def _wrap_generator(changes: Changes, function: Callable[..., Any]) -> Any:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = Steps(changes)
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


def _wrap_async_generator(changes: Changes, function: Callable[..., Any]) -> Any:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = Steps(changes)
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


_Wrapper = Callable[[Changes, Callable[..., Any]], Any]
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
