"""Which of several experiments or models is cheaper, and whether that is chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ...errors import ConfigError
from ...ledger import Ledger, Reader
from .._dimensions import Dimension, dimensions_of
from .._selection import Selection
from .._tables.price_coverage import Doubts
from .._tables.remarks import remarks_on
from .calls import only_currency, selected_calls
from .compared_groups import Gathered, Side, sides_of

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
        remarks: What a reader of the figures must know, in sentences.
    """

    by: str
    since: datetime | None
    until: datetime | None
    currency: str
    baseline: str
    confidence: float
    sides: tuple[Side, ...]
    remarks: tuple[str, ...] = ()


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

    Calls, tokens and money come from the ledger's sums, which are kept after single
    calls are forgotten. The intervals and tests stand on the single calls that are
    left, and take each as drawn by itself from all that could have been made. They are
    computed with fixed seeds, so that the same calls give the same figures.

    Args:
        ledger: What was kept.
        by: A tag or dimension (`bedrock_attrib.reports.NAMES`).
        values: Which of its values; none for all that are there.
        selection: Which calls; None for all.
        baseline: What the others are compared to; None for the first.
        confidence: Of the intervals, between 0.5 and 0.999.

    Raises:
        ConfigError: If *by* is time or units, fewer than two values have calls or too
            many do, the baseline is not among them, or amounts are in several
            currencies.
        LedgerError: If the ledger cannot be read.
    """
    if not 0.5 <= confidence <= 0.999:  # noqa: PLR2004 - as documented
        raise ConfigError(f"confidence is {confidence}; expected 0.5 to 0.999")
    (dimension,) = dimensions_of("compare", [by])
    chosen = selection or Selection()
    gathering = _Gathering(dimension, {value: Gathered() for value in values})
    gathering.read(ledger, chosen, is_open=not values)
    found, remarks = gathering.sides, gathering.remarks
    if not values:
        order = sorted(found, key=lambda value: (-found[value].calls, value))
        found = {value: found[value] for value in order}
    _check(by, found, baseline, remarks)
    base = next(iter(found)) if baseline is None else baseline
    return Comparison(
        by,
        *gathering.span,
        only_currency(gathering.currencies),
        base,
        confidence,
        sides_of(found, base, confidence),
        (*remarks, *gathering.doubts.remarks(with_parts=False), *_on_singles(found)),
    )


@dataclass(slots=True)
class _Gathering:
    """Reads what is compared.

    Attributes:
        dimension: What tells the sides apart.
        sides: What was found, by value.
        span: First moment and the one after the last; None where nothing was kept.
        currencies: Of all amounts.
        doubts: Calls without a plain price.
        remarks: On what was asked for.
    """

    dimension: Dimension
    sides: dict[str, Gathered]
    span: tuple[datetime | None, datetime | None] = (None, None)
    currencies: set[str | None] = field(default_factory=set)
    doubts: Doubts = field(default_factory=Doubts)
    remarks: list[str] = field(default_factory=list)

    def read(self, ledger: Ledger, selection: Selection, *, is_open: bool) -> None:
        """Read the calls of *selection*; of any value, if *is_open*."""
        with ledger.reading() as reader:
            whole = reader.span()
            self.span = selection.since, selection.until
            points = [] if whole is None else [*selection.span(whole)]
            self.remarks = remarks_on(reader, selection, points, [self.dimension])
            if not points:
                return
            self.span = since, until = points[0], points[1]
            self._add_sums(reader, selection, (since, until), is_open=is_open)
            for record, kind in selected_calls(reader, selection, since, until):
                side = self.sides.get(self.dimension.read(record.tags, kind) or "")
                if side is not None:
                    side.note(record)

    def _add_sums(
        self,
        reader: Reader,
        selection: Selection,
        span: tuple[datetime, datetime],
        *,
        is_open: bool,
    ) -> None:
        for part in reader.sums(*span):
            value = self.dimension.read(part.tags, part.dimensions)
            if not value or not selection.lets_pass(part.tags, part.dimensions):
                continue
            if is_open:
                self.sides.setdefault(value, Gathered())
            side = self.sides.get(value)
            if side is not None:
                side.add(part)
                self.currencies.add(part.dimensions.currency)
                self.doubts.note(part.dimensions.price_status, part.calls)


def _on_singles(found: dict[str, Gathered]) -> Iterator[str]:
    """What intervals stand on, where single calls were forgotten."""
    calls = sum(side.calls for side in found.values())
    left = sum(side.single_calls for side in found.values())
    if left == calls:
        return
    if not left:
        yield (
            "No single call of this span is kept any more: all figures come from "
            "hourly sums, and there are no intervals, tests or percentiles"
        )
        return
    few = [
        f"{value} {side.single_calls:,} of {side.calls:,}"
        for value, side in found.items()
        if side.single_calls < side.calls
    ]
    yield (
        f"Of {calls:,} calls {left:,} are still kept one by one: intervals, tests and "
        f"percentiles stand on these alone ({', '.join(few)}), all other figures on "
        f"all calls"
    )


def _check(
    by: str, found: dict[str, Gathered], baseline: str | None, remarks: Sequence[str]
) -> None:
    hint = "".join(f". {remark}" for remark in remarks)
    empty = [value for value, side in found.items() if not side.calls]
    if empty:
        raise ConfigError(f"no call has {by}={' or '.join(empty)} in this span{hint}")
    if len(found) < 2:  # noqa: PLR2004 - that is what comparing takes
        there = f"only {next(iter(found))!r} has" if found else "none has"
        raise ConfigError(
            f"of the values of {by} {there} calls in this span; two are needed to "
            f"compare{hint}"
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
