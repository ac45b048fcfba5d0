"""How what was found out later takes the place of what was written."""

from __future__ import annotations

from typing import NamedTuple

from .._model.record import CallRecord
from ._clock import beside
from ._rows import CALL_COLUMNS, PLACE_COLUMNS, Batch, Row, more_sums
from ._store import Transaction

_KEY, _ORIGIN, _NUMBER = (
    len(PLACE_COLUMNS) + CALL_COLUMNS.index(column)
    for column in ("key", "origin", "number")
)


class Correction(NamedTuple):
    """A record, and what takes its place.

    Attributes:
        before: By its id and its time the call is found.
        after: What is known now.
    """

    before: CallRecord
    after: CallRecord


def correct(transaction: Transaction, before: Row, after: Row) -> None:
    """Write the call of the row *before* anew, and add up what it is now.

    What stands is taken away, whatever the caller believes to stand there; a call keeps
    its time, by which it is found. One that is not there is left alone.
    """
    standing = transaction.find(
        beside(before[_KEY]), origin=before[_ORIGIN], number=before[_NUMBER]
    )
    if standing is None:
        return
    hour, month, _ = before[: len(PLACE_COLUMNS)]
    rows = [
        (hour, month, -1, *standing),
        (hour, month, 1, *after[len(PLACE_COLUMNS) :]),
    ]
    transaction.replace(standing[0], Batch(rows, more_sums(rows)))
