"""Calls through httpx and httpx2: each metered once, however it ends."""

from __future__ import annotations

import asyncio
import gc
import gzip
import importlib
import json
import logging
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from types import ModuleType
from typing import Any

import pytest

import bedrock_attrib._readers.raw_http as raw_http_module
from bedrock_attrib import (
    CallStart,
    ConfigError,
    Recorder,
    TagPolicyError,
    attribution,
    configure,
)
from bedrock_attrib import httpx as door
from bedrock_attrib.testing import (
    Fault,
    FaultKind,
    ListSink,
    Reply,
    Simulator,
    bedrock_simulator,
    tokens,
)

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
GPT = "openai.gpt-5.6-luna"
USAGE = tokens(input_tokens=1200, output_tokens=540)
PATH = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/"
CHAT = {"model": GPT, "messages": [{"role": "user", "content": "Hello"}]}
STREAM = {"stream": True, "stream_options": {"include_usage": True}}
ASKED: dict[str, tuple[str, dict[str, Any], str]] = {
    "Converse": (f"{PATH}converse", {}, CLAUDE),
    "ConverseStream": (f"{PATH}converse-stream", {}, CLAUDE),
    "InvokeModel": (f"{PATH}invoke", {}, CLAUDE),
    "InvokeModelWithResponseStream": (
        f"{PATH}invoke-with-response-stream",
        {},
        CLAUDE,
    ),
    "ChatCompletions": ("/openai/v1/chat/completions", CHAT, GPT),
    "ChatCompletions, stream": ("/v1/chat/completions", CHAT | STREAM, GPT),
    "Responses": ("/openai/v1/responses", CHAT, GPT),
    "Responses, stream": ("/v1/responses", CHAT | STREAM, GPT),
    "Messages": ("/anthropic/v1/messages", {"model": CLAUDE}, CLAUDE),
    "Messages, stream": ("/v1/messages", {"model": CLAUDE} | STREAM, CLAUDE),
}
STREAMS = [name for name in ASKED if "tream" in name]


@pytest.fixture(scope="module", params=["httpx", "httpx2"])
def package(request: pytest.FixtureRequest) -> ModuleType:
    """One of the two packages."""
    return pytest.importorskip(request.param, reason=f"{request.param} is missing")


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which kind of client."""
    return str(request.param)


@pytest.fixture
def sink() -> ListSink:
    """Where the records go."""
    return ListSink()


@pytest.fixture
def recorder(sink: ListSink) -> Iterator[Recorder]:
    """A recorder in which nothing may go wrong."""
    recorder = Recorder(sinks=[sink])
    yield recorder
    assert recorder.faults.counts() == {}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """An endpoint whose answers say 1,200 tokens in and 540 out."""
    with bedrock_simulator() as simulator:
        simulator.reply(Reply(text="Sunny.", usage=USAGE))
        yield simulator


class _SyncClient:
    """A sync client that is spoken to as if it were async."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def post(self, url: str, **settings: Any) -> Any:
        return self._client.post(url, **settings)

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, **settings: Any
    ) -> AsyncIterator[Any]:
        with self._client.stream(method, url, **settings) as response:
            yield response


async def _pieces(response: Any, kind: str) -> AsyncIterator[bytes]:
    if kind == "async":
        async for piece in response.aiter_bytes():
            yield piece
    else:
        for piece in response.iter_bytes():
            yield piece


