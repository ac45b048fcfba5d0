"""What a month will have cost: by hand where days are alike, by backtest elsewhere."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate

import pytest
from kept_spend import Spent, keep_spend

from bedrock_attrib import ConfigError
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.reports import forecast, select
from bedrock_attrib.reports._analysis.spend_model import SpendModel
from bedrock_attrib.reports._statistics.robust import quantile

Spend = Callable[[list[Spent]], Ledger]
DAY = timedelta(days=1)
NOVEMBER_21 = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def spend(keep: Callable[..., Ledger]) -> Spend:
    """Writes one call for each time, tags and amount."""
    return lambda spent: keep_spend(keep, spent)


def until(end: datetime, amounts: list[float], team: str = "search") -> list[Spent]:
    """So much on each of the days before *end*, at one in the morning."""
    first = end - len(amounts) * DAY
    return [
        Spent(first + n * DAY + timedelta(hours=1), amount, {"team": team})
        for n, amount in enumerate(amounts)
    ]


def test_days_that_are_alike(spend: Spend) -> None:
    """Ten days are left of November, at ten dollars each."""
    ledger = spend(until(NOVEMBER_21, [10.0] * 50))
    found = forecast(ledger, now=NOVEMBER_21)
    assert found.month == datetime(2026, 11, 1, tzinfo=UTC)
    assert found.end == datetime(2026, 12, 1, tzinfo=UTC)
    assert found.spent == Decimal(200)
    assert found.expected == pytest.approx(300)
    assert found.low is not None
    assert found.high is not None
    assert 290 < found.low < 300 < found.high < 310
    assert (found.days, found.is_by_weekday) == (49, True)
    assert (found.budget, found.over_budget, found.budget_day) == (None, None, None)


def test_a_quarter_of_today_is_left(spend: Spend) -> None:
    """Today counts for what is left of it."""
    now = NOVEMBER_21 + timedelta(hours=18)
    ledger = spend(until(NOVEMBER_21 + DAY, [10.0] * 51))
    found = forecast(ledger, now=now)
    assert found.spent == Decimal(210)
    assert found.expected == pytest.approx(210 + 9 * 10 + 2.5)


def test_weekends_are_told_apart(spend: Spend) -> None:
    """Six working days and four of weekends are left."""
    start = NOVEMBER_21 - 49 * DAY
    amounts = [1.0 if (start + n * DAY).weekday() > 4 else 20.0 for n in range(49)]
    found = forecast(spend(until(NOVEMBER_21, amounts)), now=NOVEMBER_21)
    # From Saturday the 21st: 21, 22, 28 and 29 are weekend.
    assert found.expected == pytest.approx(float(found.spent) + 6 * 20 + 4 * 1)


def test_one_wild_day_does_not_set_the_level(spend: Spend) -> None:
    """A backfill last week is not expected again."""
    amounts = [10.0 + n % 2 for n in range(49)]
    amounts[44] = 900.0
    found = forecast(spend(until(NOVEMBER_21, amounts)), now=NOVEMBER_21)
    assert found.expected is not None
    assert 100 < found.expected - float(found.spent) < 115


def test_a_budget(spend: Spend) -> None:
    """How likely it is to be passed, and when."""
    ledger = spend(until(NOVEMBER_21, [10.0 + n % 3 for n in range(50)]))
    short = forecast(ledger, budget=Decimal(250), now=NOVEMBER_21)
    assert (short.over_budget, short.budget_day) == (1.0, date(2026, 11, 23))
    ample = forecast(ledger, budget=Decimal(900), now=NOVEMBER_21)
    assert (ample.over_budget, ample.budget_day) == (0.0, None)
    gone = forecast(ledger, budget=Decimal(50), now=NOVEMBER_21)
    assert (gone.over_budget, gone.budget_day) == (1.0, date(2026, 11, 20))
    assert short.expected is not None
    even = forecast(
        ledger, budget=Decimal(str(round(short.expected, 6))), now=NOVEMBER_21
    )
    assert even.over_budget == pytest.approx(0.5, abs=0.1)


def test_little_history_says_little(spend: Spend) -> None:
    """Six days have no interval, one has a rate, and none has nothing."""
    six = forecast(spend(until(NOVEMBER_21, [10.0] * 7)), now=NOVEMBER_21)
    # The first day began before the first hour with a call, so it is not whole.
    assert (six.days, six.low, six.high) == (6, None, None)
    assert six.expected == pytest.approx(170)
    assert not six.is_by_weekday
    none = forecast(spend([]), select(where=["team=ads"]), now=NOVEMBER_21)
    assert (none.spent, none.expected, none.days) == (Decimal(0), None, 0)


def test_an_empty_ledger_and_its_budget(spend: Spend) -> None:
    """Without any call nothing can be said."""
    found = forecast(spend([]), budget=Decimal(5), now=NOVEMBER_21)
    assert (found.expected, found.over_budget, found.budget_day) == (None, None, None)


def test_the_end_of_the_span_is_the_present(spend: Spend) -> None:
    """A past month can be forecast as it stood, and a filter holds."""
    ledger = spend(
        until(NOVEMBER_21, [10.0] * 50) + until(NOVEMBER_21, [99.0] * 50, "ads")
    )
    selection = select(until="2026-11-10", where=["team=search"])
    found = forecast(ledger, selection, now=NOVEMBER_21)
    assert found.as_of == datetime(2026, 11, 11, tzinfo=UTC)
    assert found.spent == Decimal(100)
    assert found.expected == pytest.approx(300)
    whole = forecast(ledger, select(until="2026-10"), now=NOVEMBER_21)
    assert whole.month == datetime(2026, 10, 1, tzinfo=UTC)
    assert whole.expected == float(whole.spent)


def test_the_begin_of_the_span_is_that_of_the_history(spend: Spend) -> None:
    """Who cuts off the past gets a forecast from what is left."""
    ledger = spend(until(NOVEMBER_21, [90.0] * 30 + [10.0] * 10))
    found = forecast(ledger, select("2026-11-11"), now=NOVEMBER_21)
    assert found.days == 10
    assert found.spent == Decimal(1000)  # of the whole month, nevertheless
    assert found.expected == pytest.approx(1100)


def test_a_pause_of_weeks_is_not_divided_by(spend: Spend) -> None:
    """Days without spend around them say nothing of the scatter."""
    ledger = spend(until(NOVEMBER_21, [10.0] * 3 + [0.0] * 20 + [10.0] * 27))
    assert forecast(ledger, now=NOVEMBER_21).expected is not None


def test_a_month_of_a_zone_with_a_longer_day(spend: Spend) -> None:
    """October has a day of 25 hours in Berlin, of which half may be left."""
    selection = select(until="2026-10-25T12:00", zone="Europe/Berlin")
    ledger = spend(until(datetime(2026, 10, 25, tzinfo=UTC), [24.0] * 40))
    found = forecast(ledger, selection, now=NOVEMBER_21)
    assert found.expected is not None
    ahead = found.expected - float(found.spent)
    assert ahead == pytest.approx(24 * (12 / 25 + 6), rel=0.01)


WRONG = {
    "confidence": ({"confidence": 0.2}, "confidence is 0.2"),
    "budget": ({"budget": Decimal(0)}, "the budget is 0"),
    "no budget": ({"budget": Decimal("NaN")}, "the budget is NaN"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_figures(name: str, spend: Spend) -> None:
    """The message says what is expected."""
    arguments, message = WRONG[name]
    with pytest.raises(ConfigError, match=message):
        forecast(spend([]), now=NOVEMBER_21, **arguments)  # type: ignore[arg-type] -- wrong on purpose


SHAPES = {
    "steady": (0.0, 0.0, 0.0),
    "drifting": (0.03, 0.0, 0.0),
    "growing": (0.0, 0.005, 0.0),
    "wild days": (0.0, 0.0, 0.05),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_intervals_hold_what_comes(shape: str) -> None:
    """In a backtest, intervals of 80 % hold the coming days about as often.

    Series have weekends and scatter by a quarter; some drift, grow, or go wild on one
    day in twenty. Seven weeks are looked at, and 5 to 25 days are to come.
    """
    drift, growth, wild = SHAPES[shape]
    held = 0
    for number in range(40):
        draw = random.Random(f"{shape} {number}")
        ahead = 5 + number // 2
        level = accumulate(growth + draw.gauss(0, drift) for _ in range(49 + ahead))
        series = [
            (
                date(2026, 9, 7) + n * DAY,
                math.exp(height + draw.gauss(0, 0.25))
                * (0.2 if n % 7 > 4 else 1.0)
                * (6 if draw.random() < wild else 1),
            )
            for n, height in enumerate(level)
        ]
        model = SpendModel.of(series[:49])
        assert model is not None
        sums = model.draw([(day, 1.0) for day, _ in series[49:]], draws=400)
        actual = sum(amount for _, amount in series[49:])
        held += quantile(sums, 0.1) <= actual <= quantile(sums, 0.9)
    assert 27 <= held <= 40


def test_most_days_are_empty() -> None:
    """Spend on one day in ten is spread over all of them."""
    days = [
        (date(2026, 9, 7) + n * DAY, 100.0 if n % 10 == 0 else 0.0) for n in range(50)
    ]
    model = SpendModel.of(days)
    assert model is not None
    assert model.weekdays == (1.0,) * 7


def test_the_ends_leave_out_as_much_on_either_side(spend: Spend) -> None:
    """A tenth of all months lies above an interval of 80 %."""
    amounts = [10.0 + n % 5 for n in range(49)]
    ledger = spend(until(NOVEMBER_21, amounts))
    found = forecast(ledger, now=NOVEMBER_21)
    for end, expected in ((found.high, 0.1), (found.low, 0.9)):
        assert end is not None
        told = forecast(ledger, now=NOVEMBER_21, budget=Decimal(str(end)))
        assert told.over_budget == pytest.approx(expected, abs=0.005)


def test_a_budget_that_is_spent_is_so_by_now(spend: Spend) -> None:
    """However far beyond it is, and when the month is over too."""
    december = datetime(2026, 12, 1, tzinfo=UTC)
    ledger = spend(until(december, [10.0] * 60))
    for now, day in ((NOVEMBER_21 + DAY / 2, 21), (NOVEMBER_21, 20), (december, 30)):
        found = forecast(ledger, now=now, budget=Decimal(150))
        assert (found.budget_day, found.over_budget) == (date(2026, 11, day), 1.0)


def test_what_grows_week_by_week_goes_on_growing(spend: Spend) -> None:
    """The level of today is that of the last two weeks, a week on."""
    amounts = [10.0 * 1.2 ** (n / 7) for n in range(56)]
    found = forecast(spend(until(NOVEMBER_21, amounts)), now=NOVEMBER_21)
    ahead = sum(10.0 * 1.2 ** (n / 7) for n in range(56, 66))
    assert found.expected is not None
    assert found.expected - float(found.spent) == pytest.approx(ahead, rel=0.05)
