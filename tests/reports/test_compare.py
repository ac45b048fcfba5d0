"""Comparison: figures by hand, and differences apart from chance."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal, localcontext

import pytest
from kept_records import NOON, make_record
from kept_spend import HAIKU

from bedrock_attrib import CallRecord, ConfigError, Cost, Unit, Usage
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.reports import ComparisonVerdict, compare, select
from bedrock_attrib.reports._statistics.bootstrap import (
    difference,
    holm,
    interval,
    resample,
)

Keep = Callable[..., Ledger]


def of(experiment: str, tokens_in: int = 1_000, **fields: object) -> CallRecord:
    """A call of an experiment: a dollar for a million tokens."""
    usage = fields.pop("usage", Usage({Unit.INPUT_TOKEN: tokens_in}))
    return make_record(usage, tags={"experiment": experiment}, model=HAIKU, **fields)


def lognormal(draw: random.Random, count: int, centre: float = 7.0) -> list[int]:
    """Counts of tokens as they come: a few are many times the others."""
    return [int(draw.lognormvariate(centre, 0.8)) + 1 for _ in range(count)]


def test_figures_of_a_side(keep: Keep) -> None:
    """Calls, money, waste, cache and latency add up as by hand."""
    cached = Usage({Unit.INPUT_TOKEN: 3_000, Unit.CACHE_READ_TOKEN: 1_000})
    ledger = keep(
        *(of("a", 1_000, duration_s=float(n)) for n in range(1, 9)),
        of("a", usage=cached, duration_s=9.0, time_to_first_chunk_s=0.5),
        of("a", 2_000, outcome=Outcome.ABANDONED, price_status=PriceStatus.ESTIMATED),
        of(
            "a",
            usage=None,
            outcome=Outcome.ERROR,
            error="ThrottlingException",
            price_status=PriceStatus.FREE,
        ),
        of("a", tokens_in=0, duration_s=None),
        of("a", cost=None, price_status=PriceStatus.UNPRICED),
        of("b"),
    )
    group = compare(ledger, "experiment", ["a", "b"]).groups[0]
    assert (group.calls, group.failed, group.abandoned, group.unpriced) == (13, 1, 1, 1)
    # 8 x 0.001 + 0.003 + 0.0001 (cache reads cost a tenth) + 0.002
    assert group.cost == Decimal("0.0131")
    assert group.wasted == Decimal("0.002")
    assert group.cost_per_call == Decimal("0.001091666666666666666666666667")
    assert group.cost_per_success == Decimal("0.00131")
    assert group.cache_share == 1_000 / 15_000
    assert group.latency is not None
    # The call without a price was answered as well, in 1.25 seconds.
    assert (group.latency.p50, group.latency.p90, group.latency.p95) == (4.0, 8.0, 9.0)
    assert group.latency.p99 is None
    assert group.latency.first_chunk_p50 == 0.5


def test_a_side_on_which_everything_failed(keep: Keep) -> None:
    """Without a success there is no latency and no price of one."""
    failed = {"outcome": Outcome.ERROR, "price_status": PriceStatus.FREE}
    ledger = keep(of("a"), of("b", usage=None, **failed))
    group = compare(ledger, "experiment", ["a", "b"]).groups[1]
    assert (group.latency, group.cost_per_success, group.cache_share) == (
        None,
        None,
        None,
    )
    assert group.cost_per_call == 0


def test_a_real_difference_is_told(keep: Keep) -> None:
    """A prompt that costs a fifth less is cheaper, whatever the calls scatter."""
    draw = random.Random(1)
    ledger = keep(
        *(of("a", n) for n in lognormal(draw, 600)),
        *(of("b", n) for n in lognormal(draw, 600, 6.7)),
    )
    found = compare(ledger, "experiment", ["a", "b"])
    base, other = found.groups
    assert base.verdict is ComparisonVerdict.BASELINE
    assert other.verdict is ComparisonVerdict.CHEAPER
    assert other.difference is not None
    assert other.interval is not None
    assert other.difference.interval.high is not None
    assert other.difference.interval.high < 0
    assert other.interval.low < float(other.cost_per_call) < other.interval.high  # type: ignore[operator, arg-type] -- none is None
    dearer = compare(ledger, "experiment", ["a", "b"], baseline="b").groups[0]
    assert dearer.verdict is ComparisonVerdict.MORE_EXPENSIVE


def test_chance_is_called_chance(keep: Keep) -> None:
    """Many experiments that are alike show no difference: the tests are corrected."""
    draw = random.Random(5)
    ledger = keep(
        *(of(f"e{which}", n) for which in range(12) for n in lognormal(draw, 60))
    )
    found = compare(ledger, "experiment")
    assert {group.verdict for group in found.groups[1:]} == {
        ComparisonVerdict.NOT_SIGNIFICANT
    }


def test_few_calls_say_nothing(keep: Keep) -> None:
    """With nine calls there is no interval and no verdict, with 10 a rough one."""
    ledger = keep(
        *(of("nine", 1_000 + n) for n in range(9)),
        *(of("ten", 9_000 + n) for n in range(10)),
        *(of("base", 1_000 + n) for n in range(40)),
    )
    nine, ten, base = compare(
        ledger, "experiment", ["nine", "ten", "base"], baseline="base"
    ).groups
    assert (nine.verdict, nine.interval, nine.difference) == (
        ComparisonVerdict.TOO_FEW_CALLS,
        None,
        None,
    )
    assert ten.interval is not None
    assert base.interval is not None
    assert (ten.interval.is_rough, base.interval.is_rough) == (True, False)


def test_the_same_calls_give_the_same_figures(keep: Keep) -> None:
    """Seeds are fixed, and the application's decimal context does not matter."""
    ledger = keep(*(of("ab"[n % 2], 900 + 37 * n % 211) for n in range(80)))
    first = compare(ledger, "experiment")
    with localcontext(prec=3):
        assert compare(ledger, "experiment") == first


