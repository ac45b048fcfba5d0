"""Injected anomalies are found, and quiet series keep silent."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from kept_records import make_record
from kept_spend import HAIKU, Spent, keep_spend
from waiting import HANG_S

from bedrock_attrib import CallRecord, ConfigError, Cost, Unit, Usage
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.reports import Step, anomalies, select

Spend = Callable[[list[Spent]], Ledger]
MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
QUIET = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
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
    """An amount below the range is reported as such."""
    amounts = [*working_week(random.Random(3), 44), 0.0, 100.0]
    (found,) = anomalies(spend(days(amounts))).anomalies
    assert (found.start, found.is_high) == (MONDAY + 44 * DAY, False)
    assert found.actual == 0


def test_the_last_day_is_not_low_before_it_ends(spend: Spend) -> None:
    """An incomplete day is reported only if it is above the range."""
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


def test_a_scatter_beyond_all_measure_surprises_nobody(spend: Spend) -> None:
    """Three weeks from a cent to thousands leave anything to be expected."""
    weekly = [1.0, 0.01, 1.0, 50_000.0, 400.0]  # the first day is cut
    spent = [
        Spent(MONDAY + week * 7 * DAY + 12 * HOUR, amount, {"team": "search"})
        for week, amount in enumerate(weekly)
    ]
    found = anomalies(spend(spent))
    assert (found.judged, found.irregular, found.anomalies) == (1, 0, ())


def test_an_hour_that_comes_twice(spend: Spend) -> None:
    """When clocks are put back, the second hour of a name has a past of its own."""
    hour = datetime(2026, 10, 25, 1, tzinfo=UTC)  # two o'clock in Berlin, again
    spent = [
        Spent(hour + number * HOUR, 90.0 if number == 0 else 2.0, {"team": "search"})
        for number in range(-100, 3)
    ]
    berlin = select("2026-10-25T01:00", "2026-10-25T03:00", zone="Europe/Berlin")
    (found,) = anomalies(spend(spent), (), berlin, step=Step.HOUR).anomalies
    assert found.start.isoformat() == "2026-10-25T02:00:00+01:00"
    assert (found.stretches, found.drivers[0].usual) == (100, 2)


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
    young = [0.0] * 46 + [5.0] * 10
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


def poisson(draw: random.Random, mean: float) -> int:
    """How many events come by chance."""
    count, left = 0, draw.expovariate(1)
    while left < mean:
        count, left = count + 1, left + draw.expovariate(1)
    return count


# How quiet days come about, by the mean of a day.
QUIET_DAYS: dict[str, Callable[[random.Random, float], float]] = {
    "few calls of 5 dollars": lambda draw, part: 5.0 * poisson(draw, 6 * part),
    "many small calls": lambda draw, part: 0.5 * poisson(draw, 80 * part),
    "waiting times": lambda draw, part: draw.gammavariate(2, 20) * part,
    "sums of many": lambda draw, part: draw.gammavariate(20, 5) * part,
    "a tenth more or less": lambda draw, part: 50 * part * math.exp(draw.gauss(0, 0.1)),
    "half more or less": lambda draw, part: 50 * part * math.exp(draw.gauss(0, 0.4)),
    "always the same": lambda _, part: 50.0 * part,
}
WEEKENDS = (1.0, 0.4, 0.1, 0.0)


@given(seed=st.integers(0, 10**9))
@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_quiet_series_are_silent(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Of 1,000 days of quiet series, at most one is called an anomaly by chance.

    Nearer to one in 20,000, so that no seed fails this by bad luck.
    """
    draw = random.Random(seed)
    ledger = _new(
        tmp_path_factory,
        [
            spent
            for name, amount in QUIET_DAYS.items()
            for weekend in WEEKENDS
            for spent in days(
                [amount(draw, weekend if d % 7 > 4 else 1.0) for d in range(57)],
                f"{name}, {weekend}",
            )
        ],
    )
    found = anomalies(ledger)
    ledger.close()
    assert found.judged == len(QUIET_DAYS) * len(WEEKENDS)
    series_days = found.judged * (57 - 14)
    assert 1_000 * len(found.anomalies) <= series_days + 1_000


def planted(seed: int, scatter: float, weekend: float = 0.2) -> list[float]:
    """57 days of about 100 dollars, Tuesday the 51st day (place 50) among them."""
    draw = random.Random(seed)
    return [
        100 * (weekend if day % 7 > 4 else 1.0) * math.exp(draw.gauss(0, scatter))
        for day in range(57)
    ]


@pytest.mark.parametrize(("times", "scatter"), [(3.0, 0.1), (5.0, 0.2)])
def test_how_many_planted_spikes_are_found(
    spend: Spend, times: float, scatter: float
) -> None:
    """Three times the usual at 10% scatter, five times at 20%: 19 in 20 at least."""
    spent = []
    for number in range(40):
        amounts = planted(number, scatter)
        amounts[50] *= times
        spent += days(amounts, f"{number}")
    found = anomalies(spend(spent)).anomalies
    assert sum(each.start == MONDAY + 50 * DAY for each in found) >= 38
    assert len(found) <= 42


def test_a_step_is_found_when_it_comes(spend: Spend) -> None:
    """A series that triples is reported from its first day on."""
    amounts = [each * (3 if n >= 50 else 1) for n, each in enumerate(planted(3, 0.1))]
    found = anomalies(spend(days(amounts))).anomalies
    assert min(each.start for each in found) == MONDAY + 50 * DAY
    assert all(each.is_high for each in found)


