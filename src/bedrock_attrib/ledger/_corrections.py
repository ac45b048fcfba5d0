"""Corrections: records that replace others that were written before."""

from __future__ import annotations

from typing import NamedTuple

from .._model.record import CallRecord
from ._field_table import CALL_COLUMNS, Row, call_row, columns_of
from ._store import Transaction
from ._time_buckets import keys_of_same_time


class Correction(NamedTuple):
    """A record and its replacement.

    Attributes:
        before: The record as it was written; the call is found by its id and time.
        after: What is known now.
    """

    before: CallRecord
    after: CallRecord


_identity = columns_of("key", "origin", "number")
_buckets = columns_of("hour", "month")


def correct(transaction: Transaction, before: Row, after: Row) -> None:
    """Replace the call of the fresh row *before* by *after*, in its sums too.

    What is stored is subtracted, whatever *before* says. A call keeps its time, by
    which it is found. One that is not stored is ignored.
    """
    key, origin, number = _identity(before)
    stored = transaction.find(keys_of_same_time(key), origin, number)
    if stored is None:
        return
    # The key comes first, and a call keeps the one it has.
    changed = (*stored[:1], *after[1 : len(CALL_COLUMNS)])
    buckets = _buckets(before)
    transaction.replace((*call_row(stored), *buckets, -1), (*changed, *buckets, 1))
