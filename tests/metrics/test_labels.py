"""Which tags are shown, and what happens when there are too many of them."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from bedrock_attrib._model.cost import Cost
from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib._model.record import CallRecord, Outcome
from bedrock_attrib._model.tags import Tags
from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.errors import ConfigError
from bedrock_attrib.metrics import SemConv

if TYPE_CHECKING:
    from conftest import Metrics

MakeRecord = Callable[..., CallRecord]
MakeCost = Callable[..., Cost]

LOST = "bedrock_attrib.tag_overflow"


def test_only_listed_tags_are_shown(metrics: Metrics, record: MakeRecord) -> None:
    """A tag that is not on the list is for the ledger only."""
    tags = Tags({"team": "search", "app": "ranker", "customer": "c-17"})
    metrics.sink(tags=["team", "app"]).write(record(tags=tags))
    (point,) = metrics.collect()["bedrock_attrib.calls"]
    assert {
        name: value
        for name, value in point.attributes.items()
        if value in {"search", "ranker", "c-17"}
    } == {"bedrock_attrib.team": "search", "bedrock_attrib.app": "ranker"}


def test_a_tag_that_a_call_does_not_have_is_absent(
    metrics: Metrics, record: MakeRecord
) -> None:
    """Untagged spend is shown as such."""
    metrics.sink().write(record(tags=Tags()))
    shown = metrics.values("bedrock_attrib.calls", "team", "app")
    assert shown == {("-", "-"): 1}


def test_the_prefix_can_be_changed(metrics: Metrics, record: MakeRecord) -> None:
    """A company may have names of its own."""
    metrics.sink(tag_prefix="acme.").write(record())
    shown = metrics.values("bedrock_attrib.calls", "acme.team")
    assert shown == {("search",): 1}


def test_a_tag_can_have_any_name(metrics: Metrics, record: MakeRecord) -> None:
    """A mapping gives whole attribute names."""
    metrics.sink(tags={"team": "acme.org.team"}).write(record())
    shown = metrics.values("bedrock_attrib.calls", "acme.org.team")
    assert shown == {("search",): 1}


@pytest.mark.parametrize(
    "tags",
    [
        ["model"],
        ["unit-class"],
        {"kind": "gen_ai.operation.name"},
        {"kind": "error.type"},
        {"kind": "le"},
        {"kind": "otel_scope_name"},
        {"kind": ""},
        {"kind": "."},
        ["cost-center", "cost_center"],
        "team",
    ],
)
def test_a_name_that_is_taken_is_refused(
    metrics: Metrics, tags: list[str] | dict[str, str] | str
) -> None:
    """Two attributes that become one label would hide each other."""
    with pytest.raises(ConfigError):
        metrics.sink(tags=tags)


def test_the_refusal_says_what_to_do(metrics: Metrics) -> None:
    """The message names a setting that helps."""
    with pytest.raises(ConfigError) as refused:
        metrics.sink(tags=["team", "model"])
    assert str(refused.value) == (
        "tag 'model' would become the attribute 'bedrock_attrib.model', which is the "
        "same label as bedrock_attrib.model; rename the tag, or set another "
        "metric_tag_prefix, such as 'my_company.'"
    )


@pytest.mark.parametrize("cap", ["max_values_per_tag", "max_series"])
def test_a_cap_is_at_least_one(metrics: Metrics, cap: str) -> None:
    """Nothing could be kept under a cap of zero."""
    with pytest.raises(ConfigError) as refused:
        metrics.sink(**{cap: 0})
    assert str(refused.value) == f"{cap} is 0; expected a whole number from one up"


def test_values_that_no_exporter_can_carry_are_replaced(
    metrics: Metrics, record: MakeRecord
) -> None:
    """One tag must not cost the application its whole export."""
    metrics.sink().write(record(tags=Tags({"team": "a\ud800b\u00e9"})))
    shown = metrics.values("bedrock_attrib.calls", "team")
    assert shown == {("a?b\u00e9",): 1}


def test_further_values_of_a_tag_are_other(
    metrics: Metrics, record: MakeRecord
) -> None:
    """The first values are kept; what comes later is added up and counted."""
    sink = metrics.sink(max_values_per_tag=2)
    for team in ("a", "b", "c", "d", "a", "c"):
        sink.write(record(tags=Tags({"team": team, "app": "x"})))
    assert metrics.values("bedrock_attrib.calls", "team", "app") == {
        ("a", "x"): 2,
        ("b", "x"): 1,
        ("_other", "x"): 3,
    }
    assert metrics.values(LOST, "tag", "cap") == {
        ("team", "metric_tag_values"): 3,
        ("app", "metric_tag_values"): 0,
        ("experiment", "metric_tag_values"): 0,
        ("environment", "metric_tag_values"): 0,
        ("cost_center", "metric_tag_values"): 0,
        ("*", "metric_series"): 0,
    }


def test_a_caller_may_say_other(metrics: Metrics, record: MakeRecord) -> None:
    """The word itself takes no room and is no loss."""
    sink = metrics.sink(tags=["team"], max_values_per_tag=1)
    for team in ("a", "_other"):
        sink.write(record(tags=Tags({"team": team})))
    assert metrics.values("bedrock_attrib.calls", "team") == {("a",): 1, ("_other",): 1}
    assert sum(metrics.values(LOST, "tag").values()) == 0


def test_further_series_lose_their_tags_and_keep_their_model(
    metrics: Metrics, record: MakeRecord
) -> None:
    """Past the cap of series a model's spend is still known, and untagged stays so."""
    sink = metrics.sink(tags=["team"], max_series=4)
    for team in ("a", "b", "c", "d"):
        sink.write(record(tags=Tags({"team": team})))
    sink.write(record(tags=Tags()))
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert metrics.values("bedrock_attrib.calls", "team", "model") == {
        ("a", model): 1,
        ("b", model): 1,
        ("_other", model): 2,
        ("-", model): 1,
    }
    assert metrics.values(LOST, "tag", "cap") == {
        ("team", "metric_tag_values"): 0,
        ("*", "metric_series"): 3,
    }


