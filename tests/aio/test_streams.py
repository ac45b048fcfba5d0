"""What holds of async streams and bodies besides that each ends its call once."""

from __future__ import annotations

import asyncio
import gc
import inspect
from importlib.metadata import version
from time import perf_counter
from typing import Any

import pytest
from waiting import HANG_S

pytest.importorskip("aiobotocore", reason="needs the extra aio")

import aiobotocore.response
from aio_clients import client_of, new_session
from aiobotocore.config import AioConfig
from aiobotocore.eventstream import AioEventStream
from botocore.eventstream import EventStream, NoInitialResponseError
from botocore.exceptions import ReadTimeoutError
from cells import MESSAGES, MODEL, USAGE, WRITES

from bedrock_attrib import CallRecord, Recorder, Unit, instrument
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.testing import (
    Fault,
    FaultKind,
    ListSink,
    Reply,
    Simulator,
)

pytestmark = pytest.mark.drops_streams
PIECES = Reply(usage=USAGE, chunks=10, text="0123456789")
IS_PROXY = hasattr(aiobotocore.response.StreamingBody, "__wrapped__")


async def converse_stream(client: Any) -> Any:
    """A stream of Converse events."""
    return (await client.converse_stream(modelId=MODEL, messages=MESSAGES))["stream"]


async def invoke_stream(client: Any) -> Any:
    """A stream of model chunks."""
    answer = await client.invoke_model_with_response_stream(modelId=MODEL, body=b"{}")
    return answer["body"]


async def body_of(client: Any) -> Any:
    """An unread body."""
    return (await client.invoke_model(modelId=MODEL, body=b"{}"))["body"]


async def read_all(stream: Any) -> list[Any]:
    """Read to the end."""
    return [event async for event in stream]


def test_types_stay_aiobotocores(simulator: Simulator, recorder: Recorder) -> None:
    """Stream, iterator and events are what they are without the library."""
    simulator.reply(PIECES)

    async def main() -> None:
        async with client_of(simulator) as bare, client_of(simulator) as metered:
            instrument(metered, recorder=recorder)
            for opener in (converse_stream, invoke_stream):
                expected, found = await opener(bare), await opener(metered)
                assert isinstance(found, AioEventStream)
                assert isinstance(found, EventStream)
                assert inspect.isasyncgen(aiter(expected))
                assert inspect.isasyncgen(aiter(found))
                with pytest.raises(NotImplementedError, match="async-for"):
                    iter(found)
                assert _unnumbered(await read_all(expected)) == _unnumbered(
                    await read_all(found)
                )

    asyncio.run(main())


def _unnumbered(events: list[Any]) -> list[str]:
    """Events without what differs from call to call."""
    return [str(sorted(event)) for event in events]


def test_a_body_stays_aiobotocores(simulator: Simulator, recorder: Recorder) -> None:
    """A body is aiobotocore's own kind, gives the same bytes and answers the same."""
    simulator.reply(Reply(usage=WRITES))

    async def main() -> None:
        async with client_of(simulator) as bare, client_of(simulator) as metered:
            instrument(metered, recorder=recorder)
            expected, found = await body_of(bare), await body_of(metered)
            assert isinstance(found, aiobotocore.response.StreamingBody)
            assert type(found) is not type(expected)
            assert found.__class__ is (
                expected.__class__ if IS_PROXY else type(found)
            ), "a proxy goes on saying that it is what it stands for"
            assert set(dir(expected)) <= set(dir(found))
            assert found.tell() == 0
            assert await found.read(10) == await expected.read(10)
            assert found.tell() == 10
            assert len(await found.read()) == len(await expected.read())
            assert found.tell() == expected.tell()

    asyncio.run(main())


