"""Counts by unit are integers, disjoint, immutable, and add up."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_attrib import ConfigError, Unit, Usage
from bedrock_attrib._model.usage import (
    CACHE_WRITE_UNITS,
    GUARDRAIL_CHECKS_UNITS,
    GUARDRAIL_UNITS,
    OUTPUT_TOKEN_UNITS,
    PROMPT_UNITS,
    unit_class,
)

counts = st.dictionaries(st.sampled_from(Unit), st.integers(0, 10**12), max_size=8)
usages = counts.map(Usage)


def test_units_by_name() -> None:
    """A unit may be given by its name, as files and other languages write it."""
    usage = Usage({"input_token": 12, Unit.OUTPUT_TOKEN: 8})
    assert usage == {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}
    assert usage[Unit.INPUT_TOKEN] == 12
    assert all(type(unit) is Unit for unit in usage)


def test_absent_is_not_zero() -> None:
    """An absent unit was not reported; zero was reported as zero."""
    usage = Usage({Unit.INPUT_TOKEN: 0})
    assert usage.input_tokens == 0
    assert usage.output_tokens is None
    assert Unit.OUTPUT_TOKEN not in usage
    assert usage.get(Unit.OUTPUT_TOKEN) is None
    with pytest.raises(KeyError):
        usage[Unit.OUTPUT_TOKEN]
    assert usage != Usage({})


@pytest.mark.parametrize("count", [-1, 1.0, "1", True, None])
def test_no_other_counts(count: object) -> None:
    """A count is a non-negative integer; the error names unit and count."""
    expected = f"count of input_token is {count!r}; expected a non-negative"
    with pytest.raises(ConfigError) as caught:
        Usage({"input_token": count})  # type: ignore[arg-type]  # what is refused
    assert str(caught.value).startswith(expected)


def test_near_unit() -> None:
    """A unit that is nearly a known one is refused with its name."""
    with pytest.raises(ConfigError) as caught:
        Usage({"input_tokens": 1})  # type: ignore[dict-item]  # what is refused
    assert str(caught.value) == (
        "unknown unit 'input_tokens'; did you mean 'input_token'?"
    )


@pytest.mark.parametrize("unit", ["", "INPUT_TOKEN", None, 3])
def test_no_other_units(unit: object) -> None:
    """A unit that is not known is refused, and a known one is named."""
    with pytest.raises(ConfigError) as caught:
        Usage({unit: 1})  # type: ignore[arg-type]  # what is refused
    assert str(caught.value) == (
        f"unknown unit {unit!r}; expected one of bedrock_attrib.Unit, such as "
        f"'input_token'"
    )


def test_copies_its_counts() -> None:
    """Changing what it was made from does not change a usage."""
    given_counts = {Unit.INPUT_TOKEN: 12}
    usage = Usage(given_counts)
    given_counts[Unit.INPUT_TOKEN] = 99
    assert usage == {Unit.INPUT_TOKEN: 12}


def test_is_immutable() -> None:
    """There is no way to change a count but to make another usage."""
    usage = Usage({Unit.INPUT_TOKEN: 12})
    with pytest.raises(TypeError):
        usage[Unit.INPUT_TOKEN] = 1  # type: ignore[index]  # what is refused
    with pytest.raises(TypeError):
        del usage[Unit.INPUT_TOKEN]  # type: ignore[attr-defined]  # what is refused
    with pytest.raises(AttributeError):
        usage.note = "x"  # type: ignore[attr-defined]  # what is refused


def test_equals_any_mapping() -> None:
    """A usage equals whatever has the same counts, and hashes with its equals."""
    usage = Usage({Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8})
    assert usage == {"output_token": 8, "input_token": 12}
    assert usage == Usage({Unit.OUTPUT_TOKEN: 8, Unit.INPUT_TOKEN: 12})
    assert usage != {Unit.INPUT_TOKEN: 12}
    assert usage != 12
    assert len({usage, Usage({"output_token": 8, "input_token": 12})}) == 1


def test_is_a_mapping() -> None:
    """Views, length and membership are those of a mapping."""
    usage = Usage({Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8})
    assert isinstance(usage, Mapping)
    assert list(usage) == list(usage.keys()) == [Unit.INPUT_TOKEN, Unit.OUTPUT_TOKEN]
    assert list(usage.values()) == [12, 8]
    assert dict(usage.items()) == usage
    assert len(usage) == 2
    assert "input_token" in usage


def test_sum_with_something_else() -> None:
    """Only usages add up."""
    with pytest.raises(TypeError):
        Usage({}) + {Unit.INPUT_TOKEN: 1}  # type: ignore[operator]  # what is refused


def test_repr_is_readable() -> None:
    """Units are shown by name."""
    assert repr(Usage({Unit.INPUT_TOKEN: 12})) == "Usage({input_token: 12})"


@settings(deadline=None)
@given(usages, usages, usages)
def test_sums(one: Usage, two: Usage, three: Usage) -> None:
    """Usages add up unit by unit, in any order, and nothing is lost."""
    total = one + two
    assert total == {u: one.get(u, 0) + two.get(u, 0) for u in {*one, *two}}
    assert total == two + one
    assert total + three == one + (two + three)
    assert one + Usage({}) == one
    assert sum(reduce(Usage.__add__, [one, two, three]).values()) == sum(
        sum(each.values()) for each in (one, two, three)
    )


@settings(deadline=None)
@given(usages)
def test_copies_and_processes(usage: Usage) -> None:
    """A usage survives copying and another process."""
    for again in (
        copy.copy(usage),
        copy.deepcopy(usage),
        pickle.loads(pickle.dumps(usage)),  # noqa: S301 -- our own
        Usage(usage),
    ):
        assert again == usage
        assert hash(again) == hash(usage)
        assert type(again) is Usage


@settings(deadline=None)
@given(usages)
def test_prompt_and_output_are_disjoint(usage: Usage) -> None:
    """No token is both prompt and output, and the rest is neither."""
    assert PROMPT_UNITS.isdisjoint(OUTPUT_TOKEN_UNITS)
    rest = sum(
        count
        for unit, count in usage.items()
        if unit not in PROMPT_UNITS | OUTPUT_TOKEN_UNITS
    )
    known = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    assert known + rest == sum(usage.values())


CLASSES = {
    Unit.INPUT_TOKEN: "input",
    Unit.OUTPUT_TOKEN: "output",
    Unit.CACHE_READ_TOKEN: "cache_read",
    Unit.CACHE_WRITE_1H_TOKEN: "cache_write",
    Unit.INPUT_SPEECH_TOKEN: "input_speech",
    Unit.OUTPUT_IMAGE_512_OVER_50_STEPS: "output_image",
    Unit.OUTPUT_VIDEO_SECOND_720P: "output_video_second",
    Unit.SEARCH_UNIT: "search_unit",
    Unit.GUARDRAIL_WORD_TEXT_UNIT: "guardrail",
    Unit.GUARDRAIL_CHECKS_CONTENT_TEXT_UNIT: "guardrail",
    Unit.CUSTOM_MODEL_UNIT_MINUTE: "custom_model_unit_minute",
    Unit.WEB_SEARCH_QUERY: "web_search_query",
    Unit.TRAINING_TOKEN: "training",
    Unit.VCPU_HOUR_V2: "vcpu_hour",
    Unit.MEMORY_LONG_TERM_RECORD_MONTH_BUILT_IN: "memory_long_term_record_month",
    Unit.EVALUATION_INPUT_TOKEN_BUILT_IN_TIER_2: "evaluation_input",
    Unit.EVALUATION_OUTPUT_TOKEN_BUILT_IN: "evaluation_output",
    Unit.DOCUMENT_PAGE_CUSTOM: "document_page",
    Unit.DOCUMENT_PAGE_EXTRA_FIELD: "document_page_extra_field",
}


@pytest.mark.parametrize("unit", CLASSES)
def test_classes(unit: Unit) -> None:
    """A unit's class is its name without measure and variant."""
    assert unit_class(unit) == CLASSES[unit]


def test_every_unit_has_one_class() -> None:
    """Groups of units are what their names say."""
    assert {unit_class(unit) for unit in CACHE_WRITE_UNITS} == {"cache_write"}
    assert {unit_class(unit) for unit in GUARDRAIL_UNITS} == {"guardrail"}
    assert GUARDRAIL_CHECKS_UNITS < GUARDRAIL_UNITS
    assert not any("[" in unit_class(unit) for unit in Unit)
