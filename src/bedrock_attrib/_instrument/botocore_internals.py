"""Private attributes of botocore and aiobotocore that the observers rely on.

Each is checked before it is used; a stream or body without it is passed to the caller
untouched, and its call is recorded with what the headers of the answer say. Checked
with botocore 1.40.61 to 1.44.5 and aiobotocore 2.25.1 to 3.10.0, 2026-11-30.
"""

from __future__ import annotations

from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any

from botocore.eventstream import EventStream
from botocore.response import StreamingBody


def is_event_stream(stream: object) -> bool:
    """Return whether *stream* is botocore's event stream, or of a subclass."""
    return _is_event_stream(stream) and not hasattr(type(stream), "__aiter__")


def is_async_event_stream(stream: object) -> bool:
    """Return whether *stream* is aiobotocore's: ``__anext__`` is an async generator."""
    return _is_event_stream(stream) and isasyncgenfunction(
        getattr(type(stream), "__anext__", None)
    )


def _is_event_stream(stream: object) -> bool:
    # By its type, as a mock claims to be an instance of what it stands in for.
    return issubclass(type(stream), EventStream) and "_event_generator" in vars(stream)


def is_body(body: object) -> bool:
    """Return whether *body* is botocore's body, which reads from ``_raw_stream``."""
    return (
        issubclass(type(body), StreamingBody)
        and getattr(body, "_raw_stream", None) is not None
    )


def is_async_body(body: object) -> bool:
    """Return whether *body* is aiobotocore's, read with ``await``.

    From 3.8 on a subclass of botocore's; before, a proxy (wrapt) of aiohttp's response.
    """
    kind = type(body)
    return iscoroutinefunction(getattr(kind, "read", None)) and (
        issubclass(kind, StreamingBody) or is_proxy(kind)
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


def twin_of(stream: EventStream, kind: type[EventStream]) -> Any:
    """Return a stream of class *kind* that reads what *stream* reads.

    botocore's stream holds a generator that holds the stream, so one that is dropped
    lives on until a garbage collection, which may be minutes away. Nothing holds the
    twin but the caller: when the caller drops it, it is gone.
    """
    twin = object.__new__(kind)
    twin.__dict__.update(stream.__dict__)
    return twin
