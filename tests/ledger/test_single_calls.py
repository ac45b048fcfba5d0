"""Single calls are added up by any field, and read field by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kept_records import MODEL, NOON, make_record
from waiting import HANG_S

from bedrock_attrib import CallRecord, Cost, LedgerError, Unit, Usage
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.ledger._store import Store

Keep = Callable[..., Ledger]
ALWAYS = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
ZERO = Decimal(0)
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


def test_calls_are_added_up_by_steps_of_duration(keep: Keep) -> None:
    """Each value is the lower end of its step; amounts stay exact."""
    durations = (0.05, 0.149, 0.1, 0.25)
    with keep(*(make_record(duration_s=each) for each in durations)).reading() as all_:
        found = all_.totals(*ALWAYS, {"duration_s": 0.1})
    assert {each.values[0]: (each.calls, each.cost) for each in found} == {
        0.0: (1, Decimal("0.001155")),
        0.1: (2, Decimal("0.002310")),
        0.2: (1, Decimal("0.001155")),
    }


def test_calls_are_added_up_by_hour_and_chosen_tags(keep: Keep) -> None:
    """Times come in steps from 1970; tags and dimensions can be chosen."""
    ledger = keep(
        make_record(),
        make_record(at=NOON + timedelta(hours=1), tags={"team": "ads"}),
        make_record(at=NOON + timedelta(hours=1)),
        make_record(model=HAIKU),
    )
    with ledger.reading() as reader:
        found = reader.totals(
            *ALWAYS,
            {"started_at": 3600},
            tags=lambda tags: tags["team"] == "search",
            dimensions=lambda each: each.model.requested == MODEL,
        )
    assert [(each.values, each.calls) for each in found] == [
        ((datetime(2026, 11, 25, 12, tzinfo=UTC),), 1),
        ((datetime(2026, 11, 25, 13, tzinfo=UTC),), 1),
    ]


def test_units_and_amounts_without_a_column_are_added_up(keep: Keep) -> None:
    """Counts and amounts without a column are in the totals too."""
    given_cost = Cost(Decimal("0.1234567890123456789"), "EUR", {}, {})
    ledger = keep(
        *(make_record(cost=given_cost) for _ in range(2)),
        make_record(Usage({Unit.INPUT_TOKEN: 10**30, Unit.SEARCH_UNIT: 2})),
    )
    with ledger.reading() as reader:
        found = {each.dimensions.currency: each for each in reader.totals(*ALWAYS, {})}
    assert found["EUR"].cost == Decimal("0.2469135780246913578")
    assert found["USD"].usage == {Unit.INPUT_TOKEN: 10**30, Unit.SEARCH_UNIT: 2}


def test_some_fields_of_every_call(keep: Keep) -> None:
    """Values are those of the record, in the order of time."""
    ledger = keep(
        make_record(at=NOON + timedelta(seconds=1), time_to_first_chunk_s=0.5),
        make_record(price_reason="why not", duration_s=2.5, tags={"team": "ads"}),
    )
    names = (
        "started_at duration_s time_to_first_chunk_s attempts price_reason tags "
        "input_token cache_read_token"
    ).split()
    with ledger.reading() as reader:
        found = list(reader.fields(*ALWAYS, names))
        shared = reader.fields(*ALWAYS, ["dimensions"])
        models = [each.model.requested for (each,) in shared]
        plain = list(reader.fields(*ALWAYS, ["attempts", "output_token"]))
    search = {"team": "search", "app": "ranker"}
    assert found == [
        (NOON, 2.5, None, 1, "why not", {"team": "ads"}, 100, None),
        (NOON + timedelta(seconds=1), 1.25, 0.5, 1, None, search, 100, None),
    ]
    assert models == [MODEL, MODEL]
    assert plain == [(1, 50), (1, 50)]


def test_an_unknown_field_is_refused(keep: Keep) -> None:
    """The error names the fields that there are."""
    with keep().reading() as reader:
        with pytest.raises(LedgerError, match=r"no field 'prompt'.*duration_s"):
            reader.fields(*ALWAYS, ["prompt"])
        with pytest.raises(LedgerError, match="no field 'cost'"):
            reader.totals(*ALWAYS, {"cost": None})
        with pytest.raises(LedgerError, match="steps of 1e-09"):
            reader.totals(*ALWAYS, {"duration_s": 1e-9})
        assert reader.totals(*ALWAYS, {}) == []


CALLS = st.tuples(
    st.integers(0, 40 * 24 * 3600),
    st.integers(0, 5_000_000),
    st.integers(0, 3000),
    st.sampled_from((MODEL, HAIKU)),
    st.sampled_from(("search", "ads")),
)


@given(
    calls=st.lists(CALLS, max_size=60),
    span=st.tuples(st.integers(0, 960), st.integers(0, 960)).map(sorted),
    width_us=st.sampled_from((1, 1000, 250_000, 1_000_000)),
)
@settings(max_examples=30, deadline=None)
def test_totals_are_those_of_the_calls(
    tmp_path_factory: pytest.TempPathFactory,
    calls: list[tuple[int, int, int, str, str]],
    span: list[int],
    width_us: int,
) -> None:
    """Any span, in steps of any width, gives what counting one by one gives."""
    origin = datetime(2026, 9, 25, tzinfo=UTC)
    records = [
        make_record(
            Usage({Unit.INPUT_TOKEN: tokens}),
            at=origin + timedelta(seconds=second),
            model=model,
            duration_s=us / 1e6,
            tags={"team": team},
        )
        for second, us, tokens, model, team in calls
    ]
    first, last = (origin + timedelta(hours=hour) for hour in span)
    expected: Counter[tuple[str, str, int]] = Counter()
    costs: Counter[tuple[str, str, int]] = Counter()
    for record in records:
        if first <= record.started_at < last and record.cost is not None:
            us = round(record.duration_s * 1e6)
            key = (record.tags["team"], record.model.requested, us // width_us)
            expected[key] += 1
            costs[key] += record.cost.total
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "calls.db")
    for record in records:
        ledger.write(record)
    assert ledger.flush(HANG_S)
    by = {"tags": None, "duration_s": width_us / 1e6}
    with ledger.reading() as reader:
        found = reader.totals(first, last, by)
    ledger.close()
    keys = [
        (
            each.values[0]["team"],
            each.dimensions.model.requested,
            round(each.values[1] * 1e6) // width_us,
        )
        for each in found
    ]
    counted: Counter[tuple[str, str, int]] = Counter()
    spent: Counter[tuple[str, str, int]] = Counter()
    for key, each in zip(keys, found, strict=True):  # dimensions may differ
        counted[key] += each.calls
        spent[key] += each.cost
    assert counted == expected
    assert spent == costs


Group = tuple[tuple[str, ...], str]


def grouped(
    rows: Iterable[tuple[tuple[str, ...], str, int, Decimal]],
) -> dict[Group, tuple[int, Decimal]]:
    """Calls and amounts by tags and model."""
    found: dict[Group, tuple[int, Decimal]] = {}
    for tags, model, calls, cost in rows:
        known = found.get((tags, model), (0, Decimal(0)))
        found[tags, model] = (known[0] + calls, known[1] + cost)
    return {key: each for key, each in found.items() if each[0]}


FEW = st.lists(st.sampled_from(("team", "app", "nobody has it")), unique=True)


@given(
    calls=st.lists(
        st.tuples(
            st.integers(0, 90 * 24 * 4),
            st.sampled_from((MODEL, HAIKU)),
            st.sampled_from("abc"),
            st.sampled_from("xyz"),
        ),
        max_size=40,
    ),
    span=st.tuples(st.integers(0, 9000), st.integers(0, 9000)).map(sorted),
    names=FEW,
)
@settings(max_examples=40, deadline=None)
def test_few_tags_add_up_to_what_all_do(
    new_place: Callable[[], Callable[[], Store]],
    calls: list[tuple[int, str, str, str]],
    span: list[int],
    names: list[str],
) -> None:
    """Sums by some tags, and totals of chosen ones, are those of the calls."""
    origin = datetime(2026, 9, 25, tzinfo=UTC)
    quarter = timedelta(minutes=15)
    records = [
        make_record(at=origin + n * quarter, model=model, tags={"team": t, "app": a})
        for n, model, t, a in calls
    ]
    first, last = (origin + number * quarter for number in span)
    ledger = Ledger(new_place()())
    for record in records:
        ledger.write(record)
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        sums = reader.sums(first, last, tag_names=names)
        totals = reader.totals(
            first, last, {"tags": None}, tags=lambda tags: tags["team"] != "b"
        )
    ledger.close()
    inside = [each for each in records if first <= each.started_at < last]

    def some(tags: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(tags.get(name, "") for name in names)

    def cost(record: CallRecord) -> Decimal:
        assert record.cost is not None
        return record.cost.total

    assert grouped(
        (
            some(each.tags),
            each.dimensions.model.requested,
            each.calls,
            each.cost or ZERO,
        )
        for each in sums
    ) == grouped(
        (some(each.tags), each.model.requested, 1, cost(each)) for each in inside
    )
    assert grouped(
        (
            (tags["team"], tags["app"]),
            each.dimensions.model.requested,
            each.calls,
            each.cost,
        )
        for each in totals
        for tags in each.values
    ) == grouped(
        ((each.tags["team"], each.tags["app"]), each.model.requested, 1, cost(each))
        for each in inside
        if each.tags["team"] != "b"
    )