class Caller:
    """Calls an endpoint with one kind of client, made for each test."""

    def __init__(
        self, package: ModuleType, kind: str, simulator: Simulator, recorder: Recorder
    ) -> None:
        self.package = package
        self.kind = kind
        self.simulator = simulator
        self.settings: dict[str, Any] = {
            "recorder": recorder,
            "endpoint_url": simulator.endpoint_url,
            "region": "us-east-1",
        }

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        """A client, instrumented."""
        if self.kind == "async":
            async with self.package.AsyncClient(trust_env=False) as client:
                yield door.instrument(client, **self.settings)
        else:
            with self.package.Client(trust_env=False) as client:
                yield _SyncClient(door.instrument(client, **self.settings))

    async def read(self, name: str, client: Any) -> None:
        """Read an answer to its end."""
        path, body, _ = ASKED[name]
        await client.post(self.simulator.endpoint_url + path, json=body)

    async def stop(self, name: str, client: Any) -> None:
        """Close an answer after its first piece."""
        path, body, _ = ASKED[name]
        url = self.simulator.endpoint_url + path
        async with client.stream("POST", url, json=body) as response:
            async for _ in _pieces(response, self.kind):
                break

    async def unread(self, name: str, client: Any) -> None:
        """Close an answer without reading any of it."""
        path, body, _ = ASKED[name]
        url = self.simulator.endpoint_url + path
        async with client.stream("POST", url, json=body):
            pass

    async def broken(self, name: str, client: Any) -> None:
        """Read an answer whose connection is cut."""
        self.simulator.reply(
            Reply(text="Sunny.", usage=USAGE, fault=Fault(FaultKind.CUT)), times=1
        )
        with pytest.raises(self.package.HTTPError):
            await self.read(name, client)

    async def refused(self, name: str, client: Any) -> None:
        """Be throttled."""
        self.simulator.reply(Reply(error="ThrottlingException"), times=1)
        await self.read(name, client)

    async def no_answer(self, name: str, client: Any) -> None:
        """Lose the connection before an answer comes."""
        self.simulator.reply(Reply(fault=Fault(FaultKind.NO_ANSWER)), times=1)
        with pytest.raises(self.package.HTTPError):
            await self.read(name, client)


@pytest.fixture
def caller(
    package: ModuleType, kind: str, simulator: Simulator, recorder: Recorder
) -> Caller:
    """One kind of client, for one test."""
    return Caller(package, kind, simulator, recorder)


ENDINGS = {
    "read": {("ok", None)},
    # An answer whose headers or first bytes say all is answered.
    "stop": {("ok", None), ("abandoned", None)},
    "unread": {("ok", None), ("abandoned", None)},
    "broken": {("error", "RemoteProtocolError"), ("ok", None)},
    "refused": {("error", "ThrottlingException"), ("error", "429")},
    "no_answer": {("error", "RemoteProtocolError"), ("error", "ReadError")},
}


@pytest.mark.parametrize("name", ASKED)
def test_each_ending_is_one_record(
    caller: Caller, sink: ListSink, recorder: Recorder, name: str
) -> None:
    """Whatever is called and however it ends: one record, with its tags and model."""

    async def main() -> None:
        async with caller.client() as client:
            for ending in ENDINGS:
                with attribution(ending=ending):
                    await getattr(caller, ending)(name, client)

    asyncio.run(main())
    gc.collect()
    recorder.flush()
    ended = {r.tags["ending"]: (r.outcome, r.error) for r in sink.records}
    assert [r.tags["ending"] for r in sink.records] == list(ENDINGS)
    assert {end: ended[end] in ENDINGS[end] for end in ended} == dict.fromkeys(
        ENDINGS, True
    )
    assert {r.operation for r in sink.records} == {name.partition(",")[0]}
    assert {r.model.requested for r in sink.records} == {ASKED[name][2]}
    assert {r.region for r in sink.records} == {"us-east-1"}


@pytest.mark.parametrize("name", ASKED)
def test_counts(caller: Caller, sink: ListSink, recorder: Recorder, name: str) -> None:
    """An answer that was read has the counts that AWS stated, and their price."""
    cached = tokens(input_tokens=1200, output_tokens=540, cache_read_tokens=64)
    caller.simulator.reply(Reply(text="Sunny.", usage=cached, service_tier="default"))

    async def main() -> None:
        async with caller.client() as client:
            await caller.read(name, client)

    asyncio.run(main())
    recorder.flush()
    (record,) = sink.records
    assert (record.usage, record.price_status, record.tier) == (
        cached,
        "priced",
        "default",
    )
    assert record.request_id == "00000000-0000-0000-0000-000000000001"
    assert (record.time_to_first_chunk_s is not None) == (name in STREAMS)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_given_up_is_estimated(
    caller: Caller, sink: ListSink, recorder: Recorder, name: str
) -> None:
    """What a stream said before it was given up is kept, the rest is estimated."""
    caller.simulator.reply(
        Reply(text="Sunny.", usage=USAGE, chunk_interval_s=0.02, chunks=3)
    )

    async def main() -> None:
        async with caller.client() as client:
            await caller.stop(name, client)

    asyncio.run(main())
    recorder.flush()
    (record,) = sink.records
    assert (record.outcome, record.price_status) == ("abandoned", "estimated")


