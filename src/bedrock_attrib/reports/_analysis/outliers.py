"""Which stretches of a series lie beyond what its past explains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from ..._model.cost import ZERO, add
from .._calendar import Step, is_before
from .expected import History
from .series import Keys, Series

HISTORY = {Step.DAY: timedelta(weeks=6), Step.HOUR: timedelta(weeks=4)}
"""How far back a stretch is compared to."""
_FEWEST = {Step.DAY: 14, Step.HOUR: 72}
_LARGE = 1.5  # times what is expected, or the same below it
# How likely a usual stretch is to lie beyond one end: so much at most, and so much in
# all stretches of a report together.
_MOST_CHANCE = 1e-4
_CHANCE_OF_ANY = 0.5


class Outlier(NamedTuple):
    """A stretch that stands out.

    Attributes:
        keys: Whose it is; fewer than the report has where it is of all that share them.
        place: Which stretch.
        actual: What was spent, exact.
        expected: What was to be expected.
        low: Lower end of the expected range.
        high: Upper end of it.
        is_seasonal: Whether it was compared to the same place in the week.
        stretches: How many stretches it was compared to.
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
        """What stands out, at the same time, as this is a part of it."""
        return {(self.keys[:length], self.place) for length in range(len(self.keys))}


@dataclass(slots=True)
class Judge:
    """Goes through all series, and counts what it could not judge.

    Attributes:
        series: What was spent.
        since: What ends later is judged.
        threshold: Standard deviations; None for as many as keep false alarms rare.
        at_least: Smaller differences are passed over.
        judged: Series that were judged at least once.
        too_short: Series whose history is too short.
        irregular: Series whose spend comes now and then.
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
        """What stands out, series by series.

        What is too young to be judged may stand out by what it adds to all that share
        its first keys: a model that is new makes its team dearer.
        """
        step, bounds = self.series.step, self.series.edges
        self._slots = [_slot(step, start) for start in bounds[:-1]]
        self._wholes = [self.series.is_whole(at) for at in range(len(self._slots))]
        first = next(
            (i for i, end in enumerate(bounds[1:]) if is_before(self.since, end)),
            len(self._slots),
        )
        plans = [
            _Plan(keys, amounts, begin, range(places, len(self._slots)))
            for keys, amounts in self.series.amounts.items()
            for begin in [self._begin(amounts)]
            for places in [max(first, begin + _FEWEST[step])]
        ]
        together = self._together(plans, first)
        looks = sum(len(plan.places) for plan in (*plans, *together))
        chance = min(_MOST_CHANCE, _CHANCE_OF_ANY / max(1, looks))
        told: set[tuple[Keys, int]] = set()
        for plan in plans:
            for found in self._of_one(plan, chance):
                told |= found.explained()
                yield found
            self._count(plan)
        for plan in together:
            for found in self._of_one(plan, chance):
                if (found.keys, found.place) not in told and plan.is_new(found):
                    told |= {
                        (found.keys[:n], found.place) for n in range(len(found.keys))
                    }
                    yield found

    def _begin(self, amounts: Sequence[Decimal]) -> int:
        """The first whole stretch with spend."""
        begin = next((i for i, each in enumerate(amounts) if each > 0), len(amounts))
        return begin + (not self._wholes[min(begin, len(amounts) - 1)])

    def _count(self, plan: _Plan) -> None:
        self.judged += plan.is_judged
        self.irregular += plan.is_irregular and not plan.is_judged
        self.too_short += not (plan.is_judged or plan.is_irregular)

    def _together(self, plans: Sequence[_Plan], first: int) -> list[_Plan]:
        """All that share keys, where some of it is too young; the most keys first."""
        young: dict[Keys, dict[int, Decimal]] = {}
        members: dict[Keys, list[_Plan]] = {}
        for plan in plans:
            until = plan.places[0] if plan.places else len(self._slots)
            for length in range(len(plan.keys)):
                members.setdefault(plan.keys[:length], []).append(plan)
                spent = young.setdefault(plan.keys[:length], {})
                for place in range(first, until):
                    if plan.amounts[place] > 0:
                        spent[place] = add(spent.get(place, ZERO), plan.amounts[place])
        found = []
        for keys, spent in sorted(young.items(), key=lambda each: -len(each[0])):
            amounts = [ZERO] * len(self._slots)
            for plan in members[keys] if spent else ():
                amounts = list(map(add, amounts, plan.amounts))
            begin = self._begin(amounts)
            start = begin + _FEWEST[self.series.step]
            places = sorted(place for place in spent if place >= start)
            if places:
                found.append(_Plan(keys, amounts, begin, places, spent))
        return found

    def _of_one(self, plan: _Plan, chance: float) -> Iterator[Outlier]:
        step, slots = self.series.step, self._slots
        amounts = [max(0.0, float(each)) for each in plan.amounts]
        most = int(HISTORY[step] / timedelta(**{f"{step}s": 1}))
        for place in plan.places:
            past = slice(max(plan.begin, place - most), place)
            history = History(amounts[past], slots[past], slots[place])
            if not history.is_regular():
                plan.is_irregular = True
                continue
            plan.is_judged = True
            actual, expected = amounts[place], history.middle()
            if not self._matters(actual, expected, is_whole=self._wholes[place]):
                continue
            low, high = history.span(chance, self.threshold)
            if not low <= actual <= high:
                yield Outlier(
                    plan.keys,
                    place,
                    plan.amounts[place],
                    expected,
                    low,
                    high,
                    history.is_seasonal,
                    len(history.amounts),
                )

    def _matters(self, actual: float, expected: float, *, is_whole: bool) -> bool:
        """Whether a difference is large enough to speak of."""
        difference = actual - expected
        if abs(difference) < self.at_least or not difference:
            return False
        if difference > 0:
            return actual >= expected * _LARGE
        # Half a day has less spend than a day, which is no anomaly.
        return is_whole and actual * _LARGE <= expected


@dataclass(slots=True)
class _Plan:
    """What is to be judged of one series, and whether it could be.

    Attributes:
        keys: Whose it is.
        amounts: What was spent in each stretch.
        begin: The first whole stretch with spend.
        places: Which stretches are to be judged.
        young: The part of some amounts that is of series too young to be judged.
    """

    keys: Keys
    amounts: list[Decimal]
    begin: int
    places: Sequence[int]
    young: Mapping[int, Decimal] = field(default_factory=dict)
    is_judged: bool = False
    is_irregular: bool = False

    def is_new(self, found: Outlier) -> bool:
        """Whether it stands out by what is young, and by that alone."""
        rest = float(found.actual) - float(self.young[found.place])
        return rest <= found.high < float(found.actual)


def _slot(step: Step, start: datetime) -> int:
    """Place of a stretch in the week of its zone."""
    return start.weekday() * 24 + start.hour if step is Step.HOUR else start.weekday()