def test_headers_need_no_body(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Where a body says no more than headers, the record is there before it is read."""
    simulator.reply(Reply(usage=USAGE))
    asked = {"modelId": "meta.llama3-8b-instruct-v1:0", "body": b"{}"}

    async def main() -> None:
        async with client_of(simulator) as client:
            instrument(client, recorder=recorder)
            body = (await client.invoke_model(**asked))["body"]
            (record,) = sink.records
            assert record.usage_source == "headers"
            assert type(body) is aiobotocore.response.StreamingBody
            body.close()

    asyncio.run(main())


def test_a_break_ends_the_call_without_garbage_collection(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A stream dropped by `break` is recorded soon, though aiobotocore's is a cycle."""
    simulator.reply(PIECES)

    async def read_one(client: Any) -> None:
        async for _ in await converse_stream(client):
            break

    async def main() -> list[CallRecord]:
        async with client_of(simulator) as client:
            await read_one(instrument(client, recorder=recorder))
            await asyncio.sleep(0.01)  # the loop closes the dropped iterator
            return list(sink.records)

    gc.disable()
    try:
        (record,) = asyncio.run(main())
    finally:
        gc.enable()
    assert record.outcome is Outcome.ABANDONED
    assert record.usage is not None
    assert record.usage[Unit.OUTPUT_TOKEN] >= 1


def test_nobody_has_to_ask_for_a_stream_that_was_let_go(
    simulator: Simulator, sink: ListSink
) -> None:
    """The recorder looks for itself after a while, while the loop does other things."""
    simulator.reply(PIECES)
    told: list[CallRecord] = []
    was_told = asyncio.Event()
    loop: asyncio.AbstractEventLoop

    class Plain:
        def write(self, record: CallRecord) -> None:
            told.append(record)
            loop.call_soon_threadsafe(was_told.set)

        def flush(self, timeout_s: float) -> bool:
            return timeout_s >= 0

        def close(self) -> None:
            """Nothing is held."""

    recorder = Recorder(sinks=(Plain(),))

    async def main() -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        async with client_of(simulator) as client:
            instrument(client, recorder=recorder)
            stream = await converse_stream(client)
            await anext(aiter(stream))
            await asyncio.sleep(0.2)
            assert told == [], "it is held, and may be read on"
            del stream
            await asyncio.wait_for(was_told.wait(), HANG_S)

    gc.disable()
    try:
        asyncio.run(main())
    finally:
        gc.enable()
    assert [record.outcome for record in told] == [Outcome.ABANDONED]
    recorder.close()


def test_a_closed_loop_leaves_no_call_open(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """What a loop had open when it ended is recorded, with what it had shown."""
    simulator.reply(PIECES)
    held: list[Any] = []

    async def main() -> None:
        async with client_of(simulator) as client:
            instrument(client, recorder=recorder)
            for opener in (converse_stream, invoke_stream):
                iterator = aiter(await opener(client))
                await anext(iterator)
                held.append(iterator)

    asyncio.run(main())
    held.clear()
    gc.collect()
    found = {record.operation: record for record in sink.records}
    assert {record.outcome for record in found.values()} == {Outcome.ABANDONED}
    usage = found["InvokeModelWithResponseStream"].usage
    assert usage is not None
    assert usage[Unit.INPUT_TOKEN] == 100
    assert usage[Unit.CACHE_READ_TOKEN] == 20
    assert set(found) == {"ConverseStream", "InvokeModelWithResponseStream"}


def test_initial_response(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Asking for an initial response, which Bedrock does not send, is as without us."""
    simulator.reply(PIECES)

    async def main() -> None:
        async with client_of(simulator) as client:
            stream = await converse_stream(instrument(client, recorder=recorder))
            with pytest.raises(NoInitialResponseError):
                await stream.get_initial_response()
            await read_all(stream)

    asyncio.run(main())
    (record,) = sink.records
    assert (record.outcome, record.usage) == (Outcome.OK, USAGE)


def test_the_caller_may_change_events(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """What the caller does to the final event does not reach the record."""
    simulator.reply(PIECES)

    async def main() -> None:
        async with client_of(simulator) as client:
            instrument(client, recorder=recorder)
            async for event in await converse_stream(client):
                if "metadata" in event:
                    event.pop("metadata").pop("usage")

    asyncio.run(main())
    (record,) = sink.records
    assert record.usage == USAGE


def test_time_to_first_chunk(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """The first event's time is that of its coming, whatever the caller does then."""
    simulator.reply(PIECES)
    came_after_s = 0.0

    async def main() -> None:
        nonlocal came_after_s
        async with client_of(simulator) as client:
            instrument(client, recorder=recorder)
            started = perf_counter()
            async for event in await converse_stream(client):
                if "messageStart" in event:
                    came_after_s = perf_counter() - started
                    await asyncio.sleep(0.2)

    asyncio.run(main())
    (record,) = sink.records
    assert record.time_to_first_chunk_s is not None
    assert record.time_to_first_chunk_s <= came_after_s
    assert record.duration_s > record.time_to_first_chunk_s + 0.19


def test_a_read_timeout_in_the_body(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A body that stalls raises aiobotocore's error and is recorded under its name."""
    fault = Fault(FaultKind.STALL, after=1)
    simulator.reply(Reply(usage=WRITES, fault=fault), times=1)
    config = AioConfig(read_timeout=1, retries={"total_max_attempts": 1})

    async def main() -> None:
        async with client_of(simulator, config=config) as client:
            body = await body_of(instrument(client, recorder=recorder))
            with pytest.raises(ReadTimeoutError):
                await body.read()

    asyncio.run(main())
    (record,) = sink.records
    assert (record.outcome, record.error) == (Outcome.ERROR, "AioReadTimeoutError")


def test_retries_are_counted(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Attempts that aiobotocore makes in silence are in the record."""
    simulator.reply(Reply(error="InternalServerException"), times=2)
    config = AioConfig(retries={"total_max_attempts": 3, "mode": "standard"})

    async def main() -> None:
        async with client_of(simulator, config=config) as client:
            instrument(client, recorder=recorder)
            await client.converse(modelId=MODEL, messages=MESSAGES)

    asyncio.run(main())
    (record,) = sink.records
    assert (record.attempts, record.outcome) == (3, Outcome.OK)


def test_closing_the_recorder_ends_open_streams(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A stream that is still held when the recorder closes is recorded as given up."""
    simulator.reply(PIECES)

    async def main() -> None:
        async with client_of(simulator) as client:
            stream = await converse_stream(instrument(client, recorder=recorder))
            await anext(aiter(stream))
            recorder.close()
            (record,) = sink.records
            assert record.outcome is Outcome.ABANDONED
            stream.close()
            assert len(sink.records) == 1

    asyncio.run(main())


# Bodies before aiobotocore 3.8 are proxies of aiohttp's response.


def test_all_of_the_response_is_read_in_a_block(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Within `async with body`, what the caller reads by any method is counted."""
    reads = ["read", "text", "json"] if IS_PROXY else ["read", "readlines"]

    async def main() -> None:
        async with client_of(simulator) as client:
            instrument(client, recorder=recorder)
            for name in reads:
                simulator.reply(Reply(usage=WRITES, token_headers=False), times=1)
                async with await body_of(client) as response:
                    assert await getattr(response, name)()

    asyncio.run(main())
    found = [(record.usage, record.price_status) for record in sink.records]
    assert found == [(WRITES, PriceStatus.PRICED)] * len(reads)


@pytest.mark.skipif(not IS_PROXY, reason="bodies of aiobotocore 3.8 are no proxies")
@pytest.mark.parametrize("name", ["text", "json"])
def test_what_a_proxy_passes_on(
    simulator: Simulator, recorder: Recorder, sink: ListSink, name: str
) -> None:
    """The proxy's further ways of reading all are counted, and give the same."""
    simulator.reply(Reply(usage=WRITES, token_headers=False), times=2)

    async def main() -> None:
        async with client_of(simulator) as bare, client_of(simulator) as metered:
            instrument(metered, recorder=recorder)
            expected, found = await body_of(bare), await body_of(metered)
            assert type(await getattr(expected, name)()) is type(
                await getattr(found, name)()
            )

    asyncio.run(main())
    (record,) = sink.records
    assert record.usage == WRITES


def test_a_response_that_is_released_in_its_block(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """What can't be asked any more leaves what headers said, and no fault."""
    simulator.reply(Reply(usage=WRITES), times=1)

    async def main() -> None:
        async with client_of(simulator) as client:
            body = await body_of(instrument(client, recorder=recorder))
            async with body as response:
                await response.read()
                if IS_PROXY:
                    response.release()

    asyncio.run(main())
    (record,) = sink.records
    assert record.usage is not None
    assert record.usage[Unit.OUTPUT_TOKEN] == 5


def test_a_stream_of_somebody_else(simulator: Simulator, sink: ListSink) -> None:
    """A stream of an application's own class is passed through, and recorded so."""
    recorder = Recorder(sinks=(sink,))

    class Own:
        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> Any:
            raise StopAsyncIteration

    def exchange(parsed: dict[str, Any], **_: object) -> None:
        parsed["stream"].close()
        parsed["stream"] = Own()

    async def main() -> None:
        async with client_of(simulator) as client:
            client.meta.events.register_first("after-call.bedrock-runtime", exchange)
            stream = await converse_stream(instrument(client, recorder=recorder))
            assert type(stream) is Own
            assert await read_all(stream) == []

    asyncio.run(main())
    (record,) = sink.records
    assert record.price_status is PriceStatus.UNPRICED
    assert "the stream is no object of botocore's" in record.price_reason
    assert recorder.faults.counts() == {}
    recorder.close()


def test_a_block_that_reads_nothing(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A block that leaves the body unread ends the call, and reads nothing itself."""
    simulator.reply(Reply(usage=WRITES), times=1)

    async def main() -> None:
        async with client_of(simulator) as client:
            async with await body_of(instrument(client, recorder=recorder)):
                pass
            (record,) = sink.records
            assert record.usage is not None
            assert record.usage[Unit.CACHE_WRITE_5M_TOKEN] == 100

    asyncio.run(main())


def test_httpx_as_transport(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """aiobotocore's other transport is metered alike where it works."""
    try:
        from aiobotocore.httpxsession import HttpxSession  # noqa: PLC0415

        config = AioConfig(http_session_cls=HttpxSession)
        session = new_session()
    except (ImportError, TypeError):
        pytest.skip("this aiobotocore has no transport by httpx")
    if not _has_httpx():
        pytest.skip("needs httpx2, aiobotocore's own extra")
    if version("aiobotocore").startswith("2."):
        pytest.skip("this aiobotocore reads no pieces through httpx")
    simulator.reply(Reply(usage=WRITES, token_headers=False))

    async def main() -> None:
        async with client_of(simulator, session, config=config) as client:
            instrument(client, recorder=recorder)
            await client.converse(modelId=MODEL, messages=MESSAGES)
            body = await body_of(client)
            while await body.read(100):
                pass
            body = await body_of(client)
            await body.close()
            async with await body_of(client) as body:
                await body.read()

    asyncio.run(main())
    assert [(r.operation, r.usage) for r in sink.records] == [
        ("Converse", WRITES),
        ("InvokeModel", WRITES),
        ("InvokeModel", None),
        ("InvokeModel", WRITES),
    ]


def _has_httpx() -> bool:
    try:
        import httpx2  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True
