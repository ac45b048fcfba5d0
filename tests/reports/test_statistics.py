"""Statistics of the analyses, compared to SciPy and NumPy as oracles."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy import stats

from bedrock_attrib.reports._statistics.bootstrap import (
    _poisson_table,
    difference,
    holm,
    interval,
    resample,
)
from bedrock_attrib.reports._statistics.robust import nearest_rank, quantile, spread
from bedrock_attrib.reports._statistics.student_t import student_quantile

SHARES = (0.51, 0.6, 0.75, 0.9, 0.95, 0.975, 0.99, 0.999, 0.9999, 0.99999)


@pytest.mark.parametrize("freedom", [2, 2.5, 3, 3.5, 4.5, 5, 7, 10, 20.5, 50, 1000])
def test_student_quantiles_are_those_of_scipy(freedom: float) -> None:
    """The relative error stays below 0.00003 for all degrees of freedom."""
    found = [student_quantile(share, freedom) for share in SHARES]
    assert found == pytest.approx(list(stats.t.ppf(SHARES, freedom)), rel=3e-5)


def test_fewer_than_two_degrees_of_freedom_count_as_two() -> None:
    """A spread of one or two values gets the widest distribution there is."""
    assert student_quantile(0.975, 0.5) == pytest.approx(stats.t.ppf(0.975, 2))


@pytest.mark.parametrize("mean", [1, 2, 17, 100, 600])
def test_poisson_tables_are_those_of_scipy(mean: int) -> None:
    """All probabilities agree to 13 digits, and the table ends beyond any draw."""
    table = _poisson_table(mean)
    expected = stats.poisson.cdf(np.arange(len(table)), mean)
    assert table == pytest.approx(list(expected), abs=1e-13)
    assert 1 - table[-1] < 1e-12


@pytest.mark.parametrize("share", [0.0, 0.025, 0.1, 0.5, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("count", [1, 2, 20, 101])
def test_quantiles_are_those_of_numpy(share: float, count: int) -> None:
    """Interpolated quantiles and nearest ranks equal NumPy's methods of that name."""
    values = sorted(np.random.default_rng(1).normal(size=count))
    assert quantile(values, share) == pytest.approx(np.quantile(values, share))
    ranked = np.quantile(values, share, method="inverted_cdf")
    assert nearest_rank(values, share) == ranked


def test_spread_is_the_scaled_median_deviation() -> None:
    """On normal values it is SciPy's estimate, and outliers do not move it."""
    values = list(np.random.default_rng(2).normal(0, 2, 10_001))
    expected = stats.median_abs_deviation(values, center=lambda *_, **__: 0.0)
    assert spread(values) == pytest.approx(expected / stats.norm.ppf(0.75), rel=0.02)
    assert spread([*values, *[1000.0] * 50]) == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("count", [30, 100, 1000])
def test_intervals_of_normal_values_are_those_of_student(count: int) -> None:
    """Both ends lie within a tenth of the interval of SciPy's exact interval."""
    draw = random.Random(count)
    values = [draw.gauss(10, 2) for _ in range(count)]
    found = interval(resample(values, "a"), 0.95)
    low, high = stats.t.interval(0.95, count - 1, np.mean(values), stats.sem(values))
    assert found.low == pytest.approx(low, abs=0.1 * (high - low))
    assert found.high == pytest.approx(high, abs=0.1 * (high - low))


@pytest.mark.parametrize("count", [60, 200, 1000])
def test_intervals_of_skewed_values_are_those_of_a_plain_bootstrap(count: int) -> None:
    """Drawing bins gives the interval that drawing single values gives, to a tenth."""
    generator = np.random.default_rng(count)
    values = np.exp(generator.normal(0, 1, count))
    mean, error = values.mean(), stats.sem(values)
    drawn = values[generator.integers(0, count, (4000, count))]
    ratios = (drawn.mean(axis=1) - mean) / stats.sem(drawn, axis=1)
    low = mean - np.quantile(ratios, 0.975) * error
    high = mean - np.quantile(ratios, 0.025) * error
    found = interval(resample(values.tolist(), "a"), 0.95)
    assert found.low == pytest.approx(low, abs=0.1 * (high - low))
    assert found.high == pytest.approx(high, abs=0.1 * (high - low))


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 3.0])
def test_p_values_of_normal_values_are_those_of_welch(shift: float) -> None:
    """They lie within 0.05 of Welch's test, which fits normal values."""
    draw = random.Random(5)
    one = [draw.gauss(10, 2) for _ in range(100)]
    other = [draw.gauss(10 + shift, 3) for _ in range(100)]
    found = difference(resample(one, "a"), resample(other, "b"), 0.95)
    expected = stats.ttest_ind(one, other, equal_var=False).pvalue
    assert found.p_value == pytest.approx(expected, abs=0.05)


def test_holm_rejects_step_by_step() -> None:
    """A corrected value is below a level exactly where Holm's procedure rejects."""
    draw = random.Random(6)
    for _ in range(200):
        p_values = [draw.random() ** 3 for _ in range(draw.randint(1, 8))]
        corrected = holm(p_values)
        for level in (0.01, 0.05, 0.2):
            ordered = sorted(p_values)
            rejections = next(
                (
                    place
                    for place, each in enumerate(ordered)
                    if each * (len(ordered) - place) > level
                ),
                len(ordered),
            )
            rejected = set(ordered[:rejections])
            found = {
                each
                for each, value in zip(p_values, corrected, strict=True)
                if value <= level
            }
            assert found == rejected
