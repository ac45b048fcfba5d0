"""Repricing of calls: actual cost and the cost of an alternative."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from ..._model.cost import ZERO, Cost, Rates, add
from ..._model.record import PriceStatus, Quote
from ..._model.tags import Tags
from ..._model.usage import PROMPT_UNITS, Unit, Usage
from ...ledger import Aggregate, CallDimensions, Reader
from ...pricing import PriceTable
from ...pricing._rows import band_threshold
from .._selection import Selection
from .._tables.price_coverage import NOT_FULLY_PRICED
from .alternative import Alternative

_GONE = (
    "the price depends on the length of each prompt, and the single calls were deleted"
)


@dataclass(frozen=True, slots=True)
class Repriced:
    """Calls with the same tags and of one kind, priced twice.

    Attributes:
        tags: The tags that they share.
        kind: Other properties that they share.
        calls: How many there are.
        actual: Their actual cost; None if not fully priced.
        instead: Their alternative cost; None if not fully priced.
        is_estimated: Whether the alternative price is estimated.
        reason: Why one of the amounts is None; empty if none is.
    """

    tags: Tags
    dimensions: CallDimensions
    calls: int
    actual: Decimal | None
    instead: Decimal | None
    is_estimated: bool
    reason: str


Wanted = Callable[[Tags, CallDimensions, Usage], bool]


def _all(tags: Tags, kind: CallDimensions, usage: Usage) -> bool:  # noqa: ARG001 - as `Wanted`
    return True


@dataclass(frozen=True, slots=True)
class Repricer:
    """Pricing of the calls of a ledger in another way.

    Attributes:
        prices: Price table.
        alternative: The alternative.
        wanted: Condition on tags, kind and counts of one or several calls.
    """

    prices: PriceTable
    alternative: Alternative
    wanted: Wanted = _all

    def reprice(
        self, reader: Reader, selection: Selection, since: datetime, until: datetime
    ) -> Iterator[Repriced]:
        """Yield every group of calls of a span, in parts.

        Sums are priced where all their calls have the same prices. Where prices depend
        on the length of a prompt, single calls are added up by length and units.
        """
        whole = self._parts(reader, selection, since, until)
        lengths = {
            kind: self._lengths(kind) for kind in {part.dimensions for part in whole}
        }
        units = _units_by_kind(whole)
        cuts = self._cuts(units, lengths, since, until)
        for start, end in pairwise(cuts):
            is_whole = (start, end) == (since, until)
            parts = whole if is_whole else self._parts(reader, selection, start, end)
            for part in parts:
                if part.dimensions in units and not lengths[part.dimensions]:
                    yield self._of_sum(part, start)
        if any(lengths.values()):
            parts = [part for part in whole if lengths[part.dimensions]]
            yield from self._by_length(reader, cuts, parts, lengths)

    def _parts(
        self, reader: Reader, selection: Selection, since: datetime, until: datetime
    ) -> list[Aggregate]:
        return [
            part
            for part in reader.sums(since, until)
            if selection.matches(part.tags, part.dimensions)
            and self.wanted(part.tags, part.dimensions, part.usage)
        ]

    def _lengths(self, kind: CallDimensions) -> tuple[int, ...]:
        """Tokens of a prompt above which calls of *kind* would have other prices."""
        model = self.alternative.model_of(kind)
        is_free = kind.price_status is PriceStatus.FREE  # and stays so
        if is_free or model is None or model.model_id is None:
            return ()
        bands = {row.context_band for row in self.prices.rows(model=model.model_id)}
        return tuple(sorted(map(band_threshold, filter(None, bands))))

    def _cuts(
        self,
        units: dict[CallDimensions, Usage],
        lengths: Mapping[CallDimensions, tuple[int, ...]],
        since: datetime,
        until: datetime,
    ) -> list[datetime]:
        """Return the ends of a span and the days in it on which a price changes."""
        first = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        cuts, day = [since], first + timedelta(days=1)
        asked = [
            (kind, self._one_of_each(usage, length))
            for kind, usage in units.items()
            for length in (0, *lengths[kind])
        ]
        before = [self._terms(kind, usage, first) for kind, usage in asked]
        while day < until and asked:
            now = [self._terms(kind, usage, day) for kind, usage in asked]
            if now != before:
                cuts.append(day)
            before, day = now, day + timedelta(days=1)
        return [*cuts, until]

    def _terms(
        self, kind: CallDimensions, usage: Usage, at: datetime
    ) -> tuple[PriceStatus, str, Rates | None]:
        quote = self._quote(kind, usage, at)
        cost = quote.cost
        return quote.status, quote.reason, None if cost is None else cost.rates

    def _one_of_each(self, usage: Usage, length: int) -> Usage:
        """Return one of each alternative unit, with a prompt of more than *length*."""
        counts = self.alternative.usage_of(usage)
        ones = {unit: 1 for unit, count in counts.items() if count}
        prompt = next((unit for unit in ones if unit in PROMPT_UNITS), None)
        if prompt is not None:
            ones[prompt] += length
        return Usage.of(ones)

    def _quote(self, kind: CallDimensions, usage: Usage, at: datetime) -> Quote:
        model = self.alternative.model_of(kind)
        if model is None:
            scope = self.alternative.scope
            reason = f"{kind.model.requested} has no {scope} id in {kind.region}"
            return Quote(None, PriceStatus.UNPRICED, reason)
        return self.prices.quote(
            model,
            usage,
            region=kind.region,
            tier=self.alternative.tier_of(kind),
            latency_mode=kind.latency_mode,
            at=at,
        )

    def _of_sum(self, part: Aggregate, at: datetime, length: int = 0) -> Repriced:
        """Price *part* twice; each of its prompts has more than *length* tokens."""
        actual, reason = _actual(part.dimensions, part.cost)
        if reason:
            return _excluded(part, actual, reason)
        if part.dimensions.price_status is PriceStatus.FREE or not any(
            part.usage.values()
        ):
            return _as_it_was(part)
        quote = self._quote(part.dimensions, self._one_of_each(part.usage, length), at)
        if quote.cost is None or quote.status in NOT_FULLY_PRICED:
            return _excluded(part, actual, quote.reason)
        if part.dimensions.currency not in (None, quote.cost.currency):
            reason = f"the alternative price is in {quote.cost.currency}"
            return _excluded(part, actual, reason)
        return Repriced(
            part.tags,
            part.dimensions,
            part.calls,
            actual,
            _amount(quote.cost, self.alternative.usage_of(part.usage)),
            quote.status is PriceStatus.ESTIMATED,
            "",
        )

    def _by_length(
        self,
        reader: Reader,
        cuts: Sequence[datetime],
        parts: Sequence[Aggregate],
        lengths: Mapping[CallDimensions, tuple[int, ...]],
    ) -> Iterator[Repriced]:
        missing = {(part.tags, part.dimensions): part.calls for part in parts}
        amounts = {
            (p.tags, p.dimensions): _actual(p.dimensions, p.cost)[0] for p in parts
        }
        kinds = {part.dimensions for part in parts}
        limits = sorted({each for kind in kinds for each in lengths[kind]})
        for start, end in pairwise(cuts):
            for length, part in reader.sums_by_use(
                start, end, lengths=limits, dimensions=kinds.__contains__
            ):
                key = (part.tags, part.dimensions)
                if key not in missing:
                    continue
                missing[key] -= part.calls
                amounts[key] = _less(amounts[key], part.cost)
                if self.wanted(part.tags, part.dimensions, part.usage):
                    yield self._of_sum(part, start, length)
        for (tags, kind), calls in missing.items():
            if calls > 0:
                amount = amounts[tags, kind]
                yield Repriced(tags, kind, calls, amount, None, False, _GONE)  # noqa: FBT003 - as named there


def _units_by_kind(parts: Iterable[Aggregate]) -> dict[CallDimensions, Usage]:
    """Return the total usage of each kind."""
    found: dict[CallDimensions, Usage] = {}
    for part in parts:
        before = found.get(part.dimensions)
        found[part.dimensions] = part.usage if before is None else before + part.usage
    return found


def _actual(kind: CallDimensions, cost: Decimal | None) -> tuple[Decimal | None, str]:
    """Return the cost of calls, and why it is incomplete."""
    if kind.price_status in NOT_FULLY_PRICED:
        return cost, f"the actual cost is not fully known ({kind.price_status})"
    return (ZERO if cost is None else cost), ""


def _less(cost: Decimal | None, part: Decimal | None) -> Decimal | None:
    """Return *cost* without a part; None if unknown."""
    return cost if cost is None or part is None else add(cost, part.copy_negate())


def _excluded(part: Aggregate, actual: Decimal | None, reason: str) -> Repriced:
    return Repriced(part.tags, part.dimensions, part.calls, actual, None, False, reason)  # noqa: FBT003 - as named there


def _as_it_was(part: Aggregate) -> Repriced:
    amount = ZERO if part.cost is None else part.cost
    return Repriced(part.tags, part.dimensions, part.calls, amount, amount, False, "")  # noqa: FBT003 - as named there


def _amount(cost: Cost, counts: Usage) -> Decimal:
    """Return the exact amount of *counts* at the rates of *cost*."""
    known: dict[Unit, int] = {unit: counts.get(unit, 0) for unit in cost.rates}
    return Cost.at(cost.rates, Usage.of(known), cost.currency).total
