"""What a reader gets from the sink: money, usage and calls by label."""

from __future__ import annotations

import decimal
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from alarms import alarms, needs_signals
from kept_records import make_record
from opentelemetry.sdk.metrics import ObservableCounter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    InMemoryMetricReader,
)
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.trace import TracerProvider
from patient_reader import PatientReader
from waiting import HANG_S

from bedrock_attrib._model.cost import Cost
from bedrock_attrib._model.model_id import GUARDRAIL_MODEL, parse_model_id
from bedrock_attrib._model.record import CallRecord, Outcome, PriceStatus
from bedrock_attrib._model.tags import Tags
from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib._runtime.contained_errors import ContainedErrors
from bedrock_attrib._sinks.protocols import PullSink
from bedrock_attrib.metrics import OpenTelemetrySink, SemConv, semconv_from_opt_in

if TYPE_CHECKING:
    from conftest import Metrics

MakeRecord = Callable[..., CallRecord]
MakeCost = Callable[..., Cost]
Sums = Callable[..., dict[tuple[str, ...], float]]

PROFILE_ARN = (
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"
)


def test_it_is_a_sink_that_is_read_by_others(metrics: Metrics) -> None:
    """The recorder may hand it records, and tells it how to ask for more."""
    assert isinstance(metrics.sink(), PullSink)


def test_a_collection_settles_calls_that_have_ended(
    metrics: Metrics, record: MakeRecord
) -> None:
    """What a recorder has not told yet is told before anything is read."""
    sink = metrics.sink()
    ended = [record(), record()]

    def settle() -> None:
        while ended:
            sink.write(ended.pop())

    sink.pull_with(settle)
    shown = metrics.collect()
    (calls,) = shown["bedrock_attrib.calls"]
    (durations,) = shown["gen_ai.client.operation.duration"]
    assert (calls.value, durations.count) == (2, 2)


def test_closing_settles_a_last_time(metrics: Metrics) -> None:
    """Afterwards the sink lets go of whoever settled."""
    sink = metrics.sink()
    settled: list[str] = []
    sink.pull_with(lambda: settled.append("settled"))
    sink.close()
    metrics.collect()
    assert settled == ["settled"]


def test_cost_is_shown_by_class_of_unit(metrics: Metrics, record: MakeRecord) -> None:
    """Two calls add up, each class of unit for itself."""
    sink = metrics.sink()
    sink.write(record())
    sink.write(record())
    (first, second) = metrics.collect()["bedrock_attrib.cost"]
    assert first.attributes == {
        "bedrock_attrib.team": "search",
        "bedrock_attrib.operation": "Converse",
        "bedrock_attrib.model": "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "bedrock_attrib.region": "us-east-1",
        "bedrock_attrib.scope": "geo",
        "bedrock_attrib.tier": "default",
        "bedrock_attrib.price_status": "priced",
        "bedrock_attrib.unit_class": "input",
        "bedrock_attrib.currency": "USD",
    }
    assert [first.value, second.value] == [0.006, 0.015]


def test_usage_is_shown_by_unit(metrics: Metrics, record: MakeRecord) -> None:
    """Each billable unit has a series, cache writes one for each lifetime."""
    counts = {
        Unit.INPUT_TOKEN: 12,
        Unit.CACHE_WRITE_5M_TOKEN: 50,
        Unit.CACHE_WRITE_1H_TOKEN: 150,
        Unit.CACHE_READ_TOKEN: 0,
    }
    metrics.sink().write(record(usage=Usage(counts)))
    assert metrics.values("bedrock_attrib.usage", "unit", "unit_class") == {
        ("input_token", "input"): 12,
        ("cache_write_5m_token", "cache_write"): 50,
        ("cache_write_1h_token", "cache_write"): 150,
    }


def test_a_class_of_unit_adds_its_units_up(
    metrics: Metrics, record: MakeRecord, cost: MakeCost
) -> None:
    """Cache writes of both lifetimes are one amount."""
    amounts = cost(cache_write_5m_token="0.0001", cache_write_1h_token="0.0002")
    metrics.sink().write(record(cost=amounts))
    shown = metrics.values("bedrock_attrib.cost", "unit_class")
    assert shown == {("cache_write",): 0.0003}


