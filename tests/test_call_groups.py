"""Calls that are alike are settled together, and come to what each alone comes to."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.client import BaseClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from waiting import HANG_S

import bedrock_attrib._readers.responses as responses_module
from bedrock_attrib import (
    CallRecord,
    CallStart,
    ModelRef,
    PriceTable,
    QueueSink,
    Recorder,
    Usage,
    attribution,
    instrument,
)
from bedrock_attrib._model.record import PriceStatus, Quote
from bedrock_attrib._recording.recorder import lifecycle_of
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.metrics import OpenTelemetrySink
from bedrock_attrib.testing import ListSink, Reply, Simulator, bedrock_simulator, tokens

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
LUNA = "openai.gpt-5.6-luna"
OTHERS = ("amazon.nova-lite-v1:0", "nobody.knows-v1:0", CLAUDE, LUNA)
EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]


class LetPass:
    """A guard: with one, every call is settled by itself, as something special."""

    def check(self, start: CallStart) -> None:
        """Refuse nothing."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One endpoint for the tests of this file."""
    with bedrock_simulator() as simulator:
        yield simulator


def converse(client: BaseClient, model: str = CLAUDE) -> object:
    """A plain call."""
    return client.converse(modelId=model, messages=MESSAGES)


def invoke(client: BaseClient, model: str = CLAUDE) -> object:
    """A call whose headers say everything, but for cache writes."""
    answer = client.invoke_model(modelId=model, body=b"{}")
    return answer["body"].read()


class Case(NamedTuple):
    """One call."""

    call: Callable[[BaseClient, str], object]
    model: str
    usage: Usage
    team: str


_COUNTS = st.sampled_from([0, 1, 199_000, 250_000])
_SHAPES = st.sampled_from(
    [
        {},
        {"cache_read_tokens": 90},
        {"cache_write_5m_tokens": 40},
        {
            "cache_read_tokens": 0,
            "cache_write_5m_tokens": 5,
            "cache_write_1h_tokens": 9,
        },
    ]
)
_CASES = st.builds(
    Case,
    st.sampled_from([converse, invoke]),
    st.sampled_from(OTHERS),
    st.builds(
        lambda prompt, output, cache: tokens(
            input_tokens=prompt, output_tokens=output, **cache
        ),
        _COUNTS,
        st.sampled_from([0, 900]),
        _SHAPES,
    ),
    st.sampled_from(["search", "chat"]),
)


def _run(
    simulator: Simulator, cases: list[Case], **wiring: Any
) -> tuple[list[tuple[object, ...]], dict[str, object], list[object]]:
    """Records, figures of a spend and points of metrics that *cases* come to."""
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    sink, queued = ListSink(), ListSink()
    metrics = OpenTelemetrySink(meter_provider=provider, histograms=False)
    recorder = Recorder(sinks=(metrics, sink, QueueSink(queued)), **wiring)
    client = instrument(simulator.client(), recorder=recorder)
    with attribution(app="test") as spend:
        for case in cases:
            simulator.reply(Reply(usage=case.usage), times=1)
            with attribution(team=case.team):
                case.call(client, case.model)
    figures = {
        "cost": spend.cost,
        "calls": spend.calls,
        "unpriced": spend.unpriced_calls,
        "usage": spend.usage,
        "models": spend.by_model,
    }
    recorder.flush()
    assert queued.records == sink.records
    assert recorder.faults.counts() == {}
    points = sorted(map(str, _points(reader)))
    recorder.close()
    provider.shutdown()
    return [_comparable(record) for record in sink.records], figures, points


_BY_CHANCE = ("id", "started_at", "duration_s", "request_id")


def _comparable(record: CallRecord) -> tuple[object, ...]:
    return record._replace(**dict.fromkeys(_BY_CHANCE)), record.cost and (
        record.cost.total,
        dict(record.cost.by_unit),
        dict(record.cost.rates),
    )


def _points(reader: InMemoryMetricReader) -> Iterator[tuple[object, ...]]:
    data = reader.get_metrics_data()
    assert data is not None
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if "age" in metric.name:
                    continue
                for point in metric.data.data_points:
                    labels = sorted((point.attributes or {}).items())
                    yield metric.name, labels, getattr(point, "value", None)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cases=st.lists(_CASES, min_size=1, max_size=12))
