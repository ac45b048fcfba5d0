"""Table comparison: prices that another table adds, removes or changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from .._model.model_id import Scope
from .._model.usage import Unit
from ._lookup import find_row
from ._price_list import PriceList
from ._query import PriceQuery
from ._rows import DEFAULT_REGION, PriceRow


class PriceKey(NamedTuple):
    """Terms under which one unit is priced.

    Attributes:
        model_id: Base model id.
        region: Calling region, or ``default`` where both tables state such a price.
        scope: ``regional``, ``geo`` or ``global``.
        tier: Service tier.
        latency_mode: ``standard`` or ``optimized``.
        context_band: Context band, empty for none.
        unit: What is counted.
    """

    model_id: str
    region: str
    scope: str
    tier: str
    latency_mode: str
    context_band: str
    unit: Unit


@dataclass(frozen=True, slots=True)
class PriceChange:
    """Difference between the prices of two tables.

    Attributes:
        key: What is priced.
        before: Row of the first table; None when it has no price.
        after: Row of the second table; None when it has no price.
    """

    key: PriceKey
    before: PriceRow | None
    after: PriceRow | None

    @property
    def kind(self) -> str:
        """``added``, ``removed`` or ``changed``."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


def compare_lists(
    before: tuple[PriceList, ...], after: tuple[PriceList, ...], on: date
) -> Iterator[PriceChange]:
    """Yield the prices that differ between two tables on a day, as calls look them up.

    Models and regions that the second table does not state are left out. A default
    price is compared with the prices of those regions that the other table states.
    """
    for model_id in sorted({name for each in after for name in each.model_ids}):
        keys = set(_keys(_rows(before, model_id, on), _rows(after, model_id, on)))
        for key in sorted(keys):
            old, new = _find(before, key, on), _find(after, key, on)
            if (old and old.amount) != (new and new.amount):
                yield PriceChange(key, old, new)


def rows_in_region(
    lists: tuple[PriceList, ...], model_id: str, region: str, on: date
) -> Iterator[PriceRow]:
    """Yield the rows that price calls of a model from a region, each once."""
    seen: set[int] = set()
    for row in _rows(lists, model_id, on):
        if row.region not in {region, DEFAULT_REGION}:
            continue
        key = _key_in(region, row)
        found = row if row.profile and row.region == region else _find(lists, key, on)
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            yield found


def _key_in(region: str, row: PriceRow) -> PriceKey:
    return PriceKey(
        row.model_id,
        region,
        row.scope,
        row.tier,
        row.latency_mode,
        row.context_band,
        row.unit,
    )


def _rows(lists: tuple[PriceList, ...], model_id: str, on: date) -> list[PriceRow]:
    found = [rows for each in lists if (rows := each.of(model_id))]
    return [row for rows in found for row in rows.rows if row.holds_on(on)]


def _keys(before: list[PriceRow], after: list[PriceRow]) -> Iterator[PriceKey]:
    """Yield the keys of rows of one model, in regions that both tables price."""
    old, new = {row.region for row in before}, {row.region for row in after}
    stated = old | new if DEFAULT_REGION in new else new
    for rows, others in ((before, new), (after, old)):
        for row in rows:
            is_default = row.region == DEFAULT_REGION
            is_spread = is_default and bool(others) and DEFAULT_REGION not in others
            for region in stated & (others if is_spread else {row.region}):
                yield _key_in(region, row)


def _find(lists: tuple[PriceList, ...], key: PriceKey, on: date) -> PriceRow | None:
    if key.region == DEFAULT_REGION:
        for each in lists:
            rows = each.of(key.model_id)
            found = rows.row_on(key[1:], on) if rows else None
            if found is not None:
                return found
        return None
    is_us = key.region.startswith("us-") and not key.region.startswith("us-gov-")
    query = PriceQuery(
        model_id=key.model_id,
        scope=Scope(key.scope),
        # A profile of the region's own continent: it only decides whether a US price
        # may be taken.
        geography=("us" if is_us else "eu") if key.scope == Scope.GEO else None,
        region=key.region,
        tier=key.tier,
        latency_mode=key.latency_mode,
        day=on,
    )
    return find_row(lists, query, key.unit, key.context_band).row
