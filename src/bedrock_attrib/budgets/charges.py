"""Charges: what a finished call counts for, by measure."""

from __future__ import annotations

from .._model.record import CallRecord, PriceReason, PriceStatus
from .._model.usage import is_token_unit
from .measures import Measure, to_quanta

NEVER_SENT = frozenset(
    {PriceReason.REFUSED, PriceReason.NOT_SENT, PriceReason.ANSWERED_LOCALLY}
)
"""Reasons of a call that AWS never got."""


def charge_of(measure: Measure, reserved: int, record: CallRecord) -> int:
    """Return what *record* counts for, in quanta.

    What is not wholly known counts as no less than what was *reserved*.
    """
    if record.price_reason_code in NEVER_SENT:
        return 0
    if measure is Measure.CALLS:
        return 1
    if measure is Measure.TOKENS:
        return _tokens(record, reserved)
    return _usd(record, reserved)


def _tokens(record: CallRecord, reserved: int) -> int:
    if record.usage is None:
        return 0 if record.price_status is PriceStatus.FREE else reserved
    return sum(count for unit, count in record.usage.items() if is_token_unit(unit))


def _usd(record: CallRecord, reserved: int) -> int:
    if record.price_status is PriceStatus.FREE:
        return 0
    cost = record.cost
    if cost is None or cost.currency != "USD":
        return reserved
    amount = to_quanta(Measure.USD, cost.total)
    is_partial = record.price_status is PriceStatus.PARTIAL
    return max(amount, reserved) if is_partial else amount