@pytest.mark.parametrize("name", STREAMS)
def test_an_error_inside_a_stream(
    caller: Caller, sink: ListSink, recorder: Recorder, name: str
) -> None:
    """A stream that began well and ends with an error event failed."""
    fault = Fault(FaultKind.EXCEPTION_EVENT, after=2, error="throttlingException")
    caller.simulator.reply(Reply(text="Sunny.", usage=USAGE, fault=fault))

    async def main() -> None:
        async with caller.client() as client:
            await caller.read(name, client)

    asyncio.run(main())
    recorder.flush()
    (record,) = sink.records
    assert (record.outcome, record.error) == ("error", "throttlingException")


def test_cancellation(
    package: ModuleType, simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A task that is cancelled in the middle of a stream leaves one record."""
    simulator.reply(Reply(text="Sunny.", usage=USAGE, chunk_interval_s=600))
    caller = Caller(package, "async", simulator, recorder)
    is_reading = asyncio.Event()
    path, body, _ = ASKED["ConverseStream"]

    async def read(client: Any) -> None:
        url = simulator.endpoint_url + path
        async with client.stream("POST", url, json=body) as response:
            async for _ in response.aiter_bytes():
                is_reading.set()

    async def main() -> None:
        async with caller.client() as client:
            with attribution(team="search"):
                task = asyncio.create_task(read(client))
            await is_reading.wait()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    asyncio.run(main())
    gc.collect()
    recorder.flush()
    (record,) = sink.records
    assert (record.outcome, record.error) == ("abandoned", None)
    assert dict(record.tags) == {"team": "search"}


def test_no_connection(caller: Caller, sink: ListSink, recorder: Recorder) -> None:
    """A request that never left is free."""
    caller.settings["endpoint_url"] = "http://127.0.0.1:9"

    async def main() -> None:
        async with caller.client() as client:
            with pytest.raises(caller.package.ConnectError):
                await client.post("http://127.0.0.1:9/v1/messages", json={"model": "m"})

    asyncio.run(main())
    gc.collect()
    recorder.flush()
    (record,) = sink.records
    assert (record.outcome, record.error, record.price_status) == (
        "error",
        "ConnectError",
        "free",
    )


def plain(package: ModuleType, **settings: Any) -> Any:
    """A sync client without the machine's settings."""
    return package.Client(trust_env=False, **settings)


def answering(package: ModuleType, body: bytes, **headers: str) -> Any:
    """A transport that answers each request with *body*."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(request: Any) -> Any:
        return package.Response(200, content=body, headers=named)

    return package.MockTransport(answer)


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1"),
        ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("https://bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("https://bedrock-mantle.us-west-2.api.aws", "us-west-2"),
        (
            "https://vpce-0a-1b.bedrock-runtime.eu-west-1.vpce.amazonaws.com",
            "eu-west-1",
        ),
        ("https://api.openai.com", None),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com.example.org", None),
        ("https://example.org", None),
    ],
)
def test_hosts(
    package: ModuleType,
    sink: ListSink,
    recorder: Recorder,
    url: str,
    region: str | None,
) -> None:
    """Bedrock is known by its host, which says the region; others are let be."""
    transport = answering(package, b'{"usage": {"prompt_tokens": 1}}')
    with plain(package, transport=transport) as client:
        door.instrument(client, recorder=recorder)
        client.post(f"{url}/v1/chat/completions", json=CHAT)
        client.get(f"{url}/v1/models")
    recorder.flush()
    assert [r.region for r in sink.records] == ([region] if region else [])


def test_signature(package: ModuleType, sink: ListSink, recorder: Recorder) -> None:
    """Behind a gateway, the signature says that it is Bedrock, and the region."""
    signed = "AWS4-HMAC-SHA256 Credential=AK/20261125/eu-north-1/{}/aws4_request, S=1"
    transport = answering(package, b'{"usage": {"inputTokens": 1}}')
    with plain(package, transport=transport) as client:
        door.instrument(client, recorder=recorder)
        for service in ("bedrock", "s3"):
            headers = {"Authorization": signed.format(service)}
            url = f"https://gateway.example/bedrock{PATH}converse"
            client.post(url, json={}, headers=headers)
    recorder.flush()
    assert [(r.operation, r.region) for r in sink.records] == [
        ("Converse", "eu-north-1")
    ]


def test_an_endpoint_without_a_region(
    package: ModuleType, simulator: Simulator, sink: ListSink, recorder: Recorder
) -> None:
    """Where nothing says the region, counts are kept and no price is guessed."""
    with plain(package) as client:
        door.instrument(client, recorder=recorder, endpoint_url=simulator.endpoint_url)
        client.post(f"{simulator.endpoint_url}{PATH}converse", json={})
    recorder.flush()
    (record,) = sink.records
    assert (record.usage, record.price_status) == (USAGE, "unpriced")
    assert "region" in record.price_reason


def test_an_arn(
    package: ModuleType, simulator: Simulator, sink: ListSink, recorder: Recorder
) -> None:
    """A model id that was quoted for the path is read as the caller wrote it."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    quoted = arn.replace(":", "%3A").replace("/", "%2F")
    with plain(package) as client:
        door.instrument(
            client,
            recorder=recorder,
            endpoint_url=simulator.endpoint_url,
            region="us-east-1",
        )
        client.post(f"{simulator.endpoint_url}/model/{quoted}/converse", json={})
    recorder.flush()
    (record,) = sink.records
    assert record.model.requested == arn


def test_what_only_the_request_says(
    package: ModuleType, simulator: Simulator, sink: ListSink, recorder: Recorder
) -> None:
    """Images are counted by their request, as with boto3."""
    body = {"imageGenerationConfig": {"numberOfImages": 2, "quality": "premium"}}
    with plain(package) as client:
        door.instrument(
            client,
            recorder=recorder,
            endpoint_url=simulator.endpoint_url,
            region="us-east-1",
        )
        url = f"{simulator.endpoint_url}/model/amazon.nova-canvas-v1%3A0/invoke"
        client.post(url, json=body)
    recorder.flush()
    (record,) = sink.records
    assert record.usage == {"output_image[up-to-1024x1024/premium]": 2}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity", "br"])
def test_packed_answers(
    package: ModuleType, sink: ListSink, recorder: Recorder, encoding: str
) -> None:
    """A packed answer is unpacked as far as the standard library can."""
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}.get(encoding, bytes)
    usage = {"inputTokens": 1200, "outputTokens": 540}
    packed = pack(json.dumps({"usage": usage}).encode())

    class Stream(package.SyncByteStream):  # type: ignore[name-defined,misc]
        def __iter__(self) -> Iterator[bytes]:
            yield packed[:9]
            yield packed[9:]

    def answer(request: Any) -> Any:
        headers = {"content-encoding": encoding}
        return package.Response(200, stream=Stream(), headers=headers)

    with plain(package, transport=package.MockTransport(answer)) as client:
        door.instrument(client, recorder=recorder)
        host = "https://bedrock-runtime.us-east-1.amazonaws.com"
        with client.stream("POST", f"{host}{PATH}converse", json={}) as response:
            list(response.iter_raw())
    recorder.flush()
    (record,) = sink.records
    assert record.usage == (None if encoding == "br" else USAGE)
    assert ("content-encoding br" in record.price_reason) == (encoding == "br")