def test_as_each_alone(simulator: Simulator, cases: list[Case]) -> None:
    """Records, spends and metrics are those of calls that are settled one by one."""
    cases = [*cases, *cases]  # whatever it is, it comes again
    together = _run(simulator, cases)
    alone = _run(simulator, cases, guards=(LetPass(),))
    assert together == alone


def test_the_price_changes_between_two(simulator: Simulator) -> None:
    """Of calls that are alike, those after midnight have the new day's price."""
    midnight = datetime(2026, 7, 30, tzinfo=UTC)
    instant = timedelta(microseconds=1)
    moments = [
        midnight - timedelta(hours=1),
        midnight - 2 * instant,
        midnight - instant,
        midnight,
        midnight + instant,
        midnight - instant,
    ]
    clock = iter(moments)
    sink = ListSink()
    recorder = Recorder(sinks=(sink,), clock=lambda: next(clock))
    client = instrument(simulator.client(), recorder=recorder)
    simulator.reply(
        Reply(usage=tokens(input_tokens=200_000, output_tokens=10_000)),
        times=len(moments),
    )
    for _ in moments:
        converse(client, LUNA)
    costs = [record.cost and record.cost.total for record in sink.records]
    old, new = Decimal("0.286"), Decimal("0.0572")  # before and after the cut
    assert costs == [old, old, old, new, new, old]
    assert [record.started_at for record in sink.records] == moments


def test_prompts_of_different_length(simulator: Simulator) -> None:
    """Of calls that are alike, long ones have the long price, and empty ones none."""
    now = datetime(2026, 8, 10, tzinfo=UTC)
    sink = ListSink()
    recorder = Recorder(sinks=(sink,), clock=lambda: now)
    client = instrument(simulator.client(), recorder=recorder)
    for prompt, output in _LENGTHS:
        usage = tokens(input_tokens=prompt, output_tokens=output)
        simulator.reply(Reply(usage=usage), times=1)
        converse(client, LUNA)
    found = [
        (record.cost and record.cost.total, record.price_status.value)
        for record in sink.records
    ]
    short = (Decimal("0.0572"), "priced")
    assert found == [
        short,
        (Decimal("0.1518"), "priced"),  # 0.44 and 1.98 instead of 0.22 and 1.32
        short,
        (None, "unpriced"),
        short,
    ]


_LENGTHS = (
    (200_000, 10_000),
    (300_000, 10_000),
    (200_000, 10_000),
    (0, 0),
    (200_000, 10_000),
)


def test_seconds_of_the_system_clock(simulator: Simulator) -> None:
    """Without a clock of its own, a recorder notes aware times of the system's."""
    sink = ListSink()
    client = instrument(simulator.client(), recorder=Recorder(sinks=(sink,)))
    before = datetime.now(UTC)
    for _ in range(3):
        converse(client)
    after = datetime.now(UTC)
    times = [record.started_at for record in sink.records]
    assert times == sorted(times)
    assert before - timedelta(milliseconds=1) <= times[0]
    assert times[-1] <= after
    assert {moment.tzinfo for moment in times} == {UTC}


def test_ids_differ(simulator: Simulator) -> None:
    """No two records have one id, and all sinks are told the same."""
    sinks = [ListSink(), ListSink()]
    recorder = Recorder(sinks=(QueueSink(sinks[0]), sinks[1]))
    client = instrument(simulator.client(), recorder=recorder)
    for _ in range(20):
        converse(client)
    recorder.flush()
    first, second = ([record.id for record in sink.records] for sink in sinks)
    assert first == second
    assert len(set(first)) == 20
    assert {len(each) for each in first} == {32}
    recorder.close()


def test_a_derived_sink_gets_every_record(simulator: Simulator) -> None:
    """Whoever overrides `write` of a sink that takes batches is told one by one."""

    class Filtering(OpenTelemetrySink):
        seen = 0

        def write(self, record: CallRecord) -> None:
            self.seen += 1
            super().write(record)

    sink = Filtering(meter_provider=MeterProvider())
    recorder = Recorder(sinks=(sink,))
    client = instrument(simulator.client(), recorder=recorder)
    for _ in range(5):
        converse(client)
    recorder.flush()
    assert sink.seen == 5
    recorder.close()


