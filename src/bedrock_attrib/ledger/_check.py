"""Check of a ledger: the file is sound, and its sums equal those of its calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from .._model.cost import ZERO, add
from ..errors import LedgerError
from ._call_rows import other_figures
from ._field_table import CALL_GROUP, FIGURE_COLUMNS, FIGURES, OTHER_SUM_COLUMNS
from ._ledger import Ledger
from ._open import open_ledger
from ._sql import select
from ._sqlite.snapshot import SQLiteSnapshot
from ._store import (
    CALLS_FROM,
    MARK,
    MISSING_TAG_SETS,
    ConcurrentWriteError,
    DamagedError,
    Readable,
)
from ._time_buckets import (
    DAY_US,
    HOUR_OF_KEY,
    HOUR_US,
    HOURS_PER_DAY,
    Level,
    day_of,
    first_hour_of_month,
    hour_of_key,
    moment,
    month_of,
    start_of_month,
)

_MAX_PROBLEMS = 20
# Totals without a column, by bucket, tag set, dimension set and unit.
OtherKey = tuple[int, int, int, str]
OtherTotals = dict[OtherKey, Decimal]


def check_ledger(ledger: Ledger | Path | str) -> list[str]:
    """Return what is wrong with *ledger*, in sentences; empty if it is sound.

    Reads every stored call and every sum: about a second for a million calls. The sums
    of an hour must equal those of its calls; where calls were pruned, they may be more,
    as late calls may have come since.

    Args:
        ledger: The ledger, or its name as `open_ledger` takes it. A file named so is
            opened to be read only.

    Returns:
        The problems. A database that cannot be read, or not to its end, is one.

    Raises:
        LedgerError: If there is no ledger of that name, or one of a newer library; or
            if a file that may only be read was written meanwhile.
    """
    if not isinstance(ledger, Ledger):
        try:
            opened = open_ledger(ledger, read_only=True)
        except DamagedError as error:
            return [f"the file is damaged: {error}"]
        with closing(opened):
            return check_ledger(opened)
    problems: list[str] = []
    try:
        with ledger.store.snapshot() as store:
            for problem in _problems(store):
                if len(problems) == _MAX_PROBLEMS:
                    problems.append("and more")
                    break
                problems.append(problem)
    except ConcurrentWriteError:
        raise  # the problems may be of two moments
    except LedgerError as error:
        problems.append(f"the file is damaged: {error}")
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        problems.append(f"a value was not written by the ledger: {error!r}")
    return problems


def _problems(store: Readable) -> Iterator[str]:
    if isinstance(store, SQLiteSnapshot):
        found = [str(text) for (text,) in store.rows("PRAGMA integrity_check(20)")]
        if found != ["ok"]:
            # Tables of a damaged file would only be misread.
            yield from (f"the file is damaged: {text}" for text in found)
            return
    for (tag_set,) in store.rows(MISSING_TAG_SETS):
        yield f"sums refer to a tag set that does not exist ({tag_set})"
    complete = _complete_from(store)
    for hour, tag_set, dimension_set in store.rows(_HOURS_AND_CALLS, (complete,)):
        group = f"({tag_set}, {dimension_set})"
        yield f"the hour {_hour(hour)} and its calls differ {group}"
    yield from _other_hours(store, complete)
    for day, tag_set, dimension_set in store.rows(_DAYS_AND_HOURS):
        at = moment(int(day) * DAY_US)
        yield f"the day {at:%Y-%m-%d} and its hours differ ({tag_set}, {dimension_set})"
    yield from _months(store)
    yield from _other_levels(store)


def _complete_from(store: Readable) -> int:
    """Return the hour from which on no call was pruned."""
    ((key,),) = store.rows(MARK, (CALLS_FROM,))
    return _BEFORE_ALL if key is None else hour_of_key(int(key))


def _hour(hour: int) -> str:
    return f"{moment(hour * HOUR_US):%Y-%m-%d %H:%M} UTC"


def _months(store: Readable) -> Iterator[str]:
    months = {int(n) for (n,) in store.rows(_BUCKETS, (int(Level.MONTH),))}
    months |= {month_of(int(n)) for (n,) in store.rows(_BUCKETS, (int(Level.HOUR),))}
    for month in sorted(months):
        hours = first_hour_of_month(month), first_hour_of_month(month + 1) - 1
        for tag_set, dimension_set in store.rows(_MONTH_AND_HOURS, (month, *hours)):
            yield (
                f"the month {start_of_month(month):%Y-%m} and its hours differ "
                f"({tag_set}, {dimension_set})"
            )


def _other_hours(store: Readable, complete: int) -> Iterator[str]:
    """Compare hours and calls in units without a column: equal from *complete* on."""
    calls = _totals(
        (hour_of_key(int(key)), int(tag_set), int(dimension_set), unit, figure)
        for key, tag_set, dimension_set, *others in store.rows(_CALLS_WITH_OTHERS)
        for unit, figure in other_figures(*others)
    )
    hours = _other_sums(store, Level.HOUR)
    for key in _different(calls, hours):
        hour, _, _, unit = key
        if hour < complete and calls.get(key, ZERO) <= hours.get(key, ZERO):
            continue
        yield f"the hour {_hour(hour)} and its calls differ in {unit!r}"


def _other_levels(store: Readable) -> Iterator[str]:
    hours = _other_sums(store, Level.HOUR)
    for level, name, bucket_of in (
        (Level.DAY, "day", day_of),
        (Level.MONTH, "month", month_of),
    ):
        summed = _totals(
            (bucket_of(hour), tag_set, dimension_set, unit, total)
            for (hour, tag_set, dimension_set, unit), total in hours.items()
        )
        for bucket, _, _, unit in _different(summed, _other_sums(store, level)):
            yield f"a {name} and its hours differ in {unit!r} ({bucket})"


def _totals(figures: Iterable[tuple[int, int, int, str, Decimal]]) -> OtherTotals:
    totals: OtherTotals = {}
    for bucket, tag_set, dimension_set, unit, figure in figures:
        key = (bucket, tag_set, dimension_set, unit)
        totals[key] = add(totals.get(key, ZERO), figure)
    return totals


def _other_sums(store: Readable, level: Level) -> OtherTotals:
    return {
        (int(bucket), int(tag_set), int(dimension_set), str(unit)): Decimal(str(total))
        for bucket, tag_set, dimension_set, unit, total in store.rows(
            _OTHER_SUMS, (int(level),)
        )
    }


def _different(one: OtherTotals, other: OtherTotals) -> list[OtherKey]:
    keys = one.keys() | other.keys()
    return sorted(key for key in keys if one.get(key, ZERO) != other.get(key, ZERO))


_BEFORE_ALL = -(1 << 62)
_GROUP = ", ".join(CALL_GROUP)
_NEGATIVE = tuple(f"-sum({column})" for column in FIGURE_COLUMNS)
_DIFFER = " OR ".join(f"sum({column}) <> 0" for column in FIGURE_COLUMNS)
_ARE_LESS = " OR ".join(f"sum({column}) < 0" for column in FIGURE_COLUMNS)


def _difference(key: str, one: str, other: str, condition: str) -> str:
    """Return SQL for the groups of two queries in which *condition* holds.

    Args:
        key: Columns of both queries that the figures follow.
        one: Query for sums.
        other: Query for what they must equal, negative.
        condition: On the sums of both.
    """
    both = f"({one} UNION ALL {other}) AS both_sides"
    return select([key], both, f"GROUP BY {key} HAVING {condition} ORDER BY {key}")


_OF_LEVEL = "WHERE level = {}".format
_KEY = f"bucket, {_GROUP}"
_COUNTED = select(
    (
        f"{HOUR_OF_KEY} AS bucket",
        *CALL_GROUP,
        *(f"{each.of_calls} AS {each.column}" for each in FIGURES),
    ),
    "calls",
    f"GROUP BY {HOUR_OF_KEY}, {_GROUP}",
)
_HOURS_AND_CALLS = _difference(
    _KEY,
    select((_KEY, *FIGURE_COLUMNS), "sums", _OF_LEVEL(int(Level.HOUR))),
    select((_KEY, *_NEGATIVE), f"({_COUNTED}) AS counted", f"GROUP BY {_KEY}"),
    f"{_ARE_LESS} OR (bucket >= ? AND ({_DIFFER}))",
)
_DAY = f"bucket / {HOURS_PER_DAY}, {_GROUP}"
_DAYS_AND_HOURS = _difference(
    _KEY,
    select((_KEY, *FIGURE_COLUMNS), "sums", _OF_LEVEL(int(Level.DAY))),
    select((_DAY, *_NEGATIVE), "sums", f"{_OF_LEVEL(int(Level.HOUR))} GROUP BY {_DAY}"),
    _DIFFER,
)
_MONTH_AND_HOURS = _difference(
    _GROUP,
    select(
        (_GROUP, *FIGURE_COLUMNS),
        "sums",
        f"{_OF_LEVEL(int(Level.MONTH))} AND bucket = ?",
    ),
    select(
        (_GROUP, *_NEGATIVE),
        "sums",
        f"{_OF_LEVEL(int(Level.HOUR))} AND bucket BETWEEN ? AND ? GROUP BY {_GROUP}",
    ),
    _DIFFER,
)
_BUCKETS = select(["DISTINCT bucket"], "sums", "WHERE level = ?")
_OTHER_SUMS = select(OTHER_SUM_COLUMNS[1:], "other_sums", "WHERE level = ?")
_CALLS_WITH_OTHERS = select(
    ("key", *CALL_GROUP, "other_units", "given_cost"),
    "calls",
    "WHERE other_units IS NOT NULL OR given_cost IS NOT NULL",
)