def test_a_unit_without_room_is_counted_without_its_tags(
    metrics: Metrics, record: MakeRecord
) -> None:
    """Where a known team starts to use images, its tokens stay its own."""
    sink = metrics.sink(tags=["team"], max_series=2)
    sink.write(record())
    image = {Unit.INPUT_TOKEN: 10, Unit.OUTPUT_IMAGE: 2}
    sink.write(record(usage=Usage(image)))
    sink.write(record(usage=Usage(image)))
    assert metrics.values("bedrock_attrib.usage", "team", "unit") == {
        ("search", "input_token"): 1020,
        ("search", "output_token"): 500,
        ("_other", "output_image"): 4,
    }
    assert metrics.values("bedrock_attrib.calls", "team") == {("search",): 3}
    assert metrics.values(LOST, "cap")["metric_series",] == 2


def test_the_last_resort_keeps_currency_and_status(
    metrics: Metrics, record: MakeRecord
) -> None:
    """When not even models have room, money is still counted as what it is."""
    sink = metrics.sink(tags=["team", "app"], max_series=1)
    for number in range(200):
        model = parse_model_id(f"acme.model-{number}")
        error = {"outcome": Outcome.ERROR, "error": f"Error{number}"}
        sink.write(record(model=model, **error))
        sink.write(record(model=model, tags=Tags(), **error))
    sink.write(record(operation="ApplyGuardrail", usage=None, cost=None))
    labels = ("team", "app", "model", "price_status", "currency", "unit_class")
    shown = metrics.values("bedrock_attrib.cost", *labels)
    assert {key: value for key, value in shown.items() if key[2] == "-"} == {
        ("_other", "_other", "-", "priced", "USD", "input"): 0.525,
        ("_other", "_other", "-", "priced", "USD", "output"): 1.3125,
        ("-", "-", "-", "priced", "USD", "input"): 0.525,
        ("-", "-", "-", "priced", "USD", "output"): 1.3125,
    }
    assert sum(metrics.values("bedrock_attrib.calls").values()) == 401
    shown = metrics.values("gen_ai.client.token.usage", "gen_ai.request.model")
    assert shown["_other",] == 525000


