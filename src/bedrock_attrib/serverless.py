"""Flushing for processes that are frozen between invocations, as in AWS Lambda."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Generator, Mapping
from contextlib import nullcontext
from time import monotonic
from typing import Any, ParamSpec, TypeVar, overload

from ._attribution import Wrappers, async_generator_function, attribution
from ._recording.recorder import flush_all
from ._runtime.contained_errors import PROCESS_ERRORS

__all__ = ["flush", "flush_after"]

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")
TagsOf = Callable[[Any], Mapping[str, str | None]]
"""Returns the tags of an invocation from its event."""

# Part of the allowed time that is left to Lambda to send the response.
_MARGIN_S = 0.1


def flush(timeout_s: float = 2.0) -> bool:
    """Deliver every finished call now, and have its metrics exported.

    Flushes every recorder in use, and every OpenTelemetry meter provider with our
    metrics. Never raises.

    Args:
        timeout_s: Time limit in seconds.

    Returns:
        False on a failure or a timeout. The rest is delivered with the next flush.
    """
    # Not at the top: metrics are imported with the first recorder that has any.
    from .metrics import push_metrics  # noqa: PLC0415

    deadline = monotonic() + timeout_s
    is_done = flush_all(timeout_s)
    return push_metrics(max(0.0, deadline - monotonic())) and is_done


@overload
def flush_after(
    handler: Callable[_Parameters, _Result], /
) -> Callable[_Parameters, _Result]: ...


@overload
def flush_after(
    *, timeout_s: float = 2.0, tags: TagsOf | None = None
) -> Callable[[Callable[_Parameters, _Result]], Callable[_Parameters, _Result]]: ...


def flush_after(
    handler: Callable[..., Any] | None = None,
    /,
    *,
    timeout_s: float = 2.0,
    tags: TagsOf | None = None,
) -> Any:
    """Call `flush` after each invocation of *handler*, before it returns.

    For functions, coroutines, generators and async generators; the last two are flushed
    when they end. Results and exceptions of the handler pass unchanged, even if the
    flush fails.

    Args:
        handler: The handler, if the decorator is used without arguments.
        timeout_s: Time limit of the flush in seconds. Less if the second argument of
            the handler, Lambda's context, has less time remaining.
        tags: Returns the tags of an invocation from its event, the first argument of
            the handler. If it fails, the fault is logged and the invocation runs
            without tags.

    Example:
        >>> @flush_after(tags=lambda event: {"team": event["team"]})
        ... def handler(event, context):
        ...     return dict(current_tags())
        >>> handler({"team": "search"}, None)
        {'team': 'search'}
    """
    after = _AfterInvocation(timeout_s, tags)
    return after.decorate if handler is None else after.decorate(handler)


class _AfterInvocation:
    """Tags and flush around each invocation."""

    def __init__(self, timeout_s: float, tags: TagsOf | None) -> None:
        self._timeout_s = timeout_s
        self._tags = tags

    def decorate(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        if isinstance(handler, type) or not callable(handler):
            raise TypeError(f"flush_after decorates handlers, not {handler!r}")
        return functools.wraps(handler)(_WRAPPERS.wrap(self, handler))

    def without_tags(self) -> _AfterInvocation:
        return _AfterInvocation(self._timeout_s, None)

    def tagged(
        self, handler: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> Callable[..., Any]:
        """Return *handler* with the tags of this invocation."""
        if self._tags is None or not arguments:
            return handler
        try:
            return attribution(**self._tags(arguments[0]))(handler)
        except Exception as fault:
            PROCESS_ERRORS.note("tags of an invocation", fault)
            return handler

    def flush(self, arguments: tuple[Any, ...]) -> None:
        flush(self._time(arguments))

    async def flush_async(self, arguments: tuple[Any, ...]) -> None:
        """Flush on a thread, so that other tasks continue."""
        timeout_s = self._time(arguments)
        try:
            await asyncio.to_thread(flush, timeout_s)
        except RuntimeError as fault:  # no more threads, or no loop of asyncio
            PROCESS_ERRORS.note("flush", fault)
            flush(timeout_s)

    def _time(self, arguments: tuple[Any, ...]) -> float:
        try:
            remaining_ms = arguments[1].get_remaining_time_in_millis()
            left_s = float(remaining_ms) / 1000 - _MARGIN_S
            return max(0.0, min(self._timeout_s, left_s))
        except Exception:  # not a context of Lambda
            return self._timeout_s


# One wrapper for each kind of function.


def _wrap_function(
    after: _AfterInvocation, handler: Callable[..., Any]
) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        wrap = None
        try:
            result = after.tagged(handler, args)(*args, **kwargs)
            wrap = _UNFINISHED.get(type(result))
        finally:
            if wrap is None:
                after.flush(args)
        if wrap is None:
            return result
        return wrap(after.without_tags(), lambda *_args, **_kwargs: result)(*args)

    return call


def _wrap_coroutine(
    after: _AfterInvocation, handler: Callable[..., Any]
) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return await after.tagged(handler, args)(*args, **kwargs)
        finally:
            await after.flush_async(args)

    return call


def _wrap_generator(
    after: _AfterInvocation, handler: Callable[..., Any]
) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        try:
            return (yield from after.tagged(handler, args)(*args, **kwargs))
        finally:
            after.flush(args)

    return call


def _wrap_async_generator(
    after: _AfterInvocation, handler: Callable[..., Any]
) -> Callable[..., Any]:
    def start(*args: Any, **kwargs: Any) -> Any:
        return after.tagged(handler, args)(*args, **kwargs)

    return async_generator_function(start, nullcontext, after.flush_async)


_WRAPPERS: Wrappers[_AfterInvocation] = Wrappers(
    _wrap_function, _wrap_coroutine, _wrap_generator, _wrap_async_generator
)
_UNFINISHED = _WRAPPERS.by_result()
