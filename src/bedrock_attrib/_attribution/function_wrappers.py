"""The kinds of functions: each is wrapped in a way of its own, and stays its kind."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Generic, NamedTuple, TypeVar

Function = Callable[..., Any]
What = TypeVar("What")


class Wrappers(NamedTuple, Generic[What]):
    """One way to wrap each kind of function, with *what* is done around it."""

    function: Callable[[What, Function], Function]
    coroutine: Callable[[What, Function], Function]
    generator: Callable[[What, Function], Function]
    async_generator: Callable[[What, Function], Function]

    def wrap(self, what: What, function: Function) -> Function:
        """A function of the same kind as *function*, with *what* done around it."""
        if inspect.isasyncgenfunction(function):
            return self.async_generator(what, function)
        if inspect.iscoroutinefunction(function):
            return self.coroutine(what, function)
        if inspect.isgeneratorfunction(function):
            return self.generator(what, function)
        return self.function(what, function)

    def by_result(self) -> dict[type, Callable[[What, Function], Function]]:
        """By what a function may give back that has still to run.

        Other decorators hide a coroutine function or generator behind a plain one.
        """
        return {
            AsyncGeneratorType: self.async_generator,
            CoroutineType: self.coroutine,
            GeneratorType: self.generator,
        }


def async_generator_function(
    function: Callable[..., AsyncGenerator[Any, Any]],
    steps: Callable[[], AbstractContextManager[object]],
    finish: Callable[[tuple[Any, ...]], Awaitable[None]] | None = None,
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """*function* with each of its steps inside a context manager, as ``yield from``.

    Python has that for generators only.

    Args:
        function: What is sent to, thrown into or closed, as the result is.
        steps: Makes the context manager for one generator, entered for each step.
        finish: Awaited once the generator is closed, with the arguments of the call.
    """

    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        step_in = steps()
        generator = function(*args, **kwargs)
        step, sent = generator.asend, None
        try:
            while True:
                try:
                    with step_in:
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
                with step_in:
                    await generator.aclose()
            finally:
                if finish is not None:
                    await finish(args)

    return call
