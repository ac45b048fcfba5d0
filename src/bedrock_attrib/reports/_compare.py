"""Which of several experiments or models is cheaper, and whether that is chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .._errors import ConfigError
from ..ledger import Ledger
from ._calls import only_currency, selected_calls
from ._dimensions import dimension_named
from ._selection import Selection
from ._sides import Gathered, Side, sides_of

_MOST_SIDES = 50


@dataclass(frozen=True, slots=True)
class Comparison:
    """Experiments or models side by side.

    Attributes:
        by: Name of the dimension.
        since: First moment; None where nothing was kept.
        until: The moment after the last; None where nothing was kept.
        currency: Currency of all amounts.
        baseline: The value that the others are compared to.
        confidence: Of every interval; what it lacks to one is the level of the tests.
        sides: As they were asked for, or those with most calls first.
    """

    by: str
    since: datetime | None
    until: datetime | None
    currency: str
    baseline: str
    confidence: float
    sides: tuple[Side, ...]


def compare(
    ledger: Ledger,
    by: str,
    values: Sequence[str] = (),
    selection: Selection | None = None,
    *,
    baseline: str | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """Compare experiments, models, or any other values of a dimension.

    The intervals and tests take each call as drawn by itself from all that could have
    been made. They are computed with fixed seeds, so that the same calls give the same
    figures.

    Args:
        ledger: What was kept, single calls included.
        by: A tag or dimension (`bedrock_attrib.reports.NAMES`).
        values: Which of its values; none for all that are there.
        selection: Which calls; None for all.
        baseline: What the others are compared to; None for the first.
        confidence: Of the intervals, between 0.5 and 0.999.

    Raises:
        ConfigError: If fewer than two values have calls or too many do, the baseline
            is not among them, or amounts are in several currencies.
        LedgerError: If the ledger cannot be read.
    """
    if not 0.5 <= confidence <= 0.999:  # noqa: PLR2004 - as documented
        raise ConfigError(f"confidence is {confidence}; expected 0.5 to 0.999")
    chosen = selection or Selection()
    found: dict[str, Gathered] = {value: Gathered() for value in values}
    since, until, currencies = _gather(ledger, by, chosen, found, is_open=not values)
    if not values:
        order = sorted(found, key=lambda value: (-found[value].calls, value))
        found = {value: found[value] for value in order}
    _check(by, found, baseline)
    base = next(iter(found)) if baseline is None else baseline
    return Comparison(
        by,
        since,
        until,
        only_currency(currencies),
        base,
        confidence,
        sides_of(found, base, confidence),
    )


def _gather(
    ledger: Ledger,
    by: str,
    selection: Selection,
    found: dict[str, Gathered],
    *,
    is_open: bool,
) -> tuple[datetime | None, datetime | None, set[str | None]]:
    read = dimension_named(by).read
    currencies: set[str | None] = set()
    with ledger.reading() as reader:
        whole = reader.span()
        if whole is None:
            return selection.since, selection.until, currencies
        since, until = selection.span(whole)
        for record, kind in selected_calls(reader, selection, since, until):
            value = read(record.tags, kind)
            if value is None:
                continue
            side = found.get(value)
            if side is None:
                if not is_open:
                    continue
                side = found[value] = Gathered()
            side.note(record)
            currencies.add(kind.currency)
    return since, until, currencies


def _check(by: str, found: dict[str, Gathered], baseline: str | None) -> None:
    empty = [value for value, side in found.items() if not side.calls]
    if empty:
        raise ConfigError(f"no call has {by}={' or '.join(empty)} in this span")
    if len(found) < 2:  # noqa: PLR2004 - that is what comparing takes
        only = f" ({next(iter(found))})" if found else ""
        raise ConfigError(
            f"{len(found)} value of {by} has calls in this span{only}; "
            f"two are needed to compare"
        )
    if len(found) > _MOST_SIDES:
        raise ConfigError(
            f"{by} has {len(found)} values; name those to compare, "
            f"{_MOST_SIDES} at most"
        )
    if baseline is not None and baseline not in found:
        raise ConfigError(
            f"the baseline {baseline!r} is none of those compared: {', '.join(found)}"
        )
