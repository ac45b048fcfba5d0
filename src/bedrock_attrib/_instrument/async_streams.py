"""Observed streams and bodies of async clients: subclasses of aiobotocore's own types.

The classes are made for the classes of the objects that come, so nothing of aiobotocore
is imported here, and any supported version that the application uses will do. The extra
``aio`` installs one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from botocore.eventstream import EventStream

from .._readers import BodyAnswer
from .._recording.call import Call
from .botocore_internals import is_proxy, twin_of
from .observers import BodyObserver, StreamObserver

if TYPE_CHECKING:
    from botocore.response import StreamingBody as _Base
else:
    _Base = object


class ObservedAioStream(EventStream):
    """Base of observed event streams of aiobotocore.

    In aiobotocore 2.25 to 3.10 ``__anext__`` is an async generator, which ``__aiter__``
    returns. Checked 2026-11-25.
    """

    _bedrock_attrib: StreamObserver

    async def __anext__(self) -> AsyncIterator[Any]:
        observer = self._bedrock_attrib
        watches = observer.watches
        seen = observer.events
        append = seen.last.append
        events = super().__anext__()
        observer.__enter__()
        try:
            async for event in events:
                observer.saw(event)
                yield event
                break
            async for event in events:
                # `observer.saw`, written out, as calls would add 0.15 µs to each event.
                append(event)
                seen.count += 1
                if "metadata" in event or (watches and observer.speaks(event)):
                    observer.saw_final(event)
                yield event
        except GeneratorExit:
            # Another iterator can read on only once this one's is closed.
            try:
                await events.aclose()
            finally:
                observer.stopped()
            raise
        except Exception as error:
            observer.failed(error)
            raise
        except BaseException:  # the task was cancelled while it waited for an event
            observer.closed()
            raise
        observer.finished()

    def close(self) -> None:
        """Close the underlying stream, and end the call."""
        try:
            super().close()
        finally:
            self._bedrock_attrib.closed()


class ObservedAioBody(_Base):
    """Base of observed bodies of aiobotocore.

    All reading methods of aiobotocore's bodies call these two.
    """

    # By wrapt's rule for names, an attribute of the proxy and not of what it wraps.
    _self_bedrock_attrib: BodyObserver

    async def read(self, amt: int | None = None) -> bytes:
        """Read at most *amt* bytes, or all."""
        observer = self._self_bedrock_attrib
        try:
            chunk: bytes = await super().read(amt)
        except Exception as error:
            observer.ended(error)
            raise
        except BaseException:  # the task was cancelled
            observer.given_up()
            raise
        is_last = amt is None or amt < 0 or (not chunk and amt > 0)
        observer.saw(chunk, is_last=is_last)
        return chunk

    async def readinto(self, b: bytearray) -> int:
        """Read into *b*; the number of bytes read."""
        observer = self._self_bedrock_attrib
        try:
            amount: int = await super().readinto(b)
        except Exception as error:
            observer.ended(error)
            raise
        except BaseException:  # the task was cancelled
            observer.given_up()
            raise
        observer.saw(bytes(b[:amount]), is_last=not amount and len(b) > 0)
        return amount

    async def __aexit__(self, *error: object) -> None:
        """Leave the block, which closes the body."""
        try:
            await super().__aexit__(*error)
        finally:
            self._self_bedrock_attrib.ended()


class ObservedAioProxy(ObservedAioBody):
    """Base of observed bodies of aiobotocore before 3.8.

    Those are proxies of aiohttp's response: they pass on what they do not define, and
    return the response in ``async with body as response``.
    """

    __wrapped__: Any

    async def text(self, *args: Any, **kwargs: Any) -> Any:
        """Read all, as aiohttp's response does, and decode it."""
        return await self._read_by(self.__wrapped__.text, *args, **kwargs)

    async def json(self, *args: Any, **kwargs: Any) -> Any:
        """Read all, as aiohttp's response does, and parse it."""
        return await self._read_by(self.__wrapped__.json, *args, **kwargs)

    def close(self) -> None:
        """Close the response, and the call with it."""
        try:
            self.__wrapped__.close()
        finally:
            self._self_bedrock_attrib.ended()

    async def __aexit__(self, *error: object) -> None:
        """Leave the block, in which the caller may have read the response itself."""
        await self._note_response()
        await super().__aexit__(*error)

    async def _read_by(
        self, read: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        try:
            return await read(*args, **kwargs)
        finally:
            await self._note_response()

    async def _note_response(self) -> None:
        """Note what the caller has read of the response; reads nothing itself.

        aiohttp's response stores what its ``read`` returned and returns it again. At
        the end of its content there is nothing else to read. aiohttp 3.14.5.
        """
        observer, response = self._self_bedrock_attrib, self.__wrapped__
        with suppress(Exception):  # it raises once the caller has released it
            if not observer.has_ended and response.content.at_eof():
                observer.saw(await response.read(), is_last=True)


def observe_aio_stream(stream: Any, call: Call) -> Any:
    """Return the stream to give to the caller instead of *stream*: it ends *call*."""
    observed = twin_of(stream, _observed_stream(cast("Hashable", type(stream))))
    observed._bedrock_attrib = StreamObserver(call)
    return observed


def observe_aio_body(
    body: Any, call: Call, answer: BodyAnswer, length: int | None
) -> None:
    """Have *body*, *length* bytes long, complete *answer* and end *call*."""
    body._self_bedrock_attrib = BodyObserver(call, answer, length)
    _set_class(body, _observed_body(cast("Hashable", type(body))))


@lru_cache(maxsize=64)
def _observed_stream(kind: Any) -> type:
    return _subclass(kind, ObservedAioStream, {})


@lru_cache(maxsize=64)
def _observed_body(kind: Any) -> type:
    if is_proxy(kind):
        return _subclass(kind, ObservedAioProxy, {})
    # The names under which bodies of *kind* can be closed.
    closers = {
        name: _closing(getattr(kind, name))
        for name in ("close", "aclose")
        if hasattr(kind, name)
    }
    return _subclass(kind, ObservedAioBody, closers)


def _closing(close: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return *close*, awaited or not, in a form that ends the call as well."""

    def closing(self: Any) -> Any:
        try:
            return close(self)
        finally:
            self._self_bedrock_attrib.ended()

    return closing


def _subclass(kind: type, base: type, namespace: dict[str, Any]) -> type:
    namespace = {"__module__": __name__, **namespace}
    return type(f"Observed{kind.__name__}", (base, kind), namespace)


# A proxy passes an assignment to its ``__class__`` on; this one reaches the proxy.
_set_class = vars(object)["__class__"].__set__