def test_an_answer_that_a_hook_has_read(
    package: ModuleType, simulator: Simulator, sink: ListSink, recorder: Recorder
) -> None:
    """Other hooks stay, in their order, and may read the answer."""
    seen: list[int] = []

    def look(response: Any) -> None:
        seen.append(len(response.read()))

    with plain(package, event_hooks={"response": [look]}) as client:
        door.instrument(
            client,
            recorder=recorder,
            endpoint_url=simulator.endpoint_url,
            region="us-east-1",
        )
        client.post(f"{simulator.endpoint_url}{PATH}converse", json={})
        door.uninstrument(client)
        client.post(f"{simulator.endpoint_url}{PATH}converse", json={})
        assert client.event_hooks == {"request": [], "response": [look]}
    recorder.flush()
    assert [record.usage for record in sink.records] == [USAGE]
    assert len(seen) == 2


def test_twice_is_once(package: ModuleType, recorder: Recorder) -> None:
    """Instrumenting again changes nothing; with another recorder it is an error."""
    with plain(package) as client:
        assert door.instrument(client, recorder=recorder) is client
        hooks = client.event_hooks
        door.instrument(client, recorder=recorder)
        assert client.event_hooks == hooks
        with pytest.raises(ConfigError, match="another recorder"):
            door.instrument(client, recorder=Recorder())