def test_filters_and_spans_hold(keep: Keep) -> None:
    """Calls outside the selection are in no figure."""
    ledger = keep(
        of("a"),
        of("b"),
        of("b", at=NOON - timedelta(days=9)),
        of("b", region="eu-west-1"),
        make_record(tags={}),
    )
    selection = select("2026-11-20", where=["region=us-east-1"])
    groups = compare(ledger, "experiment", selection=selection).groups
    assert {group.value: group.calls for group in groups} == {"a": 1, "b": 1}


def test_calls_whose_single_rows_were_forgotten(keep: Keep) -> None:
    """They count in all figures from sums; the remark counts the single calls left."""
    old = NOON - timedelta(days=40)
    ledger = keep(
        *(of("a", 2_000, at=old) for _ in range(30)),
        *(of("a", 1_000 + n) for n in range(12)),
        *(of("b", 500 + n) for n in range(12)),
        of("b", at=old, outcome=Outcome.ERROR, price_status=PriceStatus.FREE),
    )
    before = compare(ledger, "experiment", ["a", "b"]).groups
    ledger.prune(calls_before=NOON - timedelta(days=1))
    found = compare(ledger, "experiment", ["a", "b"])
    a, b = found.groups
    assert (a.calls, a.single_calls, b.calls, b.single_calls) == (42, 12, 13, 12)
    # 30 x 0.002 and 12 x 0.001, with 66 tokens more
    assert a.cost == Decimal("0.072066")
    assert (a.cost_per_call, a.cost_per_success, a.wasted) == (
        before[0].cost_per_call,
        before[0].cost_per_success,
        before[0].wasted,
    )
    assert (b.failed, b.cache_share, b.usage) == (1, 0.0, before[1].usage)
    assert a.interval is not None
    assert a.interval.high is not None
    assert a.interval.high < 0.0011  # of those that are left
    assert found.remarks == (
        (
            "24 of 55 single calls are left: intervals, tests and percentiles are "
            "based on these (a 12 of 42, b 12 of 13), all other figures on all calls"
        ),
    )


def test_sums_alone_are_compared_too(keep: Keep) -> None:
    """Without single calls there are costs, and neither intervals nor percentiles."""
    ledger = keep(
        *(of("a", 1_000) for _ in range(20)), *(of("b", 500) for _ in range(20))
    )
    ledger.prune(calls_before=NOON + timedelta(days=1))
    found = compare(ledger, "experiment")
    assert [(s.value, s.cost_per_call) for s in found.groups] == [
        ("a", Decimal("0.001")),
        ("b", Decimal("0.0005")),
    ]
    other = found.groups[1]
    assert (other.interval, other.latency, other.difference) == (None, None, None)
    assert other.verdict is ComparisonVerdict.TOO_FEW_CALLS
    assert found.remarks == (
        (
            "All single calls of this span were deleted: the figures come from hourly "
            "sums, without intervals, tests or percentiles"
        ),
    )


def test_a_side_without_any_price(keep: Keep) -> None:
    """Unknown is not zero: the group has no amount, and its calls are counted."""
    unpriced = {"cost": None, "price_status": PriceStatus.UNPRICED}
    found = compare(keep(of("a"), of("b", **unpriced)), "experiment", ["a", "b"])
    b = found.groups[1]
    assert (b.calls, b.unpriced) == (1, 1)
    assert (b.cost, b.cost_per_call, b.cost_per_success, b.wasted) == (None,) * 4
    assert found.remarks == (
        (
            "1 of 2 calls has no price: excluded from these amounts. Reasons: "
            "bedrock-attrib report unpriced"
        ),
    )


