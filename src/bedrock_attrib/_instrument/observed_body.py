"""Observed connection of a body: notes all bytes, whatever reads them.

`with body` returns the connection underneath, and other instrumentations of Bedrock
build a body of their own around it (OpenLLMetry 0.62.4 and OpenInference 0.1.61,
checked 2026-11-25). So bytes are noted at the connection, not in the body's methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self, SupportsIndex

from .observers import BodyObserver


class ObservedBody:
    """The connection of an answer, which passes everything through.

    Attributes are those of the connection, and ``isinstance`` answers as for it.
    """

    __slots__ = ("__weakref__", "_bedrock_attrib", "_bedrock_attrib_raw")

    def __init__(self, raw: Any, observer: BodyObserver) -> None:
        """Pass *raw* through, and have *observer* note what is read."""
        object.__setattr__(self, "_bedrock_attrib_raw", raw)
        object.__setattr__(self, "_bedrock_attrib", observer)

    @property  # type: ignore[misc]  # it is never assigned
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
        try:
            chunk: bytes = self._bedrock_attrib_raw.read(*args, **kwargs)
        except BaseException as error:
            self._bedrock_attrib.ended(error)
            raise
        asked = _asked_for(args, kwargs)
        is_last = asked is None or (not chunk and asked != 0)
        self._bedrock_attrib.saw(chunk, is_last=is_last)
        return chunk

    def read1(self, *args: Any, **kwargs: Any) -> bytes:
        """Read what has arrived, at most as many bytes as asked for."""
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
        """Read into *b*; return the number of bytes read."""
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
        """Close the connection, and end the call."""
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
        observer = self._bedrock_attrib
        pieces = self._call(method, args, kwargs)
        try:
            for piece in pieces:
                observer.saw(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as error:
            observer.ended(error)
            raise
        observer.saw(b"", is_last=True)


def _asked_for(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    """Return how many bytes a reader asks for; None for all of them."""
    if args:
        amount = args[0]
    elif kwargs:
        amount = next((kwargs[name] for name in _AMOUNTS if name in kwargs), None)
    else:
        return None
    return None if amount is None or amount < 0 else int(amount)


# Names of the number of bytes to read in urllib3 and `io`.
_AMOUNTS = ("amt", "size", "n", "hint")