def test_hooks_for_a_client_that_is_being_made(
    package: ModuleType, simulator: Simulator, sink: ListSink, recorder: Recorder
) -> None:
    """Hooks may be given to the client's constructor, sync and async."""
    settings = {
        "recorder": recorder,
        "endpoint_url": simulator.endpoint_url,
        "region": "us-east-1",
    }
    url = f"{simulator.endpoint_url}{PATH}converse"
    with plain(package, event_hooks=door.event_hooks(**settings)) as client:
        client.post(url, json={})

    async def main() -> None:
        hooks = door.async_event_hooks(**settings)
        async with package.AsyncClient(trust_env=False, event_hooks=hooks) as client:
            await client.post(url, json={})

    asyncio.run(main())
    recorder.flush()
    assert [record.usage for record in sink.records] == [USAGE, USAGE]


def test_no_client() -> None:
    """What has no event hooks can't be instrumented."""
    with pytest.raises(TypeError, match="expected a client of httpx"):
        door.instrument(object())  # type: ignore[type-var]


class NoCalls:
    """A guard that lets nothing pass."""

    def check(self, start: CallStart) -> None:
        """Refuse."""
        raise TagPolicyError(f"{start.operation} has no team")


def test_a_guard_refuses_before_anything_is_sent(
    package: ModuleType, kind: str, simulator: Simulator, sink: ListSink
) -> None:
    """Guards hold here as they do with boto3."""
    recorder = Recorder(sinks=[sink], guards=[NoCalls()])
    caller = Caller(package, kind, simulator, recorder)

    async def main() -> None:
        async with caller.client() as client:
            with pytest.raises(TagPolicyError):
                await caller.read("Messages", client)

    asyncio.run(main())
    assert simulator.requests == []
    assert [r.price_status for r in sink.records] == ["free"]


def test_the_default_recorder(package: ModuleType, simulator: Simulator) -> None:
    """Without a recorder, calls go to whichever is the default when they start."""
    sink = ListSink()
    configure(sinks=[sink], metrics=False, immediate=True)
    with plain(package) as client:
        door.instrument(client, endpoint_url=simulator.endpoint_url, region="us-east-1")
        client.post(f"{simulator.endpoint_url}{PATH}converse", json={})
    configure()
    assert [record.usage for record in sink.records] == [USAGE]


def test_nonsense_harms_nobody(
    package: ModuleType, sink: ListSink, caplog: pytest.LogCaptureFixture
) -> None:
    """Bytes that are no event stream reach the caller, and leave one record."""
    caplog.set_level(logging.CRITICAL, "bedrock_attrib")
    recorder = Recorder(sinks=[sink])

    class Stream(package.SyncByteStream):  # type: ignore[name-defined,misc]
        def __iter__(self) -> Iterator[bytes]:
            yield b"nonsense"
            yield b"more of it"

    def answer(request: Any) -> Any:
        headers = {"content-type": "application/vnd.amazon.eventstream"}
        return package.Response(200, stream=Stream(), headers=headers)

    with plain(package, transport=package.MockTransport(answer)) as client:
        door.instrument(client, recorder=recorder)
        host = "https://bedrock-runtime.us-east-1.amazonaws.com"
        answered = client.post(f"{host}{PATH}converse-stream", json={})
    recorder.flush()
    assert answered.content == b"nonsensemore of it"
    assert [r.price_status for r in sink.records] == ["unpriced"]
    assert recorder.faults.counts() == {"httpx stream": 1}


BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com"


