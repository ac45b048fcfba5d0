"""Outlier detection: periods of a series outside its expected range."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from ..._model.cost import ZERO, add
from .._calendar import Step, is_before
from .expected_range import History
from .spend_series import Keys, Series

HISTORY = {Step.DAY: timedelta(weeks=6), Step.HOUR: timedelta(weeks=4)}
"""Length of the history of a period."""
_FEWEST = {Step.DAY: 14, Step.HOUR: 72}
_LARGE = 1.5  # times the expected amount, or one over it
# Probability that a usual period lies beyond one end: of one period at most, and of
# all periods of a report together.
_MOST_CHANCE = 1e-4
_CHANCE_OF_ANY = 0.5


class Outlier(NamedTuple):
    """Period outside its expected range.

    Attributes:
        keys: Keys of its series; fewer than in the report for a sum of series.
        place: Number of the period.
        actual: Actual amount, exact.
        expected: Expected amount.
        low: Lower end of the expected range.
        high: Upper end of it.
        is_seasonal: Whether it was compared to the same day or hour of the week.
        stretches: Number of periods that it was compared to.
    """

    keys: Keys
    place: int
    actual: Decimal
    expected: float
    low: float
    high: float
    is_seasonal: bool
    stretches: int

    def explained(self) -> set[tuple[Keys, int]]:
        """Return the sums that this outlier explains, with their period."""
        return {(self.keys[:length], self.place) for length in range(len(self.keys))}


@dataclass(slots=True)
class OutlierDetector:
    """Detector of outliers in all series.

    Attributes:
        series: Amounts of all series.
        since: Periods that end later are checked.
        threshold: Standard deviations; None for a threshold with rare false alarms.
        at_least: Smaller differences are ignored.
        judged: Series that were checked at least once.
        too_short: Series whose history is too short.
        irregular: Series with sporadic spend.
    """

    series: Series
    since: datetime
    threshold: float | None
    at_least: float
    judged: int = 0
    too_short: int = 0
    irregular: int = 0
    _slots: list[int] = field(default_factory=list)
    _wholes: list[bool] = field(default_factory=list)

    def outliers(self) -> Iterator[Outlier]:
        """Yield outliers, series by series.

        Series that are too new are found by what they add to all that share their first
        keys: a new model raises the spend of its team.
        """
        step, bounds = self.series.step, self.series.edges
        self._slots = [_slot(step, start) for start in bounds[:-1]]
        self._wholes = [self.series.is_whole(at) for at in range(len(self._slots))]
        first = next(
            (i for i, end in enumerate(bounds[1:]) if is_before(self.since, end)),
            len(self._slots),
        )
        checks = [
            _SeriesCheck(keys, amounts, begin, range(places, len(self._slots)))
            for keys, amounts in self.series.amounts.items()
            for begin in [self._begin(amounts)]
            for places in [max(first, begin + _FEWEST[step])]
        ]
        together = self._together(checks, first)
        looks = sum(len(check.places) for check in (*checks, *together))
        chance = min(_MOST_CHANCE, _CHANCE_OF_ANY / max(1, looks))
        explained: set[tuple[Keys, int]] = set()
        for check in checks:
            for found in self._of_one(check, chance):
                explained |= found.explained()
                yield found
            self._count(check)
        for check in together:
            for found in self._of_one(check, chance):
                if (found.keys, found.place) not in explained and check.is_new(found):
                    explained |= {
                        (found.keys[:n], found.place) for n in range(len(found.keys))
                    }
                    yield found

    def _begin(self, amounts: Sequence[Decimal]) -> int:
        """Return the first complete period with spend."""
        begin = next((i for i, each in enumerate(amounts) if each > 0), len(amounts))
        return begin + (not self._wholes[min(begin, len(amounts) - 1)])

    def _count(self, check: _SeriesCheck) -> None:
        self.judged += check.is_judged
        self.irregular += check.is_irregular and not check.is_judged
        self.too_short += not (check.is_judged or check.is_irregular)

    def _together(
        self, checks: Sequence[_SeriesCheck], first: int
    ) -> list[_SeriesCheck]:
        """Return sums of series that share keys, where some are too new."""
        young: dict[Keys, dict[int, Decimal]] = {}
        members: dict[Keys, list[_SeriesCheck]] = {}
        for check in checks:
            until = check.places[0] if check.places else len(self._slots)
            for length in range(len(check.keys)):
                members.setdefault(check.keys[:length], []).append(check)
                spent = young.setdefault(check.keys[:length], {})
                for place in range(first, until):
                    if check.amounts[place] > 0:
                        spent[place] = add(spent.get(place, ZERO), check.amounts[place])
        found = []
        for keys, spent in sorted(young.items(), key=lambda each: -len(each[0])):
            amounts = [ZERO] * len(self._slots)
            for check in members[keys] if spent else ():
                amounts = list(map(add, amounts, check.amounts))
            begin = self._begin(amounts)
            start = begin + _FEWEST[self.series.step]
            places = sorted(place for place in spent if place >= start)
            if places:
                found.append(_SeriesCheck(keys, amounts, begin, places, spent))
        return found

    def _of_one(self, check: _SeriesCheck, chance: float) -> Iterator[Outlier]:
        step, slots = self.series.step, self._slots
        amounts = [max(0.0, float(each)) for each in check.amounts]
        most = int(HISTORY[step] / timedelta(**{f"{step}s": 1}))
        for place in check.places:
            past = slice(max(check.begin, place - most), place)
            history = History(amounts[past], slots[past], slots[place])
            if not history.is_regular():
                check.is_irregular = True
                continue
            check.is_judged = True
            actual, expected = amounts[place], history.middle()
            if not self._matters(actual, expected, is_whole=self._wholes[place]):
                continue
            low, high = history.span(chance, self.threshold)
            if not low <= actual <= high:
                yield Outlier(
                    check.keys,
                    place,
                    check.amounts[place],
                    expected,
                    low,
                    high,
                    history.is_seasonal,
                    len(history.amounts),
                )

    def _matters(self, actual: float, expected: float, *, is_whole: bool) -> bool:
        """Return whether a difference is large enough to report."""
        difference = actual - expected
        if abs(difference) < self.at_least or not difference:
            return False
        if difference > 0:
            return actual >= expected * _LARGE
        # Part of a day has less spend than a day, which is not an anomaly.
        return is_whole and actual * _LARGE <= expected


@dataclass(slots=True)
class _SeriesCheck:
    """Check of one series.

    Attributes:
        keys: Keys of the series.
        amounts: Amount of each period.
        begin: The first complete period with spend.
        places: Periods to check.
        young: Parts of amounts from series that are too new.
    """

    keys: Keys
    amounts: list[Decimal]
    begin: int
    places: Sequence[int]
    young: Mapping[int, Decimal] = field(default_factory=dict)
    is_judged: bool = False
    is_irregular: bool = False

    def is_new(self, found: Outlier) -> bool:
        """Return whether new series alone put it outside the range."""
        rest = float(found.actual) - float(self.young[found.place])
        return rest <= found.high < float(found.actual)


def _slot(step: Step, start: datetime) -> int:
    """Return the day or hour of a period in the week of its zone."""
    return start.weekday() * 24 + start.hour if step is Step.HOUR else start.weekday()
