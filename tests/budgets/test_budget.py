"""Budgets: their fields, from code and from files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_attrib import Budget, ConfigError, configure
from bedrock_attrib.budgets import load_budgets
from bedrock_attrib.budgets.measures import Measure, from_quanta, to_quanta


def test_a_file_holds_budgets(tmp_path: Path):
    """Each table of the file is a budget, with the fields of the class."""
    path = tmp_path / "budgets.toml"
    path.write_text(
        """
        [[budgets]]
        name = "search"
        limit_usd = "12.50"
        window = "month"
        zone = "Europe/Berlin"
        match = { team = ["search*", "find"], vendor = "anthropic" }
        each = "app"
        mode = "estimate"
        when_unknown = 0.05
        when_unavailable = "open"
        actions = [ { at = "80%", do = "log" } ]

        [[budgets]]
        name = "calls"
        limit_calls = 1000
        """
    )
    search, calls = load_budgets(path)
    assert search == Budget(
        "search",
        limit_usd=Decimal("12.50"),
        window="month",
        zone="Europe/Berlin",
        match={"team": ["search*", "find"], "vendor": ["anthropic"]},
        each=["app"],
        mode="estimate",
        when_unknown="0.05",
        when_unavailable="open",
        actions=[{"at": 0.8, "do": "log"}],
    )
    assert calls.limits == {Measure.CALLS: Decimal(1000)}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "no limit; expected limit_usd, limit_tokens or limit_calls"),
        ({"limit_usd": "ten"}, "limit_usd is 'ten'; expected a non-negative amount"),
        ({"limit_usd": "-1"}, "limit_usd is '-1'; expected a non-negative amount"),
        ({"limit_usd": "NaN"}, "limit_usd is 'NaN'; expected a non-negative amount"),
        ({"limit_calls": 1.5}, "limit_calls is 1.5; expected a non-negative integer"),
        ({"limit_calls": True}, "limit_calls is True; expected"),
        ({"limit_calls": 1, "mode": "soft"}, "mode is 'soft'; expected strict or"),
        (
            {"limit_calls": 1, "match": {"team": 3}},
            "match has 3 for team; expected a pattern",
        ),
        ({"limit_calls": 1, "match": "team"}, "match is 'team'; expected patterns"),
        ({"limit_calls": 1, "each": ["team", "team"]}, "each is "),
        ({"limit_calls": 1, "each": "tag:"}, "each names 'tag:'; expected a tag"),
        (
            {"limit_calls": 1, "when_unknown": "maybe"},
            "when_unknown is 'maybe'; expected a non-negative amount",
        ),
        ({"limit_calls": 1, "when_unavailable": "ajar"}, "expected open or closed"),
        (
            {"limit_calls": 1, "actions": [{"at": "80%", "do": "shout"}]},
            "do = 'shout'; expected log, refuse, route, slow or a function",
        ),
        (
            {"limit_calls": 1, "actions": [{"at": "eighty", "do": "log"}]},
            "at = 'eighty'; expected a part of the limit",
        ),
        (
            {"limit_calls": 1, "actions": [{"at": 1, "do": "route"}]},
            "to = None; expected the id of a model",
        ),
        (
            {"limit_calls": 1, "actions": [{"at": 1, "do": "slow"}]},
            "delay_s = 0; expected seconds up to 60",
        ),
        ({"limit_calls": 1, "actions": "log"}, "actions is 'log'; expected a list"),
        ({"limit_calls": 1, "actions": [{"when": 1}]}, "expected a table with at, "),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], says: str):
    """The error names the budget, the field, what came and what was expected."""
    with pytest.raises(ConfigError) as caught:
        Budget("b", **fields)
    assert str(caught.value).startswith("budget 'b': ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("x = 1", "has x; expected only tables [[budgets]]"),
        ("[[budgets]]\nname = 'a'\nlimit = 3", "did you mean limit"),
        ("[[budgets]]\nlimit_calls = 3", "name is empty"),
        ("[[budget", "cannot read budgets"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, content: str, says: str):
    """The error names the file and what is wrong in it."""
    path = tmp_path / "budgets.toml"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_budgets(path)
    assert "budgets.toml" in str(caught.value)
    assert says in str(caught.value)


def test_names_are_unique():
    """Two budgets of one name would be counted as one."""
    with pytest.raises(ConfigError, match="two budgets are named 'a'"):
        configure(metrics=False, budgets=[Budget("a", limit_calls=1)] * 2)


@given(st.decimals(0, 10**12, places=18))
def test_usd_is_counted_exactly(amount: Decimal):
    """An amount of any rate of a price list becomes a whole number, and back."""
    assert from_quanta(Measure.USD, to_quanta(Measure.USD, amount)) == amount


def test_amounts_are_rounded_up_and_shown_plainly():
    """Below the quantum an amount is rounded up; none is shown with an exponent."""
    assert to_quanta(Measure.USD, Decimal("1e-19")) == 1
    assert str(from_quanta(Measure.USD, 100 * 10**18)) == "100"
    assert str(from_quanta(Measure.USD, 0)) == "0"
    assert str(from_quanta(Measure.TOKENS, 1000)) == "1000"
