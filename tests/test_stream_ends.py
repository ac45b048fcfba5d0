"""Every event that a reader got is recorded, however it leaves the stream."""

from __future__ import annotations

import gc
import io
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.client import BaseClient
from stream_ends import ENDS, PARAMS, PLACES, REPLY, check, is_at
from waiting import HANG_S

from bedrock_attrib import Recorder, instrument
from bedrock_attrib.testing import ListSink, Reply, Simulator

pytestmark = pytest.mark.drops_streams
FOLDERS = [str(Path(__file__).parent), str(Path(__file__).parent / "support")]


class CancelledError(BaseException):
    """What a job is cancelled by."""


@pytest.fixture
def simulator(module_simulator: Simulator) -> Simulator:
    """The endpoint, answering ten pieces of text."""
    module_simulator.reply(REPLY)
    return module_simulator


@pytest.fixture
def plain_sink() -> Any:
    """A sink for which nothing is finalized when its records are looked at."""
    return PlainSink()


class PlainSink:
    """Stores records."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def write(self, record: Any) -> None:
        """Store it."""
        self.records.append(record)

    def flush(self, timeout_s: float) -> bool:
        """Return that nothing is pending."""
        return timeout_s >= 0

    def close(self) -> None:
        """Nothing is held."""


def open_stream(client: BaseClient, operation: str) -> Any:
    """Open a stream of *operation*."""
    method, params, member = PARAMS[operation]
    return getattr(client, method)(**params)[member]


def read_until(place: str, events: Iterator[Any]) -> None:
    """Read up to *place*."""
    for number, event in enumerate(events, 1):
        if is_at(place, event, number):
            return
    raise AssertionError(place)


def by_loop(stream: Any, place: str, end: str) -> Iterator[Any]:
    """Read with a `for` statement; what is left of the iterator is held by none."""
    del end
    read_until(place, stream)
    yield None


def by_held_iterator(stream: Any, place: str, end: str) -> Iterator[Any]:
    """Read with an iterator that is held."""
    del end
    iterator = iter(stream)
    read_until(place, iterator)
    yield iterator


def by_generator(stream: Any, place: str, end: str) -> Iterator[Any]:
    """Read with a generator of the caller's around the stream."""
    del end
    generator = (event for event in stream)
    read_until(place, generator)
    yield generator


def by_thread(stream: Any, place: str, end: str) -> Iterator[Any]:
    """Read with an iterator in another thread."""
    del end
    iterator = iter(stream)
    thread = threading.Thread(target=read_until, args=(place, iterator))
    thread.start()
    thread.join()
    yield iterator


READERS: dict[str, Callable[[Any, str, str], Iterator[Any]]] = {
    "for": by_loop,
    "held iterator": by_held_iterator,
    "generator": by_generator,
    "other thread": by_thread,
}


def leave(client: BaseClient, operation: str, reader: str, place: str, end: str) -> Any:
    """Read a stream up to *place* and leave it by *end*; return what is held on."""
    stream = open_stream(client, operation)
    reading = READERS[reader](stream, place, end)
    with suppress(CancelledError):
        iterator = next(reading)
        if end == "close":
            stream.close()
            return stream, iterator
        if end == "cancel":
            raise CancelledError
        if end in ("break", "exit"):
            return stream, iterator
    return None


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("end", [end for end in ENDS if end != "exit"])
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("operation", PARAMS)
def test_what_was_read_is_recorded(
    simulator: Simulator,
    plain_sink: PlainSink,
    operation: str,
    reader: str,
    end: str,
    place: str,
) -> None:
    """A stream that is left is one record, with every event that its reader got."""
    recorder = Recorder(sinks=(plain_sink,))
    client = instrument(simulator.client(), recorder=recorder)
    held = leave(client, operation, reader, place, end)
    if end == "break":
        recorder.close()  # in mid-read
    gc.collect(0)
    recorder.flush()
    (record,) = plain_sink.records
    check(record, operation, place)
    del held
    recorder.close()
    assert plain_sink.records == [record]
    assert recorder.faults.counts() == {}


def test_what_was_read_is_recorded_at_exit(simulator: Simulator) -> None:
    """Streams that are held when the program ends have every event that was read."""
    program = f"""
        import sys
        sys.path[:0] = {FOLDERS!r}
        from stream_ends import PARAMS, PLACES, check
        from test_stream_ends import READERS, leave
        import boto3
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
            recorder = Recorder(sinks=[Printing()])  # knows no other stream
            return instrument(boto3.client(
                "bedrock-runtime", region_name="us-east-1",
                aws_access_key_id="x", aws_secret_access_key="x",
                endpoint_url={simulator.endpoint_url!r},
            ), recorder=recorder)

        held = []
        for operation in PARAMS:
            for reader in READERS:
                for place in PLACES:
                    client = new_client()
                    held.append(client)
                    with attribution(cell=reader + "/" + place):
                        held.append(leave(client, operation, reader, place, "exit"))
    """
    assert cells_of(program) == sorted(
        f"{operation}/{reader}/{place}"
        for operation in PARAMS
        for reader in READERS
        for place in PLACES
    )


def cells_of(program: str) -> list[str]:
    """Run *program*; return the lines that it prints, in order of the alphabet."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        check=False,
        text=True,
        timeout=HANG_S,
    )
    assert "Error" not in done.stderr, done.stderr
    return sorted(done.stdout.splitlines())


def test_a_stand_in_stream_passes_through(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A plain iterator in the place of a stream is given to the caller as it is."""
    client = simulator.client()
    events = iter([{"messageStop": {"stopReason": "end_turn"}}])

    def replace(parsed: dict[str, Any], **_: object) -> None:
        parsed.pop("stream").close()
        parsed["stream"] = events

    client.meta.events.register_first("after-call.bedrock-runtime", replace)
    instrument(client, recorder=recorder)
    found = open_stream(client, "ConverseStream")
    assert found is events
    assert list(found) == [{"messageStop": {"stopReason": "end_turn"}}]
    (record,) = sink.records
    assert record.price_reason == (
        "the stream is no object of botocore's, so it was not read"
    )
    assert recorder.faults.counts() == {}


@pytest.mark.parametrize("kind", ["bytes", "mock"])
def test_a_stand_in_body_passes_through(
    simulator: Simulator, recorder: Recorder, sink: ListSink, kind: str
) -> None:
    """A body of any class is given to the caller as it is, and is not read."""
    simulator.reply(Reply(token_headers=False))
    client = simulator.client()
    body = io.BytesIO(b"{}") if kind == "bytes" else MagicMock()

    def replace(parsed: dict[str, Any], **_: object) -> None:
        parsed.pop("body").close()
        parsed["body"] = body

    client.meta.events.register_first("after-call.bedrock-runtime", replace)
    instrument(client, recorder=recorder)
    found = client.invoke_model(modelId="us.amazon.nova-micro-v1:0", body=b"{}")["body"]
    assert found is body
    if kind == "mock":
        assert body.mock_calls == []
    else:
        assert found.read() == b"{}"
    (record,) = sink.records
    assert record.price_reason == (
        "the body is no object of botocore's, so it was not read"
    )
    assert recorder.faults.counts() == {}
