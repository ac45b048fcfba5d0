"""What calls would have cost if they had been made another way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from .._cost import Cost, Rates
from .._money import ZERO, add
from .._record import PriceStatus, Quote, Tags
from .._usage import Unit, Usage
from ..ledger import Kind, Reader, Sum
from ..pricing import PriceTable
from ._alternative import Alternative
from ._calls import selected_calls
from ._known import NOT_WHOLLY_PRICED
from ._selection import Selection

_GONE = (
    "the price hangs on the length of each prompt, and the single calls are no longer "
    "kept"
)


@dataclass(frozen=True, slots=True)
class Repriced:
    """Calls with the same tags and of one kind, priced twice.

    Attributes:
        tags: The tags that they share.
        kind: Everything else that they share.
        calls: How many there are.
        actual: What they cost; None where that has no whole price.
        instead: What they would have cost; None where that has no whole price.
        is_estimated: Whether the other price is likely rather than certain.
        reason: Why one of the two amounts is None; empty where none is.
    """

    tags: Tags
    kind: Kind
    calls: int
    actual: Decimal | None
    instead: Decimal | None
    is_estimated: bool
    reason: str


Wanted = Callable[[Tags, Kind, Usage], bool]


def _all(tags: Tags, kind: Kind, usage: Usage) -> bool:  # noqa: ARG001 - as `Wanted`
    return True


@dataclass(frozen=True, slots=True)
class Repricer:
    """Prices the calls of a ledger in another way.

    Attributes:
        prices: What things cost.
        alternative: The other way.
        wanted: Which calls, by tags, kind and counts (of one or of many together).
    """

    prices: PriceTable
    alternative: Alternative
    wanted: Wanted = _all

    def reprice(
        self, reader: Reader, selection: Selection, since: datetime, until: datetime
    ) -> Iterator[Repriced]:
        """Every group of calls of a span, in pieces.

        Sums are priced where a price is the same for all calls that are in them; else
        each call is priced by itself.
        """
        whole = self._parts(reader, selection, since, until)
        single = {part.kind for part in whole if self._hangs_on_length(part.kind)}
        units = _units_by_kind(part for part in whole if part.kind not in single)
        cuts = self._cuts(units, since, until)
        for start, end in pairwise(cuts):
            is_whole = (start, end) == (since, until)
            parts = whole if is_whole else self._parts(reader, selection, start, end)
            for part in parts:
                if part.kind in units:
                    yield self._of_sum(part, start)
        if single:
            parts = [part for part in whole if part.kind in single]
            yield from self._one_by_one(reader, selection, (since, until), parts)

    def _parts(
        self, reader: Reader, selection: Selection, since: datetime, until: datetime
    ) -> list[Sum]:
        return [
            part
            for part in reader.sums(since, until)
            if selection.lets_pass(part.tags, part.kind)
            and self.wanted(part.tags, part.kind, part.usage)
        ]

    def _hangs_on_length(self, kind: Kind) -> bool:
        model = self.alternative.model_of(kind)
        if model is None or model.model_id is None:
            return False
        return any(row.context_band for row in self.prices.rows(model=model.model_id))

    def _cuts(
        self, units: dict[Kind, Usage], since: datetime, until: datetime
    ) -> list[datetime]:
        """The ends of a span, and the days in it on which a price changes."""
        first = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        cuts, day = [since], first + timedelta(days=1)
        before = [self._rates(kind, usage, first) for kind, usage in units.items()]
        while day < until and units:
            now = [self._rates(kind, usage, day) for kind, usage in units.items()]
            if now != before:
                cuts.append(day)
            before, day = now, day + timedelta(days=1)
        return [*cuts, until]

    def _rates(self, kind: Kind, usage: Usage, at: datetime) -> Rates | None:
        cost = self._quote(kind, self._one_of_each(usage), at).cost
        return None if cost is None else cost.rates

    def _one_of_each(self, usage: Usage) -> Usage:
        counts = self.alternative.usage_of(usage)
        return Usage.of({unit: 1 for unit, count in counts.items() if count})

    def _quote(self, kind: Kind, usage: Usage, at: datetime) -> Quote:
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

    def _of_sum(self, part: Sum, at: datetime) -> Repriced:
        actual, reason = _actual(part.kind, part.cost)
        if reason:
            return _left_out(part, actual, reason)
        if part.kind.price_status is PriceStatus.FREE or not any(part.usage.values()):
            return _as_it_was(part)
        counts = self.alternative.usage_of(part.usage)
        quote = self._quote(part.kind, self._one_of_each(part.usage), at)
        if quote.cost is None or quote.status in NOT_WHOLLY_PRICED:
            return _left_out(part, actual, quote.reason)
        return Repriced(
            part.tags,
            part.kind,
            part.calls,
            actual,
            _amount(quote.cost, counts),
            quote.status is PriceStatus.ESTIMATED,
            "",
        )

    def _one_by_one(
        self,
        reader: Reader,
        selection: Selection,
        span: tuple[datetime, datetime],
        parts: Sequence[Sum],
    ) -> Iterator[Repriced]:
        missing = dict.fromkeys(((p.tags, _bare(p.kind)) for p in parts), 0)
        amounts = dict.fromkeys(missing, ZERO)
        for part in parts:
            key = (part.tags, _bare(part.kind))
            missing[key] += part.calls
            amounts[key] = add(amounts[key], part.cost or ZERO)
        kinds = {part.kind for part in parts}.__contains__
        for record, kind in selected_calls(reader, selection, *span, kinds=kinds):
            key = (record.tags, kind)
            if key not in missing:
                continue
            cost = None if record.cost is None else record.cost.total
            missing[key] -= 1
            amounts[key] = add(amounts[key], (cost or ZERO).copy_negate())
            one = Usage({}) if record.usage is None else record.usage
            part = Sum(record.tags, kind, 1, 1, 0.0, 0, 0.0, one, cost, {})
            if self.wanted(record.tags, kind, one):
                yield self._of_call(part, record.started_at)
        for (tags, kind), calls in missing.items():
            if calls > 0:
                amount = amounts[tags, kind]
                yield Repriced(tags, kind, calls, amount, None, False, _GONE)  # noqa: FBT003 - as named there

    def _of_call(self, part: Sum, at: datetime) -> Repriced:
        actual, reason = _actual(part.kind, part.cost)
        if reason:
            return _left_out(part, actual, reason)
        if part.kind.price_status is PriceStatus.FREE or not any(part.usage.values()):
            return _as_it_was(part)
        quote = self._quote(part.kind, self.alternative.usage_of(part.usage), at)
        if quote.cost is None or quote.status in NOT_WHOLLY_PRICED:
            return _left_out(part, actual, quote.reason)
        is_estimated = quote.status is PriceStatus.ESTIMATED
        return Repriced(
            part.tags, part.kind, 1, actual, quote.cost.total, is_estimated, ""
        )


def _units_by_kind(parts: Iterable[Sum]) -> dict[Kind, Usage]:
    """Everything that was counted for each kind."""
    found: dict[Kind, Usage] = {}
    for part in parts:
        before = found.get(part.kind)
        found[part.kind] = part.usage if before is None else before + part.usage
    return found


def _actual(kind: Kind, cost: Decimal | None) -> tuple[Decimal | None, str]:
    """What calls cost, and why that is not whole."""
    if kind.price_status in NOT_WHOLLY_PRICED:
        return cost, f"what they cost is not wholly known ({kind.price_status})"
    return (ZERO if cost is None else cost), ""


def _left_out(part: Sum, actual: Decimal | None, reason: str) -> Repriced:
    return Repriced(part.tags, part.kind, part.calls, actual, None, False, reason)  # noqa: FBT003 - as named there


def _as_it_was(part: Sum) -> Repriced:
    amount = ZERO if part.cost is None else part.cost
    return Repriced(part.tags, part.kind, part.calls, amount, amount, False, "")  # noqa: FBT003 - as named there


def _amount(cost: Cost, counts: Usage) -> Decimal:
    """*counts* at the rates of *cost*, exact."""
    known: dict[Unit, int] = {unit: counts.get(unit, 0) for unit in cost.rates}
    return Cost.at(cost.rates, Usage.of(known), cost.currency).total


def _bare(kind: Kind) -> Kind:
    """*kind* as single calls show it, which are priced call by call."""
    return replace(kind, rates_id=None)