def test_calls_are_shown_by_their_end(metrics: Metrics, record: MakeRecord) -> None:
    """A failed call has its error type; one that went well has none."""
    sink = metrics.sink()
    sink.write(record())
    failed = {"usage": None, "cost": None, "price_status": PriceStatus.FREE}
    sink.write(
        record(outcome=Outcome.ERROR, error="ThrottlingException", **failed),
    )
    sink.write(record(outcome=Outcome.ABANDONED))
    shown = metrics.values("bedrock_attrib.calls", "outcome", "error.type")
    assert shown == {
        ("ok", "-"): 1,
        ("error", "ThrottlingException"): 1,
        ("abandoned", "-"): 1,
    }


@pytest.mark.parametrize("status", list(PriceStatus))
def test_every_call_shows_how_far_its_price_can_be_trusted(
    metrics: Metrics, record: MakeRecord, status: PriceStatus
) -> None:
    """Estimated, partial and unpriced calls can be told apart by a query."""
    metrics.sink().write(record(price_status=status))
    shown = metrics.values("bedrock_attrib.calls", "price_status")
    assert shown == {(status.value,): 1}


def test_an_unpriced_call_adds_to_usage_and_not_to_cost(
    metrics: Metrics, record: MakeRecord
) -> None:
    """Unknown is not zero: there is no point at all."""
    unpriced = record(cost=None, price_status=PriceStatus.UNPRICED)
    metrics.sink().write(unpriced)
    shown = metrics.collect()
    assert "bedrock_attrib.cost" not in shown
    assert metrics.values("bedrock_attrib.usage", "price_status") == {
        ("unpriced",): 1500,
    }


def test_an_amount_on_an_unpriced_call_is_not_believed(
    metrics: Metrics, record: MakeRecord
) -> None:
    """Whatever a record says beside it, unpriced never adds to cost."""
    metrics.sink().write(record(price_status=PriceStatus.UNPRICED))
    assert metrics.values("bedrock_attrib.cost") == {}


def test_currencies_stay_apart(metrics: Metrics, record: MakeRecord) -> None:
    """An amount in yuan is no amount in dollars."""
    yuan = Cost(Decimal("0.05"), "CNY", {Unit.INPUT_TOKEN: Decimal("0.05")}, {})
    sink = metrics.sink()
    sink.write(record(cost=yuan, region="cn-north-1"))
    sink.write(record())
    assert metrics.values("bedrock_attrib.cost", "currency", "unit_class") == {
        ("CNY", "input"): 0.05,
        ("USD", "input"): 0.003,
        ("USD", "output"): 0.0075,
    }


def test_an_opaque_model_is_shown_as_it_was_asked_for(
    metrics: Metrics, record: MakeRecord
) -> None:
    """An application inference profile names no model and has no scope."""
    metrics.sink().write(record(model=parse_model_id(PROFILE_ARN)))
    shown = metrics.values("bedrock_attrib.calls", "model", "scope")
    assert shown == {(PROFILE_ARN, "-"): 1}


def test_profiles_of_one_model_are_one_model(
    metrics: Metrics, record: MakeRecord
) -> None:
    """Spend on a model is one figure, wherever its profile leads."""
    sink = metrics.sink()
    for requested in ("eu.amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0"):
        sink.write(record(model=parse_model_id(requested)))
    shown = metrics.values("bedrock_attrib.calls", "model")
    assert shown == {("amazon.nova-lite-v1:0",): 2}


def test_sums_do_not_depend_on_the_decimal_context(
    metrics: Metrics, record: MakeRecord, cost: MakeCost
) -> None:
    """An application that computes with three digits gets exact metrics."""
    sink = metrics.sink()
    with decimal.localcontext(prec=3):
        for amount in ("1000000", "0.000003"):
            sink.write(record(cost=cost(input_token=amount)))
        shown = metrics.values("bedrock_attrib.cost")
    assert shown == {(): 1000000.000003}


