"""Bounds: the most that a call may use, before it is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from .._model.call_start import CallStart, RequestSize
from .._model.cost import ZERO
from .._model.record import PriceStatus
from .._model.usage import CACHE_WRITE_UNITS, Unit, Usage
from .._readers import OPERATIONS
from ..pricing import PriceTable
from .model_limits import MODEL_LIMITS, ModelLimits

if TYPE_CHECKING:
    from .._model.model_id import ModelRef

# What a model is given besides the text of a request. Byte-level vocabularies have no
# token of less than one byte of UTF-8, so that bytes bound the tokens of the text; a
# template frames each message with a few special tokens. Anthropic, "Tool use",
# pricing: 159 to 530 tokens of system prompt where tools are given; checked 2026-12-01.
_TEMPLATE_TOKENS: Final = 256
_MESSAGE_TOKENS: Final = 16
_TOOL_TOKENS: Final = 1024
# Anthropic, "Vision": an image is scaled down to at most 1,568 tokens, or to 4,784 by
# the models that take larger ones; checked 2026-12-01. Other vendors publish tables of
# examples and no maximum.
_IMAGE_TOKENS: Final = {"anthropic": 4784}
# Vendors whose models write to the cache only where the request says so.
_EXPLICIT_CACHE: Final = frozenset({"anthropic", "amazon"})

_UNKNOWN_SIZE = "the size of the request is not known"
_UNKNOWN_MODEL = "the limits of the model are not known"
_GUARDRAIL = "a guardrail is applied, whose text units depend on the answer"
_SYSTEM_TOOL = "the model may use tools of AWS, whose requests are billed apart"


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that a call may use.

    Attributes:
        usd: Cost at most, in USD; None where it has no bound.
        tokens: Tokens of every kind at most; None where they have no bound.
        reason: Why there is no bound; None where there are both.
    """

    usd: Decimal | None
    tokens: int | None
    reason: str | None


NOTHING = Bound(ZERO, 0, None)


class Bounds:
    """Finds the most that calls may use, at the prices of their start."""

    def __init__(self, prices: Callable[[], PriceTable]) -> None:
        """Price by the table that *prices* returns."""
        self._prices = prices

    def of(self, start: CallStart) -> Bound:
        """Return the most that a call may use; see `Bound`.

        Text is bounded by its bytes, pictures by the maximum of their vendor, anything
        else in a prompt by the context window, and answers by ``maxTokens`` or the
        maximum of the model. The dearest price holds that may apply: of cache writes
        where the request may write, of the default tier where another was asked for.
        """
        row = OPERATIONS.get(start.operation)
        if row is not None and row.is_free:
            return NOTHING
        tokens, why_tokens = _tokens(start)
        if why_tokens:
            return Bound(None, None, why_tokens)
        usd, why_usd = self._usd(start, *tokens)
        return Bound(usd, sum(tokens), why_usd)

    def _usd(
        self, start: CallStart, input_tokens: int, output_tokens: int
    ) -> tuple[Decimal | None, str | None]:
        terms = start.terms
        if terms.has_guardrail and start.operation != "ApplyGuardrail":
            return None, _GUARDRAIL
        if terms.has_system_tool:
            return None, _SYSTEM_TOOL
        if terms.uncounted:
            return None, terms.uncounted
        counts = {Unit(unit): count for unit, count in terms.counts.items()}
        usages = (
            [counts]
            if terms.replaces_tokens
            else [
                _with_tokens(counts, unit, input_tokens, output_tokens)
                for unit in _input_units(start)
            ]
        )
        most = ZERO
        for tier in {terms.tier or "default", "default"}:
            found, why = self._dearest(start, usages, tier)
            if found is None:
                if tier == "default" and terms.tier not in {None, "default"}:
                    continue  # a model that is sold in the other tier only
                return None, why
            most = max(most, found)
        return most, None

    def _dearest(
        self, start: CallStart, usages: list[dict[Unit, int]], tier: str
    ) -> tuple[Decimal | None, str | None]:
        """Return the highest price of *usages*; the first of them must have one."""
        most: Decimal | None = None
        for number, usage in enumerate(usages):
            quote = self._prices().quote(
                start.model,
                Usage.of(usage),
                region=start.region,
                tier=tier,
                latency_mode=start.terms.latency_mode or "standard",
                at=start.started_at,
            )
            is_whole = quote.cost is not None and quote.status not in _NOT_WHOLE
            if is_whole and quote.cost is not None and quote.cost.currency == "USD":
                most = max(most or ZERO, quote.cost.total)
            elif number == 0:
                return None, quote.reason or "the price is not in USD"
        return most, None


_NOT_WHOLE: Final = frozenset({PriceStatus.PARTIAL, PriceStatus.UNPRICED})


def _with_tokens(
    counts: Mapping[Unit, int], unit: Unit, input_tokens: int, output_tokens: int
) -> dict[Unit, int]:
    usage = {**counts, unit: input_tokens}
    if output_tokens:
        usage[Unit.OUTPUT_TOKEN] = output_tokens
    return usage


def _input_units(start: CallStart) -> list[Unit]:
    """Return the units by which the prompt may be billed, the ordinary one first."""
    size = start.request_size
    is_explicit = start.model.vendor in _EXPLICIT_CACHE
    may_write = size is None or size.writes_cache or not is_explicit
    return [Unit.INPUT_TOKEN, *(sorted(CACHE_WRITE_UNITS) if may_write else ())]


def _tokens(start: CallStart) -> tuple[tuple[int, int], str | None]:
    """Return most tokens of prompt and answer, or why one has no bound."""
    if start.terms.replaces_tokens:
        return (0, 0), None
    size = start.request_size
    if size is None:
        return (0, 0), _UNKNOWN_SIZE
    limits = _limits_of(start.model.model_id)
    if start.terms.has_system_tool and limits is None:
        return (0, 0), _UNKNOWN_MODEL
    prompt = _prompt_tokens(start.model, size, limits)
    if prompt is None:
        return (0, 0), _UNKNOWN_MODEL
    if start.terms.has_system_tool and limits is not None:
        prompt = limits.window  # results of tools come to the prompt
    answer = _answer_tokens(size, limits)
    if answer is None:
        return (0, 0), _UNKNOWN_MODEL
    return (prompt, answer), None


def _prompt_tokens(
    model: ModelRef, size: RequestSize, limits: ModelLimits | None
) -> int | None:
    tokens = (
        size.text_bytes
        + _TEMPLATE_TOKENS
        + _MESSAGE_TOKENS * size.messages
        + (size.tool_bytes + _TOOL_TOKENS if size.tool_bytes else 0)
    )
    per_image = _IMAGE_TOKENS.get(model.vendor or "")
    has_more = size.documents or size.others or (size.images and per_image is None)
    if has_more:
        return None if limits is None else limits.window
    tokens += size.images * (per_image or 0)
    return tokens if limits is None else min(tokens, limits.window)


def _answer_tokens(size: RequestSize, limits: ModelLimits | None) -> int | None:
    if size.max_tokens is not None:
        return max(0, size.max_tokens)
    return None if limits is None else limits.output


@lru_cache(maxsize=1024)
def _limits_of(model_id: str | None) -> ModelLimits | None:
    """Return the limits of a model, whatever version its id is written with."""
    if model_id is None:
        return None
    found = MODEL_LIMITS.get(model_id)
    if found is not None:
        return found
    listed = PriceTable.bundled().listed_id(model_id)
    return None if listed is None else MODEL_LIMITS.get(listed)