def ask_streaming(
    package: ModuleType,
    recorder: Recorder,
    path: str,
    pieces: list[bytes],
    *,
    content_type: str = "application/json",
    how_many: int | None = None,
    **request: Any,
) -> None:
    """Answer a request with *pieces*, and read all or some of them."""

    class Stream(package.SyncByteStream):  # type: ignore[name-defined,misc]
        def __iter__(self) -> Iterator[bytes]:
            yield from pieces

    def answer(_request: Any) -> Any:
        headers = {"content-type": content_type}
        return package.Response(200, stream=Stream(), headers=headers)

    with plain(package, transport=package.MockTransport(answer)) as client:
        door.instrument(client, recorder=recorder)
        with client.stream("POST", BEDROCK + path, **request) as response:
            for number, _ in enumerate(response.iter_raw(), start=1):
                if number == how_many:
                    break


def sse(*events: Any) -> bytes:
    """Server-sent events."""
    return b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in events)


def test_events_in_odd_pieces(
    package: ModuleType, sink: ListSink, recorder: Recorder
) -> None:
    """Events may be cut anywhere, and comments and empty lines may stand between."""
    usage = {"prompt_tokens": 1200, "completion_tokens": 540}
    text = b": hello\ndata:\n\n" + sse({"choices": [{}]})
    text += sse({"choices": [], "usage": usage})
    pieces = [text[at : at + 5] for at in range(0, len(text), 5)]
    ask_streaming(
        package,
        recorder,
        "/v1/chat/completions",
        pieces,
        content_type="text/event-stream; charset=utf-8",
        json=CHAT,
    )
    recorder.flush()
    assert [record.usage for record in sink.records] == [USAGE]


@pytest.mark.parametrize("where", ["response", "itself"])
def test_the_last_event_repeats_a_long_answer(
    package: ModuleType, sink: ListSink, recorder: Recorder, where: str
) -> None:
    """Of a long event its counts are taken, and nothing else is kept."""
    usage = {"input_tokens": 1200, "output_tokens": 540, "total_tokens": 1740}
    said = {"usage": usage, "output": "x" * 9000}
    event = {"type": "response.completed"} | (
        {"response": said} if where == "response" else said
    )
    ask_streaming(
        package,
        recorder,
        "/v1/responses",
        [sse({"type": "response.created"}), sse(event)],
        content_type="text/event-stream",
        json=CHAT,
    )
    recorder.flush()
    assert [record.usage for record in sink.records] == [USAGE]


def test_a_long_body(package: ModuleType, sink: ListSink, recorder: Recorder) -> None:
    """Of a body that is too long to be kept, head and tail say all."""
    usage = b'"usage": {"inputTokens": 1200, "outputTokens": 540}'
    text = b'{"output": "%b", %b}' % (b"x" * 500_000, usage)
    pieces = [text[at : at + 30_000] for at in range(0, len(text), 30_000)]
    ask_streaming(package, recorder, f"{PATH}converse", pieces, json={})
    recorder.flush()
    assert [record.usage for record in sink.records] == [USAGE]


def test_a_frame_in_pieces(
    package: ModuleType, simulator: Simulator, sink: ListSink, recorder: Recorder
) -> None:
    """Frames may be cut anywhere."""
    url = f"{simulator.endpoint_url}{PATH}converse-stream"
    with plain(package) as client:
        whole = client.post(url, json={}).content
    ask_streaming(
        package,
        recorder,
        f"{PATH}converse-stream",
        [whole[at : at + 7] for at in range(0, len(whole), 7)],
        content_type="application/vnd.amazon.eventstream",
        json={},
    )
    recorder.flush()
    assert [record.usage for record in sink.records] == [USAGE]