def test_a_new_model_that_is_dear(keep: Callable[..., Ledger]) -> None:
    """It has no history, and is reported by what it adds to its team."""
    old = days(planted(4, 0.1))
    sonnet = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    new = make_record(
        Usage({Unit.INPUT_TOKEN: 100_000_000}),
        at=MONDAY + 50 * DAY + 9 * HOUR,
        tags={"team": "search"},
        model=sonnet,
    )
    ledger = keep_spend(lambda *records: keep(*records, new), old)
    (found,) = anomalies(ledger).anomalies
    assert (found.keys, found.start) == (("search",), MONDAY + 50 * DAY)
    assert found.drivers[0].model == sonnet
    assert (found.drivers[0].amount, found.drivers[0].usual) == (Decimal(330), 0)
    assert anomalies(ledger, ["model"]).anomalies[0].keys == ()
    assert anomalies(ledger, ["team"]).anomalies[0].keys == ("search",)


def test_a_loop_in_the_night(spend: Spend) -> None:
    """Spend in usually idle hours is reported."""
    draw = random.Random(8)
    spent = [
        Spent(
            MONDAY + hour * HOUR,
            (20.0 if 8 <= hour % 24 < 18 else 0.2) * math.exp(draw.gauss(0, 0.2)),
            {"team": "search"},
        )
        for hour in range(28 * 24)
    ]
    loop = [MONDAY + 26 * DAY + hour * HOUR for hour in (1, 2, 3, 4)]
    ledger = spend([*spent, *(Spent(at, 15.0, {"team": "search"}) for at in loop)])
    found = anomalies(ledger, step=Step.HOUR).anomalies
    assert sorted(each.start for each in found) == loop


def test_an_idle_hour_that_clocks_repeat(spend: Spend) -> None:
    """Where only an idle hour has been three times, nothing is known of scatter."""
    adelaide = ZoneInfo("Australia/Adelaide")  # half an hour off, and clocks change
    working = [
        Spent(datetime(2026, month, day, hour, 5, tzinfo=adelaide), 10.0, {"team": "a"})
        for month, days_of in ((3, (30, 31)), (4, (1, 2, 3, *range(6, 11))))
        for day in days_of
        for hour in range(8, 18)
    ]
    first = Spent(datetime(2026, 3, 29, 1, 35, tzinfo=adelaide), 10.0, {"team": "a"})
    # On the Sunday before, it was two o'clock twice.
    night = Spent(datetime(2026, 4, 12, 2, 5, tzinfo=adelaide), 10.0, {"team": "a"})
    found = anomalies(
        spend([first, *working, night]),
        selection=select("2026-04-12T02:00", zone="Australia/Adelaide"),
        step=Step.HOUR,
    )
    assert (found.anomalies, found.judged) == ((), 1)


# As tables have them, to three digits behind the point.
STUDENT = [
    (0.975, 1, 4.303),  # that of two degrees of freedom, which are the least
    (0.9999, 2, 70.700),
    (0.999, 3, 10.215),
    (0.9999, 4, 13.034),
    (0.75, 3, 0.7649),
    (0.975, 10, 2.228),
    (0.9999, 21, 4.492),
    (0.95, 1_000, 1.646),
]


def test_a_threshold_of_ones_own(spend: Spend) -> None:
    """Whoever asks for so many standard deviations gets them."""
    amounts = planted(5, 0.2)
    amounts[50] *= 2.4
    ledger = spend(days(amounts))
    assert anomalies(ledger).anomalies == ()
    assert MONDAY + 50 * DAY in {
        e.start for e in anomalies(ledger, threshold=2).anomalies
    }


@example(seed=75983, scatter=0.125, place=42, times=8.0)
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
    """The day with the largest difference is reported first."""
    draw = random.Random(seed)
    amounts = [
        100.0 * (0.2 if day % 7 > 4 else 1.0) * math.exp(draw.gauss(0, scatter))
        for day in range(70)
    ]
    amounts[place] = 100.0 * times
    ledger = _new(tmp_path_factory, days(amounts))
    # In one of some hundred reports, another day is told by chance.
    found = anomalies(ledger).anomalies
    ledger.close()
    assert found[0].start == MONDAY + place * DAY
    assert len(found) < 3


def _new(factory: pytest.TempPathFactory, spent: list[Spent]) -> Ledger:
    def keep(*records: CallRecord) -> Ledger:
        ledger = Ledger(factory.mktemp("ledger") / "calls.db")
        for record in records:
            ledger.write(record)
        assert ledger.flush(HANG_S)
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
    """The message says what is expected; without calls nothing is checked."""
    ledger = keep()
    with pytest.raises(ConfigError, match="the step is week; expected day or hour"):
        anomalies(ledger, step=Step.WEEK)
    for threshold in (0, math.nan, math.inf):
        with pytest.raises(ConfigError, match=f"{threshold} and the least .* zero or"):
            anomalies(ledger, threshold=threshold)
    for at_least in ("-1", "NaN", "Infinity"):
        with pytest.raises(ConfigError, match=f"difference {at_least}; expected"):
            anomalies(ledger, at_least=Decimal(at_least))
    found = anomalies(ledger)
    assert (found.anomalies, found.judged, found.since) == ((), 0, None)


def test_what_differs_most_comes_first(spend: Spend) -> None:
    """A day without spend differs by all that was expected, however little it cost."""
    large = [100.0] * 30
    large[25] = 0.0
    small = [1.0] * 30
    small[26] = 20.0
    found = anomalies(spend([*days(large), *days(small, "ads")]), ("team",)).anomalies
    assert [(each.keys, each.actual) for each in found] == [
        (("search",), 0),
        (("ads",), 20),
    ]
