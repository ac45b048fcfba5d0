"""Requests through httpx and httpx2 that get no answer: ended where they fail."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import ModuleType
from typing import Any

import pytest
from waiting import HANG_S

from bedrock_attrib import CallRecord, Recorder, Unit, attribution
from bedrock_attrib import httpx as door
from bedrock_attrib.testing import ListSink

NOWHERE = "http://127.0.0.1:9"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com"
Held = list[BaseException]


@pytest.fixture(scope="module", params=["httpx", "httpx2"])
def package(request: pytest.FixtureRequest) -> ModuleType:
    """One of the two packages."""
    return pytest.importorskip(request.param, reason=f"{request.param} is missing")


@pytest.fixture(params=["sync", "async"])
def is_async(request: pytest.FixtureRequest) -> bool:
    """Which kind of client."""
    return bool(request.param == "async")


@pytest.fixture
def sink() -> ListSink:
    """Where the records go."""
    return ListSink()


@pytest.fixture
def recorder(sink: ListSink) -> Iterator[Recorder]:
    """A recorder in which nothing may go wrong."""
    recorder = Recorder(sinks=[sink])
    yield recorder
    recorder.close()
    assert recorder.faults.counts() == {}


@contextmanager
def listening(talk: Callable[[socket.socket], None], port: int = 0) -> Iterator[str]:
    """A server that has one connection at a time, for *talk*; its address."""
    is_over = threading.Event()
    with socket.create_server(("127.0.0.1", port)) as server:

        def serve() -> None:
            while not is_over.is_set():
                with suppress(OSError):
                    connection, _ = server.accept()
                    with connection:
                        talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        address = server.getsockname()
        try:
            yield f"http://{address[0]}:{address[1]}"
        finally:
            is_over.set()
            with suppress(OSError), socket.create_connection(address, 1):
                pass
            thread.join()


def answer(connection: socket.socket) -> None:
    """Answer one request, whose body is ``{}``, with seven tokens."""
    if hang_up(connection):
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\n\r\n"
            b'{"usage": {"inputTokens": 7, "outputTokens": 1}}'
        )


def hang_up(connection: socket.socket) -> bool:
    """Read one request, whose body is ``{}``; whether it came."""
    asked = b""
    while not asked.endswith(b"{}"):  # to close before all is read resets a connection
        piece = connection.recv(65_536)
        if not piece:
            return False
        asked += piece
    return True


def post(
    package: ModuleType,
    recorder: Recorder,
    base: str,
    *,
    is_async: bool = False,
    client: dict[str, Any] | None = None,
    **request: Any,
) -> Held:
    """Call ``Converse`` at *base* once; what was raised, held with all it holds."""
    held: Held = []
    settings = {"trust_env": False, **(client or {})}
    metering: dict[str, Any] = {
        "recorder": recorder,
        "endpoint_url": base,
        "region": "us-east-1",
    }
    url = f"{base}/model/us.amazon.nova-micro-v1:0/converse"
    request = {"json": {}, **request}

    async def main() -> None:
        async with package.AsyncClient(**settings) as client_:
            door.instrument(client_, **metering)
            try:
                await client_.post(url, **request)
            except package.HTTPError as error:
                held.append(error)

    if is_async:
        asyncio.run(main())
        return held
    with package.Client(**settings) as client_:
        door.instrument(client_, **metering)
        try:
            client_.post(url, **request)
        except package.HTTPError as error:
            held.append(error)
    return held


def facts(record: CallRecord) -> tuple[str, str | None, str]:
    """How it ended, why, and what of its price."""
    return record.outcome.value, record.error, record.price_status.value


@pytest.mark.parametrize("what", ["no connection", "no answer"])
def test_an_attempt_after_the_call_has_failed_is_a_call(
    package: ModuleType, recorder: Recorder, sink: ListSink, what: str
) -> None:
    """What is around the transport may try again, much later; its answer is billed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    class Retrying(package.BaseTransport):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            self.transport = package.HTTPTransport()

        def handle_request(self, request: Any) -> Any:
            with ExitStack() as stack:
                if what == "no answer":
                    stack.enter_context(listening(hang_up, port))
                with pytest.raises(package.TransportError):
                    self.transport.handle_request(request)
            recorder.flush()  # as after a second
            with listening(answer, port):
                response = self.transport.handle_request(request)
                response.read()
            return response

    base = f"http://127.0.0.1:{port}"
    held = post(package, recorder, base, client={"transport": Retrying()})
    recorder.flush()
    failed, answered = sink.records
    assert (held, failed.outcome.value) == ([], "error")
    assert facts(answered) == ("ok", None, "priced")
    assert answered.usage == {Unit.INPUT_TOKEN: 7, Unit.OUTPUT_TOKEN: 1}
    assert (answered.duration_s, answered.time_to_first_chunk_s) == (None, None)


