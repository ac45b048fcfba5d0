"""Tag policies: which tags calls must have, and which models they may use."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_attrib import (
    Budget,
    ConfigError,
    TagPolicy,
    TagPolicyError,
    attribution,
    configure,
    instrument,
)
from bedrock_attrib._model.patterns import matches
from bedrock_attrib.testing import ListSink, Simulator, bedrock_simulator

NOVA = "us.amazon.nova-micro-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
POLICY = """
[tags.team]
required = true
allowed = ["search", "ads-*"]
remedy = "teams are listed in the wiki"

[tags.environment]
default = "dev"
pattern = "dev|prod"

[tags.cost_center]
from = "team"
values = { search = "4711", "ads-*" = "4712" }

[tags.owner]
template = "{team}-{environment}"

[tags.app]
allowed = ["web", "api"]
action = "replace"
replace_with = "other"

[tags.experiment]
pattern = "[a-z0-9-]+"
action = "warn"

[[models]]
name = "ads use Nova"
tags = { team = "ads-*" }
models = ["amazon.nova-*"]

[[models]]
name = "production"
tags = { environment = "prod" }
scopes = ["geo"]
tiers = ["default", "priority"]
regions = ["us-*"]
"""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Bedrock on this machine."""
    with bedrock_simulator() as running:
        yield running


@pytest.fixture
def sink() -> ListSink:
    """The records of the test."""
    return ListSink()


@pytest.fixture
def call(simulator: Simulator, sink: ListSink, tmp_path: Path) -> Callable[..., Any]:
    """Makes a call under the policy; returns the tags of its record."""
    path = tmp_path / "policy.toml"
    path.write_text(POLICY, "utf-8")
    recorder = configure(metrics=False, sinks=[sink], policy=path)
    client = instrument(simulator.client(), recorder=recorder)

    def call(model: str = NOVA, tier: str | None = None, **tags: str) -> dict[str, str]:
        operation = client.meta.service_model.operation_model("Converse")
        if tier is not None and "serviceTier" not in operation.input_shape.members:
            pytest.skip("this botocore knows no service tiers")
        more = {} if tier is None else {"serviceTier": {"type": tier}}
        with attribution(**tags):
            client.converse(modelId=model, messages=[], **more)
        recorder.flush()
        return dict(sink.records[-1].tags)

    return call


def refusal(call: Callable[[], object]) -> TagPolicyError:
    """Return the error with which *call* is refused."""
    with pytest.raises(TagPolicyError) as caught:
        call()
    return caught.value


def test_a_missing_tag_is_refused(
    call: Callable[..., Any], simulator: Simulator, sink: ListSink
) -> None:
    """Before anything is sent; the error names key, value, rule and remedy."""
    error = refusal(call)
    assert str(error) == (
        "team is missing; expected one of search, ads-* (tags.team), so the call was "
        "not sent: teams are listed in the wiki"
    )
    assert (error.key, error.value, error.rule, error.remedy) == (
        "team",
        None,
        "tags.team",
        "teams are listed in the wiki",
    )
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 -- of this test
    assert (str(again), vars(again)) == (str(error), vars(error))
    assert simulator.requests == []
    configure(metrics=False)
    [record] = sink.records
    assert (record.outcome, record.price_status, record.error) == (
        "error",
        "free",
        "TagPolicyError",
    )


def test_values_are_defaulted_and_derived(call: Callable[..., Any]) -> None:
    """The record has them, and every report with it."""
    assert call(team="ads-eu") == {
        "team": "ads-eu",
        "environment": "dev",
        "cost_center": "4712",
        "owner": "ads-eu-dev",
    }
    assert call(team="search", cost_center="9", environment="prod") == {
        "team": "search",
        "environment": "prod",
        "cost_center": "9",
        "owner": "search-prod",
    }


def test_a_value_is_replaced(call: Callable[..., Any]) -> None:
    """Where the rule says so, and the call is sent."""
    assert call(team="search", app="cron")["app"] == "other"
    assert call(team="search", app="web")["app"] == "web"


