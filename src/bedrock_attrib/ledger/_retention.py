"""What retention deletes: single calls by the hour, sums by the month."""

from __future__ import annotations

from datetime import datetime

from ._clock import (
    Level,
    day_of,
    first_hour_of_month,
    first_key_of_hour,
    hour_of,
    key_of_hour,
    microseconds,
    month_of,
)
from ._store import Store, Transaction


def forget(
    store: Store, calls_before: datetime | None, sums_before: datetime | None
) -> int:
    """Delete what is older; how many single calls that were."""
    keys = [] if calls_before is None else [key_of_hour(calls_before)]
    month = None
    if sums_before is not None:
        month = month_of(hour_of(microseconds(sums_before)))
        keys.append(first_key_of_hour(first_hour_of_month(month)))
    if not keys:
        return 0
    # Each a transaction: neither needs the other, and writers wait for less.
    with store.transaction() as transaction:
        deleted = transaction.forget_calls(max(keys))
    if month is not None:
        with store.transaction() as transaction:
            _forget_sums(transaction, month)
            # Of those that came meanwhile.
            deleted += transaction.forget_calls(keys[-1])
            transaction.forget_tag_sets()
    return deleted


def _forget_sums(transaction: Transaction, before_month: int) -> None:
    hour = first_hour_of_month(before_month)
    for level, bucket in (
        (Level.HOUR, hour),
        (Level.DAY, day_of(hour)),
        (Level.MONTH, before_month),
    ):
        transaction.forget_sums(level, bucket)
