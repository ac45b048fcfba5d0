"""What records add up to: calls, counts, exact amounts, and the rates behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import MAX_PREC, Context, Decimal

from .._model.cost import Rate
from .._model.record import CallRecord, Outcome, PriceStatus
from .._model.usage import CACHE_WRITE_UNITS, Unit, Usage

# Sums of decimals are exact at this precision.
_EXACT = Context(prec=MAX_PREC)
_UNIT_ORDER = {unit: number for number, unit in enumerate(Unit)}
NO_TAG = "-"
"""Value of a tag that a call does not bear."""

Key = tuple[str, ...]


@dataclass(slots=True)
class Line:
    """Calls added up.

    Attributes:
        calls: Finished calls, failed and abandoned ones included.
        failed: Calls that ended with an error.
        counts: What was used, by unit.
        cost: USD of what has a price, exact.
        statuses: Calls by price status.
        charges: Counts by the rate that priced them, where that is not zero.
    """

    calls: int = 0
    failed: int = 0
    counts: Counter[Unit] = field(default_factory=Counter)
    cost: Decimal = Decimal(0)
    statuses: Counter[PriceStatus] = field(default_factory=Counter)
    charges: Counter[Rate] = field(default_factory=Counter)

    @property
    def cache_read(self) -> int:
        """Tokens read from the prompt cache."""
        return self.counts[Unit.CACHE_READ_TOKEN]

    @property
    def cache_write(self) -> int:
        """Tokens written to the prompt cache, whatever their lifetime."""
        return sum(self.counts[unit] for unit in CACHE_WRITE_UNITS)

    def add(self, record: CallRecord) -> None:
        """Add one call."""
        self.calls += 1
        self.failed += record.outcome is Outcome.ERROR
        self.statuses[record.price_status] += 1
        usage = Usage({}) if record.usage is None else record.usage
        self.counts.update(usage)
        if record.cost is None:
            return
        self.cost = add_exactly([self.cost, record.cost.total])
        for unit, rate in record.cost.rates.items():
            if usage.get(unit) and rate.amount:
                self.charges[rate] += usage[unit]

    def ordered_counts(self) -> list[tuple[Unit, int]]:
        """What was used, in the order of units."""
        return sorted(self.counts.items(), key=lambda each: _UNIT_ORDER[each[0]])

    def ordered_charges(self) -> list[tuple[Rate, int, Decimal]]:
        """Each rate with its count and amount, in the order of prices and units."""
        return [
            (rate, count, count * rate.amount)
            for rate, count in sorted(self.charges.items(), key=_price_order)
        ]


def add_exactly(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of *amounts*, unrounded."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def _price_order(charge: tuple[Rate, int]) -> tuple[str, str, str, int]:
    rate = charge[0]
    return rate.scope, rate.tier, rate.region, _UNIT_ORDER[rate.unit]


@dataclass(frozen=True, slots=True)
class Grouping:
    """What tells the lines of a bill apart.

    Attributes:
        names: Names of the parts of a key.
        key: The key of a record's line.
    """

    names: tuple[str, ...]
    key: Callable[[CallRecord], Key]


def _tagged(*tags: str) -> Callable[[CallRecord], Key]:
    return lambda record: tuple(record.tags.get(tag, NO_TAG) for tag in tags)


def _model(record: CallRecord) -> str:
    return record.model.model_id or record.model.requested


_APP = ("team", "app", "experiment")
_app_of = _tagged(*_APP)

BY_TEAM = Grouping(("team",), _tagged("team"))
BY_APP = Grouping(_APP, _app_of)
BY_MODEL = Grouping(("model",), lambda record: (_model(record),))
BY_APP_AND_MODEL = Grouping(
    (*_APP, "model"), lambda record: (*_app_of(record), _model(record))
)
BY_OUTCOME = Grouping(("outcome",), lambda record: (record.outcome.value,))
BY_REASON = Grouping(
    (*BY_APP_AND_MODEL.names, "outcome", "price_status", "reason"),
    lambda record: (
        *BY_APP_AND_MODEL.key(record),
        record.outcome.value,
        record.price_status.value,
        record.price_reason,
    ),
)


class Bill:
    """Records added up by a grouping, and all together.

    Attributes:
        names: Names of the parts of a line's key.
        lines: What the records of each key add up to.
        total: What all records add up to.
    """

    def __init__(self, grouping: Grouping) -> None:
        """Start an empty bill whose lines are told apart by *grouping*."""
        self.names = grouping.names
        self.lines: dict[Key, Line] = {}
        self.total = Line()
        self._key = grouping.key

    def add(self, records: Iterable[CallRecord]) -> None:
        """Add *records*."""
        for record in records:
            self.lines.setdefault(self._key(record), Line()).add(record)
            self.total.add(record)

    def ordered(self) -> list[tuple[Key, Line]]:
        """The lines in the order of their keys."""
        return sorted(self.lines.items())

    def dearest_first(self) -> list[tuple[Key, Line]]:
        """The lines in the order of their cost."""
        return sorted(self.lines.items(), key=lambda each: (-each[1].cost, each[0]))

    def sum_of_lines(self) -> Decimal:
        """The lines' costs added up, which is the total's."""
        return add_exactly(line.cost for line in self.lines.values())


def bill_of(records: Iterable[CallRecord], grouping: Grouping) -> Bill:
    """The bill of *records* by *grouping*."""
    bill = Bill(grouping)
    bill.add(records)
    return bill


_IN_DOUBT = frozenset({PriceStatus.UNPRICED, PriceStatus.PARTIAL})


def not_priced(records: Iterable[CallRecord]) -> Bill:
    """Calls of which a part or the whole has no price, with the reason."""
    return bill_of((r for r in records if r.price_status in _IN_DOUBT), BY_REASON)


def estimated(records: Iterable[CallRecord]) -> Bill:
    """Calls whose counts or price are an estimate, with the reason."""
    found = (r for r in records if r.price_status is PriceStatus.ESTIMATED)
    return bill_of(found, BY_REASON)
