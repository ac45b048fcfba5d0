"""Money, counts and shares are written in one format everywhere."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_attrib._model import formatting

AMOUNTS = st.decimals(min_value="1e-11", max_value="1e9", allow_nan=False)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1234567.891", "$1,234,567.89"),
        ("1.2345", "$1.23"),
        ("0.9996", "$1.00"),
        ("0.5", "$0.50"),
        ("0.0526", "$0.0526"),
        ("0.052597895", "$0.0526"),
        ("0.00042", "$0.00042"),
        ("0.000000123456", "$0.000000123"),
        ("1e-20", "<$0.000000000001"),
        ("0", "$0.00"),
        ("0E-30", "$0.00"),
        ("-0.00042", "-$0.00042"),
        ("-1e-20", ">-$0.000000000001"),
    ],
)
def test_money_has_cents_or_three_significant_digits(amount: str, text: str) -> None:
    """An amount is short, and small ones are still told apart."""
    assert formatting.money(Decimal(amount)) == text


def test_an_unknown_amount_is_not_zero() -> None:
    """An amount that is not known is called unpriced."""
    assert formatting.money(None) == "unpriced"


def test_another_currency_has_its_code() -> None:
    """Only US dollars have a sign."""
    assert formatting.money(Decimal("0.25"), "EUR") == "0.25 EUR"
    assert formatting.exact_money(Decimal("0.125"), "EUR") == "0.125 EUR"


@given(AMOUNTS)
def test_money_is_within_half_a_percent(amount: Decimal) -> None:
    """Rounding changes no amount from 1e-10 up by more than half a percent."""
    shown = Decimal(formatting.money(amount).lstrip("<$").replace(",", ""))
    assert abs(shown - amount) <= max(amount / 200, Decimal("1e-12"))


@given(AMOUNTS)
def test_exact_money_has_every_digit(amount: Decimal) -> None:
    """An exact amount can be read back."""
    text = formatting.exact_money(amount)
    assert Decimal(text.removeprefix("$").replace(",", "")) == amount


def test_exact_money_is_aligned_by_decimals() -> None:
    """Amounts of a column have as many decimals as the one that needs most."""
    amounts = [Decimal("1.5"), Decimal("0.00125")]
    decimals = formatting.decimals_of(amounts)
    assert decimals == 5
    assert [formatting.exact_money(each, "USD", decimals) for each in amounts] == [
        "$1.50000",
        "$0.00125",
    ]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1.0k"),
        (1_250, "1.2k"),
        (9_949, "9.9k"),
        (9_950, "10k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (3_400_000_000, "3.4G"),
        (2 * 10**12, "2.0T"),
        (5 * 10**16, "50000T"),
    ],
)
def test_a_short_count_has_four_characters(count: int, text: str) -> None:
    """A large count is shortened to a few characters."""
    assert formatting.short_count(count) == text


def test_a_number_of_things_agrees_with_its_noun() -> None:
    """One thing is singular, all other numbers are plural."""
    assert formatting.counted(1, "call") == "1 call"
    assert formatting.counted(1_200, "call") == "1,200 calls"
    assert formatting.counted(2, "anomaly", "anomalies") == "2 anomalies"


def test_a_share_is_not_rounded_to_nothing() -> None:
    """A small share is below a tenth of a percent, and an unknown one is empty."""
    shares = (0, 0.0004, 0.0005, Decimal("0.5"), 1, None)
    assert [formatting.share(each) for each in shares] == [
        "0.0%",
        "<0.1%",
        "0.1%",
        "50.0%",
        "100.0%",
        "",
    ]
    assert [formatting.signed_share(each) for each in (-0.5, 0, None)] == [
        "-50.0%",
        "0.0%",
        "",
    ]


def test_a_chance_is_never_called_certain() -> None:
    """Only a probability of exactly zero or one is written as such."""
    chances = [formatting.chance(each) for each in (0, 0.001, 0.5, 0.999, 1)]
    assert chances == ["0%", "less than 1%", "50%", "more than 99%", "100%"]


def test_a_duration_has_the_largest_unit_that_divides_it() -> None:
    """Hours, minutes or seconds, whichever gives a whole number."""
    lengths = [formatting.duration(each) for each in (86_400, 300, 90, 0.5)]
    assert lengths == ["24 h", "5 min", "90 s", "0.5 s"]


def test_a_list_price_names_its_units() -> None:
    """A price is exact and says for how many units it is."""
    price = formatting.list_price(Decimal("4.125"), 1_000_000)
    assert price == "$4.125 per 1,000,000"
