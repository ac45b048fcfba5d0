"""How async streams and bodies are watched: subclasses of aiobotocore's own types.

As for sync ones, the object that aiobotocore made stays the same object and only its
class is exchanged. The classes are made for the kinds of objects that come, so nothing
of aiobotocore is imported here, and whatever version the application uses will do. The
extra ``aio`` brings one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import TYPE_CHECKING, Any

from botocore.eventstream import EventStream

from .._recording.call import Call
from .observers import BodyFeed, StreamFeed, kept_event

if TYPE_CHECKING:
    from botocore.response import StreamingBody as _Base
else:
    _Base = object


_Async = Callable[..., Awaitable[Any]]


class WatchedStream(EventStream):
    """What is laid over aiobotocore's event stream, to look on while it is iterated.

    In aiobotocore 2.25 to 3.10 ``__anext__`` is an async generator, which ``__aiter__``
    hands out. Checked 2026-11-25.
    """

    _self_bedrock_attrib: StreamFeed

    async def __anext__(self) -> AsyncIterator[Any]:
        feed = self._self_bedrock_attrib
        old = last = None
        count = 0
        events = super().__anext__()
        try:
            async for event in events:
                count = 1
                feed.saw_first(event)
                last = kept_event(event) if "metadata" in event else event
                yield event
                break
            async for event in events:
                old, last = last, event
                count += 1
                if "metadata" in event:
                    last = kept_event(event)
                yield event
        except GeneratorExit:
            feed.saw((old, last), count)
            # The stream may be read on once nothing of this reading is left.
            await events.aclose()
            feed.paused(self)
            raise
        except Exception as error:
            feed.saw((old, last), count)
            feed.failed(error)
            raise
        except BaseException:  # the task was cancelled while it waited for an event
            feed.saw((old, last), count)
            feed.ended()
            raise
        feed.saw((old, last), count)
        feed.finished()

    def close(self) -> None:
        """Close the underlying stream, and the call with it."""
        try:
            super().close()
        finally:
            self._self_bedrock_attrib.ended()


class WatchedBody(_Base):
    """What is laid over aiobotocore's body, to look on while it is read.

    All that aiobotocore's bodies offer to read comes down to these two methods.
    """

    # An attribute of the proxy, and not of what it stands for, by its name in wrapt.
    _self_bedrock_attrib: BodyFeed

    async def read(self, amt: int | None = None) -> bytes:
        """Read at most *amt* bytes, or all."""
        feed = self._self_bedrock_attrib
        try:
            chunk: bytes = await super().read(amt)
        except Exception as error:
            feed.ended(error)
            raise
        except BaseException:  # the task was cancelled
            feed.given_up()
            raise
        is_last = amt is None or amt < 0 or (not chunk and amt > 0)
        feed.saw(chunk, is_last=is_last)
        return chunk

    async def readinto(self, b: bytearray) -> int:
        """Read into *b*; the number of bytes read."""
        feed = self._self_bedrock_attrib
        try:
            amount: int = await super().readinto(b)
        except Exception as error:
            feed.ended(error)
            raise
        except BaseException:  # the task was cancelled
            feed.given_up()
            raise
        feed.saw(bytes(b[:amount]), is_last=not amount and len(b) > 0)
        return amount

    async def __aexit__(self, *error: object) -> None:
        """Leave the block, which closes the body."""
        try:
            await super().__aexit__(*error)
        finally:
            self._self_bedrock_attrib.ended()


class WatchedProxy(WatchedBody):
    """What is laid over the body of aiobotocore before 3.8.

    That one is a proxy of aiohttp's response, to which it passes on whatever it does
    not know, and which it hands out in ``async with body as response``.
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
        await self._look_at_response()
        await super().__aexit__(*error)

    async def _read_by(
        self, read: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        try:
            return await read(*args, **kwargs)
        finally:
            await self._look_at_response()

    async def _look_at_response(self) -> None:
        """See what the caller read of the response; reads nothing itself.

        aiohttp's response keeps what its ``read`` gave and gives it again. At the end
        of its content there is nothing else that it could give. aiohttp 3.14.5.
        """
        feed, response = self._self_bedrock_attrib, self.__wrapped__
        with suppress(Exception):  # it says no once the caller has released it
            if not feed.has_ended and response.content.at_eof():
                feed.saw(await response.read(), is_last=True)


def is_async(reader: object) -> bool:
    """Whether *reader*, a stream or body, is read with ``await``."""
    kind = type(reader)
    known = _IS_ASYNC.get(kind)
    if known is None:
        known = _IS_ASYNC[kind] = hasattr(kind, "__aiter__") or iscoroutinefunction(
            getattr(kind, "read", None)
        )
    return known


def watch_aio_stream(stream: Any, call: Call) -> None:
    """Have *stream* end *call* when it is read, closed, broken or dropped."""
    kind = type(stream)
    watching = _WATCHING.get(kind) or _watching_stream(kind)
    stream._self_bedrock_attrib = StreamFeed(call)
    _exchange_class(stream, watching)


def watch_aio_body(body: Any, call: Call, length: int | None) -> None:
    """Have *body*, *length* bytes long, complete what the headers said of *call*."""
    kind = type(body)
    watching = _WATCHING.get(kind) or _watching_body(kind)
    body._self_bedrock_attrib = BodyFeed(call, length)
    _exchange_class(body, watching)


# By kind of what came; there are a handful of kinds.
_IS_ASYNC: dict[type, bool] = {}
_WATCHING: dict[type, type] = {}


def _watching_stream(kind: type) -> type:
    if not isasyncgenfunction(getattr(kind, "__anext__", None)):
        raise TypeError(f"{kind.__name__} is iterated in a way that is not known")
    return _remember(kind, WatchedStream, {})


def _watching_body(kind: type) -> type:
    if hasattr(kind, "__wrapped__") and hasattr(kind, "__aiter__"):
        return _remember(kind, WatchedProxy, {})
    # Under whichever of these names the kind can be closed.
    closers = {
        name: _closing(getattr(kind, name))
        for name in ("close", "aclose")
        if hasattr(kind, name)
    }
    return _remember(kind, WatchedBody, closers)


def _closing(close: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """*close*, which may have to be awaited, ending the call as well."""

    def closing(self: Any) -> Any:
        try:
            return close(self)
        finally:
            self._self_bedrock_attrib.ended()

    return closing


def _remember(kind: type, base: type, namespace: dict[str, Any]) -> type:
    namespace = {"__module__": __name__, **namespace}
    watching = type(f"Metered{kind.__name__}", (base, kind), namespace)
    _WATCHING[kind] = watching
    return watching


# A proxy passes on an assignment to its ``__class__``; this one reaches the proxy.
_exchange_class = vars(object)["__class__"].__set__
