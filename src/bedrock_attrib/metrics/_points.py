"""Points of each counter: series summed over the labels that it has."""

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
from ._totals import SeriesSnapshot

Amounts = dict[Pairs, Decimal]
Counts = dict[Pairs, int]


def cost_points(snapshots: Iterable[SeriesSnapshot]) -> Amounts:
    """Return spend by labels, unit class and currency."""
    points: Amounts = {}
    for labels, _, units in snapshots:
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


def usage_points(snapshots: Iterable[SeriesSnapshot]) -> Counts:
    """Return counts by labels and unit."""
    points: Counts = {}
    for labels, _, units in snapshots:
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


def calls_points(snapshots: Iterable[SeriesSnapshot]) -> Counts:
    """Return calls by labels and outcome."""
    points: Counts = {}
    for labels, calls, _ in snapshots:
        if calls:
            end = ((names.OUTCOME, labels.outcome), *error_pairs(labels.error))
            key = (*labels.tags, *labels.call, *end)
            points[key] = points.get(key, 0) + calls
    return points


def overflow_points(
    snapshots: Iterable[SeriesSnapshot], *, tags: Iterable[str], spilled: int
) -> Counts:
    """Return folded calls by tag and by the cap that folded them.

    Args:
        snapshots: All series.
        tags: Every tag with a cap; included at zero too.
        spilled: Calls that lost their tags for some units only.
    """
    lost: Counter[tuple[str, str]] = Counter({ALL_TAGS: spilled})
    lost.update({(tag, VALUES_CAP): 0 for tag in tags})
    for labels, calls, _ in snapshots:
        for tag_and_cap in labels.folded:
            lost[tag_and_cap] += calls
    return {
        ((names.TAG, tag), (names.CAP, cap)): calls
        for (tag, cap), calls in lost.items()
    }


def token_points(
    units: frozenset[Unit],
) -> Callable[[Iterable[SeriesSnapshot]], Counts]:
    """Return the function that reads the convention's counter of *units*."""

    def points_of(snapshots: Iterable[SeriesSnapshot]) -> Counts:
        points: Counts = {}
        for labels, _, cells in snapshots:
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
    """Return the attribute with the error type; empty for a call without error."""
    return () if error is None else ((names.ERROR_TYPE, error),)