def test_no_connection_ends_the_call(
    package: ModuleType, recorder: Recorder, sink: ListSink, *, is_async: bool
) -> None:
    """It is there for whoever looks, and took as long as it took to fail."""
    started = time.perf_counter()
    with attribution(team="search") as spend:
        held = post(package, recorder, NOWHERE, is_async=is_async)
        assert (len(held), spend.calls) == (1, 1)
    took_s = time.perf_counter() - started
    time.sleep(0.1)
    recorder.flush()
    (record,) = sink.records
    assert facts(record) == ("error", "ConnectError", "free")
    assert record.duration_s is not None
    assert 0 < record.duration_s <= took_s
    del held
    gc.collect()
    recorder.flush()
    assert sink.records == [record]


def test_no_connection_is_told_soon(package: ModuleType) -> None:
    """Nobody has to look, nor to let the exception go."""
    recorder = Recorder(sinks=[told := Told()])
    held = post(package, recorder, NOWHERE)
    assert told.event.wait(HANG_S)
    assert len(held) == 1
    assert [facts(r) for r in told.records] == [("error", "ConnectError", "free")]
    recorder.close()
    assert len(told.records) == 1


class Told:
    """A sink that does not settle, and says when it was told."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []
        self.event = threading.Event()

    def write(self, record: CallRecord) -> None:
        """Keep it."""
        self.records.append(record)
        self.event.set()

    def flush(self, timeout_s: float) -> bool:
        """Nothing is pending."""
        return timeout_s >= 0

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("succeeds", [True, False])
def test_retries_of_the_transport_are_one_call(
    package: ModuleType,
    recorder: Recorder,
    sink: ListSink,
    *,
    is_async: bool,
    succeeds: bool,
) -> None:
    """However often the transport tries to connect, and whoever looks meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    names: list[str] = []
    servers: list[Any] = []

    def trace(name: str, _: Any) -> None:
        names.append(name.rpartition(".")[0] + "." + name.rpartition(".")[2])
        if not name.endswith(".failed"):  # until the retry is announced, it may be over
            recorder.flush()
        if name.endswith("retry.started") and succeeds and not servers:
            servers.append(listening(answer, port))
            servers[0].__enter__()

    async def trace_async(name: str, info: Any) -> None:
        trace(name, info)

    kind = package.AsyncHTTPTransport if is_async else package.HTTPTransport
    held = post(
        package,
        recorder,
        f"http://127.0.0.1:{port}",
        is_async=is_async,
        client={"transport": kind(retries=1)},
        extensions={"trace": trace_async if is_async else trace},
    )
    for each in servers:
        each.__exit__(None, None, None)
    recorder.flush()
    assert names.count("connection.connect_tcp.failed") == 2 - succeeds
    assert "connection.retry.started" in names
    assert len(held) == 1 - succeeds
    expected = ("ok", None, "priced") if succeeds else ("error", "ConnectError", "free")
    assert [facts(r) for r in sink.records] == [expected]


def test_a_request_that_cannot_be_written(
    package: ModuleType, recorder: Recorder, sink: ListSink
) -> None:
    """A server that reads nothing may have been sent the request all the same."""
    is_over = threading.Event()

    def wait(_: socket.socket) -> None:
        is_over.wait(HANG_S)

    with listening(wait) as base:
        patience = package.Timeout(HANG_S, write=0.2)
        body = b" " * 30_000_000
        held = post(package, recorder, base, content=body, json=None, timeout=patience)
        is_over.set()
    recorder.flush()
    assert [type(error).__name__ for error in held] == ["WriteTimeout"]
    assert [facts(r) for r in sink.records] == [("error", "WriteTimeout", "unpriced")]


def test_a_request_that_may_not_be_sent(
    package: ModuleType, recorder: Recorder, sink: ListSink
) -> None:
    """Headers that HTTP does not allow are found before anything is sent."""
    with listening(answer) as base:
        held = post(package, recorder, base, headers={"x-odd": "a\nb"})
    recorder.flush()
    assert [type(error).__name__ for error in held] == ["LocalProtocolError"]
    assert [facts(r) for r in sink.records] == [("error", "LocalProtocolError", "free")]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n", "ProxyError"),
        (b"", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\n\r\n no TLS at all", "ConnectError"),
    ],
)
def test_a_proxy_that_does_not_let_through(
    package: ModuleType,
    recorder: Recorder,
    sink: ListSink,
    said: bytes,
    error: str,
    *,
    is_async: bool,
) -> None:
    """What a proxy answers to is no request to AWS."""

    def talk(connection: socket.socket) -> None:
        if connection.recv(65_536):
            connection.sendall(said)

    with listening(talk) as proxy:
        held = post(
            package, recorder, BEDROCK, is_async=is_async, client={"proxy": proxy}
        )
    recorder.flush()
    assert [type(error).__name__ for error in held] == [error]
    assert [facts(r) for r in sink.records] == [("error", error, "free")]


