"""Calls through an ARN that names no model: priced at once, late, or never wrongly."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from waiting import HANG_S

from bedrock_attrib import (
    CallRecord,
    ModelRef,
    PriceTable,
    Recorder,
    Unit,
    Usage,
    attribution,
    configure,
    instrument,
    pricing,
)
from bedrock_attrib._config import Config
from bedrock_attrib._model.record import PriceReason, PriceStatus
from bedrock_attrib._recording.recorder import lifecycle_of
from bedrock_attrib.aws.profiles import ProfileResolver
from bedrock_attrib.metrics import OpenTelemetrySink
from bedrock_attrib.sinks import CorrectingSink, QueueSink
from bedrock_attrib.testing import (
    InferenceProfile,
    ListSink,
    Reply,
    Simulator,
    bedrock_simulator,
    tokens,
)

ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
MODEL = "amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
# 12 x 0.035 and 8 x 0.14 USD for a million tokens: one call of the simulator.
COST = Decimal("0.00000154")
UNDER_WAY = "its application inference profile is being looked up"
LATE = "priced after its profile was looked up"


def members(model: str, *regions: str) -> tuple[str, ...]:
    """ARNs of *model* in *regions*."""
    return tuple(f"arn:aws:bedrock:{r}::foundation-model/{model}" for r in regions)


class Stage:
    """An endpoint whose control plane answers when it is told to, and a resolver."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.answers = threading.Event()
        self.recorders: list[Recorder] = []
        self.resolver = ProfileResolver(client_for=self._client, jitter=lambda: 0.0)
        self.stand_for(MODEL, "us-east-1", "us-west-2")

    def stand_for(self, model: str, *regions: str) -> None:
        """Let the profile stand for *model* in *regions*."""
        profile = InferenceProfile(arn=ARN, model_arns=members(model, *regions))
        self.simulator.add_profile(profile)

    def client(self, recorder: Recorder) -> BaseClient:
        """A metered client of the runtime."""
        self.recorders.append(recorder)
        return instrument(self.simulator.client(), recorder=recorder)

    def answer(self) -> None:
        """Let the control plane answer, and wait until everybody was told."""
        self.answers.set()
        assert self.resolver.wait(HANG_S)
        for recorder in self.recorders:  # whose sinks may be behind queues
            if not recorder.is_closed:
                recorder.flush(HANG_S)

    def look_ups(self) -> int:
        """How often the control plane was asked."""
        names = [seen.operation for seen in self.simulator.requests]
        return names.count("GetInferenceProfile")

    def _client(self, region: str) -> BaseClient:
        assert self.answers.wait(HANG_S)
        return self.simulator.client("bedrock", region_name=region)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """An endpoint whose control plane is silent at first."""
    with bedrock_simulator() as simulator:
        stage = Stage(simulator)
        yield stage
        stage.answers.set()
        stage.resolver.close()


class Metrics:
    """A metrics sink and what a reader gets from it."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.sink = OpenTelemetrySink(meter_provider=provider, tags=["team"])

    def values(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Points of ``bedrock_attrib.<name>`` by labels, added up exactly."""
        data = self._reader.get_metrics_data()
        found: dict[tuple[str, ...], Decimal] = {}
        for metric in data.resource_metrics[0].scope_metrics[0].metrics if data else ():
            if metric.name != f"bedrock_attrib.{name}":
                continue
            for point in metric.data.data_points:
                key = tuple(
                    str((point.attributes or {}).get(f"bedrock_attrib.{label}", "-"))
                    for label in labels
                )
                value = Decimal(str(point.value))  # type: ignore[union-attr]  # no histogram
                found[key] = found.get(key, Decimal(0)) + value
        return {key: float(value) for key, value in found.items()}


def converse(client: BaseClient, times: int = 1) -> None:
    """Calls through the profile."""
    for _ in range(times):
        client.converse(modelId=ARN, messages=MESSAGES)


def told(records: list[CallRecord]) -> list[tuple[str, str]]:
    """Price status and reason of each record."""
    return [(record.price_status.value, record.price_reason) for record in records]


def test_mapped_is_never_looked_up(stage: Stage) -> None:
    """A profile that the price table maps is priced by it, and AWS is not asked."""
    prices = PriceTable.bundled().with_overrides(models={ARN: f"us.{MODEL}"})
    sink = ListSink()
    client = stage.client(Recorder(prices, [sink], profiles=stage.resolver))
    converse(client)
    stage.answer()
    assert told(sink.records) == [("priced", "")]
    assert stage.look_ups() == 0