@pytest.mark.parametrize("how_many", [2, None])
def test_a_spoilt_frame(
    package: ModuleType,
    simulator: Simulator,
    sink: ListSink,
    caplog: pytest.LogCaptureFixture,
    how_many: int | None,
) -> None:
    """A frame that cannot be read, at the end or on the way, leaves one record."""
    caplog.set_level(logging.CRITICAL, "bedrock_attrib")
    recorder = Recorder(sinks=[sink])
    url = f"{simulator.endpoint_url}{PATH}converse-stream"
    with plain(package) as client:
        whole = client.post(url, json={}).content
    first = int.from_bytes(whole[:4], "big")
    second = first + int.from_bytes(whole[first : first + 4], "big")
    spoilt = whole[first : second - 1] + b"?"
    ask_streaming(
        package,
        recorder,
        f"{PATH}converse-stream",
        [whole[:first], spoilt, b""],
        content_type="application/vnd.amazon.eventstream",
        how_many=how_many,
        json={},
    )
    gc.collect()
    recorder.flush()
    assert [r.price_status for r in sink.records] == ["estimated"]
    assert recorder.faults.counts().keys() == {"httpx stream"}


def test_a_body_that_breaks_its_reader(
    package: ModuleType,
    sink: ListSink,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a reader can't take is a fault of ours, and still one record."""
    monkeypatch.delattr(raw_http_module, "read_statements")
    caplog.set_level(logging.CRITICAL, "bedrock_attrib")
    recorder = Recorder(sinks=[sink])
    body = [b'{"usage": {"inputTokens": 1}}']
    ask_streaming(package, recorder, f"{PATH}converse", body, json={})
    recorder.flush()
    assert [r.price_status for r in sink.records] == ["unpriced"]
    assert recorder.faults.counts() == {"reader": 1}


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"guardrailConfig": {"guardrailIdentifier": "abc"}}},
        {
            "json": {"guardrailConfig": {"guardrailIdentifier": "abc"}},
            "headers": {"X-Amzn-Bedrock-GuardrailIdentifier": "abc"},
        },
    ],
)
def test_a_guardrail_without_a_trace(
    package: ModuleType, sink: ListSink, recorder: Recorder, request_: dict[str, Any]
) -> None:
    """A guardrail whose units nobody tells makes the price partial."""
    usage = b'{"usage": {"inputTokens": 1200, "outputTokens": 540}}'
    ask_streaming(package, recorder, f"{PATH}converse", [usage], **request_)
    recorder.flush()
    assert [r.price_status for r in sink.records] == ["partial"]


def test_an_async_invocation(
    package: ModuleType, sink: ListSink, recorder: Recorder
) -> None:
    """Of an async invocation, model and seconds stand in the request."""
    body = {
        "modelId": "amazon.nova-reel-v1:1",
        "modelInput": {"videoGenerationConfig": {"durationSeconds": 12}},
    }
    ask_streaming(package, recorder, "/async-invoke", [b"{}"], json=body)
    recorder.flush()
    (record,) = sink.records
    assert record.model.requested == "amazon.nova-reel-v1:1"
    assert record.usage == {"output_video_second[720p/24fps]": 12}


def test_other_requests(
    package: ModuleType, sink: ListSink, recorder: Recorder
) -> None:
    """What Bedrock is asked besides is no call."""
    ask_streaming(package, recorder, "/model-customization-jobs", [b"{}"], json={})
    recorder.flush()
    assert sink.records == []