@pytest.mark.parametrize("is_ledger", [True, False])
def test_a_derived_queue_gets_every_record(
    simulator: Simulator, tmp_path: Path, *, is_ledger: bool
) -> None:
    """So it is where a sink with a queue is derived, which may let records pass."""

    class FilteringQueue(QueueSink):
        def write(self, record: CallRecord) -> None:
            if record.tags:
                super().write(record)

    class FilteringLedger(Ledger):
        def write(self, record: CallRecord) -> None:
            if record.tags:
                super().write(record)

    kept = ListSink()
    ledger = FilteringLedger(tmp_path / "calls.db")
    recorder = Recorder(sinks=(ledger if is_ledger else FilteringQueue(kept),))
    client = instrument(simulator.client(), recorder=recorder)
    for tags in ({}, {"team": "a"}, {}, {"team": "b"}):
        with attribution(**tags):
            converse(client)
    recorder.flush()
    if is_ledger:
        with ledger.reading() as reader:
            found = list(reader.calls(*EVER))
    else:
        found = kept.records
    assert [dict(record.tags) for record in found] == [{"team": "a"}, {"team": "b"}]
    recorder.close()


def test_a_sink_with_batches_of_its_own(simulator: Simulator) -> None:
    """Whatever else a user's sink has, it is told of one record after the other."""

    class Database(ListSink):
        def __init__(self) -> None:
            super().__init__()
            self.saved: list[CallRecord] = []

        def write(self, record: CallRecord) -> None:
            self.write_batch([record])

        def write_batch(self, records: list[CallRecord]) -> None:
            self.saved += records

    sink = Database()
    recorder = Recorder(sinks=(sink,))
    client = instrument(simulator.client(), recorder=recorder)
    for _ in range(5):
        converse(client)
    recorder.flush()
    assert recorder.faults.counts() == {}
    assert len(sink.saved) == 5
    recorder.close()


def test_a_sink_behind_another_object(simulator: Simulator) -> None:
    """What passes everything on to a sink of ours is told of each record."""

    class Proxy:
        def __init__(self, sink: QueueSink) -> None:
            self.sink = sink

        def __getattr__(self, name: str) -> Any:
            return getattr(self.sink, name)

    kept = ListSink()
    recorder = Recorder(sinks=(Proxy(QueueSink(kept)),))
    client = instrument(simulator.client(), recorder=recorder)
    for _ in range(4):
        converse(client)
    recorder.flush()
    assert len(kept.records) == 4
    recorder.close()