def test_mapped_to_what_has_no_price(stage: Stage) -> None:
    """The reason stays the true one: the mapping is the user's word."""
    prices = PriceTable.bundled().with_overrides(models={ARN: "us.acme.new-v1:0"})
    sink = ListSink()
    client = stage.client(Recorder(prices, [sink], profiles=stage.resolver))
    converse(client)
    stage.answer()
    reason = "model 'acme.new-v1:0' is not in the price table"
    assert told(sink.records) == [("unpriced", reason)]
    assert stage.look_ups() == 0


def test_without_profiles(stage: Stage) -> None:
    """A recorder without them leaves such calls unpriced and says what to do."""
    sink = ListSink()
    converse(stage.client(Recorder(sinks=[sink])))
    (record,) = sink.records
    assert record.price_status is PriceStatus.UNPRICED
    assert "map it to its model" in record.price_reason


def test_late_answer(stage: Stage) -> None:
    """A call is told at once, and everything is corrected when its model is known."""
    sink, metrics = ListSink(), Metrics()
    recorder = Recorder(sinks=[metrics.sink, sink], profiles=stage.resolver)
    client = stage.client(recorder)
    with attribution(team="search") as outer, attribution() as inner:
        converse(client, times=3)
    assert told(sink.records) == [("unpriced", UNDER_WAY)] * 3
    assert (outer.cost, outer.calls, outer.unpriced_calls) == (Decimal(0), 3, 3)
    assert dict(outer.by_model) == {}
    assert metrics.values("cost") == {}
    before = list(sink.records)

    stage.answer()
    assert told(sink.records) == [("priced", LATE)] * 3
    for old, new in zip(before, sink.records, strict=True):
        assert new.cost is not None
        assert new.cost.total == COST
        assert new.model.model_id == MODEL
        assert new.model.requested == ARN
        assert new == old._replace(
            model=new.model,
            cost=new.cost,
            price_status=PriceStatus.PRICED,
            price_reason=LATE,
            price_reason_code=PriceReason.PRICED_LATE,
        )
    for spend in (outer, inner):
        assert (spend.cost, spend.calls, spend.unpriced_calls) == (3 * COST, 3, 0)
        assert dict(spend.by_model) == {MODEL: 3 * COST}
        assert spend.usage == {Unit.INPUT_TOKEN: 36, Unit.OUTPUT_TOKEN: 24}
    labels = ("team", "model", "scope", "price_status", "unit_class")
    assert metrics.values("cost", *labels) == {
        ("search", MODEL, "geo", "priced", "input"): 0.00000126,
        ("search", MODEL, "geo", "priced", "output"): 0.00000336,
    }
    # What was counted already stays as it was.
    counted = ("model", "scope", "price_status")
    assert metrics.values("calls", *counted) == {(ARN, "-", "unpriced"): 3}
    assert metrics.values("usage", *counted) == {(ARN, "-", "unpriced"): 60}
    assert stage.look_ups() == 1


def test_known_answer(stage: Stage) -> None:
    """Once the model is known, a call is priced as any other, labels included."""
    stage.answers.set()
    stage.resolver.model_of(ARN, "us-east-1")
    stage.answer()
    sink, metrics = ListSink(), Metrics()
    recorder = Recorder(sinks=[metrics.sink, sink], profiles=stage.resolver)
    client = stage.client(recorder)
    with attribution() as spend:
        converse(client, times=2)
    assert told(sink.records) == [("priced", "")] * 2
    assert (spend.cost, dict(spend.by_model)) == (2 * COST, {MODEL: 2 * COST})
    labels = ("model", "price_status")
    assert metrics.values("calls", *labels) == {(MODEL, "priced"): 2}
    assert stage.look_ups() == 1


def test_cost_is_what_it_would_have_been(stage: Stage) -> None:
    """Calls before and after the answer add up to one series of cost."""
    metrics = Metrics()
    client = stage.client(Recorder(sinks=[metrics.sink], profiles=stage.resolver))
    converse(client, times=2)
    assert metrics.values("calls", "price_status") == {("unpriced",): 2}
    stage.answer()
    converse(client, times=3)
    labels = ("model", "price_status")
    assert metrics.values("cost", *labels) == {(MODEL, "priced"): float(5 * COST)}
    assert metrics.values("calls", *labels) == {
        (ARN, "unpriced"): 2,
        (MODEL, "priced"): 3,
    }