def test_a_connection_that_is_not_free(
    package: ModuleType, recorder: Recorder, sink: ListSink
) -> None:
    """A request that waited for a connection in vain was not sent.

    httpx tells nothing of it, so it ends with its request, after an unknown time.
    """
    limits = package.Limits(max_connections=1)
    patience = package.Timeout(5, pool=0.05)
    held: Held = []
    with (
        listening(answer) as base,
        package.Client(limits=limits, timeout=patience, trust_env=False) as client,
    ):
        door.instrument(
            client, recorder=recorder, endpoint_url=base, region="us-east-1"
        )
        url = f"{base}/model/us.amazon.nova-micro-v1:0/converse"
        with client.stream("POST", url, json={}) as response:
            try:
                client.post(url, json={})
            except package.PoolTimeout as error:
                held.append(error)
            assert len(held) == 1
            held.clear()
            gc.collect()
            response.read()
    recorder.flush()
    assert {facts(r) for r in sink.records} == {
        ("ok", None, "priced"),
        ("error", "NotSent", "free"),
    }
    (failed,) = (r for r in sink.records if r.error)
    assert failed.duration_s is None


def test_a_transport_that_tells_nothing(
    package: ModuleType, recorder: Recorder, sink: ListSink
) -> None:
    """Its call ends with its request, and how long it took is not known."""

    def fail(request: Any) -> Any:
        raise package.ReadTimeout("late", request=request)

    transport = package.MockTransport(fail)
    held = post(package, recorder, BEDROCK, client={"transport": transport})
    recorder.flush()
    assert (len(held), sink.records) == (1, [])
    held.clear()
    gc.collect()
    recorder.flush()
    (record,) = sink.records
    assert facts(record) == ("abandoned", "Interrupted", "unpriced")
    assert record.duration_s is None


def test_cancellation_before_the_answer(
    package: ModuleType, recorder: Recorder, sink: ListSink
) -> None:
    """A task that is cancelled while it waits leaves its call there and then."""
    is_over, is_asked = threading.Event(), threading.Event()

    def wait(connection: socket.socket) -> None:
        if connection.recv(65_536):
            is_asked.set()
            is_over.wait(HANG_S)

    async def main(base: str) -> None:
        async with package.AsyncClient(trust_env=False) as client:
            door.instrument(
                client, recorder=recorder, endpoint_url=base, region="us-east-1"
            )
            url = f"{base}/model/us.amazon.nova-micro-v1:0/converse"
            task = asyncio.create_task(client.post(url, json={}))
            assert await asyncio.to_thread(is_asked.wait, HANG_S)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            recorder.flush()
            assert [facts(r) for r in sink.records] == [
                ("abandoned", "Interrupted", "unpriced")
            ]

    with listening(wait) as base:
        asyncio.run(main(base))
        is_over.set()


def test_a_trace_that_raises_is_the_applications_own(
    package: ModuleType, recorder: Recorder, sink: ListSink
) -> None:
    """What an application's callback raises goes its way, and ends the call."""

    def trace(name: str, _: Any) -> None:
        if name.endswith("send_request_headers.started"):
            raise ZeroDivisionError

    with listening(answer) as base, pytest.raises(ZeroDivisionError):
        post(package, recorder, base, extensions={"trace": trace})
    gc.collect()
    recorder.flush()
    assert len(sink.records) == 1


def test_an_answer_that_is_dropped(
    package: ModuleType, recorder: Recorder, sink: ListSink
) -> None:
    """Its call ends with it, although the client keeps the connection open for it."""
    with listening(answer) as base, package.Client(trust_env=False) as client:
        door.instrument(
            client, recorder=recorder, endpoint_url=base, region="us-east-1"
        )
        url = f"{base}/model/us.amazon.nova-micro-v1:0/converse"
        client.send(client.build_request("POST", url, json={}), stream=True)
        gc.collect()
        recorder.flush()
        assert [facts(r) for r in sink.records] == [("abandoned", None, "unpriced")]
