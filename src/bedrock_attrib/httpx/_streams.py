"""The stream of an answer, watched while httpx reads it for its caller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Iterator
from functools import lru_cache
from typing import Any, cast

from .._runtime.contained_errors import Faults
from ._observers import Feed


class Watcher:
    """Tells a feed what is read. Nothing of it raises into the caller."""

    __slots__ = ("_faults", "_feed")

    def __init__(self, feed: Feed, faults: Faults) -> None:
        """Tell *feed*; what goes wrong is noted in *faults*."""
        self._feed = feed
        self._faults = faults

    def saw(self, data: bytes) -> None:
        """Bytes went to the caller."""
        try:
            self._feed.saw(data)
        except Exception as fault:
            self._faults.note("httpx stream", fault)

    def rest(self) -> None:
        """The caller stopped reading."""
        try:
            self._feed.rest()
        except Exception as fault:
            self._faults.note("httpx stream", fault)

    def ended(self, error: str | None = None, *, was_read: bool = False) -> None:
        """The answer is over, which a feed takes as it comes."""
        self._feed.ended(error, was_read=was_read)


def watched(stream: Any, watcher: Watcher) -> Any:
    """A stream of the class of *stream* that passes it through and tells *watcher*."""
    return _watching(cast("Hashable", type(stream)))(stream, watcher)


@lru_cache(maxsize=64)
def _watching(kind: Any) -> type:
    # httpx asks streams for their class; whose httpx it is (httpx, httpx2, a vendored
    # one), only the stream knows.
    base = _WatchedAsync if hasattr(kind, "__aiter__") else _Watched
    return type(f"Metered{kind.__name__}", (base, kind), {})


class _Wrapper:
    _stream: Any
    _watcher: Watcher

    def __init__(self, stream: Any, watcher: Watcher) -> None:
        self.__dict__.update(_stream=stream, _watcher=watcher)

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN:
            return object.__getattribute__(self, name)
        # What else is asked for stands in the stream itself, such as httpx2's elapsed.
        return getattr(object.__getattribute__(self, "_stream"), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._stream, name, value)


_OWN = frozenset(
    "__aiter__ __class__ __dict__ __iter__ _stream _watcher aclose close".split()
)


class _Watched(_Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        watcher = self._watcher
        try:
            for data in self._stream:
                watcher.saw(data)
                yield data
        except GeneratorExit:
            watcher.rest()
            raise
        except BaseException as error:
            watcher.ended(type(error).__name__)
            raise
        watcher.ended(was_read=True)

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._watcher.ended()


class _WatchedAsync(_Wrapper):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        watcher = self._watcher
        try:
            async for data in self._stream:
                watcher.saw(data)
                yield data
        except GeneratorExit:
            watcher.rest()
            raise
        except Exception as error:
            watcher.ended(type(error).__name__)
            raise
        except BaseException:  # the task was cancelled: given up
            watcher.ended()
            raise
        watcher.ended(was_read=True)

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._watcher.ended()
