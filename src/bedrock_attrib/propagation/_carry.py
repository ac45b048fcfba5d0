"""`carry`: functions that run elsewhere with the attribution of their sender."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar, cast

from opentelemetry.baggage import get_all

from .._attribution import (
    AttributionContext,
    CarriedContext,
    GeneratorContext,
    current_attribution,
    enter_with,
)
from .._attribution.incoming_baggage import CarriedBaggage, baggage_in_force
from .._model.tags import Tags

Function = TypeVar("Function", bound=Callable[..., Any])


def carry(function: Function) -> Function:
    """Give *function* the attribution that is in force now, wherever it runs.

    For code that does not inherit it: threads, pools of threads and of processes, and
    callbacks that another thread runs. Each call of the result runs with the tags of
    this moment and with no others: neither those of the calling code nor those that a
    worker still has from an earlier job.

    In this process its Bedrock calls count in the `Spend` of every block that is open
    now. Pickled for another process, *function* carries only the tags: sums stay in
    the process where the calls are made.

    W3C baggage, which the setting ``baggage_in`` makes tags of, is carried for these
    calls too, and nothing else. For spans and context variables of your own use
    `contextvars.copy_context`, which carries everything, but to threads only.

    Args:
        function: Any callable. Coroutine functions and generator functions keep their
            kind and run in that attribution step by step; others can be pickled if
            *function* can.

    Raises:
        TypeError: If *function* is not callable, for example a coroutine object.

    Example:
        >>> from threading import Thread
        >>> with attribution(team="search"):
        ...     thread = Thread(target=carry(lambda: print(dict(current_tags()))))
        >>> thread.start(); thread.join()
        {'team': 'search'}
    """
    if not callable(function):
        raise TypeError(
            f"carry() takes a function, not {function!r}; carry the function and call "
            f"the result"
        )
    context = current_attribution()
    baggage = dict(baggage_in_force(context.baggage))
    return _carry(
        function,
        AttributionContext(
            context.tags,
            context.spends,
            context.removed,
            None,
            baggage,
            context.limits,
        ),
    )


def _carry(function: Function, context: AttributionContext) -> Function:
    inside = enter_with(CarriedEntry(context), function)
    if any(is_kind(inside) for is_kind in _KINDS):
        return cast("Function", update_wrapper(inside, function))
    return cast("Function", CarriedFunction(function, inside, context))


class CarriedEntry:
    """Entry into a carried context with its baggage, whatever the caller's context."""

    __slots__ = ("_carried",)

    def __init__(self, carried: AttributionContext) -> None:
        """Enter *carried*."""
        self._carried = carried

    def block(self) -> CarriedContext:
        """Return the context of one call."""
        return CarriedContext(self._context_here())

    def generator_context(self) -> GeneratorContext:
        """Return the context of one generator."""
        return GeneratorContext(self._context_here())

    def _context_here(self) -> AttributionContext:
        carried = self._carried
        baggage = CarriedBaggage(carried.baggage, get_all())
        return AttributionContext(
            carried.tags,
            carried.spends,
            carried.removed,
            carried.block,
            baggage,
            carried.limits,
        )


_KINDS = (
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
)


class CarriedFunction:
    """A function together with the attribution that it runs in."""

    __wrapped__: Callable[..., Any]

    def __init__(
        self,
        function: Callable[..., Any],
        inside: Callable[..., Any],
        context: AttributionContext,
    ) -> None:
        """Run *function* by calling *inside*, which enters *context*."""
        self._inside = inside
        self._context = context
        self.__wrapped__ = function
        # Threads and logs show this name.
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self._inside(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<carried {self.__wrapped__!r}>"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        context = self._context
        baggage = {
            key: value
            for key, value in context.baggage.items()
            if isinstance(value, str)
        }
        return _unpickle, (self.__wrapped__, context.tags, context.removed, baggage)


def _unpickle(
    function: Callable[..., Any],
    tags: Tags,
    removed: frozenset[str],
    baggage: dict[str, str],
) -> Callable[..., Any]:
    """Rebuild a function that was carried into this process."""
    return _carry(function, AttributionContext(tags, (), removed, None, baggage))
