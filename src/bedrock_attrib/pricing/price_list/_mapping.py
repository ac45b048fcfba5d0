"""Mapping of one line of AWS's price list to one row, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from ..._model.usage import CACHE_WRITE_UNITS, OUTPUT_TOKEN_UNITS, Unit
from .._rows import PriceRow
from ._amounts import read_amount
from ._identity import identify
from ._names import LONG_CONTEXT
from ._phrases import QUALIFIERS, Term
from ._sku import Reason, Sku, UnmappedError
from ._usage_types import UsageType, read_usage_type, split_words

_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]{2,12}){1,2}-[0-9]")
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T.*)?")
_CACHE_UNITS = CACHE_WRITE_UNITS | {Unit.CACHE_READ_TOKEN}
_SPEECH_UNITS = frozenset({Unit.INPUT_SPEECH_TOKEN, Unit.OUTPUT_SPEECH_TOKEN})
_BATCH_FEATURE = "batch inference"
_FEATURES_LEFT_OUT = {
    "custom": Reason.CUSTOM_MODEL,
    "provisioned": Reason.PROVISIONED,
    "training": Reason.TRAINING,
}


@dataclass(frozen=True, slots=True)
class MappedLine:
    """A line and its row.

    Attributes:
        sku: The line.
        row: The row.
        is_stated: False when a known price has to confirm how many units it buys.
    """

    sku: Sku
    row: PriceRow
    is_stated: bool

    def from_source(self, source: str) -> MappedLine:
        """Return the same line with *source* as its source."""
        return replace(self, row=replace(self.row, sources=(source,)))


def map_sku(sku: Sku) -> MappedLine:
    """Map *sku* to its row.

    Raises:
        UnmappedError: If it is skipped on purpose, or not certain in every part.
    """
    usage = read_usage_type(sku.usage_type)
    for part, reason in _FEATURES_LEFT_OUT.items():
        if part in sku.feature.lower():
            raise UnmappedError(reason)
    model_id = identify(sku, usage)
    return map_usage(sku, usage, model_id)


def map_usage(sku: Sku, usage: UsageType, model_id: str) -> MappedLine:
    """Map *sku*, whose usage type and model are known, to its row.

    Raises:
        UnmappedError: As `map_sku`.
    """
    tier = _tier_of(sku, usage)
    _compare_words(sku, usage)
    amount = read_amount(sku, usage.measure)
    row = PriceRow(
        model_id,
        _region_of(sku),
        usage.scope.value,
        tier,
        usage.latency_mode,
        _band_of(model_id, usage),
        usage.measure.unit,
        amount.price,
        amount.per,
        valid_from=_day_of(sku),
        sources=(source_of(sku.published),),
    )
    return MappedLine(sku, row, amount.is_stated)


def source_of(published: date) -> str:
    """Return the source name of a copy of the price list."""
    return f"aws-pricelist-{published:%Y%m%d}"


def _tier_of(sku: Sku, usage: UsageType) -> str:
    """Return the tier on which all attributes that name one agree."""
    tiers = {usage.tier} | {
        term.value
        for term in (*_terms_of_service_tier(sku, usage), *_terms_of_feature(sku))
        if term.kind == "tier"
    }
    # Only special tiers: "Standard" may be the quality of an image there.
    tiers |= {
        term.value
        for word in split_words(sku.inference_type)
        if (term := QUALIFIERS.get((word,), Term())).kind == "tier"
        and term.value != "default"
    }
    tiers.discard(None)
    if len(tiers) > 1:
        raise UnmappedError(Reason.DISAGREES, " and ".join(sorted(map(str, tiers))))
    return str(next(iter(tiers), "default"))


def _terms_of_service_tier(sku: Sku, usage: UsageType) -> Iterable[Term]:
    known = {*split_words(sku.usage_type), "reserved" if _is_reserved(usage) else ""}
    for word in split_words(sku.service_tier):
        term = QUALIFIERS.get((word,))
        if term is None and word in known:
            continue  # repeats the usage type
        is_scope = term is not None and term.kind == "scope"
        if term is None or (is_scope and term.value != usage.scope):
            detail = f"service tier {sku.service_tier:.40}"
            raise UnmappedError(Reason.DISAGREES, detail)
        yield term


def _is_reserved(usage: UsageType) -> bool:
    return usage.tier is not None and usage.tier.startswith("reserved")


def _terms_of_feature(sku: Sku) -> Iterable[Term]:
    is_batch = sku.feature.lower() == _BATCH_FEATURE
    return [QUALIFIERS["batch",]] if is_batch else []


def _compare_words(sku: Sku, usage: UsageType) -> None:
    """Refuse a line whose descriptive words contradict its usage type."""
    words = set(split_words(sku.inference_type))
    unit = usage.measure.unit
    is_made = unit in OUTPUT_TOKEN_UNITS or unit.startswith("output_")
    disagreements = (
        "input" in words and is_made,
        "output" in words and not is_made,
        "cache" in words and unit not in _CACHE_UNITS,
        "speech" in words and unit not in _SPEECH_UNITS,
        "text" in words and unit in _SPEECH_UNITS,
        "image" in words and "image" not in unit,
        "video" in words and "video" not in unit,
        "audio" in words and "audio" not in unit,
        "long" in words and not usage.is_long,
        "global" in words and usage.scope != "global",
        "optimized" in words and usage.latency_mode != "optimized",
    )
    if any(disagreements):
        raise UnmappedError(Reason.DISAGREES, f"{sku.inference_type:.60} for {unit}")


def _region_of(sku: Sku) -> str:
    if not _REGION.fullmatch(sku.region):
        raise UnmappedError(Reason.REGION, repr(sku.region[:40]))
    return sku.region


def _band_of(model_id: str, usage: UsageType) -> str:
    if not usage.is_long:
        return ""
    band = LONG_CONTEXT.get(model_id)
    if band is None:
        raise UnmappedError(Reason.LONG_CONTEXT, model_id)
    return band


def _day_of(sku: Sku) -> date:
    """Return the first day of the list term, or the publication day if there is none.

    The price may have changed earlier; earlier days are left to older prices.
    """
    if not sku.effective:
        return sku.published
    day = _DAY.fullmatch(sku.effective)
    try:
        return date.fromisoformat(day[1] if day else "")
    except ValueError:
        raise UnmappedError(Reason.DATE, repr(sku.effective[:40])) from None
