"""Observed stream of an answer, while httpx reads it for its caller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Iterator
from functools import lru_cache
from typing import Any, cast

from .._runtime.contained_errors import ContainedErrors
from ._observers import Observer


class ContainedObserver:
    """Passes to an observer what is read. Nothing of it raises into the caller."""

    __slots__ = ("_faults", "_observer")

    def __init__(self, observer: Observer, faults: ContainedErrors) -> None:
        """Call *observer*; what it raises is noted in *faults*."""
        self._observer = observer
        self._faults = faults

    def saw(self, data: bytes) -> None:
        """Note bytes that the caller gets."""
        try:
            self._observer.saw(data)
        except Exception as fault:
            self._faults.note("httpx stream", fault)

    def paused(self) -> None:
        """Note that the caller stopped reading."""
        try:
            self._observer.paused()
        except Exception as fault:
            self._faults.note("httpx stream", fault)

    def ended(self, error: str | None = None, *, was_read: bool = False) -> None:
        """End the call."""
        self._observer.ended(error, was_read=was_read)


def observed(stream: Any, observer: ContainedObserver) -> Any:
    """Return a stream of the class of *stream* that passes it through, observed."""
    return _observing(cast("Hashable", type(stream)))(stream, observer)


@lru_cache(maxsize=64)
def _observing(kind: Any) -> type:
    # httpx checks the class of streams; only the stream knows of which httpx it is
    # (httpx, httpx2, a vendored one).
    base = _ObservedAsyncStream if hasattr(kind, "__aiter__") else _ObservedStream
    return type(f"Observed{kind.__name__}", (base, kind), {})


class _Wrapper:
    _stream: Any
    _observer: ContainedObserver

    def __init__(self, stream: Any, observer: ContainedObserver) -> None:
        self.__dict__.update(_stream=stream, _observer=observer)

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN:
            return object.__getattribute__(self, name)
        # Other attributes are the stream's own, such as httpx2's elapsed.
        return getattr(object.__getattribute__(self, "_stream"), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._stream, name, value)


_OWN = frozenset(
    "__aiter__ __class__ __dict__ __iter__ _stream _observer aclose close".split()
)


class _ObservedStream(_Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        observer = self._observer
        try:
            for data in self._stream:
                observer.saw(data)
                yield data
        except GeneratorExit:
            observer.paused()
            raise
        except BaseException as error:
            observer.ended(type(error).__name__)
            raise
        observer.ended(was_read=True)

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._observer.ended()


class _ObservedAsyncStream(_Wrapper):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        observer = self._observer
        try:
            async for data in self._stream:
                observer.saw(data)
                yield data
        except GeneratorExit:
            observer.paused()
            raise
        except Exception as error:
            observer.ended(type(error).__name__)
            raise
        except BaseException:  # the task was cancelled: given up
            observer.ended()
            raise
        observer.ended(was_read=True)

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._observer.ended()