def test_sixteen_threads_lose_nothing_while_readers_collect(
    metrics: Metrics, record: MakeRecord
) -> None:
    """16,000 calls are exact to the last decimal, at any time of reading."""
    sink = metrics.sink()
    calls = [record(tags=Tags({"team": f"team-{n % 4}"})) for n in range(8)]
    done = threading.Event()

    def collect() -> None:
        while not done.is_set():
            metrics.collect()

    def write() -> None:
        for number in range(1000):
            sink.write(calls[number % 8])

    readers = [threading.Thread(target=collect) for _ in range(2)]
    writers = [threading.Thread(target=write) for _ in range(16)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert sink.flush(HANG_S)  # a collection waits for a second at most
    assert metrics.values("bedrock_attrib.cost", "team", "unit_class") == {
        (f"team-{n}", unit_class): amount
        for n in range(4)
        for unit_class, amount in (("input", 12.0), ("output", 30.0))
    }
    shown = metrics.collect()
    (duration,) = {point.count for point in shown["gen_ai.client.operation.duration"]}
    assert duration == 4000


def test_all_readers_and_temporalities_agree(
    metrics: Metrics, record: MakeRecord, sums: Sums
) -> None:
    """Deltas add up to the cumulative sum, also over a view without the team."""
    delta = InMemoryMetricReader({ObservableCounter: AggregationTemporality.DELTA})
    total = PatientReader()
    without_team = View(
        instrument_name="bedrock_attrib.cost",
        attribute_keys={"bedrock_attrib.unit_class"},
    )
    metrics.read_by(delta, total, views=(without_team,))
    sink = metrics.sink()
    deltas: list[float] = []
    for number in range(3):
        for team in ("search", "chat"):
            sink.write(record(tags=Tags({"team": team})))
        shown = sums(metrics.collect(delta)["bedrock_attrib.cost"], "unit_class")
        deltas.append(shown["input",])
        shown = sums(metrics.collect(total)["bedrock_attrib.cost"], "unit_class")
        assert shown["input",] == pytest.approx(0.006 * (number + 1))
    assert deltas == pytest.approx([0.006, 0.006, 0.006])
    calls = sums(metrics.collect(total)["bedrock_attrib.calls"], "team")
    assert calls == {("search",): 3, ("chat",): 3}


def test_two_sinks_on_one_provider_add_up(metrics: Metrics, record: MakeRecord) -> None:
    """Neither hides the other, and closing one takes nothing back."""
    first, second = metrics.sink(), metrics.sink(semconv={SemConv.INFERENCE})
    first.write(record())
    second.write(record())
    first.close()
    assert metrics.values("bedrock_attrib.calls", "team") == {("search",): 2}


def test_collecting_in_a_span_makes_no_exemplar(
    metrics: Metrics, record: MakeRecord
) -> None:
    """The span of whoever collects has nothing to do with the calls."""
    metrics.sink().write(record())
    with TracerProvider().get_tracer("app").start_as_current_span("flush"):
        shown = metrics.collect()
    assert [point.exemplars for points in shown.values() for point in points] == [
        [] for points in shown.values() for _ in points
    ]


def test_losses_of_every_sink_are_shown(metrics: Metrics) -> None:
    """A zero is shown too, so that a rate sees the first loss."""
    metrics.sink(losses=lambda: {"ledger": 3})
    shown = metrics.values("bedrock_attrib.sink.dropped", "sink")
    assert shown == {("metrics",): 0, ("ledger",): 3}


def test_contained_faults_are_shown_by_place(metrics: Metrics) -> None:
    """What was kept away from calls can be alerted on."""
    faults = ContainedErrors()
    metrics.sink(faults=faults)
    faults.note("reader", ValueError())
    assert metrics.values("bedrock_attrib.faults", "place") == {("reader",): 1}


def test_the_age_of_the_price_table_is_shown(metrics: Metrics) -> None:
    """Of two tables the older one counts."""
    metrics.sink(price_table_age_s=lambda: 86400.0)
    metrics.sink(price_table_age_s=lambda: 3600.0)
    metrics.sink()
    assert metrics.values("bedrock_attrib.price_table.age") == {(): 86400.0}


def test_without_a_price_table_there_is_no_age(metrics: Metrics) -> None:
    """No figure is made up."""
    metrics.sink()
    assert metrics.values("bedrock_attrib.price_table.age") == {}


def test_flush_hands_over_what_is_pending(metrics: Metrics, record: MakeRecord) -> None:
    """It is in time if it took no longer than it was given."""
    sink = metrics.sink()
    sink.write(record())
    assert sink.flush(HANG_S)
    assert not sink.flush(-1.0)


def test_readers_flush_and_queue_do_not_lock_each_other_out(
    metrics: Metrics, record: MakeRecord
) -> None:
    """Two readers, a flush and the queue's own thread go on side by side."""
    one, two = PatientReader(), PatientReader()
    metrics.read_by(one, two)
    sink = metrics.sink()
    until = time.monotonic() + 1.0

    def repeat(step: Callable[[], object]) -> None:
        while time.monotonic() < until:
            step()

    steps: tuple[Callable[[], object], ...] = (
        lambda: metrics.collect(one),
        lambda: metrics.collect(two),
        lambda: sink.flush(HANG_S),
        lambda: (sink.write(record()), time.sleep(0.001)),
    )
    threads = [
        threading.Thread(target=repeat, args=(step,), daemon=True) for step in steps
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_S)
    assert [thread.is_alive() for thread in threads] == [False] * 4


def test_guardrail_units_are_usage_and_cost(
    metrics: Metrics, record: MakeRecord, cost: MakeCost
) -> None:
    """A call without tokens is metered like any other."""
    unit = Unit.GUARDRAIL_TOPIC_TEXT_UNIT
    metrics.sink().write(
        record(
            operation="ApplyGuardrail",
            model=GUARDRAIL_MODEL,
            usage=Usage({unit: 2}),
            cost=cost(guardrail_topic_text_unit="0.0003"),
        )
    )
    assert metrics.values("bedrock_attrib.usage", "unit") == {(unit.value,): 2}
    assert metrics.values("bedrock_attrib.cost", "unit_class") == {
        ("guardrail",): 0.0003,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {SemConv.V1_44}),
        ("http,database/dup", {SemConv.V1_44}),
        ("gen_ai_latest_experimental", {SemConv.INFERENCE}),
        ("http, gen_ai_latest_experimental", {SemConv.INFERENCE}),
        ("gen_ai_latest_experimental/dup", {SemConv.V1_44, SemConv.INFERENCE}),
    ],
)
def test_the_opt_in_says_which_names_are_used(
    text: str, expected: set[SemConv]
) -> None:
    """The older names hold until the newer are asked for."""
    assert expected == semconv_from_opt_in(text)


def test_a_sink_without_settings_goes_to_the_global_provider() -> None:
    """Nobody has to set a provider for calls to be counted."""
    OpenTelemetrySink().close()


@needs_signals
@pytest.mark.timeout(HANG_S, method="thread")  # the other one needs SIGALRM too
def test_a_signal_handler_may_collect(metrics: Metrics) -> None:
    """In the middle of counting and correcting: it never hangs, and all adds up."""
    sink = metrics.sink(histograms=False)
    priced = make_record()
    unpriced = priced._replace(cost=None, price_status=PriceStatus.UNPRICED)
    assert priced.cost is not None
    seen: list[float] = []
    rounds = 0

    def look() -> None:
        seen.append(metrics.values("bedrock_attrib.calls").get((), 0))

    with alarms(look, every_s=0.0001):
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            sink.write(priced)
            sink.write(unpriced)
            sink.correct(unpriced, priced)
            rounds += 1
    assert metrics.values("bedrock_attrib.calls") == {(): 2 * rounds}
    cost = float(2 * rounds * priced.cost.total)
    assert metrics.values("bedrock_attrib.cost") == {(): pytest.approx(cost, rel=1e-12)}
    assert seen == sorted(seen)
    assert len(seen) > 1
