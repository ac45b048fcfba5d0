"""As tests/test_stream_ends.py, for streams of async clients."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiobotocore", reason="needs the extra aio")

from aio_clients import client_of
from stream_ends import ENDS, PARAMS, PLACES, REPLY, check, is_at
from waiting import HANG_S

from bedrock_attrib import CallRecord, Recorder, instrument
from bedrock_attrib.testing import Simulator

pytestmark = pytest.mark.drops_streams
TESTS = Path(__file__).parent.parent
FOLDERS = [str(TESTS / "aio"), str(TESTS / "support")]


class PlainSink:
    """Stores records, without finalizing any when they are looked at."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    def write(self, record: CallRecord) -> None:
        """Store it."""
        self.records.append(record)

    def flush(self, timeout_s: float) -> bool:
        """Return that nothing is pending."""
        return timeout_s >= 0

    def close(self) -> None:
        """Nothing is held."""


async def open_stream(client: Any, operation: str) -> Any:
    """Open a stream of *operation*."""
    method, params, member = PARAMS[operation]
    return (await getattr(client, method)(**params))[member]


async def read_until(place: str, events: Any) -> None:
    """Read up to *place*."""
    number = 0
    async for event in events:
        number += 1
        if is_at(place, event, number):
            return
    raise AssertionError(place)


async def by_loop(stream: Any, place: str) -> Any:
    """Read with an `async for` statement."""
    await read_until(place, stream)


async def by_held_iterator(stream: Any, place: str) -> Any:
    """Read with an iterator that is held."""
    iterator = aiter(stream)
    await read_until(place, iterator)
    return iterator


async def by_generator(stream: Any, place: str) -> Any:
    """Read with an async generator of the caller's around the stream."""

    async def around() -> AsyncIterator[Any]:
        async for event in stream:
            yield event

    generator = around()
    await read_until(place, generator)
    return generator


async def by_task(stream: Any, place: str) -> Any:
    """Read with an iterator in another task."""
    iterator = aiter(stream)
    await asyncio.create_task(read_until(place, iterator))
    return iterator


READERS: dict[str, Callable[[Any, str], Awaitable[Any]]] = {
    "for": by_loop,
    "held iterator": by_held_iterator,
    "generator": by_generator,
    "other task": by_task,
}


async def leave(client: Any, operation: str, reader: str, place: str, end: str) -> Any:
    """Read a stream up to *place* and leave it by *end*; return what is held on."""
    stream = await open_stream(client, operation)
    if end == "cancel":
        is_there = asyncio.Event()
        task = asyncio.create_task(_read_and_wait(stream, reader, place, is_there))
        await is_there.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        return None
    iterator = await READERS[reader](stream, place)
    if end == "drop":
        return None
    if end == "close":
        stream.close()
    return stream, iterator


async def _read_and_wait(
    stream: Any, reader: str, place: str, is_there: asyncio.Event
) -> None:
    try:
        iterator = await READERS[reader](stream, place)
    finally:
        is_there.set()
    await asyncio.Event().wait()
    del iterator


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("end", [end for end in ENDS if end != "exit"])
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("operation", PARAMS)
def test_what_was_read_is_recorded(
    simulator: Simulator, operation: str, reader: str, end: str, place: str
) -> None:
    """A stream that is left is one record, with every event that its reader got."""
    simulator.reply(REPLY)
    sink = PlainSink()
    recorder = Recorder(sinks=(sink,))

    async def main() -> None:
        async with client_of(simulator) as client:
            instrument(client, recorder=recorder)
            held = await leave(client, operation, reader, place, end)
            if end == "break":
                recorder.close()  # in mid-read
            for _ in range(50):  # the loop closes dropped iterators, one per turn
                gc.collect(0)
                await asyncio.sleep(0)
            recorder.flush()
            (record,) = sink.records
            check(record, operation, place)
            del held

    asyncio.run(main())
    recorder.close()
    assert len(sink.records) == 1
    assert recorder.faults.counts() == {}


def test_what_was_read_is_recorded_at_exit(simulator: Simulator) -> None:
    """Streams that are held when the program ends have every event that was read."""
    simulator.reply(REPLY)
    program = f"""
        import asyncio, os, sys
        sys.path[:0] = {FOLDERS!r}
        from stream_ends import PARAMS, PLACES, check
        from test_stream_ends import READERS, leave
        from aio_clients import CONFIG, new_session
        from bedrock_attrib import Recorder, attribution, instrument

        class Printing:
            def write(self, record):
                cell = record.tags["cell"].split("/")
                check(record, record.operation, cell[1])
                # At once, as there are many threads.
                sys.stdout.write("/".join((record.operation, *cell)) + "\\n")
            def flush(self, timeout_s):
                return True
            def close(self):
                pass

        def new_client():
            return new_session().create_client(
                "bedrock-runtime", region_name="us-east-1", config=CONFIG,
                aws_access_key_id="x", aws_secret_access_key="x",
                endpoint_url={simulator.endpoint_url!r},
            )

        held = []

        async def main():
            for operation in PARAMS:
                for reader in READERS:
                    for place in PLACES:
                        async with new_client() as client:
                            instrument(client, recorder=Recorder(sinks=[Printing()]))
                            with attribution(cell=reader + "/" + place):
                                left = leave(client, operation, reader, place, "exit")
                                held.append(await left)

        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        check=False,
        text=True,
        timeout=HANG_S,
    )
    assert "contained" not in done.stderr, done.stderr
    assert sorted(done.stdout.splitlines()) == sorted(
        f"{operation}/{reader}/{place}"
        for operation in PARAMS
        for reader in READERS
        for place in PLACES
    )
