"""What a body reads from, looked at: whoever takes it from under the body is seen too.

`with body` hands out the connection underneath, and other instrumentations of Bedrock
build a body of their own around it (OpenLLMetry 0.62.4 and OpenInference 0.1.61,
checked 2026-11-25). So bytes are seen where they come from, not in the body's methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, Self, SupportsIndex


class BodyWatcher(Protocol):
    """Who is told of a body's bytes."""

    def saw(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Note a piece that the caller has read."""

    def ended(self, error: BaseException | None = None) -> None:
        """The body was read as far as the caller wants it, or raised *error*."""


class WatchedRaw:
    """Stands before the connection of an answer, and passes everything through.

    Says of itself that it is what it stands before: ``isinstance`` and all attributes
    answer as there.
    """

    __slots__ = ("__weakref__", "_bedrock_attrib", "_bedrock_attrib_raw")

    def __init__(self, raw: Any, watcher: BodyWatcher) -> None:
        """Stand before *raw* and tell *watcher*."""
        object.__setattr__(self, "_bedrock_attrib_raw", raw)
        object.__setattr__(self, "_bedrock_attrib", watcher)

    @property  # type: ignore[misc]  # nobody writes it
    def __class__(self) -> type:
        return type(self._bedrock_attrib_raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bedrock_attrib_raw, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._bedrock_attrib_raw, name, value)

    def __dir__(self) -> list[str]:
        return dir(self._bedrock_attrib_raw)

    def __repr__(self) -> str:
        return repr(self._bedrock_attrib_raw)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return self._bedrock_attrib_raw.__reduce_ex__(protocol)

    def read(self, *args: Any, **kwargs: Any) -> bytes:
        """Read at most as many bytes as asked for, or all."""
        return self._read(self._bedrock_attrib_raw.read, args, kwargs)

    def read1(self, *args: Any, **kwargs: Any) -> bytes:
        """Read what is there, at most as many bytes as asked for."""
        chunk = self._call(self._bedrock_attrib_raw.read1, args, kwargs)
        is_last = not chunk and _asked_for(args, kwargs) != 0
        self._bedrock_attrib.saw(chunk, is_last=is_last)
        return bytes(chunk)

    def readline(self, *args: Any, **kwargs: Any) -> bytes:
        """Read a line."""
        line = self._call(self._bedrock_attrib_raw.readline, args, kwargs)
        is_last = not line and _asked_for(args, kwargs) != 0
        self._bedrock_attrib.saw(line, is_last=is_last)
        return bytes(line)

    def readlines(self, *args: Any, **kwargs: Any) -> list[bytes]:
        """Read all lines."""
        lines: list[bytes] = self._call(
            self._bedrock_attrib_raw.readlines, args, kwargs
        )
        is_last = _asked_for(args, kwargs) is None
        self._bedrock_attrib.saw(b"".join(lines), is_last=is_last)
        return lines

    def readinto(self, b: Any) -> int:
        """Read into *b*; the number of bytes read."""
        amount: int = self._call(self._bedrock_attrib_raw.readinto, (b,), {})
        view = memoryview(b).cast("B")
        is_last = not amount and len(view) > 0
        self._bedrock_attrib.saw(bytes(view[:amount]), is_last=is_last)
        return amount

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        """Yield the body in pieces."""
        return self._pieces(self._bedrock_attrib_raw.stream, args, kwargs)

    def read_chunked(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        """Yield the body in the pieces in which it was sent."""
        return self._pieces(self._bedrock_attrib_raw.read_chunked, args, kwargs)

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces(iter, (self._bedrock_attrib_raw,), {})

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def close(self) -> None:
        """Close the connection, and the call with it."""
        try:
            self._bedrock_attrib_raw.close()
        finally:
            self._bedrock_attrib.ended()

    def __enter__(self) -> Self:
        self._bedrock_attrib_raw.__enter__()
        return self

    def __exit__(self, *error: object) -> Any:
        try:
            return self._bedrock_attrib_raw.__exit__(*error)
        finally:
            self._bedrock_attrib.ended()

    def _read(
        self, read: Callable[..., bytes], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> bytes:
        chunk = self._call(read, args, kwargs)
        asked = _asked_for(args, kwargs)
        self._bedrock_attrib.saw(
            chunk, is_last=asked is None or (not chunk and asked != 0)
        )
        return bytes(chunk)

    def _call(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        try:
            return method(*args, **kwargs)
        except BaseException as error:
            self._bedrock_attrib.ended(error)
            raise

    def _pieces(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Iterator[bytes]:
        watcher = self._bedrock_attrib
        pieces = self._call(method, args, kwargs)
        try:
            for piece in pieces:
                watcher.saw(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as error:
            watcher.ended(error)
            raise
        watcher.saw(b"", is_last=True)


def _asked_for(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    """How many bytes a reader asks for; None for all of them."""
    named = next((kwargs[name] for name in _AMOUNTS if name in kwargs), None)
    amount = args[0] if args else named
    return None if amount is None or amount < 0 else int(amount)


# What urllib3 and `io` call the number of bytes to read.
_AMOUNTS = ("amt", "size", "n", "hint")
