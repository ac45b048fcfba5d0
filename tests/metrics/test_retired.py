"""What closed sinks have counted is shown, and they are not kept for that."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest
from waiting import HANG_S, wait_until

from bedrock_attrib._model.record import CallRecord
from bedrock_attrib._model.tags import Tags
from bedrock_attrib._runtime.contained_errors import ContainedErrors
from bedrock_attrib.metrics import OpenTelemetrySink, SemConv
from bedrock_attrib.metrics._retired import RetiredSinks

CALLS = "bedrock_attrib.calls"
COST = "bedrock_attrib.cost"
NEW_INPUT = "gen_ai.client.inference.usage.input_tokens"


def closed(metrics: Any, record: CallRecord, **settings: Any) -> weakref.ref[object]:
    """A sink that has counted *record* and is gone, but for what is kept of it."""
    sink = OpenTelemetrySink(meter_provider=metrics.provider, **settings)
    sink.write(record)
    sink.close()
    return weakref.ref(sink)


def are_gone(sinks: list[weakref.ref[object]]) -> bool:
    """Whether nobody has *sinks* any more, as soon as their threads have ended."""

    def are_collected() -> bool:
        gc.collect()
        return not any(sink() for sink in sinks)

    wait_until(are_collected)
    return True


def test_totals_never_fall(metrics: Any, record: Callable[..., CallRecord]) -> None:
    """Ten sinks one after the other add up, and nobody keeps any of them."""
    sinks = [closed(metrics, record()) for _ in range(10)]
    assert are_gone(sinks)
    for _ in range(2):
        assert metrics.values(CALLS, "team") == {("search",): 10}
    metrics.sink().write(record(tags=Tags({"team": "ads"})))
    assert metrics.values(CALLS, "team") == {("search",): 10, ("ads",): 1}
    costs = metrics.values(COST, "team")
    assert costs[("search",)] == pytest.approx(0.105, abs=1e-12)


def test_a_call_that_ends_after_its_sink_was_closed(
    metrics: Any, record: Callable[..., CallRecord]
) -> None:
    """It is counted while somebody has the sink, and stays counted then."""
    sink = OpenTelemetrySink(meter_provider=metrics.provider)
    sink.write(record())
    sink.close()
    sink.close()
    assert metrics.values(CALLS) == {(): 1}
    sink.write(record())
    assert metrics.values(CALLS) == {(): 2}
    del sink
    gc.collect()
    assert metrics.values(CALLS) == {(): 2}


def test_totals_never_fall_while_sinks_close(
    metrics: Any, record: Callable[..., CallRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that collects while a sink is being closed sees its totals."""
    is_collecting, threads = Event(), list[Thread]()
    seen: list[float] = []
    retire = RetiredSinks.retire

    def retire_slowly(*args: Any, **kwargs: Any) -> None:
        """Give another thread the time to collect before figures are kept."""
        collecting = Thread(target=collect)
        collecting.start()
        assert is_collecting.wait(HANG_S)
        collecting.join(0.2)  # it waits, where it has to
        retire(*args, **kwargs)
        threads.append(collecting)

    def collect() -> None:
        is_collecting.set()
        points = metrics.collect().get(CALLS, [])
        seen.append(sum(point.value for point in points))

    monkeypatch.setattr(RetiredSinks, "retire", retire_slowly)
    for _ in range(3):
        closed(metrics, record(), histograms=False)
        threads[-1].join()
        is_collecting.clear()
    assert seen == [1, 2, 3]


def test_newer_names_are_those_of_sinks_that_asked(
    metrics: Any, record: Callable[..., CallRecord]
) -> None:
    """A sink without them adds nothing to them, before and after it is gone."""
    kept = OpenTelemetrySink(meter_provider=metrics.provider)
    kept.write(record())
    kept.close()
    closed(metrics, record(), semconv={SemConv.INFERENCE})
    gc.collect()
    assert metrics.values(NEW_INPUT) == {(): 1000}
    del kept
    gc.collect()
    assert metrics.values(NEW_INPUT) == {(): 1000}
    assert metrics.values(CALLS) == {(): 2}


def test_losses_faults_and_folded_tags(
    metrics: Any, record: Callable[..., CallRecord]
) -> None:
    """What was lost stays counted."""
    for number in range(3):
        faults = ContainedErrors()
        faults.note("reader", ValueError())
        closed(
            metrics,
            record(tags=Tags({"team": f"team-{number}", "app": "x"})),
            faults=faults,
            losses=lambda: {"ledger": 2},
            tags=["team"] if number else ["app"],
        )
    alive = metrics.sink(max_values_per_tag=1, tags=["team"])
    alive.write(record())
    alive.write(record(tags=Tags({"team": "other"})))
    gc.collect()
    lost = metrics.values("bedrock_attrib.sink.dropped", "sink")
    assert lost[("ledger",)] == 6
    assert metrics.values("bedrock_attrib.faults", "place") == {("reader",): 3}
    overflow = metrics.values("bedrock_attrib.tag_overflow", "tag")
    assert overflow == {("team",): 1, ("app",): 0, ("*",): 0}


def test_faults_that_a_closed_sink_shares(
    metrics: Any, record: Callable[..., CallRecord]
) -> None:
    """They are counted once beside a sink that is in use."""
    faults = ContainedErrors()
    faults.note("reader", ValueError())
    over = OpenTelemetrySink(meter_provider=metrics.provider, faults=faults)
    over.close()
    metrics.sink(faults=faults).write(record())
    assert metrics.values("bedrock_attrib.faults", "place") == {("reader",): 1}


def test_the_age_of_the_last_price_table(
    metrics: Any, record: Callable[..., CallRecord]
) -> None:
    """A last collection still has it; one that is in use comes first."""
    closed(metrics, record(), price_table_age_s=lambda: 9.0)
    closed(metrics, record(), price_table_age_s=lambda: 5.0)
    gc.collect()
    assert metrics.values("bedrock_attrib.price_table.age") == {(): 5}
    metrics.sink(price_table_age_s=lambda: 3.0)
    assert metrics.values("bedrock_attrib.price_table.age") == {(): 3}
