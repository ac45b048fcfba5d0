"""Injected anomalies are found, and quiet series keep silent."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kept_records import make_record
from kept_spend import HAIKU, Spent, keep_spend

from bedrock_attrib import CallRecord, ConfigError, Cost, Unit
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.reports import Step, anomalies, select

Spend = Callable[[list[Spent]], Ledger]
MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
QUIET = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def spend(keep: Callable[..., Ledger]) -> Spend:
    """Writes one call for each time, tags and amount."""
    return lambda spent: keep_spend(keep, spent)


def days(amounts: list[float], team: str = "search") -> list[Spent]:
    """So much on each day from Monday, 7 September, at noon."""
    return [
        Spent(MONDAY + number * DAY + 12 * HOUR, amount, {"team": team})
        for number, amount in enumerate(amounts)
    ]


def working_week(draw: random.Random, count: int, level: float = 100.0) -> list[float]:
    """Days that scatter by a fifth, with a tenth of it at the weekend."""
    return [
        level * (0.1 if day % 7 > 4 else 1.0) * math.exp(draw.gauss(0, 0.2))
        for day in range(count)
    ]


def test_a_day_that_costs_four_times_as_much(spend: Spend) -> None:
    """It is found, with what was expected and what drove it."""
    amounts = working_week(random.Random(1), 56)
    amounts[50] = 400.0  # a Tuesday
    (found,) = anomalies(spend(days(amounts))).anomalies
    assert found.keys == ("search", HAIKU.removeprefix("global."))
    assert found.start == MONDAY + 50 * DAY
    assert found.end == MONDAY + 51 * DAY
    assert found.actual == Decimal(400)
    assert (found.is_high, found.is_seasonal, found.stretches) == (True, True, 42)
    assert found.low < found.expected < found.high < 400
    driver = found.drivers[0]
    assert (driver.model, driver.unit) == (HAIKU, Unit.INPUT_TOKEN)
    assert driver.amount == 400
    assert 50 < driver.usual < 100


def test_a_weekend_like_a_working_day(spend: Spend) -> None:
    """A usual amount on an unusual day is found by its place in the week."""
    amounts = working_week(random.Random(2), 56)
    amounts[47] = 100.0  # a Saturday
    assert [each.start for each in anomalies(spend(days(amounts))).anomalies] == [
        MONDAY + 47 * DAY
    ]


def test_a_day_without_calls(spend: Spend) -> None:
    """Less than expected is told too, and that it is less."""
    amounts = [*working_week(random.Random(3), 44), 0.0, 100.0]
    (found,) = anomalies(spend(days(amounts))).anomalies
    assert (found.start, found.is_high) == (MONDAY + 44 * DAY, False)
    assert found.actual == 0


def test_the_last_day_is_not_low_before_it_ends(spend: Spend) -> None:
    """Half a day costs less than a day; only what is above can be told of it."""
    amounts = working_week(random.Random(4), 45)
    amounts[-1] = 10.0
    assert anomalies(spend(days(amounts))).anomalies == ()


def test_an_anomaly_does_not_hide_the_next(spend: Spend) -> None:
    """Medians are not moved by what was wild before."""
    amounts = working_week(random.Random(5), 56)
    amounts[43] = amounts[50] = 500.0
    assert [each.start for each in anomalies(spend(days(amounts))).anomalies] == [
        MONDAY + 43 * DAY,
        MONDAY + 50 * DAY,
    ]


def test_an_hour_of_the_night(spend: Spend) -> None:
    """By the hour, what is usual at noon is not at three in the morning."""
    draw = random.Random(6)
    spent = [
        Spent(
            MONDAY + hour * HOUR,
            (10.0 if 8 <= hour % 24 < 18 else 0.0) * math.exp(draw.gauss(0, 0.2)),
            {"team": "search"},
        )
        for hour in range(28 * 24)
    ]
    night = MONDAY + 26 * DAY + 3 * HOUR
    ledger = spend([*spent, Spent(night, 10.0, {"team": "search"})])
    (found,) = anomalies(ledger, step=Step.HOUR).anomalies
    assert (found.start, found.expected) == (night, 0.0)


def test_history_is_read_from_before_the_span(spend: Spend) -> None:
    """Who asks about one day gets it compared to the weeks before it."""
    amounts = working_week(random.Random(7), 56)
    amounts[20] = amounts[50] = 500.0
    found = anomalies(
        spend(days(amounts)), selection=select("2026-10-27", "2026-10-28")
    )
    assert [each.start for each in found.anomalies] == [MONDAY + 50 * DAY]


def test_sparse_and_short_series_raise_no_alarm(spend: Spend) -> None:
    """Where spend comes now and then, or just began, nothing is expected."""
    now_and_then = [0.0] * 56
    for number in (3, 17, 30, 31, 49):
        now_and_then[number] = 300.0
    young = [0.0] * 46 + [5.0] * 9 + [500.0]
    steady = [20.0 + number % 3 for number in range(56)]
    found = anomalies(
        spend(days(now_and_then, "a") + days(young, "b") + days(steady, "c"))
    )
    assert found.anomalies == ()
    assert (found.judged, found.irregular, found.too_short) == (1, 1, 1)


def test_a_job_once_a_week_is_no_anomaly(spend: Spend) -> None:
    """What comes each Monday is expected on Monday."""
    amounts = [1_000.0 if day % 7 == 0 else 10.0 for day in range(56)]
    assert anomalies(spend(days(amounts))).anomalies == ()


@pytest.mark.parametrize("level", [2.0, 5_000.0])
@pytest.mark.parametrize("weekend", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("scatter", [0.0, 0.1, 0.25])
def test_quiet_series_are_silent(
    tmp_path_factory: pytest.TempPathFactory,
    scatter: float,
    weekend: float,
    level: float,
) -> None:
    """A series that scatters and rests at weekends is quiet, but once in 420 days."""
    alarms = 0
    for seed in range(6):
        draw = random.Random(seed)
        amounts = [
            level * (weekend if day % 7 > 4 else 1.0) * math.exp(draw.gauss(0, scatter))
            for day in range(70)
        ]
        ledger = _new(tmp_path_factory, days(amounts))
        alarms += len(anomalies(ledger).anomalies)
        ledger.close()
    assert alarms <= 1


@given(
    seed=st.integers(0, 10**6),
    scatter=st.floats(0.0, 0.25),
    place=st.integers(28, 69).filter(lambda day: day % 7 < 5),
    times=st.floats(8.0, 50.0),
)
@QUIET
def test_injected_anomalies_are_found(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    scatter: float,
    place: int,
    times: float,
) -> None:
    """A day that costs many times what such days do is told, and it alone."""
    draw = random.Random(seed)
    amounts = [
        100.0 * (0.2 if day % 7 > 4 else 1.0) * math.exp(draw.gauss(0, scatter))
        for day in range(70)
    ]
    amounts[place] = 100.0 * times
    ledger = _new(tmp_path_factory, days(amounts))
    assert [each.start for each in anomalies(ledger).anomalies] == [
        MONDAY + place * DAY
    ]
    ledger.close()


def _new(factory: pytest.TempPathFactory, spent: list[Spent]) -> Ledger:
    def keep(*records: CallRecord) -> Ledger:
        ledger = Ledger(factory.mktemp("ledger") / "calls.db")
        for record in records:
            ledger.write(record)
        assert ledger.flush(10)
        return ledger

    return keep_spend(keep, spent)


def test_amounts_that_do_not_matter(spend: Spend) -> None:
    """A few cents are no anomaly, unless they are asked for."""
    amounts = [0.01] * 30 + [0.5, 0.01]
    ledger = spend(days(amounts))
    assert anomalies(ledger).anomalies == ()
    assert len(anomalies(ledger, at_least=Decimal("0.1")).anomalies) == 1


def test_days_of_a_zone(spend: Spend) -> None:
    """A day begins when it does where the team works, daylight saving included."""
    berlin = ZoneInfo("Europe/Berlin")
    spent = [
        Spent(datetime(2026, 9, 7, 0, 30, tzinfo=berlin) + n * DAY, 20.0, {"team": "a"})
        for n in range(70)
    ]
    spent.append(Spent(spent[60].at + 23 * HOUR, 200.0, {"team": "a"}))
    (found,) = anomalies(spend(spent), selection=select(zone="Europe/Berlin")).anomalies
    assert found.start == datetime(2026, 11, 6, tzinfo=berlin)


def test_spend_that_is_known_as_a_whole_only(keep: Callable[..., Ledger]) -> None:
    """Amounts that were given have no units, and drive by their model."""
    records = [
        make_record(at=MONDAY + n * DAY)._replace(
            cost=Cost(Decimal(200 if n == 20 else 10), "USD", {}, {})
        )
        for n in range(22)
    ]
    (found,) = anomalies(keep(*records)).anomalies
    assert found.drivers[0].unit is None
    assert (found.drivers[0].amount, found.drivers[0].usual) == (200, 10)


def test_wrong_figures_and_an_empty_ledger(keep: Callable[..., Ledger]) -> None:
    """The message says what is expected; without calls there is nothing to judge."""
    ledger = keep()
    with pytest.raises(ConfigError, match="by day or hour, not by week"):
        anomalies(ledger, step=Step.WEEK)
    with pytest.raises(ConfigError, match="above zero"):
        anomalies(ledger, threshold=0)
    found = anomalies(ledger)
    assert (found.anomalies, found.judged, found.since) == ((), 0, None)
