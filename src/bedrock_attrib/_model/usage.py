"""Usage: billing units, and disjoint counts by unit."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from enum import StrEnum
from typing import Self

from ..errors import ConfigError


class Unit(StrEnum):
    """A quantity that AWS bills. Each token or item is counted under one unit only.

    Names follow the dimensions of AWS's price list. Brackets contain the variant
    that decides the price, such as size and quality of an image. ``input_token``
    never includes cached tokens.

    No call of bedrock-runtime reports the units of related services, such as AgentCore.
    They are listed so that price tables can contain their prices, and usage from
    other sources can be priced.
    """

    INPUT_TOKEN = "input_token"
    OUTPUT_TOKEN = "output_token"
    CACHE_READ_TOKEN = "cache_read_token"
    CACHE_WRITE_5M_TOKEN = "cache_write_5m_token"
    CACHE_WRITE_30M_TOKEN = "cache_write_30m_token"
    CACHE_WRITE_1H_TOKEN = "cache_write_1h_token"
    INPUT_SPEECH_TOKEN = "input_speech_token"
    OUTPUT_SPEECH_TOKEN = "output_speech_token"
    INPUT_IMAGE_TOKEN = "input_image_token"

    INPUT_IMAGE = "input_image"
    INPUT_IMAGE_STANDARD = "input_image[standard]"
    INPUT_IMAGE_DOCUMENT = "input_image[document]"
    INPUT_AUDIO_SECOND = "input_audio_second"
    INPUT_VIDEO_SECOND = "input_video_second"

    OUTPUT_IMAGE = "output_image"
    OUTPUT_IMAGE_UP_TO_1024_STANDARD = "output_image[up-to-1024x1024/standard]"
    OUTPUT_IMAGE_UP_TO_1024_PREMIUM = "output_image[up-to-1024x1024/premium]"
    OUTPUT_IMAGE_UP_TO_2048_STANDARD = "output_image[up-to-2048x2048/standard]"
    OUTPUT_IMAGE_UP_TO_2048_PREMIUM = "output_image[up-to-2048x2048/premium]"
    OUTPUT_IMAGE_512_STANDARD = "output_image[512x512/standard]"
    OUTPUT_IMAGE_512_UP_TO_50_STEPS = "output_image[512x512/up-to-50-steps]"
    OUTPUT_IMAGE_512_OVER_50_STEPS = "output_image[512x512/over-50-steps]"
    OUTPUT_IMAGE_1024_UP_TO_50_STEPS = "output_image[1024x1024/up-to-50-steps]"
    OUTPUT_IMAGE_1024_OVER_50_STEPS = "output_image[1024x1024/over-50-steps]"
    OUTPUT_VIDEO_SECOND = "output_video_second"
    OUTPUT_VIDEO_SECOND_540P = "output_video_second[540p/24fps]"
    OUTPUT_VIDEO_SECOND_720P = "output_video_second[720p/24fps]"

    SEARCH_UNIT = "search_unit"
    TEXT_REQUEST = "text_request"
    WEB_GROUNDING_REQUEST = "web_grounding_request"
    WEB_SEARCH_QUERY = "web_search_query"

    GUARDRAIL_CONTENT_TEXT_UNIT = "guardrail_content_text_unit"
    GUARDRAIL_CONTENT_IMAGE_UNIT = "guardrail_content_image_unit"
    GUARDRAIL_TOPIC_TEXT_UNIT = "guardrail_topic_text_unit"
    GUARDRAIL_WORD_TEXT_UNIT = "guardrail_word_text_unit"
    GUARDRAIL_SENSITIVE_INFORMATION_TEXT_UNIT = (
        "guardrail_sensitive_information_text_unit"
    )
    GUARDRAIL_SENSITIVE_INFORMATION_FREE_TEXT_UNIT = (
        "guardrail_sensitive_information_free_text_unit"
    )
    GUARDRAIL_CONTEXTUAL_GROUNDING_TEXT_UNIT = (
        "guardrail_contextual_grounding_text_unit"
    )
    GUARDRAIL_AUTOMATED_REASONING_TEXT_UNIT = "guardrail_automated_reasoning_text_unit"
    GUARDRAIL_CHECKS_CONTENT_TEXT_UNIT = "guardrail_checks_content_text_unit"
    GUARDRAIL_CHECKS_PROMPT_ATTACK_TEXT_UNIT = (
        "guardrail_checks_prompt_attack_text_unit"
    )
    GUARDRAIL_CHECKS_SENSITIVE_INFORMATION_TEXT_UNIT = (
        "guardrail_checks_sensitive_information_text_unit"
    )

    INPUT_TPM_HOUR = "input_tpm_hour"
    OUTPUT_TPM_HOUR = "output_tpm_hour"
    CUSTOM_MODEL_UNIT_MINUTE = "custom_model_unit_minute[v1.0]"
    CUSTOM_MODEL_UNIT_MINUTE_OTHER_REGIONS = (
        "custom_model_unit_minute[v1.0/other-regions]"
    )
    CUSTOM_MODEL_UNIT_MINUTE_V2 = "custom_model_unit_minute[v2.0]"
    CUSTOM_MODEL_UNIT_STORAGE_MONTH = "custom_model_unit_storage_month"
    MODEL_UNIT_HOUR = "model_unit_hour"
    CUSTOM_MODEL_STORAGE_MONTH = "custom_model_storage_month"
    TRAINING_TOKEN = "training_token"
    TRAINING_IMAGE = "training_image"
    TRAINING_HOUR = "training_hour"

    # AgentCore: runtime, browser and code interpreter; gateway; memory; identity;
    # evaluations.
    VCPU_HOUR = "vcpu_hour"
    VCPU_HOUR_V2 = "vcpu_hour[v2]"
    MEMORY_GB_HOUR = "memory_gb_hour"
    MEMORY_GB_HOUR_V2 = "memory_gb_hour[v2]"
    GATEWAY_API_INVOCATION = "gateway_api_invocation"
    GATEWAY_SEARCH_INVOCATION = "gateway_search_invocation"
    GATEWAY_TOOL_INDEX_MONTH = "gateway_tool_index_month"
    GATEWAY_VPC_DATA_GB = "gateway_vpc_data_gb"
    MEMORY_SHORT_TERM_EVENT = "memory_short_term_event"
    MEMORY_LONG_TERM_RECORD_HOUR_BUILT_IN = "memory_long_term_record_hour[built-in]"
    MEMORY_LONG_TERM_RECORD_HOUR_CUSTOM = "memory_long_term_record_hour[custom]"
    MEMORY_LONG_TERM_RECORD_MONTH_BUILT_IN = "memory_long_term_record_month[built-in]"
    MEMORY_LONG_TERM_RECORD_MONTH_CUSTOM = "memory_long_term_record_month[custom]"
    MEMORY_RETRIEVAL = "memory_retrieval"
    IDENTITY_TOKEN_REQUEST = "identity_token_request"
    EVALUATION_INPUT_TOKEN_BUILT_IN = "evaluation_input_token[built-in]"
    EVALUATION_INPUT_TOKEN_BUILT_IN_TIER_2 = "evaluation_input_token[built-in/tier2]"
    EVALUATION_OUTPUT_TOKEN_BUILT_IN = "evaluation_output_token[built-in]"
    EVALUATION_OUTPUT_TOKEN_BUILT_IN_TIER_2 = "evaluation_output_token[built-in/tier2]"
    CUSTOM_EVALUATION = "custom_evaluation"

    # Other services of Bedrock: knowledge bases, Flows, Data Automation and the
    # evaluation of models by people.
    RETRIEVAL_QUERY = "retrieval_query"
    AGENTIC_RETRIEVAL_QUERY = "agentic_retrieval_query"
    INDEX_STORAGE_GB_MONTH = "index_storage_gb_month"
    SQL_GENERATION_REQUEST = "sql_generation_request"
    NODE_TRANSITION = "node_transition"
    DOCUMENT_PAGE_STANDARD = "document_page[standard]"
    DOCUMENT_PAGE_CUSTOM = "document_page[custom]"
    DOCUMENT_PAGE_EXTRA_FIELD = "document_page_extra_field"
    HUMAN_TASK = "human_task"


CACHE_WRITE_UNITS = frozenset(
    {
        Unit.CACHE_WRITE_5M_TOKEN,
        Unit.CACHE_WRITE_30M_TOKEN,
        Unit.CACHE_WRITE_1H_TOKEN,
    }
)
PROMPT_UNITS = CACHE_WRITE_UNITS | {
    Unit.INPUT_TOKEN,
    Unit.CACHE_READ_TOKEN,
    Unit.INPUT_SPEECH_TOKEN,
    Unit.INPUT_IMAGE_TOKEN,
}
"""Units whose sum is the length of the prompt in tokens."""
OUTPUT_TOKEN_UNITS = frozenset({Unit.OUTPUT_TOKEN, Unit.OUTPUT_SPEECH_TOKEN})

GUARDRAIL_UNITS = frozenset(unit for unit in Unit if unit.startswith("guardrail_"))
GUARDRAIL_CHECKS_UNITS = frozenset(
    unit for unit in Unit if unit.startswith("guardrail_checks_")
)


def is_token_unit(unit: Unit) -> bool:
    """Return whether *unit* counts tokens, which AWS prices by the million.

    Example:
        >>> is_token_unit(Unit.EVALUATION_INPUT_TOKEN_BUILT_IN)
        True
    """
    return _measure(unit).endswith("_token")


def _measure(unit: Unit) -> str:
    """The name of *unit* without its variant."""
    return unit.partition("[")[0]


def unit_class(unit: Unit) -> str:
    """Return the coarse class of *unit*: ``input``, ``output``, ``cache_read``, ….

    A class is the unit's name without its measure and variant:
    ``output_image[512x512/standard]`` is of class ``output_image``, all cache
    writes are ``cache_write``, all guardrail policies ``guardrail``.
    """
    return _UNIT_CLASSES[unit]


def _classify(unit: Unit) -> str:
    if unit in GUARDRAIL_UNITS:
        return "guardrail"
    if unit in CACHE_WRITE_UNITS:
        return "cache_write"
    return _measure(unit).removesuffix("_token")


_UNIT_CLASSES = {unit: _classify(unit) for unit in Unit}


_new = object.__new__  # looking it up on each class costs a third of a `Usage`


class Usage(Mapping[Unit, int]):
    """Disjoint counts by unit, immutable.

    An absent unit was not reported; zero was reported as zero. Add usages with
    ``+``.

    Example:
        >>> Usage({Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 40}).output_tokens
        40
    """

    __slots__ = ("_counts",)

    def __init__(self, counts: Mapping[Unit, int] | Mapping[str, int]) -> None:
        """Check and copy *counts*.

        Args:
            counts: Non-negative integers by unit or unit name.

        Raises:
            ConfigError: If a unit is unknown or a count is not a non-negative integer.
        """
        self._counts = {
            _known_unit(unit): _checked_count(unit, count)
            for unit, count in counts.items()
        }

    @classmethod
    def of(cls, counts: dict[Unit, int]) -> Self:
        """Wrap *counts* without checking or copying them, for trusted callers."""
        usage = _new(cls)
        usage._counts = counts
        return usage

    def __getitem__(self, unit: Unit) -> int:
        return self._counts[unit]

    def __iter__(self) -> Iterator[Unit]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    # The views of `Mapping` run in Python; those of a dictionary do not.

    def keys(self) -> KeysView[Unit]:
        """Return the reported units."""
        return self._counts.keys()

    def values(self) -> ValuesView[int]:
        """Return the counts."""
        return self._counts.values()

    def items(self) -> ItemsView[Unit, int]:
        """Return units with their counts."""
        return self._counts.items()

    def __contains__(self, unit: object) -> bool:
        return unit in self._counts

    def __hash__(self) -> int:
        return hash(frozenset(self._counts.items()))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Usage):
            return self._counts == other._counts
        return Mapping.__eq__(self, other)

    def __add__(self, other: Usage) -> Usage:
        if not isinstance(other, Usage):
            return NotImplemented
        total = dict(self._counts)
        for unit, count in other._counts.items():
            total[unit] = total.get(unit, 0) + count
        return Usage.of(total)

    def __repr__(self) -> str:
        inner = ", ".join(f"{unit}: {count}" for unit, count in self._counts.items())
        return f"Usage({{{inner}}})"

    @property
    def input_tokens(self) -> int | None:
        """Length of the prompt in tokens, including cached ones; None if unknown."""
        return _sum_known(self._counts, PROMPT_UNITS)

    @property
    def output_tokens(self) -> int | None:
        """Generated tokens; None if unknown."""
        return _sum_known(self._counts, OUTPUT_TOKEN_UNITS)


def _sum_known(counts: Mapping[Unit, int], units: frozenset[Unit]) -> int | None:
    known = [count for unit, count in counts.items() if unit in units]
    return sum(known) if known else None


def _known_unit(unit: str) -> Unit:
    try:
        return Unit(unit)
    except ValueError:
        # Only here, as it is imported for nothing else.
        from difflib import get_close_matches  # noqa: PLC0415

        near = get_close_matches(str(unit), [each.value for each in Unit], 1)
        example = Unit.INPUT_TOKEN.value
        hint = f"expected one of bedrock_attrib.Unit, such as {example!r}"
        if near:
            hint = f"did you mean {near[0]!r}?"
        raise ConfigError(f"unknown unit {unit!r}; {hint}") from None


def _checked_count(unit: str, count: int) -> int:
    if type(count) is not int or count < 0:
        raise ConfigError(
            f"count of {unit} is {count!r}; expected a non-negative integer"
        )
    return count
