"""What sums are made of: figures that are kept or counted, and exact amounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from ..._model.cost import ZERO, Rates, add, multiply
from ..._model.tags import Tags
from ..._model.usage import Unit, Usage
from .._codec import Kind
from .._rows import (
    SUM_COLUMNS,
    SUM_KEY,
)
from .._schema import UNIT_COLUMNS
from .names import Names

UNITS = tuple(Unit(column) for column in UNIT_COLUMNS)
FIGURES = tuple(column for column in SUM_COLUMNS if column not in SUM_KEY)
SUMMED = ", ".join(f"sum({column})" for column in FIGURES)
# The same of single calls.
COUNTED = (
    "count(*)",
    "sum(attempts)",
    "coalesce(sum(duration_us), 0)",
    "count(first_chunk_us)",
    "coalesce(sum(first_chunk_us), 0)",
    *(f"coalesce(sum({column}), 0)" for column in UNIT_COLUMNS),
)
COUNTED_SQL = ", ".join(COUNTED)


class Sum(NamedTuple):
    """What the calls of one kind with the same tags add up to.

    Attributes:
        tags: The tags that they share.
        kind: Everything else that they share.
        calls: How many there are.
        attempts: HTTP attempts of all of them.
        duration_s: Seconds from start to finish, of all of them that told it.
        first_chunks: How many had a first stream event.
        first_chunk_s: Seconds to it, of all of these.
        usage: Counts by unit; units that nobody counted are absent.
        cost: Exact amount in the currency of the kind; None where it has none.
        by_unit: Exact amount of each unit; empty where amounts were given as a whole.
    """

    tags: Tags
    kind: Kind
    calls: int
    attempts: int
    duration_s: float
    first_chunks: int
    first_chunk_s: float
    usage: Usage
    cost: Decimal | None
    by_unit: Mapping[Unit, Decimal]


def sum_of(
    names: Names,
    tags: Tags,
    kind_id: int,
    figures: Sequence[Any],
    rest: Mapping[str, Decimal] | None,
) -> Sum:
    """The sum that figures are.

    Args:
        names: What ids stand for.
        tags: Tags of the calls.
        kind_id: Their kind.
        figures: Values of `FIGURES`.
        rest: What stands in no column, by unit; a given amount under ``''``.
    """
    kind, rest = names.kind(kind_id), rest or {}
    calls, attempts, duration_us, first_chunks, first_chunk_us, *counts = map(
        int, figures
    )
    usage = {unit: count for unit, count in zip(UNITS, counts, strict=True) if count}
    for unit, total in rest.items():
        if unit and total:
            usage[Unit(unit)] = usage.get(Unit(unit), 0) + int(total)
    cost, by_unit = _amounts(kind, names.rates_of(kind), usage, rest.get(""))
    return Sum(
        tags,
        kind,
        calls,
        attempts,
        duration_us / 1e6,
        first_chunks,
        first_chunk_us / 1e6,
        Usage.of(usage),
        cost,
        by_unit,
    )


def _amounts(
    kind: Kind, rates: Rates | None, usage: Mapping[Unit, int], given: Decimal | None
) -> tuple[Decimal | None, Mapping[Unit, Decimal]]:
    """The amount of a sum, exact: counts by the rates, or what was given."""
    if kind.currency is None:
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
