"""What is written to a ledger is read back as it was, and adds up exactly."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kept_records import MODEL, NOON, RECORDS, USAGE, make_record
from waiting import HANG_S

from bedrock_attrib import CallRecord, Unit, Usage
from bedrock_attrib._model.record import PriceStatus
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.ledger._store import Store
from bedrock_attrib.ledger._time_buckets import cover

Keep = Callable[..., Ledger]
Place = Callable[[], Store]
DAY = timedelta(days=1)
ALWAYS = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_comes_back_as_it_was(name: str, keep: Keep) -> None:
    """Every field survives, what is unknown included."""
    record = RECORDS[name]
    ledger = keep(record)
    with ledger.reading() as reader:
        (found,) = reader.calls(datetime(1900, 1, 1, tzinfo=UTC), ALWAYS[1])
    assert found._asdict() == record._asdict()
    ledger.close()


def test_calls_without_a_duration_add_none(keep: Keep) -> None:
    """The sum of seconds is that of the calls that have a duration."""
    ledger = keep(make_record(duration_s=None), make_record(duration_s=None))
    spans = (ALWAYS, (NOON, NOON + timedelta(seconds=1)))
    with ledger.reading() as reader:
        totals = [total for span in spans for total in reader.sums(*span)]
    assert [(total.calls, total.duration_s) for total in totals] == [(2, 0.0)] * 2
    ledger.close()


def test_sums_are_exact(keep: Keep) -> None:
    """Return calls, counts and amounts by tags and dimensions."""
    ledger = keep(*(make_record() for _ in range(3)), make_record(tags={"team": "ads"}))
    with ledger.reading() as reader:
        sums = {each.tags["team"]: each for each in reader.sums(*ALWAYS)}
    assert {team: each.calls for team, each in sums.items()} == {"search": 3, "ads": 1}
    assert sums["search"].usage == {Unit.INPUT_TOKEN: 300, Unit.OUTPUT_TOKEN: 150}
    # 300 x 3.30 and 150 x 16.50 USD for a million: regional prices are 10 % higher.
    assert sums["search"].cost == Decimal("0.003465")
    assert sums["ads"].cost == Decimal("0.001155")
    assert sums["search"].duration_s == 3.75
    ledger.close()


AROUND = st.integers(0, 100 * 24 * 60).map(
    lambda minutes: datetime(2026, 9, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(
    starts=st.lists(AROUND, min_size=1, max_size=30),
    span=st.tuples(AROUND, AROUND).map(sorted),
    zone=st.integers(-14 * 4, 14 * 4).map(
        lambda n: timezone(timedelta(minutes=15 * n))
    ),
)
@settings(max_examples=60, deadline=None)
def test_sums_of_any_span(
    new_place: Callable[[], Place],
    starts: list[datetime],
    span: list[datetime],
    zone: timezone,
) -> None:
    """However a span lies to hours, days and months, it holds the calls within it."""
    first, last = (at.astimezone(zone) for at in span)
    ledger = Ledger(new_place()())
    for at in starts:
        ledger.write(make_record(at=at))
    ledger.write(
        make_record(
            Usage({Unit.SEARCH_UNIT: 1}), at=starts[0], model="cohere.rerank-v3-5:0"
        )
    )
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        sums = reader.sums(first, last)
        single = list(reader.calls(first, last))
    inside = [at for at in [*starts, starts[0]] if first <= at < last]
    assert sum(each.calls for each in sums) == len(inside)
    assert sum(each.cost or 0 for each in sums) == sum(
        record.cost.total for record in single if record.cost is not None
    )
    assert [record.started_at for record in single] == sorted(inside)
    ledger.close()


def test_whole_months_are_read_as_such() -> None:
    """A year and some hours take few steps."""
    start = datetime(2025, 12, 31, 22, tzinfo=UTC)
    end = datetime(2027, 1, 2, 3, 30, tzinfo=UTC)
    us = [int(at.timestamp()) * 1_000_000 for at in (start, end)]
    found = [
        (None if each.level is None else each.level.name, each.last - each.first + 1)
        for each in cover(*us)
    ]
    assert found[:4] == [("HOUR", 2), ("MONTH", 12), ("DAY", 1), ("HOUR", 3)]
    assert [level for level, _ in found[4:]] == [None]


def test_a_correction_takes_the_place_of_what_was_written(keep: Keep) -> None:
    """Model, price and sums become those that were found out; the call is one call."""
    record = make_record()
    unpriced = record._replace(
        cost=None, price_status=PriceStatus.UNPRICED, price_reason="being looked up"
    )
    ledger = keep(unpriced, make_record())
    ledger.correct(unpriced, record)
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        sums = reader.sums(*ALWAYS)
        single = list(reader.calls(*ALWAYS))
    assert [(each.calls, each.cost) for each in sums] == [(2, Decimal("0.00231"))]
    assert record in single
    assert len(single) == 2
    ledger.close()


def test_calls_of_one_microsecond(place: Place) -> None:
    """Two ledgers that write calls of the same moment store both."""
    ledgers = [Ledger(place()) for _ in range(3)]
    for _ in range(700):
        for ledger in ledgers:
            ledger.write(make_record())
    assert all(ledger.flush(HANG_S) for ledger in ledgers)
    with ledgers[0].reading() as reader:
        ids = {record.id for record in reader.calls(*ALWAYS)}
        (total,) = reader.sums(*ALWAYS)
    assert len(ids) == 2100
    assert total.calls == 2100
    for ledger in ledgers:
        assert ledger.dropped == 0
        ledger.close()


def test_old_calls_are_forgotten_and_their_sums_stay(keep: Keep) -> None:
    """Retention deletes single calls; the month is still right."""
    ledger = keep(make_record(at=NOON - 40 * DAY), make_record())
    assert ledger.prune(calls_before=NOON - DAY) == 1
    ledger.compact()
    with ledger.reading() as reader:
        assert reader.count_calls() == 1
        assert sum(each.calls for each in reader.sums(*ALWAYS)) == 2
    ledger.prune(sums_before=NOON - DAY)
    with ledger.reading() as reader:
        assert sum(each.calls for each in reader.sums(*ALWAYS)) == 1
    ledger.close()


def test_a_record_that_cannot_be_kept_takes_no_other_with_it(keep: Keep) -> None:
    """It alone is lost, and counted."""
    records = [make_record(duration_s=float("inf") if n == 3 else 1) for n in range(9)]
    ledger = keep(*records)
    with ledger.reading() as reader:
        found = {record.id for record in reader.calls(*ALWAYS)}
        assert sum(each.calls for each in reader.sums(*ALWAYS)) == 8
    assert found == {record.id for record in records} - {records[3].id}
    assert ledger.dropped == 1
    ledger.close()


def test_threads_take_turns(keep: Keep) -> None:
    """Retention waits for the thread that writes, and does not break into its work."""
    ledger = keep(make_record())
    entered, leave = threading.Event(), threading.Event()

    def write() -> None:
        with ledger.store.transaction():
            entered.set()
            leave.wait(HANG_S)

    thread = threading.Thread(target=write)
    thread.start()
    assert entered.wait(HANG_S)
    timer = threading.Timer(0.1, leave.set)
    timer.start()
    assert ledger.prune(calls_before=ALWAYS[1]) == 1
    thread.join(HANG_S)
    timer.join(HANG_S)
    ledger.close()


def test_models_are_told_apart(keep: Keep) -> None:
    """The same model by two names, and two regions, have dimensions of their own."""
    ledger = keep(
        make_record(),
        make_record(region="eu-central-1"),
        make_record(model=MODEL.removeprefix("us.")),
    )
    with ledger.reading() as reader:
        kinds = {
            (each.dimensions.model.requested, each.dimensions.region)
            for each in reader.sums(*ALWAYS)
        }
    assert kinds == {
        (MODEL, "us-east-1"),
        (MODEL, "eu-central-1"),
        (MODEL.removeprefix("us."), "us-east-1"),
    }
    ledger.close()


COUNT = st.integers(0, 10**7)


@given(st.lists(st.dictionaries(st.sampled_from(Unit), COUNT, max_size=4), max_size=12))
@settings(max_examples=40, deadline=None)
def test_any_usage_adds_up(
    new_place: Callable[[], Place], usages: list[dict[Unit, int]]
) -> None:
    """Sums of counts and of amounts are those of the records, to the last digit."""
    ledger = Ledger(new_place()())
    records: list[CallRecord] = [make_record(Usage(counts)) for counts in usages]
    for record in records:
        ledger.write(record)
    assert ledger.flush(HANG_S)
    expected = sum(
        (record.cost.total for record in records if record.cost is not None), Decimal(0)
    )
    counted: dict[Unit, int] = {}
    with ledger.reading() as reader:
        sums = reader.sums(*ALWAYS)
        found = {record.id: record for record in reader.calls(*ALWAYS)}
    for each in sums:
        for unit, count in each.usage.items():
            counted[unit] = counted.get(unit, 0) + count
    everything: dict[Unit, int] = {}
    for counts in usages:
        for unit, count in counts.items():
            everything[unit] = everything.get(unit, 0) + count
    assert sum((each.cost or Decimal(0) for each in sums), Decimal(0)) == expected
    assert counted == {unit: count for unit, count in everything.items() if count}
    assert [found[record.id] for record in records] == records
    ledger.close()


def test_usage_is_said_of_what_is_read() -> None:
    """The fixture's own call, so that the figures above can be followed."""
    assert dict(USAGE) == {Unit.INPUT_TOKEN: 100, Unit.OUTPUT_TOKEN: 50}
