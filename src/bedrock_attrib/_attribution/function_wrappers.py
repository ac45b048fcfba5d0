"""Wrapping of functions, coroutines, generators and async generators."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Generic, NamedTuple, TypeVar

Function = Callable[..., Any]
What = TypeVar("What")


class Wrappers(NamedTuple, Generic[What]):
    """One wrapper per kind of function; *what* decides what runs around it."""

    function: Callable[[What, Function], Function]
    coroutine: Callable[[What, Function], Function]
    generator: Callable[[What, Function], Function]
    async_generator: Callable[[What, Function], Function]

    def wrap(self, what: What, function: Function) -> Function:
        """Return a function of the same kind as *function*, with *what* around it."""
        if inspect.isasyncgenfunction(function):
            return self.async_generator(what, function)
        if inspect.iscoroutinefunction(function):
            return self.coroutine(what, function)
        if inspect.isgeneratorfunction(function):
            return self.generator(what, function)
        return self.function(what, function)

    def by_result(self) -> dict[type, Callable[[What, Function], Function]]:
        """Return the wrappers by type of a result that has yet to run.

        Other decorators hide a coroutine function or generator behind a plain one.
        """
        return {
            AsyncGeneratorType: self.async_generator,
            CoroutineType: self.coroutine,
            GeneratorType: self.generator,
        }


def async_generator_function(
    function: Callable[..., AsyncGenerator[Any, Any]],
    new_context: Callable[[], AbstractContextManager[object]],
    finish: Callable[[tuple[Any, ...]], Awaitable[None]] | None = None,
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Return *function* with each of its steps inside a context manager.

    An async ``yield from``, which Python has for generators only.

    Args:
        function: Receives what is sent to or thrown into the result.
        new_context: Makes the context manager of one generator, entered at each step.
        finish: Awaited with the arguments of the call once the generator is closed.
    """

    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        context = new_context()
        generator = function(*args, **kwargs)
        step, sent = generator.asend, None
        try:
            while True:
                try:
                    with context:
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
            try:
                with context:
                    await generator.aclose()
            finally:
                if finish is not None:
                    await finish(args)

    return call
