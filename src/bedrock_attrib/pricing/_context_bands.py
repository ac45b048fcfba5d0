"""Context bands: how prompts above a length are priced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from .._model.usage import Unit
from ._lookup import find_row
from ._price_list import PriceList
from ._query import PriceQuery
from ._rows import PriceRow


class ContextBand(NamedTuple):
    """Pricing of prompts above a threshold.

    Attributes:
        threshold: Tokens that such a prompt is longer than.
        name: Band whose rows price it; empty for the ordinary rows.
        uncertainty: Why AWS may bill other rows; empty when these are certain.
    """

    threshold: int
    name: str
    uncertainty: str


def find_bands(lists: Sequence[PriceList], query: PriceQuery) -> list[ContextBand]:
    """Return the context bands of a model on a day, the highest threshold first.

    Where rows of a band price other calls of the model but not this one, the rows
    below the threshold price it, and the price is uncertain.
    """
    if query.unpriceable_reason or query.model_id is None:
        return []
    found: list[ContextBand] = []
    below = ""
    for (threshold, name), units in sorted(_units_by_band(lists, query).items()):
        if _is_confirmed(lists, query, units, name):
            below = name
            found.append(ContextBand(threshold, name, ""))
        else:
            uncertainty = _no_long_rate(query, threshold, below)
            found.append(ContextBand(threshold, below, uncertainty))
    return found[::-1]


def _units_by_band(
    lists: Sequence[PriceList], query: PriceQuery
) -> dict[tuple[int, str], set[Unit]]:
    """Return the units that have a row of a band on the day, by threshold and name."""
    units: dict[tuple[int, str], set[Unit]] = {}
    for price_list in lists:
        rows = price_list.of(query.model_id or "")
        if rows is None:
            continue
        for threshold, name in rows.bands:
            sold = {row.unit for row in rows.rows if _is_of(row, name, query.day)}
            if sold:
                units.setdefault((threshold, name), set()).update(sold)
    return units


def _is_of(row: PriceRow, band: str, day: date) -> bool:
    return row.context_band == band and row.holds_on(day)


def _is_confirmed(
    lists: Sequence[PriceList], query: PriceQuery, units: Iterable[Unit], band: str
) -> bool:
    """Return whether *band* has a row for the call that some source confirms.

    One unconfirmed claim makes a call uncertain, but not dearer.
    """
    rows = (find_row(lists, query, unit, band).row for unit in units)
    return any(row is not None and not row.is_unconfirmed for row in rows)


def _no_long_rate(query: PriceQuery, threshold: int, below: str) -> str:
    latency = "" if query.latency_mode == "standard" else ", optimized latency"
    taken = f"the price of prompts {below}" if below else "the ordinary price"
    return (
        f"the prompt is longer than {threshold} tokens, and no source confirms a "
        f"long-context price for {query.scope}, tier {query.tier}{latency}, in "
        f"{query.region}; {taken} is taken"
    )
