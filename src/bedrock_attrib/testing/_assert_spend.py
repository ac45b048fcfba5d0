"""`assert_spend`: expected cost and number of calls, by tags."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from .._model.cost import ZERO, add
from .._model.record import CallRecord, PriceStatus

_SHOWN = 20
_CURRENCY = "USD"


def assert_spend(
    records: Iterable[CallRecord],
    /,
    *,
    cost: Decimal | str | None = None,
    at_most: Decimal | str | None = None,
    calls: int | None = None,
    **tags: str | None,
) -> None:
    """Assert what the calls with these tags cost, and how many there were.

    Args:
        records: Calls, such as the fixture ``attrib_records`` or `ListSink.records`.
        cost: Exact total in USD.
        at_most: Upper bound of the total in USD.
        calls: Number of calls, failed ones included.
        **tags: Tags that a call must have to be counted; None for one that it must not
            have. Without tags, all calls count.

    Raises:
        AssertionError: If an expectation does not hold, or an amount is expected and
            the price of a call is unknown or incomplete. Lists the calls.

    Example:
        >>> assert_spend([], cost="0", calls=0, team="search")
    """
    found = [
        record
        for record in records
        if all(record.tags.get(key) == value for key, value in tags.items())
    ]
    total = ZERO
    for record in found:
        if record.cost is not None and record.cost.currency == _CURRENCY:
            total = add(total, record.cost.total)
    problems = []
    if calls is not None and len(found) != calls:
        problems.append(f"expected {calls} calls, found {len(found)}")
    if cost is not None and total != Decimal(cost):
        problems.append(f"expected {cost} USD, found {_plain(total)} USD")
    if at_most is not None and total > Decimal(at_most):
        problems.append(f"expected at most {at_most} USD, found {_plain(total)} USD")
    if cost is not None or at_most is not None:
        problems += [
            f"the price of a call is {record.price_status}: {record.price_reason}"
            for record in found
            if record.price_status in _INCOMPLETE
        ]
        problems += [
            f"the price of a call is in {record.cost.currency}, not in {_CURRENCY}"
            for record in found
            if record.cost is not None and record.cost.currency != _CURRENCY
        ]
    if problems:
        raise AssertionError("\n".join([*problems, *map(_shown, found[:_SHOWN])]))


_INCOMPLETE = frozenset({PriceStatus.PARTIAL, PriceStatus.UNPRICED})


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _shown(record: CallRecord) -> str:
    cost = (
        "-"
        if record.cost is None
        else f"{_plain(record.cost.total)} {record.cost.currency}"
    )
    model = record.model.model_id or record.model.requested
    return f"  {record.operation} {model} {record.outcome} {cost} {dict(record.tags)}"