def test_slow_control_plane(stage: Stage) -> None:
    """Calls do not wait for a control plane that takes its time."""
    stage.simulator.reply(Reply(latency_s=0.5), operation="GetInferenceProfile")
    stage.answers.set()
    sink = ListSink()
    recorder = Recorder(
        sinks=[sink], profiles=stage.resolver, config=Config(immediate=True)
    )
    client = stage.client(recorder)
    converse(client, times=5)
    assert told(sink.records) == [("unpriced", UNDER_WAY)] * 5
    assert max(record.duration_s for record in sink.records) < 0.4
    stage.answer()
    assert told(sink.records) == [("priced", LATE)] * 5


def test_price_of_its_own_day(stage: Stage) -> None:
    """A late price is that of the moment at which the call started."""
    stage.stand_for("openai.gpt-5.6-luna", "us-east-1")
    usage = tokens(input_tokens=5_000_000, output_tokens=1_000_000)
    stage.simulator.reply(Reply(usage=usage), operation="Converse")
    # Before and after the cut of 2026-07-30.
    days = [datetime(2026, 7, 20, tzinfo=UTC), datetime(2026, 8, 2, tzinfo=UTC)]
    clock = iter(days)
    sink = ListSink()
    recorder = Recorder(
        sinks=[sink], profiles=stage.resolver, clock=lambda: next(clock)
    )
    converse(stage.client(recorder), times=2)
    assert told(sink.records) == [("unpriced", UNDER_WAY)] * 2
    stage.answer()
    costs = [record.cost.total for record in sink.records if record.cost is not None]
    assert costs == [Decimal("12.1"), Decimal("2.42")]


def test_late_price_of_a_long_prompt(stage: Stage) -> None:
    """A late price of a long prompt is an estimate where no long price is confirmed."""
    stage.stand_for("anthropic.claude-sonnet-4-5-20250929-v1:0", "us-east-1")
    sink = ListSink()
    recorder = Recorder(
        sinks=[sink],
        profiles=stage.resolver,
        clock=lambda: datetime(2026, 11, 15, tzinfo=UTC),
    )
    client = stage.client(recorder)
    for count in (200_000, 200_001):
        usage = tokens(input_tokens=count, output_tokens=0)
        stage.simulator.reply(Reply(usage=usage), operation="Converse")
        converse(client)
    stage.answer()
    reason = (
        f"{LATE}; the prompt is longer than 200000 tokens, and no source confirms a "
        "long-context price for regional, tier default, in us-east-1; the ordinary "
        "price is taken"
    )
    assert told(sink.records) == [("priced", LATE), ("estimated", reason)]
    costs = [record.cost.total for record in sink.records if record.cost is not None]
    assert costs == [Decimal("0.66"), Decimal("0.6600033")]


@pytest.mark.slow
def test_1000_calls_race_the_answer(stage: Stage) -> None:
    """16 threads, the answer in the midst of them: every sum is exact."""
    sink, metrics = ListSink(), Metrics()
    recorder = Recorder(sinks=[metrics.sink, sink], profiles=stage.resolver)
    client = stage.client(recorder)
    started = threading.Semaphore(0)

    def work() -> Any:
        with attribution(team="search") as spend:
            for _ in range(63):
                converse(client)
                started.release()
        return spend

    with ThreadPoolExecutor(16) as pool:
        jobs = [pool.submit(work) for _ in range(16)]
        for _ in range(300):
            assert started.acquire(timeout=HANG_S)
        stage.answers.set()
    spends = [job.result() for job in jobs]
    stage.answer()
    assert len({record.id for record in sink.records}) == 1008
    statuses = Counter(told(sink.records))
    assert set(statuses) == {("priced", ""), ("priced", LATE)}
    assert statuses["priced", LATE] >= 1
    for spend in spends:
        assert (spend.calls, spend.unpriced_calls) == (63, 0)
        assert spend.cost == 63 * COST
        assert spend.usage == {Unit.INPUT_TOKEN: 756, Unit.OUTPUT_TOKEN: 504}
    assert metrics.values("cost", "model") == {(MODEL,): float(1008 * COST)}
    assert metrics.values("calls") == {(): 1008}
    assert metrics.values("usage") == {(): 1008 * 20}
    assert stage.look_ups() == 1
    assert recorder.faults.counts() == {}


