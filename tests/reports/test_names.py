"""Names that tables show are accepted where names are asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kept_records import make_record

from bedrock_attrib import ConfigError
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.reports import Alternative, compare, select, spend_by, what_if

Keep = Callable[..., Ledger]

MICRO = "us.amazon.nova-micro-v1:0"
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x1ev"


@pytest.fixture
def ledger(keep: Keep) -> Ledger:
    """Two calls of Nova Micro, one of Claude Sonnet, one through a profile."""
    models = (MICRO, MICRO, SONNET, PROFILE)
    return keep(*(make_record(model=model) for model in models))


@pytest.mark.parametrize(
    ("filter_", "calls"),
    [
        ("model=nova-micro", 2),
        ("model=amazon.nova-micro-v1:0", 2),
        ("model=nova-micro,claude-sonnet-4-5", 3),
        ("model!=nova-micro", 2),
        ("model=nova*", 2),
        ("model=…/x1ev", 1),
        ("model=x1ev", 1),
        ("requested_model=nova-micro", 2),
        ("requested_model=amazon.nova-micro-v1:0", 2),
        ("requested_model=us.amazon.nova-micro-v1:0", 2),
        ("model=micro", 0),
        ("vendor=nova-micro", 0),
    ],
)
def test_filters_take_names_of_tables(ledger: Ledger, filter_: str, calls: int) -> None:
    """A model is found by its id and by the name that tables show."""
    assert spend_by(ledger, (), select(where=[filter_])).total.calls == calls


@pytest.mark.parametrize(
    ("filter_", "remark"),
    [
        ("model=nova-mikro", "No call has model=nova-mikro; did you mean nova-micro?"),
        ("model=Nova Micro", "No call has model=Nova Micro; did you mean nova-micro?"),
        ("team=Search", "No call has team=Search; did you mean search?"),
        ("team!=serach", "No call has team=serach; did you mean search?"),
        ("region=us-east1", "No call has region=us-east1; did you mean us-east-1?"),
        ("team=nobody", "No call has team=nobody"),
    ],
)
def test_unknown_values_get_a_suggestion(
    ledger: Ledger, filter_: str, remark: str
) -> None:
    """A value that no call has is named, with the nearest that there is."""
    assert remark in spend_by(ledger, (), select(where=[filter_])).remarks


@pytest.mark.parametrize("filter_", ["team=search", "team=s*", "team=", "model=x1ev"])
def test_known_values_get_no_remark(ledger: Ledger, filter_: str) -> None:
    """Patterns and empty values are not misspelt."""
    assert spend_by(ledger, (), select(where=[filter_])).remarks == ()


def test_comparisons_take_names_of_tables(ledger: Ledger) -> None:
    """Values and the baseline may be short names."""
    found = compare(ledger, "model", ["nova-micro", "claude-sonnet-4-5"])
    assert [group.calls for group in found.groups] == [2, 1]
    assert compare(ledger, "model", baseline="claude-sonnet-4-5").baseline == SONNET
    with pytest.raises(ConfigError, match="the baseline 'sonnet' is not among"):
        compare(ledger, "model", baseline="sonnet")


def test_what_if_takes_names_of_tables(ledger: Ledger) -> None:
    """Another model may be given by its short name, if one id has it."""
    found = what_if(ledger, Alternative(model="nova-micro"), ["team"])
    assert found.alternative.model == "amazon.nova-micro-v1:0"
