"""Many tasks at once: each call keeps its own tags, and sums are exact."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from patient_reader import PatientReader
from waiting import HANG_S

pytest.importorskip("aiobotocore", reason="needs the extra aio")

from aio_clients import client_of
from opentelemetry.sdk.metrics import MeterProvider

from bedrock_attrib import Recorder, Spend, Unit, attribution, instrument
from bedrock_attrib.metrics import OpenTelemetrySink
from bedrock_attrib.testing import ListSink, Simulator

MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"
CALL = {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
# 12 x 3 and 8 x 15 USD for a million tokens: what one call of the simulator costs.
COST = Decimal("0.000156")


async def call(client: Any, number: int) -> None:
    """One call, or one stream that is read to its end."""
    if number % 3:
        await client.converse(**CALL)
        return
    answer = await client.converse_stream(**CALL)
    async for _ in answer["stream"]:
        pass


@pytest.mark.slow
def test_10_000_calls_at_once(simulator: Simulator) -> None:
    """10,000 tasks with a tag of their own each: no tag astray, sums to the cent."""
    sink, reader = ListSink(), PatientReader()
    metrics = OpenTelemetrySink(
        meter_provider=MeterProvider(metric_readers=[reader]), tags=["team", "app"]
    )
    recorder = Recorder(sinks=(sink, metrics))
    spends: list[Spend] = []
    open_at_once = 0

    async def task(client: Any, number: int, gate: asyncio.Event) -> None:
        with attribution(
            request=f"request-{number}", team=f"team-{number % 7}"
        ) as mine:
            spends.append(mine)
            await gate.wait()
            await call(client, number)

    async def main() -> None:
        nonlocal open_at_once
        gate = asyncio.Event()
        async with client_of(simulator) as client:
            instrument(client, recorder=recorder)
            with attribution(app="all") as together:
                spends.append(together)
                async with asyncio.TaskGroup() as group:
                    for number in range(10_000):
                        group.create_task(task(client, number, gate))
                    await asyncio.sleep(0)
                    open_at_once = len(spends) - 1
                    gate.set()

    asyncio.run(main())
    assert open_at_once == 10_000
    assert recorder.flush(HANG_S)
    together, *each = spends
    assert together.calls == 10_000
    assert together.cost == 10_000 * COST
    assert together.usage == {Unit.INPUT_TOKEN: 120_000, Unit.OUTPUT_TOKEN: 80_000}
    assert {spend.calls for spend in each} == {1}
    assert {spend.cost for spend in each} == {COST}
    tags = Counter(tuple(sorted(record.tags.items())) for record in sink.records)
    assert tags == {
        (
            ("app", "all"),
            ("request", f"request-{number}"),
            ("team", f"team-{number % 7}"),
        ): 1
        for number in range(10_000)
    }
    streams = [r for r in sink.records if r.operation == "ConverseStream"]
    assert len(streams) == 3_334
    # 10,000 is 7 x 1,428 and 4.
    assert _calls_by_team(reader) == {
        f"team-{n}": 1_429 if n < 4 else 1_428 for n in range(7)
    }
    assert recorder.faults.counts() == {}
    recorder.close()


def _calls_by_team(reader: PatientReader) -> Counter[str]:
    found: Counter[str] = Counter()
    data = reader.get_metrics_data()
    assert data is not None
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        if metric.name == "bedrock_attrib.calls":
            for point in metric.data.data_points:
                found[point.attributes["bedrock_attrib.team"]] += point.value
    return found


def test_a_group_of_tasks_inherits_tags(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Tasks begin with the tags of who made them, and add their own."""

    async def task(client: Any, number: int) -> None:
        with attribution(step=f"step-{number}"):
            await asyncio.sleep(number % 5 / 1000)
            await call(client, number)

    async def main() -> Spend:
        async with client_of(simulator) as client:
            instrument(client, recorder=recorder)
            with attribution(team="search") as spend:
                async with asyncio.TaskGroup() as group:
                    for number in range(50):
                        group.create_task(task(client, number))
        return spend

    spend = asyncio.run(main())
    assert spend.calls == 50
    assert spend.cost == 50 * COST
    found = Counter((r.tags["team"], r.tags["step"]) for r in sink.records)
    assert found == {("search", f"step-{number}"): 1 for number in range(50)}


def test_worker_threads_beside_tasks(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A sync client in `to_thread` and an async one have the tags of one task."""
    sync_client = instrument(simulator.client(), recorder=recorder)

    async def task(client: Any, number: int) -> None:
        with attribution(team=f"team-{number}"):
            await asyncio.gather(
                asyncio.to_thread(sync_client.converse, **CALL),
                client.converse(**CALL),
            )

    async def main() -> None:
        async with client_of(simulator) as client:
            instrument(client, recorder=recorder)
            await asyncio.gather(*(task(client, number) for number in range(20)))

    asyncio.run(main())
    found = Counter(record.tags["team"] for record in sink.records)
    assert found == {f"team-{number}": 2 for number in range(20)}


def test_a_decorated_coroutine_and_async_generator(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Two generators that take turns keep their tags apart between their yields."""

    @attribution(app="ranker")
    async def pieces(client: Any, team: str) -> Any:
        with attribution(team=team):
            answer = await client.converse_stream(**CALL)
            async for event in answer["stream"]:
                yield event
            await client.converse(**CALL)

    async def main() -> None:
        async with client_of(simulator) as client:
            instrument(client, recorder=recorder)
            one, other = pieces(client, "one"), pieces(client, "other")
            open_ones = [one, other]
            while open_ones:
                for each in list(open_ones):
                    if await anext(each, None) is None:
                        open_ones.remove(each)

    asyncio.run(main())
    found = Counter(
        (r.operation, r.tags.get("team"), r.tags.get("app")) for r in sink.records
    )
    assert found == {
        ("ConverseStream", "one", "ranker"): 1,
        ("ConverseStream", "other", "ranker"): 1,
        ("Converse", "one", "ranker"): 1,
        ("Converse", "other", "ranker"): 1,
    }
