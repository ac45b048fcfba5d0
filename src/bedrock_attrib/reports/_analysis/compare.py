"""Comparison of experiments or models by cost, with tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ...errors import ConfigError
from ...ledger import Ledger, Reader
from .._dimensions import Dimension, dimensions_of
from .._selection import Selection
from .._tables.price_coverage import PriceCoverage
from .._tables.remarks import remarks_on
from .compared_groups import ComparedGroup, GroupTotals, compared_groups
from .single_calls import only_currency, selected_calls

_MOST_GROUPS = 50


@dataclass(frozen=True, slots=True)
class Comparison:
    """Experiments or models side by group.

    Attributes:
        by: Name of the dimension.
        since: First moment; None for an empty ledger.
        until: The moment after the last; None for an empty ledger.
        currency: Currency of all amounts.
        baseline: The value to which the others are compared.
        confidence: Confidence of the intervals; one minus it is the level of the tests.
        groups: In the requested order, or by falling number of calls.
        remarks: Limits of the figures, in sentences.
    """

    by: str
    since: datetime | None
    until: datetime | None
    currency: str
    baseline: str
    confidence: float
    groups: tuple[ComparedGroup, ...]
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

    Calls, tokens and money come from the ledger's sums, which remain when single calls
    are deleted. Intervals and tests use the single calls that are left and assume that
    these are independent. They are computed with fixed seeds, so that the same calls
    give the same figures.

    Args:
        ledger: The ledger to read.
        by: A tag or dimension (`DIMENSION_NAMES`).
        values: Values to compare; empty for all.
        selection: Which calls; None for all.
        baseline: Value to compare the others to; None for the first.
        confidence: Confidence of the intervals, between 0.5 and 0.999.

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
    reading = _GroupReader(dimension, {value: GroupTotals() for value in values})
    reading.read(ledger, chosen, is_open=not values)
    found, remarks = reading.groups, reading.remarks
    if not values:
        order = sorted(found, key=lambda value: (-found[value].calls, value))
        found = {value: found[value] for value in order}
    base = _baseline(dimension, found, baseline)
    _check(by, found, base, remarks)
    base = next(iter(found)) if base is None else base
    return Comparison(
        by,
        *reading.span,
        only_currency(reading.currencies),
        base,
        confidence,
        compared_groups(found, base, confidence),
        (
            *remarks,
            *reading.coverage.remarks(with_parts=False),
            *_single_call_remarks(found),
        ),
    )


@dataclass(slots=True)
class _GroupReader:
    """Reader of the compared groups.

    Attributes:
        dimension: Dimension of the groups.
        groups: Totals by value.
        span: First moment and the one after the last; None for an empty ledger.
        currencies: Currencies of the amounts.
        coverage: Calls that are not exactly priced.
        remarks: Remarks on the request.
    """

    dimension: Dimension
    groups: dict[str, GroupTotals]
    span: tuple[datetime | None, datetime | None] = (None, None)
    currencies: set[str | None] = field(default_factory=set)
    coverage: PriceCoverage = field(default_factory=PriceCoverage)
    remarks: list[str] = field(default_factory=list)

    def read(self, ledger: Ledger, selection: Selection, *, is_open: bool) -> None:
        """Read the calls of *selection*; all values of the dimension if *is_open*."""
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
                value = self.dimension.read(record.tags, kind) or ""
                group = self.groups.get(self._requested(value))
                if group is not None:
                    group.sample(record)

    def _requested(self, value: str) -> str:
        """Return the name by which *value* was requested: its own, or a short one."""
        names = (value, *self.dimension.names_of(value))
        return next((name for name in names if name in self.groups), value)

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
            if not value or not selection.matches(part.tags, part.dimensions):
                continue
            if is_open:
                self.groups.setdefault(value, GroupTotals())
            group = self.groups.get(self._requested(value))
            if group is not None:
                group.add(part)
                self.currencies.add(part.dimensions.currency)
                self.coverage.note(part.dimensions.price_status, part.calls)


def _single_call_remarks(found: dict[str, GroupTotals]) -> Iterator[str]:
    """Yield how many single calls are left for intervals and tests."""
    calls = sum(group.calls for group in found.values())
    left = sum(group.single_calls for group in found.values())
    if left == calls:
        return
    if not left:
        yield (
            "All single calls of this span were deleted: the figures come from hourly "
            "sums, without intervals, tests or percentiles"
        )
        return
    few = [
        f"{value} {group.single_calls:,} of {group.calls:,}"
        for value, group in found.items()
        if group.single_calls < group.calls
    ]
    yield (
        f"{left:,} of {calls:,} single calls are left: intervals, tests and "
        f"percentiles are based on these ({', '.join(few)}), all other figures on "
        f"all calls"
    )


def _baseline(
    dimension: Dimension, found: Iterable[str], baseline: str | None
) -> str | None:
    """Return the value of *found* that *baseline* is, or a short name of it."""
    if baseline is None or baseline in found:
        return baseline
    for value in found:
        if baseline in dimension.names_of(value):
            return value
    return baseline


def _check(
    by: str, found: dict[str, GroupTotals], baseline: str | None, remarks: Sequence[str]
) -> None:
    hint = "".join(f". {remark}" for remark in remarks)
    empty = [value for value, group in found.items() if not group.calls]
    if empty:
        raise ConfigError(f"no call has {by}={' or '.join(empty)} in this span{hint}")
    if len(found) < 2:  # noqa: PLR2004 - a comparison needs two
        there = f"only {next(iter(found))!r} has" if found else "none has"
        raise ConfigError(
            f"a comparison needs two values of {by}, but {there} calls in this "
            f"span{hint}"
        )
    if len(found) > _MOST_GROUPS:
        raise ConfigError(
            f"{by} has {len(found)} values; specify those to compare, "
            f"{_MOST_GROUPS} at most"
        )
    if baseline is not None and baseline not in found:
        raise ConfigError(
            f"the baseline {baseline!r} is not among the values {', '.join(found)}"
        )
