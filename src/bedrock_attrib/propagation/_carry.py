"""Functions that run elsewhere and still belong to whoever sent them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar, cast

from opentelemetry.baggage import get_all

from .._attribution import (
    AttributionContext,
    Stay,
    Steps,
    Taken,
    bring,
    current_attribution,
)
from .._attribution.incoming_baggage import CarriedBaggage, baggage_in_force
from .._model.record import Tags

Function = TypeVar("Function", bound=Callable[..., Any])


def carry(function: Function) -> Function:
    """Give *function* the attribution that is in force now, wherever it runs.

    For whatever doesn't inherit it: threads, pools of threads and of processes, and
    callbacks that another thread calls. Each call of the result runs with the tags of
    this moment, and with no others: not with those of whoever calls it, nor with what a
    worker has kept from an earlier job.

    In this process the calls it makes count in the `Spend` of every block that is open
    now. Pickled for another process, *function* takes only the tags along: sums stay in
    the process where the calls are made.

    W3C baggage, which the setting ``baggage_in`` makes tags of, goes along for the
    calls. Nothing else does: for spans and context variables of your own there is
    `contextvars.copy_context`, which takes everything, to threads only.

    Args:
        function: Anything that can be called. Coroutine functions and generator
            functions stay what they are, and run in that attribution step by step;
            others can be pickled if *function* can.

    Raises:
        TypeError: If *function* cannot be called, as a coroutine that was made already.

    Example:
        >>> from threading import Thread
        >>> with attribution(team="search"):
        ...     thread = Thread(target=carry(lambda: print(dict(current_tags()))))
        >>> thread.start(); thread.join()
        {'team': 'search'}
    """
    if not callable(function):
        raise TypeError(
            f"carry() takes a function, not {function!r}; call what it gives back"
        )
    scope = current_attribution()
    baggage = dict(baggage_in_force(scope.baggage))
    return _carry(
        function,
        AttributionContext(scope.tags, scope.spends, scope.removed, None, baggage),
    )


def _carry(function: Function, scope: AttributionContext) -> Function:
    brought = bring(_Given(scope), function)
    if any(is_kind(brought) for is_kind in _KINDS):
        return cast("Function", update_wrapper(brought, function))
    return cast("Function", Carried(function, brought, scope))


class _Given(Taken):
    """Inside a scope that was taken along, with its baggage."""

    __slots__ = ()

    def block(self) -> Stay:
        """A stay for the call."""
        return Stay(self._scope_here())

    def steps(self) -> Steps:
        """The scope for the generator."""
        return Steps(self._scope_here())

    def _scope_here(self) -> AttributionContext:
        scope = self.scope
        baggage = CarriedBaggage(scope.baggage, get_all())
        return AttributionContext(
            scope.tags, scope.spends, scope.removed, scope.block, baggage
        )


_KINDS = (
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
)


class Carried:
    """A function with the attribution that it runs in."""

    __wrapped__: Callable[..., Any]

    def __init__(
        self,
        function: Callable[..., Any],
        brought: Callable[..., Any],
        scope: AttributionContext,
    ) -> None:
        """Run *function* by calling *brought*, which brings it into *scope*."""
        self._brought = brought
        self._scope = scope
        self.__wrapped__ = function
        # Threads and logs name what they run.
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self._brought(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<carried {self.__wrapped__!r}>"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        scope = self._scope
        baggage = {
            key: value for key, value in scope.baggage.items() if isinstance(value, str)
        }
        return _arrive, (self.__wrapped__, scope.tags, scope.removed, baggage)


def _arrive(
    function: Callable[..., Any],
    tags: Tags,
    removed: frozenset[str],
    baggage: dict[str, str],
) -> Callable[..., Any]:
    """Make a function anew that was carried into this process."""
    return _carry(function, AttributionContext(tags, (), removed, None, baggage))
