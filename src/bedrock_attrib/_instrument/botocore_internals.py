"""Private attributes of botocore and aiobotocore that the observers rely on.

Each is checked before it is used; a stream or body without it is passed to the caller
untouched, and its call is recorded with what the headers of the answer say. Checked
with botocore 1.40.61 to 1.44.5 and aiobotocore 2.25.1 to 3.10.0, 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any

from botocore.eventstream import EventStream
from botocore.response import StreamingBody


def is_async_emitter(events: object) -> bool:
    """Return whether *events* awaits its handlers, as aiobotocore's does."""
    inner = getattr(events, "_emitter", events)  # botocore's wrapper for aliases
    return iscoroutinefunction(getattr(type(inner), "_emit", None))


def is_event_stream(stream: object) -> bool:
    """Return whether *stream* is botocore's event stream, or of a subclass."""
    # By its type, as a mock claims to be an instance of what it replaces.
    kind = type(stream)
    if kind is EventStream:
        return "_event_generator" in vars(stream)
    return _is_event_stream(stream) and not hasattr(kind, "__aiter__")


def is_async_event_stream(stream: object) -> bool:
    """Return whether *stream* is aiobotocore's: ``__anext__`` is an async generator."""
    return type(stream) is not EventStream and (
        _is_event_stream(stream)
        and isasyncgenfunction(getattr(type(stream), "__anext__", None))
    )


def _is_event_stream(stream: object) -> bool:
    return issubclass(type(stream), EventStream) and "_event_generator" in vars(stream)


def is_body(body: object) -> bool:
    """Return whether *body* is botocore's body, which reads from ``_raw_stream``."""
    kind = type(body)
    is_known = kind is StreamingBody or issubclass(kind, StreamingBody)
    return is_known and raw_stream_of(body) is not None


def is_async_body(body: object) -> bool:
    """Return whether *body* is aiobotocore's, read with ``await``.

    From 3.8 on a subclass of botocore's; before, a proxy (wrapt) of aiohttp's response.
    """
    kind = type(body)
    return kind is not StreamingBody and (
        iscoroutinefunction(getattr(kind, "read", None))
        and (issubclass(kind, StreamingBody) or is_proxy(kind))
    )


def is_proxy(kind: type) -> bool:
    """Return whether *kind* is the proxy that aiobotocore before 3.8 has for bodies."""
    return hasattr(kind, "__wrapped__") and hasattr(kind, "__aiter__")


def raw_stream_of(reader: Any) -> Any:
    """Return the urllib3 response that a stream or body reads from; None without."""
    return getattr(reader, "_raw_stream", None)


def replace_raw_stream(body: StreamingBody, raw: Any) -> None:
    """Have *body* read from *raw*."""
    body._raw_stream = raw


def can_be_flat(kind: type[EventStream]) -> bool:
    """Return whether iterating streams of *kind* is what `parts_of` can do.

    So it is where botocore's ``__iter__`` is not overridden, and uses nothing but these
    two attributes.
    """
    names = EventStream.__iter__.__code__.co_names
    return kind.__iter__ is EventStream.__iter__ and names == (
        "_event_generator",
        "_parse_event",
    )


def parts_of(stream: Any) -> tuple[Iterator[Any], Callable[[Any], Any]]:
    """Return the raw events of *stream*, and what parses one (into {} for none)."""
    return stream._event_generator, stream._parse_event


def twin_of(stream: EventStream, kind: type[EventStream]) -> Any:
    """Return a stream of class *kind* that reads what *stream* reads.

    botocore's stream holds a generator that holds the stream, so one that is dropped
    lives on until a garbage collection, which may be minutes away. Nothing holds the
    twin but the caller: when the caller drops it, it is gone.
    """
    twin = object.__new__(kind)
    twin.__dict__.update(stream.__dict__)
    return twin