def test_an_answer_that_cannot_be_read(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain answer that breaks its reader is recorded as unknown, among others."""
    sink = ListSink()
    recorder = Recorder(sinks=(sink,))
    client = instrument(simulator.client(), recorder=recorder)

    for is_spoilt in (False, True, False, False):
        with monkeypatch.context() as patched:
            if is_spoilt:
                patched.delattr(responses_module, "read_fields")
            converse(client)
            recorder.flush()
    found = [record.price_status.value for record in sink.records]
    assert found == ["priced", "unpriced", "priced", "priced"]
    assert sink.records[1].price_reason == ("the usage could not be read; see the log")
    assert recorder.faults.counts() == {"reader": 1}
    recorder.close()


def test_full_queue_of_a_sink(simulator: Simulator) -> None:
    """Of a batch that is too many for a queue, what it has room for is kept."""
    sink = ListSink()
    queue = QueueSink(sink, max_pending=7, interval_s=60)
    recorder = Recorder(sinks=(queue,))
    client = instrument(simulator.client(), recorder=recorder)
    for _ in range(10):
        converse(client)
    recorder.flush()
    assert queue.dropped == 3
    queue.flush(HANG_S)
    assert len(sink.records) == 7
    recorder.close()


def raise_from(client: BaseClient) -> None:
    """A call that fails before it is sent."""

    def refuse(**_: object) -> None:
        raise ValueError("at least 1")

    client.meta.events.register("before-call.bedrock-runtime", refuse, "refuse")
    try:
        converse(client)
    finally:
        client.meta.events.unregister("before-call.bedrock-runtime", refuse, "refuse")


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_a_price_table_that_raises_anything(
    simulator: Simulator, raised: type[BaseException]
) -> None:
    """A call that cannot be priced is recorded without a price, as are those after."""

    class Refusing(PriceTable):
        def quote(self, model: ModelRef, *args: Any, **kwargs: Any) -> Quote:
            if model.requested == LUNA:
                raise raised
            return super().quote(model, *args, **kwargs)

    sink = ListSink()
    bundled = PriceTable.bundled()
    recorder = Recorder(Refusing(bundled._loaded), sinks=(sink,))  # noqa: SLF001 -- no public way to derive
    client = instrument(simulator.client(), recorder=recorder)
    for model in (CLAUDE, LUNA, CLAUDE):
        converse(client, model)
    assert recorder.flush()
    assert [
        (record.model.requested, record.price_status.value, record.price_reason_code)
        for record in sink.records
    ] == [
        (CLAUDE, "priced", None),
        (LUNA, "unpriced", "pricing_failed"),
        (CLAUDE, "priced", None),
    ]
    assert recorder.faults.counts() == {"pricing": 1}
    recorder.close()


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_a_sink_that_raises_anything(
    simulator: Simulator, raised: type[BaseException]
) -> None:
    """Whatever a sink raises, no sink and no block misses a call or gets it twice."""

    class Raising(ListSink):
        def write(self, record: CallRecord) -> None:
            super().write(record)
            raise raised

    sinks = [ListSink(), Raising(), ListSink()]
    recorder = Recorder(sinks=sinks)
    client = instrument(simulator.client(), recorder=recorder)
    with attribution(team="search") as spend:
        for _ in range(3):
            converse(client)
        with pytest.raises(ValueError, match="at least 1"):
            raise_from(client)
        for _ in range(2):
            converse(client)
    recorder.flush()
    assert [len(sink.records) for sink in sinks] == [6, 6, 6]
    assert spend.calls == 6
    assert recorder.faults.counts() == {"Raising": 6}
    recorder.close()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
@pytest.mark.parametrize("wait", ["flush", "close", "spend"])
def test_an_interrupt_while_waiting(simulator: Simulator, wait: str) -> None:
    """Ctrl-C ends a wait for a slow sink; each call is then written once."""
    began, go, pressed = (threading.Event() for _ in range(3))

    class Waiting(ListSink):
        returns_at_once = True  # as it says, so that the recorder waits for it

        def write(self, record: CallRecord) -> None:
            began.set()
            assert go.wait(HANG_S)
            super().write(record)

    def interrupt(*_: object) -> None:
        if not pressed.is_set():
            pressed.set()
            raise KeyboardInterrupt

    def press() -> None:
        began.wait(HANG_S)
        while not pressed.wait(0.05):  # Python may miss one just before it waits
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    sinks = [ListSink(), Waiting(), ListSink()]
    recorder = Recorder(sinks=sinks)
    client = instrument(simulator.client(), recorder=recorder)
    with attribution(team="search") as spend:
        for _ in range(4):
            converse(client)
        thread = threading.Thread(target=press)
        thread.start()
        look = {
            "flush": lambda: recorder.flush(100),
            "close": recorder.close,
            "spend": lambda: spend.calls,
        }[wait]
        with pytest.raises(KeyboardInterrupt):
            look()
    go.set()
    thread.join()
    signal.signal(signal.SIGUSR1, before)
    recorder.flush(100)
    assert [len(sink.records) for sink in sinks] == [4, 4, 4]
    assert spend.calls == 4
    recorder.close()


def test_a_tier_that_is_no_text(simulator: Simulator) -> None:
    """An answer that names a list for its tier is recorded, and no other one missed."""
    reader = InMemoryMetricReader()
    metrics = OpenTelemetrySink(
        meter_provider=MeterProvider(metric_readers=[reader]), histograms=False
    )
    sink = ListSink()
    recorder = Recorder(sinks=(metrics, sink))
    client = instrument(simulator.client(), recorder=recorder)

    def spoil(parsed: dict[str, Any], **_: object) -> None:
        parsed["serviceTier"] = {"type": ["flex"]}

    event = "after-call.bedrock-runtime.Converse"
    with attribution(team="search") as spend:
        converse(client)
        client.meta.events.register_first(event, spoil, "spoil")
        converse(client)
        client.meta.events.unregister(event, spoil, "spoil")
        for _ in range(3):
            converse(client)
    statuses = [record.price_status.value for record in sink.records]
    assert statuses == ["priced", "estimated", "priced", "priced", "priced"]
    assert spend.calls == 5
    calls = [
        value for name, _, value in _points(reader) if name == "bedrock_attrib.calls"
    ]
    assert sorted(calls) == [1, 4]
    assert recorder.faults.counts() == {}
    recorder.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_fork_while_another_thread_settles(simulator: Simulator) -> None:
    """A block counts, in a forked child, no call that its parent is still settling."""

    class Waiting(PriceTable):
        def quote(self, model: ModelRef, *args: Any, **kwargs: Any) -> Quote:
            if model.requested == LUNA:
                is_inside.set()
                assert may_go_on.wait(HANG_S)
            return super().quote(model, *args, **kwargs)

    is_inside, may_go_on = threading.Event(), threading.Event()
    loaded = PriceTable.bundled()._loaded  # noqa: SLF001 -- no public way to derive
    recorder = Recorder(Waiting(loaded))
    client = instrument(simulator.client(), recorder=recorder)
    with attribution(team="search") as spend:
        for _ in range(3):
            converse(client)
        before = spend.calls
        for model in (CLAUDE, CLAUDE, LUNA):
            converse(client, model)
        thread = threading.Thread(target=recorder.flush)
        thread.start()
        assert is_inside.wait(HANG_S)
        reader, writer = os.pipe()
        child = os.fork()
        if not child:  # pragma: no cover -- in the child
            converse(client)
            os.write(writer, str(spend.calls).encode())
            os._exit(0)
        may_go_on.set()
        thread.join()
    os.waitpid(child, 0)
    assert before == 3
    assert os.read(reader, 10) == b"4"
    assert spend.calls == 6
    os.close(reader)
    os.close(writer)
    recorder.close()


def test_after_a_change_of_prices(simulator: Simulator) -> None:
    """Calls after a change of prices are known to be alike, as those before were."""
    midnight = datetime(2026, 7, 30, tzinfo=UTC)
    moments = [midnight - timedelta(hours=1)] * 3 + [midnight] * 3
    clock = iter(moments)
    recorder = Recorder(clock=lambda: next(clock))
    client = instrument(simulator.client(), recorder=recorder)
    found = []
    for _ in moments:
        converse(client, LUNA)
        recorder.flush()
        routes = lifecycle_of(recorder)._routes  # noqa: SLF001 -- nobody else sees how fast it is
        groups = routes.of("Converse", LUNA, "us-east-1").groups
        found += [group and group.example.started_at for group in groups.values()]
    assert found == [None, *[moments[0]] * 2, *[midnight] * 3]
    recorder.close()


def test_a_call_keeps_nothing_of_another(simulator: Simulator) -> None:
    """Whatever calls there were before, each has what it has itself."""
    sink = ListSink()
    recorder = Recorder(sinks=(sink,))
    client = instrument(simulator.client(), recorder=recorder)
    converse(client)
    with attribution(team="search"):
        converse(client)
        with pytest.raises(ValueError, match="at least 1"):
            raise_from(client)
    converse(client, LUNA)
    simulator.reply(Reply(error="ValidationException"), times=1)
    with pytest.raises(client.exceptions.ValidationException):
        converse(client)
    converse(client)
    found = [
        (dict(record.tags), record.model.requested, record.outcome.value, record.error)
        for record in sink.records
    ]
    assert found == [
        ({}, CLAUDE, "ok", None),
        ({"team": "search"}, CLAUDE, "ok", None),
        ({"team": "search"}, CLAUDE, "error", "NotSent"),
        ({}, LUNA, "ok", None),
        ({}, CLAUDE, "error", "ValidationException"),
        ({}, CLAUDE, "ok", None),
    ]
    statuses = {record.price_status for record in sink.records[:2]}
    assert statuses == {PriceStatus.PRICED}