def test_ten_thousand_tag_sets_stay_below_the_limit_of_the_sdk(
    metrics: Metrics, record: MakeRecord, cost: MakeCost
) -> None:
    """No instrument reaches the 2,000 sets at which the SDK folds unseen."""
    sink = metrics.sink(semconv=set(SemConv))
    amounts = cost(input_token="0.003", output_token="0.0075")
    for number in range(10_000):
        tags = Tags({"team": f"team-{number % 400}", "app": f"app-{number}"})
        sink.write(record(tags=tags, cost=amounts))
    shown = metrics.collect()
    assert max(len(points) for points in shown.values()) < 2000
    assert not any(
        "otel.metric.overflow" in point.attributes
        for points in shown.values()
        for point in points
    )
    assert metrics.values("bedrock_attrib.cost", "unit_class") == {
        ("input",): pytest.approx(30),
        ("output",): pytest.approx(75),
    }
    assert metrics.values("bedrock_attrib.usage", "unit") == {
        ("input_token",): 10_000_000,
        ("output_token",): 5_000_000,
    }
    assert metrics.values("bedrock_attrib.calls") == {(): 10_000}


def test_memory_does_not_grow_with_the_number_of_tag_sets(
    metrics: Metrics, record: MakeRecord
) -> None:
    """Neither do values that are shown, nor tags that are not on the list."""
    sink = metrics.sink(histograms=False)
    plain = record()

    def write(first: int, last: int) -> None:
        for number in range(first, last):
            tags = {"team": f"team-{number}", "app": f"app-{number}", "id": f"{number}"}
            sink.write(plain._replace(tags=Tags(tags)))

    write(0, 6_000)
    tracemalloc.start()
    write(6_000, 12_000)
    before, _ = tracemalloc.get_traced_memory()
    write(12_000, 24_000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 12,000 tag sets that were kept would take 10 MB.
    assert after - before < 5_000_000


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d", None]),
        st.sampled_from(["acme.one", "acme.two", "acme.three"]),
        st.dictionaries(st.sampled_from(list(Unit)), st.integers(0, 9), max_size=4),
    ),
    max_size=30,
)


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(calls=CALLS, max_values=st.integers(1, 4), max_series=st.integers(1, 12))
def test_caps_move_counts_and_never_lose_any(
    metrics: Metrics,
    record: MakeRecord,
    calls: list[tuple[str | None, str, dict[Unit, int]]],
    max_values: int,
    max_series: int,
) -> None:
    """Whatever is folded, calls, counts and amounts add up to the same."""
    metrics.read_by(reader := InMemoryMetricReader())
    sink = metrics.sink(max_values_per_tag=max_values, max_series=max_series)
    usage: Counter[str] = Counter()
    for team, model, counts in calls:
        tags = Tags() if team is None else Tags({"team": team})
        # Eighths of a dollar are exact as floats too.
        by_unit = {unit: Decimal(count) / 8 for unit, count in counts.items()}
        cost = Cost(sum(by_unit.values(), Decimal(0)), "USD", by_unit, {})
        sink.write(
            record(
                tags=tags, model=parse_model_id(model), usage=Usage(counts), cost=cost
            )
        )
        usage.update({unit.value: count for unit, count in counts.items()})
    shown = metrics.collect(reader)
    used = [point.value for point in shown.get("bedrock_attrib.usage", [])]
    spent = [point.value for point in shown.get("bedrock_attrib.cost", [])]
    called = [point.value for point in shown.get("bedrock_attrib.calls", [])]
    assert (usage.total(), usage.total() / 8, len(calls)) == (
        sum(used),
        sum(spent),
        sum(called),
    )


def test_tags_that_are_on_no_metric_are_named_once(
    metrics: Metrics, record: MakeRecord, caplog: pytest.LogCaptureFixture
) -> None:
    """A collection names the tags of calls that become no attribute, and only once."""
    sink = metrics.sink(names_other_tags=True)
    metrics.collect()
    assert caplog.messages == []

    sink.write(record(tags=Tags({"team": "search", "tenant": "acme", "user": "ann"})))
    for _ in range(2):
        metrics.collect()
    assert [message.partition(".")[0] for message in caplog.messages] == [
        "tags that are on no metric: tenant, user"
    ]
    assert "acme" not in caplog.text


def test_a_list_of_your_own_is_taken_as_it_is(
    metrics: Metrics, record: MakeRecord, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is reminded of tags that were left out on purpose."""
    metrics.sink(tags=["team"]).write(record(tags=Tags({"tenant": "acme"})))
    metrics.collect()
    assert caplog.messages == []
