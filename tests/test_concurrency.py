"""Many threads, nested blocks, calls and streams: exact sums, no tag misplaced."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from urllib.request import Request, urlopen

import pytest
from alarms import alarms, needs_signals
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.client import BaseClient
from opentelemetry.sdk.metrics import MeterProvider
from patient_reader import PatientReader
from waiting import HANG_S

from bedrock_attrib import Recorder, Spend, Unit, attribution, instrument
from bedrock_attrib._config import Config
from bedrock_attrib.metrics import OpenTelemetrySink
from bedrock_attrib.testing import ListSink, Simulator, bedrock_simulator

MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
# 12 x 3 and 8 x 15 USD for a million tokens: what one call of the simulator costs.
COST = Decimal("0.000156")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One endpoint for the tests of this file."""
    with bedrock_simulator() as simulator:
        yield simulator


class _Canned:
    """Answers what the endpoint answered once, without its socket.

    16,000 calls over sockets on two cores would take minutes; the client runs in full.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.answers: dict[str, tuple[dict[str, str], bytes]] = {}
        client = simulator.client()
        client.meta.events.register("before-parse.bedrock-runtime", self.keep)
        client.converse(modelId=MODEL, messages=MESSAGES)
        self.client = simulator.client()
        self.client.meta.events.register("before-send.bedrock-runtime", self.send)
        self.stream = _stream_bytes(simulator)

    def keep(self, response_dict: dict[str, Any], **_: object) -> None:
        self.answers["converse"] = (
            dict(response_dict["headers"]),
            response_dict["body"],
        )

    def send(self, request: Any, **_: object) -> AWSResponse:
        if request.url.endswith("converse-stream"):
            headers = {"content-type": "application/vnd.amazon.eventstream"}
            raw = _Raw(self.stream)
        else:
            headers, body = self.answers["converse"]
            raw = _Raw(body)
        return AWSResponse(request.url, 200, HeadersDict(headers), raw)


class _Raw:
    """What botocore asks of urllib3's response."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self._body

    def close(self) -> None:
        pass


def _stream_bytes(simulator: Simulator) -> bytes:
    address = f"{simulator.endpoint_url}/model/{MODEL}/converse-stream"
    request = Request(address, data=b'{"messages": []}', method="POST")
    with urlopen(request) as answer:
        frames: bytes = answer.read()
        return frames


def _work(
    client: BaseClient, number: int, calls: int, spends: dict[str, Spend]
) -> None:
    """Calls and streams of one thread, half of them in a nested block."""
    chance = random.Random(number)
    with attribution(team=f"team-{number}") as spend:
        spends[f"team-{number}"] = spend
        for _ in range(calls):
            if chance.random() < 0.5:
                _call(client, chance)
                continue
            with attribution(app=f"app-{number % 4}", team=None):
                _call(client, chance)


def _call(client: BaseClient, chance: random.Random) -> None:
    if chance.random() < 0.8:
        client.converse(modelId=MODEL, messages=MESSAGES)
        return
    for _ in client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"]:
        pass


@pytest.mark.slow
def test_64_threads_of_100_calls(simulator: Simulator) -> None:
    """64 x 100 calls and streams in nested blocks add up to the last decimal."""
    sink = ListSink()
    reader = PatientReader()
    metrics = OpenTelemetrySink(meter_provider=MeterProvider(metric_readers=[reader]))
    recorder = Recorder(sinks=(metrics, sink))
    client = instrument(_Canned(simulator).client, recorder=recorder)
    spends: dict[str, Spend] = {}
    with ThreadPoolExecutor(64) as pool:
        jobs = [pool.submit(_work, client, n, 100, spends) for n in range(64)]
    for job in jobs:
        job.result()
    assert recorder.flush(HANG_S)
    assert len(sink.records) == 6_400
    assert len({record.id for record in sink.records}) == 6_400
    for team, spend in spends.items():
        assert spend.calls == 100, team
        assert spend.cost == 100 * COST, team
        assert spend.usage == {Unit.INPUT_TOKEN: 1_200, Unit.OUTPUT_TOKEN: 800}
    leaks = [r.tags for r in sink.records if "team" in r.tags and "app" in r.tags]
    assert leaks == []
    by_tags = Counter(tuple(record.tags.items()) for record in sink.records)
    assert _metric_calls(reader) == by_tags
    assert recorder.faults.counts() == {}


def _metric_calls(reader: PatientReader) -> Counter[tuple[tuple[str, str], ...]]:
    found: Counter[tuple[tuple[str, str], ...]] = Counter()
    data = reader.get_metrics_data()
    assert data is not None
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        if metric.name != "bedrock_attrib.calls":
            continue
        for point in metric.data.data_points:
            attributes = point.attributes or {}
            tags = tuple(
                (key, str(attributes[f"bedrock_attrib.{key}"]))
                for key in ("team", "app")
                if f"bedrock_attrib.{key}" in attributes
            )
            found[tags] += point.value
    return found


@needs_signals
@pytest.mark.timeout(HANG_S, method="thread")  # the other one needs SIGALRM too
def test_a_signal_handler_may_look_at_a_spend() -> None:
    """One that looks in the middle of adding neither hangs nor counts twice."""
    seen: list[Decimal] = []
    calls = 0
    recorder = Recorder(config=Config(immediate=True))
    answer = {"usage": {"inputTokens": 12, "outputTokens": 8}}

    def look() -> None:
        seen.append(spend.cost)

    with attribution(team="search") as spend, alarms(look, every_s=0.0005):
        while len(seen) < 200:
            recorder.record("Converse", answer, model_id=MODEL, region="us-east-1")
            calls += 1
    assert (spend.calls, spend.cost) == (calls, calls * COST)
    assert seen == sorted(seen)


def test_threads_over_sockets(simulator: Simulator) -> None:
    """The same over real connections, with streams read in other threads."""
    sink = ListSink()
    recorder = Recorder(sinks=(sink,))
    client = instrument(simulator.client(), recorder=recorder)
    spends: dict[str, Spend] = {}
    with ThreadPoolExecutor(16) as pool:
        for job in [pool.submit(_work, client, n, 25, spends) for n in range(16)]:
            job.result()
    assert len(sink.records) == 400
    assert sum(spend.cost for spend in spends.values()) == 400 * COST


def test_asyncio_tasks_keep_their_tags(simulator: Simulator) -> None:
    """Tasks that interleave, each with its own tags, call in worker threads."""
    sink = ListSink()
    client = instrument(simulator.client(), recorder=Recorder(sinks=(sink,)))

    async def task(number: int) -> None:
        with attribution(team=f"team-{number}"):
            await asyncio.sleep(number % 7 / 1000)
            await asyncio.to_thread(client.converse, modelId=MODEL, messages=MESSAGES)

    async def main() -> None:
        await asyncio.gather(*(task(number) for number in range(50)))

    asyncio.run(main())
    found: dict[str, int] = defaultdict(int)
    for record in sink.records:
        found[record.tags["team"]] += 1
    assert found == {f"team-{number}": 1 for number in range(50)}
