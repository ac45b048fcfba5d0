"""Retention: deletion of single calls by the hour, and of sums by the month."""

from __future__ import annotations

from datetime import datetime

from ._store import Store, Transaction
from ._time_buckets import (
    Level,
    day_of,
    first_hour_of_month,
    first_key_of_hour,
    hour_of,
    key_of_hour,
    microseconds,
    month_of,
)


def prune(
    store: Store, calls_before: datetime | None, sums_before: datetime | None
) -> int:
    """Delete what is older; return the number of deleted calls."""
    keys = [] if calls_before is None else [key_of_hour(calls_before)]
    month = None
    if sums_before is not None:
        month = month_of(hour_of(microseconds(sums_before)))
        keys.append(first_key_of_hour(first_hour_of_month(month)))
    if not keys:
        return 0
    # Separate transactions: neither needs the other, and writers wait less.
    with store.transaction() as transaction:
        deleted = transaction.prune_calls(max(keys))
    if month is not None:
        with store.transaction() as transaction:
            _prune_sums(transaction, month)
            # Calls that were written meanwhile.
            deleted += transaction.prune_calls(keys[-1])
            transaction.prune_tag_sets()
    return deleted


def _prune_sums(transaction: Transaction, before_month: int) -> None:
    hour = first_hour_of_month(before_month)
    for level, bucket in (
        (Level.HOUR, hour),
        (Level.DAY, day_of(hour)),
        (Level.MONTH, before_month),
    ):
        transaction.prune_sums(level, bucket)
