"""Single calls of a ledger, and their kinds and currency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Context

from ..._model.record import CallRecord
from ...errors import ConfigError
from ...ledger import CallDimensions, Reader
from .._selection import Selection

QUOTIENT = Context(prec=28)
"""Context of divisions, to 28 digits, independent of the application's."""


def selected_calls(
    reader: Reader,
    selection: Selection,
    since: datetime,
    until: datetime,
    *,
    kinds: Callable[[CallDimensions], bool] | None = None,
) -> Iterator[tuple[CallRecord, CallDimensions]]:
    """Yield the selected calls of a span with their kinds, in the order of time.

    The kinds have no rates.
    """
    is_filtered = bool(selection.filters)
    for record in reader.calls(since, until, dimensions=kinds):
        kind = kind_of_record(record)
        if not is_filtered or selection.matches(record.tags, kind):
            yield record, kind


def kind_of_record(record: CallRecord) -> CallDimensions:
    """Return the kind of a call, without rates."""
    return CallDimensions.of(record)


def only_currency(currencies: Iterable[str | None]) -> str:
    """Return the only currency of some amounts; ``USD`` without any.

    Raises:
        ConfigError: If there are several, which cannot be added up.
    """
    found = sorted({each for each in currencies if each is not None})
    if len(found) > 1:
        raise ConfigError(
            f"the calls are priced in {', '.join(found)}, which cannot be added; "
            f"select one with a filter such as currency={found[0]}"
        )
    return found[0] if found else "USD"
