"""Single calls of a ledger, and what several analyses ask of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Context

from ..._model.record import CallRecord
from ...errors import ConfigError
from ...ledger import CallDimensions, Reader
from .._selection import Selection

QUOTIENT = Context(prec=28)
"""Divides amounts, to 28 digits, whatever the application has set."""


def selected_calls(
    reader: Reader,
    selection: Selection,
    since: datetime,
    until: datetime,
    *,
    kinds: Callable[[CallDimensions], bool] | None = None,
) -> Iterator[tuple[CallRecord, CallDimensions]]:
    """The calls of a span that pass the filters, in the order of time.

    The kind that comes with each names no rates.
    """
    is_filtered = bool(selection.filters)
    for record in reader.calls(since, until, dimensions=kinds):
        kind = kind_of_record(record)
        if not is_filtered or selection.lets_pass(record.tags, kind):
            yield record, kind


def kind_of_record(record: CallRecord) -> CallDimensions:
    """The kind of a call, which names no rates."""
    return CallDimensions.of(record)


def only_currency(currencies: Iterable[str | None]) -> str:
    """The one currency of some amounts; ``USD`` where there are none.

    Raises:
        ConfigError: If there are several, which cannot be added up.
    """
    found = sorted({each for each in currencies if each is not None})
    if len(found) > 1:
        raise ConfigError(
            f"the calls are priced in {', '.join(found)}, which cannot be compared; "
            f"choose one with a filter such as currency={found[0]}"
        )
    return found[0] if found else "USD"
