"""Aggregates: what a group of calls adds up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from ..._model.cost import ZERO, Rates, add, multiply
from ..._model.tags import NO_TAGS, Tags
from ..._model.usage import Unit, Usage
from .._dimensions import CallDimensions
from .._field_table import COLUMN_UNITS
from .interned_texts import InternedTexts

Value = Tags | CallDimensions | datetime | Decimal | str | float | int | None


class Aggregate(NamedTuple):
    """Sum of calls with the same dimensions, and the same tags or values.

    Attributes:
        tags: The tags that they share; empty where `Reader.totals` grouped them.
        dimensions: Everything else that they share.
        calls: How many there are.
        attempts: HTTP attempts of all of them.
        duration_s: Seconds from start to finish, of all of them that have a duration.
        first_chunks: How many had a first stream event.
        first_chunk_s: Seconds to it, of all of these.
        usage: Counts by unit; units that were not counted are absent.
        cost: Exact amount in the currency of the dimensions; None where they have none.
        by_unit: Exact amount of each unit; empty where amounts were given as a whole.
        values: The fields that `Reader.totals` grouped by, in that order; else empty.
    """

    tags: Tags
    dimensions: CallDimensions
    calls: int
    attempts: int
    duration_s: float
    first_chunks: int
    first_chunk_s: float
    usage: Usage
    cost: Decimal | None
    by_unit: Mapping[Unit, Decimal]
    values: tuple[Value, ...] = ()


def aggregate(
    texts: InternedTexts,
    dimension_set: int,
    figures: Sequence[Any],
    others: Mapping[str, Decimal] | None,
    *,
    tags: Tags = NO_TAGS,
    values: tuple[Value, ...] = (),
) -> Aggregate:
    """Return the aggregate of a group of calls.

    Args:
        texts: Texts of the ids.
        dimension_set: Id of the group's dimensions.
        figures: Values of `FIGURE_COLUMNS`.
        others: Totals that have no column, by unit; given amounts under ``''``.
        tags: Tags of the group.
        values: Other fields that the calls were grouped by.
    """
    dimensions, others = texts.dimensions(dimension_set), others or {}
    calls, attempts, duration_us, first_chunks, first_chunk_us, *counts = map(
        int, figures
    )
    usage = {
        unit: count for unit, count in zip(COLUMN_UNITS, counts, strict=True) if count
    }
    for unit, total in others.items():
        if unit and total:
            usage[Unit(unit)] = usage.get(Unit(unit), 0) + int(total)
    rates, given = texts.rates_of(dimensions), others.get("")
    cost, by_unit = _amounts(dimensions, rates, usage, given)
    return Aggregate(
        tags,
        dimensions,
        calls,
        attempts,
        duration_us / 1e6,
        first_chunks,
        first_chunk_us / 1e6,
        Usage.of(usage),
        cost,
        by_unit,
        values,
    )


def _amounts(
    dimensions: CallDimensions,
    rates: Rates | None,
    usage: Mapping[Unit, int],
    given: Decimal | None,
) -> tuple[Decimal | None, Mapping[Unit, Decimal]]:
    """Return the exact amount: counts times rates, or what was given."""
    if dimensions.currency is None:
        return None, {}
    if rates is None:
        return (ZERO if given is None else given), {}
    by_unit = {
        unit: multiply(amount, usage.get(unit, 0))
        for unit, amount in rates.amounts.items()
    }
    total = ZERO
    for amount in by_unit.values():
        total = add(total, amount)
    return total, by_unit