def euro(record: CallRecord) -> CallRecord:
    """*record*, paid in euros."""
    return record._replace(cost=Cost(Decimal(1), "EUR", {}, {}))


WRONG = {
    "no value": ([], {}, "none has calls in this span"),
    "one value": (
        [of("a")],
        {},
        "needs two values of experiment, but only .a. has calls in this span",
    ),
    "unknown value": ([of("a")], {"values": ["a", "c"]}, "no call has experiment=c"),
    "unknown baseline": ([of("a"), of("b")], {"baseline": "c"}, "the baseline 'c'"),
    "two currencies": ([of("a"), euro(of("b"))], {}, "priced in EUR, USD"),
    "confidence": ([of("a"), of("b")], {"confidence": 1.0}, "confidence is 1.0"),
    "a misspelt tag": (
        [of("a"), of("b")],
        {"by": "experiments"},
        "No call has a tag 'experiments' .there are experiment.; did you mean exp",
    ),
    "time": ([of("a"), of("b")], {"by": "day"}, "compare cannot be grouped by day"),
    "too many": ([of(f"{n}") for n in range(51)], {}, "has 51 values"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_compared(name: str, keep: Keep) -> None:
    """The message says what is missing."""
    records, arguments, message = WRONG[name]
    with pytest.raises(ConfigError, match=message):
        compare(keep(*records), **{"by": "experiment", **arguments})  # type: ignore[arg-type] -- wrong on purpose


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of skewed samples, about 95 in 100 intervals hold the true mean."""
    draw = random.Random(11)
    true = 2.718281828 ** (0.8**2 / 2)
    held = 0
    for number in range(60):
        values = [draw.lognormvariate(0, 0.8) for _ in range(60)]
        found = interval(resample(values, str(number), 500), 0.95)
        held += (found.low or 0.0) <= true <= (found.high or float("inf"))
    assert 53 <= held <= 60


def test_many_values_are_resampled_as_few_are() -> None:
    """Bins keep the standard error of what they hold, and nothing takes minutes."""
    draw = random.Random(2)
    values = [draw.lognormvariate(0, 1.0) for _ in range(50_000)]
    found = resample(values, "x")
    mean = sum(found.means) / len(found.means)
    error = (sum((each - mean) ** 2 for each in found.means) / len(found.means)) ** 0.5
    assert found.error == pytest.approx(error, rel=0.06)
    assert found.mean == pytest.approx(mean, rel=0.001)


def test_hundreds_of_thousands_of_values() -> None:
    """Large bins are drawn from a normal, which loses nothing."""
    found = resample([float(n % 1_000) for n in range(160_000)], "x", resamples=200)
    spread = max(found.means) - min(found.means)
    assert 3 * found.error < spread < 8 * found.error
    assert found.mean == 499.5


def test_one_wild_call_leaves_the_upper_end_open() -> None:
    """Ten calls of which one is wild do not tell how much such calls cost."""
    found = interval(resample([1.0] * 9 + [50.0], "x"), 0.95)
    assert found.high is None


def test_equal_costs() -> None:
    """Calls that all cost the same have no scatter: a difference is one."""
    one, other = resample([2.0] * 40, "a"), resample([1.0] * 40, "b")
    assert interval(one, 0.95).low == 2.0
    assert difference(one, other, 0.95).amount == 1.0
    assert difference(one, other, 0.95).p_value < 0.001
    assert difference(one, resample([2.0] * 40, "b"), 0.95).p_value == 1.0


def test_p_values_are_corrected_after_holm() -> None:
    """As in the paper: times how many are left, and never falling."""
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]
    assert holm([0.6, 0.9]) == [1.0, 1.0]


def test_answers_are_no_part_of_the_cache_share(keep: Keep) -> None:
    """It is a share of prompts, however long their answers are."""
    units = (Unit.INPUT_TOKEN, Unit.CACHE_READ_TOKEN, Unit.OUTPUT_TOKEN)
    usage = Usage(dict.fromkeys(units, 500))
    group = compare(keep(of("a", usage=usage), of("b")), "experiment", ["a", "b"])
    assert group.groups[0].cache_share == 0.5


def test_no_interval_says_that_calls_earn_money(keep: Keep) -> None:
    """Its lower end is nothing at least, however few calls cost most of it."""
    calls = [*(of("a", 1) for _ in range(20)), *(of("a", 10**6) for _ in range(2))]
    found = compare(keep(*calls, of("b")), "experiment", ["a", "b"])
    interval = found.groups[0].interval
    assert interval is not None
    assert interval.low == 0.0