def test_a_trace_of_the_applications_own(
    package: ModuleType, sink: ListSink, recorder: Recorder
) -> None:
    """A caller that traces its requests itself goes on doing so."""
    names: list[str] = []

    def trace(name: str, info: Any) -> None:
        names.append(name)

    with plain(package) as client:
        door.instrument(
            client, recorder=recorder, endpoint_url="http://127.0.0.1:9", region="x"
        )
        with pytest.raises(package.ConnectError):
            client.post("http://127.0.0.1:9/v1/messages", extensions={"trace": trace})
    gc.collect()
    recorder.flush()
    assert "connection.connect_tcp.failed" in names
    assert [(r.outcome, r.error) for r in sink.records] == [("error", "ConnectError")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("is_answered", [True, False])
def test_a_call_is_of_the_process_that_opened_it(
    package: ModuleType, sink: ListSink, recorder: Recorder, *, is_answered: bool
) -> None:
    """A child forked within a call counts its own, however that one ends in it."""
    children: list[int] = []

    def answer(_: Any) -> Any:
        if not children:
            children.append(os.fork())
            if children == [0] and not is_answered:
                raise OSError
        return package.Response(200, content=b'{"usage": {"inputTokens": 1}}')

    url = f"https://bedrock-runtime.us-east-1.amazonaws.com{PATH}converse"
    with plain(package, transport=package.MockTransport(answer)) as client:
        door.instrument(client, recorder=recorder)
        try:
            client.post(url, json={})
        except BaseException:
            if children != [0]:
                raise
        if children == [0]:
            with suppress(BaseException):
                gc.collect()
                client.post(url, json={})
                recorder.close()
            os._exit(len(sink.records))
    _, status = os.waitpid(children[0], 0)
    recorder.flush()
    assert os.waitstatus_to_exitcode(status) == 1
    assert [r.outcome for r in sink.records] == ["ok"]


def test_a_redirect(package: ModuleType, sink: ListSink, recorder: Recorder) -> None:
    """A request that is sent on is two calls, of which one was answered."""

    def answer(request: Any) -> Any:
        if request.url.path.startswith("/old"):
            location = str(request.url).replace("/old", "")
            return package.Response(307, headers={"location": location})
        return package.Response(200, json={"usage": {"inputTokens": 1}})

    transport = package.MockTransport(answer)
    with plain(package, transport=transport, follow_redirects=True) as client:
        door.instrument(client, recorder=recorder)
        client.post(f"{BEDROCK}/old{PATH}converse", json={})
    recorder.flush()
    assert [(r.outcome, r.error) for r in sink.records] == [
        ("error", "307"),
        ("ok", None),
    ]


def test_nothing_of_ours_raises(caplog: pytest.LogCaptureFixture) -> None:
    """Hooks that are called with nonsense say so in the log alone."""
    configure(metrics=False)
    hooks = door.event_hooks()
    for (hook,) in hooks.values():
        hook(object())
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    configure()


class Odd:
    """A request or answer that breaks whoever looks at it."""

    method = "POST"
    url = f"{BEDROCK}{PATH}converse"
    status_code = 200

    def __init__(self, request: Any = None) -> None:
        self.request = request
        self.headers: dict[str, str] = {}

    @property
    def extensions(self) -> dict[str, Any]:
        """Nobody's."""
        raise RuntimeError


def test_faults_are_counted(
    package: ModuleType, sink: ListSink, caplog: pytest.LogCaptureFixture
) -> None:
    """What goes wrong while a call is open is counted, and the call is a record."""
    caplog.set_level(logging.CRITICAL, "bedrock_attrib")
    recorder = Recorder(sinks=[sink])
    hooks = door.event_hooks(recorder=recorder)
    request = package.Request("POST", f"{BEDROCK}{PATH}converse", json={})
    (start,), (answer,) = hooks["request"], hooks["response"]
    start(Odd())  # type: ignore[arg-type]
    start(request)
    request.extensions["trace"](".receive_response_headers.failed", {})
    odd = Odd(request)
    del odd.headers
    answer(odd)
    gc.collect()
    recorder.flush()
    assert recorder.faults.counts() == {"start": 1, "trace": 1, "answer": 1}
    assert [record.usage for record in sink.records] == [None, None]


def test_the_answer_is_the_clients_own(
    package: ModuleType, simulator: Simulator, sink: ListSink, recorder: Recorder
) -> None:
    """The answer is the client's own, elapsed time included, and what is put on it."""
    marks: list[str] = []

    def mark(response: Any) -> None:
        response.stream.mark = "seen"
        marks.append(response.stream.mark)

    with plain(package) as client:
        door.instrument(
            client,
            recorder=recorder,
            endpoint_url=simulator.endpoint_url,
            region="us-east-1",
        )
        client.event_hooks["response"].append(mark)
        answer = client.post(f"{simulator.endpoint_url}{PATH}converse", json={})
    assert marks == ["seen"]
    assert type(answer) is package.Response
    assert answer.json()["usage"]["inputTokens"] == 1200
    assert answer.elapsed.total_seconds() > 0


def test_importing_needs_neither_package() -> None:
    """The module can be imported where no httpx is installed."""
    module = importlib.import_module("bedrock_attrib.httpx")
    assert sorted(module.__all__) == [
        "async_event_hooks",
        "event_hooks",
        "instrument",
        "uninstrument",
    ]
