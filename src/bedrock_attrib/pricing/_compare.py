"""What another table charges for the same: prices added, removed and changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from .._model.model_id import Scope
from .._model.usage import Unit
from ._lookup import find_row
from ._price_list import PriceList
from ._query import Question
from ._rows import DEFAULT_REGION, PriceRow


class Asked(NamedTuple):
    """What is priced, as one call would ask for it.

    Attributes:
        model_id: Base model id.
        region: Calling region, or ``default`` where both tables state that price.
        scope: ``regional``, ``geo`` or ``global``.
        tier: Service tier.
        latency_mode: ``standard`` or ``optimized``.
        context_band: Long-context band, empty for none.
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
    """What one table charges and another does not, or not the same.

    Attributes:
        asked: What is priced.
        before: Row of the first table; None when it has no price.
        after: Row of the second table; None when it has no price.
    """

    asked: Asked
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
    """Compare what two tables charge on a day, look-up rules included.

    Of models and regions that the second table does not state nothing is said, but
    that a default price holds in every region: it is compared with the prices of those
    regions that the other table states.
    """
    for model_id in sorted({name for each in after for name in each.model_ids}):
        asked = set(_asked(_rows(before, model_id, on), _rows(after, model_id, on)))
        for each in sorted(asked):
            old, new = _charged(before, each, on), _charged(after, each, on)
            if (old and old.amount) != (new and new.amount):
                yield PriceChange(each, old, new)


def _rows(lists: tuple[PriceList, ...], model_id: str, on: date) -> list[PriceRow]:
    found = [rows for each in lists if (rows := each.of(model_id))]
    return [row for rows in found for row in rows.rows if row.holds_on(on)]


def _asked(before: list[PriceRow], after: list[PriceRow]) -> Iterator[Asked]:
    """What rows of one model price, in regions that both tables can be asked for."""
    old, new = {row.region for row in before}, {row.region for row in after}
    stated = old | new if DEFAULT_REGION in new else new
    for rows, others in ((before, new), (after, old)):
        for row in rows:
            is_default = row.region == DEFAULT_REGION
            is_spread = is_default and bool(others) and DEFAULT_REGION not in others
            for region in stated & (others if is_spread else {row.region}):
                yield Asked(
                    row.model_id,
                    region,
                    row.scope,
                    row.tier,
                    row.latency_mode,
                    row.context_band,
                    row.unit,
                )


def _charged(lists: tuple[PriceList, ...], asked: Asked, on: date) -> PriceRow | None:
    if asked.region == DEFAULT_REGION:
        for each in lists:
            rows = each.of(asked.model_id)
            found = rows.row_on(asked[1:], on) if rows else None
            if found is not None:
                return found
        return None
    is_us = asked.region.startswith("us-") and not asked.region.startswith("us-gov-")
    question = Question(
        model_id=asked.model_id,
        scope=Scope(asked.scope),
        # A profile of the region's own continent; which one, decides only whether a
        # US price may be taken.
        geography=("us" if is_us else "eu") if asked.scope == Scope.GEO else None,
        region=asked.region,
        tier=asked.tier,
        latency_mode=asked.latency_mode,
        day=on,
    )
    return find_row(lists, question, asked.unit, asked.context_band).row
