"""Conflict resolution between lines that price the same thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from ._mapping import MappedLine
from ._sku import Reason

Key = tuple[str, ...]
Refused = list[tuple[MappedLine, Reason]]


def resolve_conflicts(found: Iterable[MappedLine]) -> tuple[list[MappedLine], Refused]:
    """Separate lines that agree or follow one another from contradicting ones.

    A model may have several SKUs for the same thing, and the lists of several days may
    be read at once. The newest lists of two offers must agree. Of two copies of one
    offer, the newer holds.

    Returns:
        Accepted lines, and refused lines each with the reason.
    """
    by_key: dict[Key, list[MappedLine]] = defaultdict(list)
    for mapped in found:
        by_key[mapped.row.model_id, *mapped.row.key].append(mapped)
    accepted: list[MappedLine] = []
    refused: Refused = []
    for lines in by_key.values():
        if _contradict(lines):
            refused += [(mapped, Reason.CONFLICT) for mapped in lines]
            continue
        for of_day in _by_day(lines).values():
            newest = max(mapped.sku.published for mapped in of_day)
            price = next(m.row.price for m in of_day if m.sku.published == newest)
            for mapped in of_day:
                if mapped.row.price == price:
                    accepted.append(mapped)
                else:
                    refused.append((mapped, Reason.SUPERSEDED))
    return accepted, refused


def _by_day(lines: Iterable[MappedLine]) -> dict[date | None, list[MappedLine]]:
    days: dict[date | None, list[MappedLine]] = defaultdict(list)
    for mapped in lines:
        days[mapped.row.valid_from].append(mapped)
    return days


def _contradict(lines: list[MappedLine]) -> bool:
    """Return whether SKUs of one list, or the newest lists of two offers, disagree."""
    current: dict[tuple[str, date], dict[str, MappedLine]] = defaultdict(dict)
    for mapped in lines:
        of_list = current[mapped.sku.offer, mapped.sku.published]
        before = of_list.get(mapped.sku.sku)
        if before is not None and _day(before) == _day(mapped):
            if before.row.price != mapped.row.price:
                return True
        elif before is None or _day(before) < _day(mapped):
            of_list[mapped.sku.sku] = mapped
    newest = {
        offer: max(day for other, day in current if other == offer)
        for offer, _ in current
    }
    prices_now: set[Decimal] = set()
    for (offer, day), by_sku in current.items():
        prices = {mapped.row.price for mapped in by_sku.values()}
        if len(prices) > 1:
            return True
        if day == newest[offer]:
            prices_now |= prices
    return len(prices_now) > 1


def _day(mapped: MappedLine) -> date:
    return mapped.row.valid_from or date.min