def test_a_warning_is_logged_once(
    call: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Once for each value, while every call is counted."""
    with caplog.at_level(logging.WARNING, "bedrock_attrib"):
        for experiment in ("A B", "A B", "C"):
            assert call(team="search", experiment=experiment)["experiment"]
    said = [each.getMessage() for each in caplog.records if "policy" in each.msg]
    assert said == [
        (
            "tag policy: experiment is 'A B'; expected a match of [a-z0-9-]+ "
            "(tags.experiment): use one that is"
        ),
        (
            "tag policy: experiment is 'C'; expected a match of [a-z0-9-]+ "
            "(tags.experiment): use one that is"
        ),
    ]


@pytest.mark.parametrize(
    ("model", "tier", "tags", "key", "value"),
    [
        (CLAUDE, None, {"team": "ads-eu"}, "model", "anthropic.claude-sonnet-4-5"),
        (
            "amazon.nova-micro-v1:0",
            None,
            {"team": "search", "environment": "prod"},
            "scope",
            "regional",
        ),
        (NOVA, "flex", {"team": "search", "environment": "prod"}, "tier", "flex"),
    ],
)
def test_tags_decide_which_models_may_be_used(
    call: Callable[..., Any],
    simulator: Simulator,
    model: str,
    tier: str | None,
    tags: dict[str, str],
    key: str,
    value: str,
) -> None:
    """By model, vendor, scope, tier and Region."""
    error = refusal(lambda: call(model, tier, **tags))
    assert error.key == key
    assert (error.value or "").startswith(value)
    assert simulator.requests == []
    call(model, tier, team="search")


def test_a_near_value_is_suggested(call: Callable[..., Any]) -> None:
    """Where the rule states no remedy of its own."""
    policy = TagPolicy(tags={"team": {"allowed": ["search"], "required": True}})
    recorder = configure(metrics=False, policy=policy)
    del recorder
    with bedrock_simulator() as simulator:
        client = instrument(simulator.client())
        with attribution(team="serach"):
            error = refusal(lambda: client.converse(modelId=NOVA, messages=[]))
    assert error.remedy == "did you mean 'search'?"


def test_free_operations_and_reported_calls_are_never_refused(
    simulator: Simulator, sink: ListSink, tmp_path: Path
) -> None:
    """Defaults apply to them all the same."""
    policy = TagPolicy(
        tags={"team": {"required": True}, "environment": {"default": "dev"}}
    )
    recorder = configure(metrics=False, sinks=[sink], policy=policy)
    client = instrument(simulator.client(), recorder=recorder)
    client.count_tokens(modelId=CLAUDE, input={"converse": {"messages": []}})
    recorder.record(
        "Converse",
        {"usage": {"inputTokens": 1}},
        model_id=NOVA,
        region="us-east-1",
    )
    recorder.flush()
    assert [dict(each.tags) for each in sink.records] == [{"environment": "dev"}] * 2
    assert policy.violations == {("tags.team", "team", "refuse"): 2}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1", "has x; expected only tables [tags.KEY] and [[models]]"),
        ("[tags.team]\nrequried = true", "did you mean required?"),
        ("[tags.team]\npattern = '('", "tags.team.pattern: not a regular expression"),
        ("[tags.team]\naction = 'replace'", "needs replace_with or default"),
        ("[tags.team]\naction = 'shout'", "tags.team.action: "),
        ("[tags.team]\ntemplate = 'x'", "expected tags in braces"),
        ("[tags.team]\ntemplate = '{app}-{}'", "{} is no tag"),
        ("[tags.team]\ntemplate = '{app:d}'", "{app} is no tag"),
        ("[tags.team]\ntemplate = '{app.x}'", "{app.x} is no tag"),
        ("[tags.team]\ntemplate = '{0}'", "{0} is no tag"),
        ("[tags.team]\nallowed = 'a'\ndefault = 'b'", "default is 'b', which the rule"),
        ("[tags.team]\nfrom = 'team'", "team is derived from team"),
        (
            "[tags.team]\nfrom = 'app'\n[tags.app]\nrequired = true",
            "state the rule of app before that of team",
        ),
        ("[tags.team]\nvalues = {a = 'b'}", "values needs from"),
        ("[[models]]\nname = 'a'", "restricts nothing; expected models"),
        ("[[models]]\nname = 'a'\nscopes = 'world'", "'world' is no scope"),
        ("[[models]]\nname = 'a'\ntiers = 'cheap'", "'cheap' is no tier"),
        ("[tags.team]\ndefault = '{}'", "default: "),
        ("[tags", "cannot read the policy"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    """With the key, and what was expected."""
    path = tmp_path / "policy.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        TagPolicy.load(path)
    assert "policy.toml" in str(caught.value)
    assert says in str(caught.value)


def test_a_policy_is_no_number() -> None:
    """A setting of another kind is refused."""
    with pytest.raises(ConfigError, match="expected the path of a TOML file, or a"):
        configure(metrics=False, policy=3)


@given(st.text("ab*", max_size=6), st.text("ab", max_size=6))
def test_patterns_are_those_of_a_shell(pattern: str, value: str) -> None:
    """As a search that tries every split finds them."""

    def naive(pattern: str, value: str) -> bool:
        if not pattern:
            return not value
        if pattern[0] == "*":
            return any(naive(pattern[1:], value[i:]) for i in range(len(value) + 1))
        return value[:1] == pattern[0] and naive(pattern[1:], value[1:])

    assert matches([pattern], value) == naive(pattern, value)


def test_no_pattern_matches_nothing() -> None:
    """One pattern may be given as it is."""
    assert not matches((), "")
    assert matches("ab*", "abc")
    assert not matches("ab*", "zzz")


def test_a_rule_for_any_value_is_for_calls_that_have_one() -> None:
    """A star is no call without the tag."""
    policy = TagPolicy(
        models=[{"name": "a", "tags": {"team": "*"}, "vendors": ["anthropic"]}]
    )
    recorder = configure(metrics=False, policy=policy)
    with bedrock_simulator() as simulator:
        client = instrument(simulator.client(), recorder=recorder)
        client.converse(modelId=NOVA, messages=[])
        with attribution(team="x"):
            assert refusal(lambda: client.converse(modelId=NOVA, messages=[]))


def test_budgets_route_by_the_tags_of_the_policy(
    simulator: Simulator, sink: ListSink
) -> None:
    """Not to a model that the policy forbids."""
    policy = TagPolicy(
        tags={"cost_center": {"from": "team", "values": {"*": "4711"}}},
        models=[{"name": "ads", "tags": {"team": "ads"}, "vendors": ["anthropic"]}],
    )
    budget = Budget(
        "b",
        limit_calls=100,
        match={"cost_center": "4711"},
        actions=[{"at": "1%", "do": "route", "to": NOVA}],
    )
    recorder = configure(metrics=False, sinks=[sink], policy=policy, budgets=[budget])
    client = instrument(simulator.client(), recorder=recorder)
    for team in ("search", "search", "ads"):
        with attribution(team=team):
            client.converse(modelId=CLAUDE, messages=[])
        recorder.flush()
    assert [each.model_id for each in simulator.requests] == [CLAUDE, NOVA, CLAUDE]
