"""What each counter shows: series added up over the labels that it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal

from .._model.cost import add
from .._model.usage import (
    CACHE_WRITE_UNITS,
    OUTPUT_TOKEN_UNITS,
    PROMPT_UNITS,
    Unit,
    unit_class,
)
from . import names
from ._attributes import Pairs
from ._series import ALL_TAGS, VALUES_CAP
from ._totals import Reading

Amounts = dict[Pairs, Decimal]
Counts = dict[Pairs, int]


def cost_points(readings: Iterable[Reading]) -> Amounts:
    """Spend by labels, class of unit and currency."""
    points: Amounts = {}
    for labels, _, units in readings:
        for unit, (_, amount) in units.items():
            if amount:
                key = (
                    *labels.tags,
                    *labels.call,
                    (names.UNIT_CLASS, unit_class(unit)),
                    (names.CURRENCY, labels.currency),
                )
                points[key] = add(points.get(key, Decimal(0)), amount)
    return points


def usage_points(readings: Iterable[Reading]) -> Counts:
    """Counts by labels and unit."""
    points: Counts = {}
    for labels, _, units in readings:
        for unit, (count, _) in units.items():
            if count:
                key = (
                    *labels.tags,
                    *labels.call,
                    (names.UNIT_CLASS, unit_class(unit)),
                    (names.UNIT, unit.value),
                )
                points[key] = points.get(key, 0) + count
    return points


def calls_points(readings: Iterable[Reading]) -> Counts:
    """Calls by labels and how they ended."""
    points: Counts = {}
    for labels, calls, _ in readings:
        if calls:
            end = ((names.OUTCOME, labels.outcome), *error_pairs(labels.error))
            key = (*labels.tags, *labels.call, *end)
            points[key] = points.get(key, 0) + calls
    return points


def overflow_points(
    readings: Iterable[Reading], *, tags: Iterable[str], spilled: int
) -> Counts:
    """Calls by the tag and the cap that took a label from them.

    Args:
        readings: Series as they stand.
        tags: Every tag that has a cap; shown at zero too.
        spilled: Calls that lost their tags for some units only.
    """
    lost: Counter[tuple[str, str]] = Counter({ALL_TAGS: spilled})
    lost.update({(tag, VALUES_CAP): 0 for tag in tags})
    for labels, calls, _ in readings:
        for tag_and_cap in labels.folded:
            lost[tag_and_cap] += calls
    return {
        ((names.TAG, tag), (names.CAP, cap)): calls
        for (tag, cap), calls in lost.items()
    }


def token_points(units: frozenset[Unit]) -> Callable[[Iterable[Reading]], Counts]:
    """A reading of the convention's counter of tokens of *units*."""

    def points_of(readings: Iterable[Reading]) -> Counts:
        points: Counts = {}
        for labels, _, cells in readings:
            count = sum(count for unit, (count, _) in cells.items() if unit in units)
            if count and labels.gen_ai is not None:
                key = (*labels.tags, *labels.gen_ai, *_MODALITY)
                points[key] = points.get(key, 0) + count
        return points

    return points_of


# Bedrock does not split its counts by modality.
_MODALITY = ((names.GEN_AI_TOKEN_MODALITY, "unknown"),)

INFERENCE_POINTS = {
    names.INFERENCE_INPUT_TOTAL: token_points(PROMPT_UNITS),
    names.INFERENCE_OUTPUT_TOTAL: token_points(OUTPUT_TOKEN_UNITS),
    names.INFERENCE_CACHE_READ_TOTAL: token_points(frozenset({Unit.CACHE_READ_TOKEN})),
    names.INFERENCE_CACHE_WRITE_TOTAL: token_points(CACHE_WRITE_UNITS),
}


def error_pairs(error: str | None) -> Pairs:
    """The attribute that says why a call failed; none where it did not."""
    return () if error is None else ((names.ERROR_TYPE, error),)