def test_two_recorders(stage: Stage) -> None:
    """One resolver serves several recorders, and each corrects its own calls."""
    first, second = ListSink(), ListSink()
    for sink in (first, second):
        converse(stage.client(Recorder(sinks=[sink], profiles=stage.resolver)))
    assert len(first.records + second.records) == 2
    stage.answer()
    assert told(first.records + second.records) == [("priced", LATE)] * 2
    assert stage.look_ups() == 1


def read_stream(client: BaseClient) -> None:
    """A stream of Converse, read to its end."""
    list(client.converse_stream(modelId=ARN, messages=MESSAGES)["stream"])


def read_invoke_stream(client: BaseClient) -> None:
    """A stream of InvokeModel, read to its end."""
    answer = client.invoke_model_with_response_stream(modelId=ARN, body=b"{}")
    list(answer["body"])


def read_body(client: BaseClient) -> None:
    """An answer of InvokeModel, read."""
    client.invoke_model(modelId=ARN, body=b"{}")["body"].read()


def leave_stream(client: BaseClient) -> None:
    """A stream that is closed before its counts come."""
    stream = client.converse_stream(modelId=ARN, messages=MESSAGES)["stream"]
    next(iter(stream))
    stream.close()


CUT_SHORT = "the stream ended before its final counts; output is a lower bound"


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (read_stream, ("priced", LATE)),
        (read_invoke_stream, ("priced", LATE)),
        (read_body, ("priced", LATE)),
        (leave_stream, ("estimated", f"{LATE}; {CUT_SHORT}")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_streams_and_bodies(
    stage: Stage, use: Callable[[BaseClient], None], expected: tuple[str, str]
) -> None:
    """They are priced late as plain answers are, and stay estimates if they were."""
    sink = ListSink()
    with attribution() as spend:
        use(stage.client(Recorder(sinks=[sink], profiles=stage.resolver)))
    assert told(sink.records) == [("unpriced", UNDER_WAY)]
    stage.answer()
    assert told(sink.records) == [expected]
    (record,) = sink.records
    assert record.cost is not None
    assert spend.cost == record.cost.total > 0


def test_a_stream_across_the_answer(stage: Stage) -> None:
    """A stream that was opened before the answer and ends after it is priced."""
    sink = ListSink()
    client = stage.client(Recorder(sinks=[sink], profiles=stage.resolver))
    converse(client)
    stream = client.converse_stream(modelId=ARN, messages=MESSAGES)["stream"]
    assert len(sink.records) == 1
    stage.answer()
    assert len(list(stream)) > 0
    assert told(sink.records) == [("priced", LATE), ("priced", "")]


# What a late price cannot know.


def test_cached_tokens_of_a_stream(stage: Stage) -> None:
    """Counts that are read differently with the model known are not taken for sure."""
    stage.stand_for("openai.gpt-5.6-luna", "us-east-1")
    usage = tokens(input_tokens=100, output_tokens=10, cache_read_tokens=900)
    stage.simulator.reply(Reply(usage=usage))
    sink = ListSink()
    client = stage.client(Recorder(sinks=[sink], profiles=stage.resolver))
    read_stream(client)
    converse(client)
    assert told(sink.records) == [("unpriced", UNDER_WAY)] * 2
    stage.answer()
    reason = (
        f"{LATE}; the stream was read before its model was known, and its input may "
        f"count cached tokens too"
    )
    assert told(sink.records) == [("estimated", reason), ("priced", LATE)]


CANVAS = b'{"imageGenerationConfig": {"numberOfImages": 2}}'


def test_what_the_request_bills(stage: Stage) -> None:
    """Images of calls before the answer are not guessed; later ones are counted."""
    stage.stand_for("amazon.nova-canvas-v1:0", "us-east-1")
    sink = ListSink()
    client = stage.client(Recorder(sinks=[sink], profiles=stage.resolver))
    client.invoke_model(modelId=ARN, body=CANVAS)["body"].read()
    assert len(sink.records) == 1
    stage.answer()
    client.invoke_model(modelId=ARN, body=CANVAS)["body"].read()
    assert len(sink.records) == 2
    client.invoke_model(modelId=ARN, body=CANVAS)["body"].read()
    assert told(sink.records) == [
        ("unpriced", "the answer states no usage"),
        ("unpriced", "billed by values in the request, which was not inspected"),
        ("priced", ""),
    ]
    assert sink.records[2].usage == {Unit("output_image[up-to-1024x1024/standard]"): 2}


def test_guardrail_is_counted_once(stage: Stage) -> None:
    """Guardrail units have their price from the start; only the rest is added."""
    usage = tokens(input_tokens=12, output_tokens=8) + Usage(
        {Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 2}
    )
    stage.simulator.reply(Reply(usage=usage))
    sink, metrics = ListSink(), Metrics()
    recorder = Recorder(sinks=[metrics.sink, sink], profiles=stage.resolver)
    with attribution() as spend:
        converse(stage.client(recorder))
    assert told(sink.records) == [("partial", UNDER_WAY)]
    assert dict(spend.by_model) == {ARN: Decimal("0.0003")}
    assert spend.unpriced_calls == 1
    assert metrics.values("cost") == {(): 0.0003}
    stage.answer()
    assert told(sink.records) == [("priced", LATE)]
    assert dict(spend.by_model) == {MODEL: Decimal("0.00030154")}
    assert spend.unpriced_calls == 0
    labels = ("price_status", "unit_class")
    assert metrics.values("cost", *labels) == {
        ("partial", "guardrail"): 0.0003,
        ("priced", "input"): 0.00000042,
        ("priced", "output"): 0.00000112,
    }


def test_model_without_a_price(stage: Stage) -> None:
    """A model that is known and has no price leaves the call unpriced, and says so."""
    stage.stand_for("acme.new-v1:0", "us-east-1")
    sink, metrics = ListSink(), Metrics()
    recorder = Recorder(sinks=[metrics.sink, sink], profiles=stage.resolver)
    client = stage.client(recorder)
    with attribution() as spend:
        converse(client)
        assert len(sink.records) == 1
        stage.answer()
        converse(client)
    reason = "model 'acme.new-v1:0' is not in the price table"
    assert told(sink.records) == [("unpriced", reason)] * 2
    assert (spend.calls, spend.unpriced_calls) == (2, 2)
    assert metrics.values("cost") == {}
    assert stage.look_ups() == 1


def test_price_in_another_currency(stage: Stage, tmp_path: Path) -> None:
    """A late price in euros is no part of an amount in dollars."""
    bundled = Path(pricing.__file__).with_name("prices.json").read_text("utf-8")
    path = tmp_path / "prices.json"
    path.write_text(bundled.replace('"USD"', '"EUR"', 1), "utf-8")
    sink, metrics = ListSink(), Metrics()
    recorder = Recorder(
        PriceTable.load(path), [metrics.sink, sink], profiles=stage.resolver
    )
    with attribution() as spend:
        converse(stage.client(recorder))
    assert len(sink.records) == 1
    stage.answer()
    assert told(sink.records) == [("priced", LATE)]
    assert (spend.cost, spend.calls, spend.unpriced_calls) == (Decimal(0), 1, 1)
    assert metrics.values("cost", "currency") == {("EUR",): float(COST)}


def test_no_usage(stage: Stage) -> None:
    """A call of which nothing was counted is not remembered: there is no price."""
    stage.simulator.reply(Reply(usage=None), operation="ConverseStream")
    sink = ListSink()
    read_stream(stage.client(Recorder(sinks=[sink], profiles=stage.resolver)))
    (before,) = sink.records
    assert told([before]) == [("unpriced", "the answer states no usage")]
    stage.answer()
    assert sink.records == [before]


def test_an_answer_across_the_answer(stage: Stage) -> None:
    """Images of a call that started before its model was known are not guessed."""
    stage.stand_for("amazon.nova-canvas-v1:0", "us-east-1")
    sink = ListSink()
    client = stage.client(Recorder(sinks=[sink], profiles=stage.resolver))
    early = client.invoke_model(modelId=ARN, body=CANVAS)["body"]
    client.invoke_model(modelId=ARN, body=CANVAS)["body"].read()
    assert len(sink.records) == 1
    stage.answer()
    client.invoke_model(modelId=ARN, body=CANVAS)["body"].read()
    assert len(sink.records) == 2
    early.read()
    reason = "billed by values in the request, which was not inspected"
    assert told(sink.records[2:]) == [("unpriced", reason)]


def test_mapped_images_are_not_looked_up(stage: Stage) -> None:
    """A mapped profile is not asked about when nothing is counted either."""
    stage.stand_for("amazon.nova-canvas-v1:0", "us-east-1")
    prices = PriceTable.bundled().with_overrides(
        models={ARN: "amazon.nova-canvas-v1:0"}
    )
    sink = ListSink()
    client = stage.client(Recorder(prices, [sink], profiles=stage.resolver))
    client.invoke_model(modelId=ARN, body=CANVAS)["body"].read()
    assert told(sink.records) == [("unpriced", "the answer states no usage")]
    stage.answer()
    assert stage.look_ups() == 0


def test_refused_look_up(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Calls that waited in vain say why they have no price, as do later ones."""
    error = Reply(error="AccessDeniedException")
    stage.simulator.reply(error, operation="GetInferenceProfile")
    sink = ListSink()
    client = stage.client(Recorder(sinks=[sink], profiles=stage.resolver))
    with attribution() as spend:
        converse(client)
        assert told(sink.records) == [("unpriced", UNDER_WAY)]
        stage.answer()
        converse(client)
    reason = (
        "its application inference profile could not be looked up "
        "(AccessDeniedException); allow bedrock:GetInferenceProfile, or map it to its "
        "model under [models]"
    )
    assert told(sink.records) == [("unpriced", reason)] * 2
    assert (spend.calls, spend.unpriced_calls) == (2, 2)
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert stage.look_ups() == 1


# Sinks.


class PlainSink:
    """A sink that cannot be corrected."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def write(self, record: CallRecord) -> None:
        """Keep what was told, and of which call."""
        self.told.append((record.id, record.price_status.value))

    def flush(self, timeout_s: float) -> bool:
        """Nothing is pending."""
        return timeout_s >= 0

    def close(self) -> None:
        """Nothing is open."""


class Corrected(PlainSink):
    """A sink that can be corrected, and fails if told two things at once."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def write(self, record: CallRecord) -> None:
        """Keep what was told."""
        assert self.lock.acquire(blocking=False)
        super().write(record)
        self.lock.release()

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Keep what was told instead."""
        assert self.lock.acquire(blocking=False)
        assert (before.id, before.price_status.value) in self.told
        self.told.append((after.id, after.price_status.value))
        self.lock.release()


def test_sinks_that_cannot_be_corrected(stage: Stage) -> None:
    """They are told once; others are told the correction after the record."""
    plain, corrected = PlainSink(), Corrected()
    recorder = Recorder(sinks=[plain, corrected], profiles=stage.resolver)
    converse(stage.client(recorder))
    recorder.flush()
    stage.answer()
    assert [status for _, status in plain.told] == ["unpriced"]
    assert [status for _, status in corrected.told] == ["unpriced", "priced"]
    assert len({call for call, _ in corrected.told}) == 1
    assert recorder.faults.counts() == {}


def test_queue_sink(stage: Stage) -> None:
    """Behind a queue, a correction comes after its record, if the sink can take it."""
    plain, corrected = PlainSink(), Corrected()
    queues = [QueueSink(plain, interval_s=60), QueueSink(corrected, interval_s=60)]
    assert [isinstance(q, CorrectingSink) for q in queues] == [False, True]
    recorder = Recorder(sinks=queues, profiles=stage.resolver)
    converse(stage.client(recorder))
    recorder.flush()
    stage.answer()
    recorder.flush()
    assert [status for _, status in plain.told] == ["unpriced"]
    assert [status for _, status in corrected.told] == ["unpriced", "priced"]
    assert [queue.dropped for queue in queues] == [0, 0]


def test_a_sink_that_fails_to_correct(stage: Stage) -> None:
    """It keeps no other sink, and no spend, from being corrected."""

    class Broken(PlainSink):
        def correct(self, before: CallRecord, after: CallRecord) -> None:
            raise OSError(before.id, after.id)

    sink = ListSink()
    recorder = Recorder(sinks=[Broken(), sink], profiles=stage.resolver)
    with attribution() as spend:
        converse(stage.client(recorder))
    recorder.flush()
    stage.answer()
    assert told(sink.records) == [("priced", LATE)]
    assert spend.cost == COST
    assert recorder.faults.counts() == {"Broken": 1}


def test_records_taken_out_of_the_list(stage: Stage) -> None:
    """A test that empties the list does not find old records in it again."""
    sink = ListSink()
    client = stage.client(Recorder(sinks=[sink], profiles=stage.resolver))
    converse(client, times=3)
    kept = sink.records[1]
    del sink.records[0], sink.records[-1]
    stage.answer()
    (record,) = sink.records
    assert record.id == kept.id
    assert told([record]) == [("priced", LATE)]


def test_closed_recorder(stage: Stage) -> None:
    """What waits when a recorder is closed is corrected all the same."""
    sink, metrics = ListSink(), Metrics()
    recorder = Recorder(sinks=[metrics.sink, sink], profiles=stage.resolver)
    with attribution() as spend:
        converse(stage.client(recorder))
    recorder.close()
    stage.answer()
    assert told(sink.records) == [("priced", LATE)]
    assert spend.cost == COST
    assert metrics.values("cost") == {(): float(COST)}


def test_configure(stage: Stage) -> None:
    """The default recorder takes profiles too."""
    sink = ListSink()
    configure(sinks=[sink], profiles=stage.resolver, metrics=False)
    client = instrument(stage.simulator.client())
    converse(client)
    assert told(sink.records) == [("unpriced", UNDER_WAY)]
    stage.answer()
    assert told(sink.records) == [("priced", LATE)]
    configure()


# Bounds and faults.


def offer(recorder: Recorder, times: int, arn: str = ARN) -> None:
    """Calls as a client tells a recorder of them; so many would take minutes."""
    answer = {"usage": {"inputTokens": 12, "outputTokens": 8}}
    for _ in range(times):
        call = lifecycle_of(recorder).start("Converse", {"modelId": arn}, "us-east-1")
        call.lifecycle.answered(call, call.target.operation.keep(answer))
    recorder.flush()


def test_too_many_wait_for_one_profile(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Above 10,000 calls, further ones stay unpriced, say so, and are counted."""
    sink = ListSink()
    recorder = Recorder(sinks=[sink], profiles=stage.resolver)
    with attribution() as spend:
        offer(recorder, 10_003)
    assert recorder.faults.counts() == {"profiles (too many calls wait)": 3}
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1
    stage.answer()
    assert Counter(told(sink.records)) == {
        ("priced", LATE): 10_000,
        (
            "unpriced",
            "too many calls were waiting for its application inference profile",
        ): 3,
    }
    assert (spend.cost, spend.calls, spend.unpriced_calls) == (10_000 * COST, 10_003, 3)
    offer(recorder, 1)
    assert told(sink.records[-1:]) == [("priced", "")]


def test_too_many_wait_in_all(stage: Stage) -> None:
    """20,000 calls are remembered, through however many profiles."""
    recorder = Recorder(profiles=stage.resolver)
    for name in ("a", "b", "c"):
        offer(recorder, 7_000, f"{ARN}{name}")
    assert recorder.faults.counts() == {"profiles (too many calls wait)": 1_000}


class Source:
    """A source of a user's own."""

    def __init__(self) -> None:
        self.model: ModelRef | None = None
        self.why = ""
        self.callbacks: list[Callable[[str, ModelRef | None], None]] = []

    def model_of(self, arn: str, region: str) -> ModelRef | None:
        """The model, if there is one."""
        return self.model

    def why_unknown(self, arn: str) -> str:
        """Why there is none."""
        return self.why

    def on_answer(self, callback: Callable[[str, ModelRef | None], None]) -> None:
        """Keep the callback."""
        self.callbacks.append(callback)

    def pull_with(self, pull: Callable[[], None]) -> None:
        """Nobody waits here."""


@pytest.mark.parametrize("broken", ["model_of", "why_unknown"])
def test_fault_of_a_source(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """A source that raises costs the price and nothing else."""

    def fail(*_: object) -> Any:
        raise ValueError

    source, sink = Source(), ListSink()
    setattr(source, broken, fail)
    recorder = Recorder(sinks=[sink], profiles=source)
    converse(stage.client(recorder), times=2)
    assert [record.price_status.value for record in sink.records] == ["unpriced"] * 2
    assert "map it to its model" in sink.records[0].price_reason
    assert recorder.faults.counts() == {"profiles": 2}


def test_fault_of_a_late_price(stage: Stage) -> None:
    """A late price that cannot be found leaves the call as it was told."""
    source, sink = Source(), ListSink()
    recorder = Recorder(sinks=[sink], profiles=source)
    with attribution() as spend:
        offer(recorder, 2)
    odd: Any = "no model"
    source.callbacks[0](ARN, odd)
    assert told(sink.records) == [("unpriced", UNDER_WAY)] * 2
    assert recorder.faults.counts() == {"late pricing": 2}
    assert spend.unpriced_calls == 2


def test_prices_that_cannot_be_loaded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without prices the call is recorded, and nobody waits for its model."""

    def fail() -> PriceTable:
        raise OSError

    source, sink = Source(), ListSink()
    recorder = Recorder(sinks=[sink], profiles=source)
    with monkeypatch.context() as patch:
        patch.setattr(PriceTable, "bundled", fail)
        converse(stage.client(recorder))
        assert told(sink.records) == [
            ("unpriced", "the price could not be found; see the log")
        ]
        source.callbacks[0](ARN, None)
    assert recorder.faults.counts() == {"pricing": 1}


def test_answers_that_nobody_waits_for(stage: Stage) -> None:
    """They change nothing."""
    source, sink = Source(), ListSink()
    recorder = Recorder(sinks=[sink], profiles=source)
    source.callbacks[0](ARN, None)
    assert sink.records == []
    assert recorder.faults.counts() == {}


def test_answer_without_a_reason(stage: Stage) -> None:
    """A source that has neither model nor reason leaves the record as it is."""
    source, sink = Source(), ListSink()
    offer(Recorder(sinks=[sink], profiles=source), 1)
    source.callbacks[0](ARN, None)
    assert told(sink.records) == [("unpriced", UNDER_WAY)]


def test_amounts_never_fall() -> None:
    """A correction to less leaves a counter where it is."""
    metrics = Metrics()
    sink = ListSink()
    source = Source()
    prices = PriceTable.bundled()
    recorder = Recorder(prices, sinks=[metrics.sink, sink], profiles=source)
    call = lifecycle_of(recorder).start("Converse", {"modelId": MODEL}, "us-east-1")
    answer = {"usage": {"inputTokens": 12, "outputTokens": 8}}
    call.lifecycle.answered(call, call.target.operation.keep(answer))
    recorder.flush()
    (before,) = sink.records
    fewer = prices.quote(
        before.model,
        Usage({Unit.INPUT_TOKEN: 1, Unit.OUTPUT_TOKEN: 8}),
        region="us-east-1",
        at=before.started_at,
    )
    metrics.sink.correct(before, before._replace(cost=fewer.cost))
    assert metrics.values("cost", "unit_class") == {
        ("input",): 0.00000042,
        ("output",): 0.00000112,
    }


def test_other_calls_never_ask(stage: Stage) -> None:
    """Only application inference profiles are asked about, priced or not."""
    sink = ListSink()
    client = stage.client(Recorder(sinks=[sink], profiles=stage.resolver))
    for model in (MODEL, f"us.{MODEL}", "acme.new-v1:0", ARN.replace("abc", "x/")):
        client.converse(modelId=model, messages=MESSAGES)
    client.invoke_model(
        modelId=ARN.replace("application-inference-profile", "imported-model"),
        body=json.dumps({"prompt": "Hello"}),
    )["body"].read()
    assert len(sink.records) == 5
    stage.answer()
    assert stage.look_ups() == 1


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
forked = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@forks
@forked
def test_fork(stage: Stage) -> None:
    """A child corrects its own calls only; its parent's are corrected there."""
    sink = ListSink()
    client = stage.client(Recorder(sinks=[sink], profiles=stage.resolver))
    converse(client)
    assert told(sink.records) == [("unpriced", UNDER_WAY)]
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[Any] = context.Queue()

    def child() -> None:
        converse(client)
        first = told(sink.records)
        stage.answer()
        results.put((first, told(sink.records)))

    process = context.Process(target=child)
    process.start()
    first, second = results.get(timeout=HANG_S)
    process.join(HANG_S)
    assert first == [("unpriced", UNDER_WAY)] * 2
    assert second == [("unpriced", UNDER_WAY), ("priced", LATE)]
    assert told(sink.records) == [("unpriced", UNDER_WAY)]
    stage.answer()
    assert told(sink.records) == [("priced", LATE)]
