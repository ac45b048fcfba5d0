"""Whether a ledger is sound: the file is whole, and its sums are those of its calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from .._model.cost import ZERO, add
from ..errors import LedgerError
from ._clock import (
    HOUR_OF_KEY,
    Level,
    day_of,
    first_hour_of_month,
    hour_of_key,
    moment,
    month_of,
)
from ._ledger import Ledger
from ._open import open_ledger
from ._query.aggregate import COUNTED, FIGURES
from ._sqlite.snapshot import SQLiteSnapshot
from ._store import (
    CALLS_FROM,
    MARK,
    TAGS_LOST,
    DamagedError,
    Readable,
    WrittenMeanwhileError,
)

_HOUR_US = 3_600_000_000
_MOST_TOLD = 20
More = dict[tuple[int, int, int, str], Decimal]


def check_ledger(ledger: Ledger | Path | str) -> list[str]:
    """What is wrong with *ledger*, in sentences; empty if it is sound.

    Looks at every call that is kept and every sum, so that it takes a while: about a
    second for a million calls. Sums of an hour are those of its calls; where calls were
    forgotten, they are as much or more, as late calls may have come since.

    Args:
        ledger: The ledger, or its name as `open_ledger` takes it. By its name a file is
            opened to be read only.

    Returns:
        The problems. A database that cannot be read, or not be read on, is one.

    Raises:
        LedgerError: If there is no ledger of that name, or one of a newer library; or
            if a file that one may only read was written meanwhile.
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
                if len(problems) == _MOST_TOLD:
                    problems.append("and more")
                    break
                problems.append(problem)
    except WrittenMeanwhileError:
        raise  # what was found may be of two moments
    except LedgerError as error:
        problems.append(f"the file is damaged: {error}")
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        problems.append(f"a value is none that was written: {error!r}")
    return problems


def _problems(store: Readable) -> Iterator[str]:
    if isinstance(store, SQLiteSnapshot):
        found = [str(text) for (text,) in store.rows("PRAGMA integrity_check(20)")]
        if found != ["ok"]:
            # What is damaged further down would only be read wrongly.
            yield from (f"the file is damaged: {text}" for text in found)
            return
    for (tag_set,) in store.rows(TAGS_LOST):
        yield f"there are sums of a tag set that is not there ({tag_set})"
    whole = _whole_from(store)
    for hour, tag_set, kind in store.rows(_HOURS_AND_CALLS, (whole,)):
        yield f"the hour {_text(hour)} and its calls differ ({tag_set}, {kind})"
    yield from _more_than_calls(store, whole)
    for day, tag_set, kind in store.rows(_DAYS_AND_HOURS):
        at = moment(int(day) * 24 * _HOUR_US)
        yield f"the day {at:%Y-%m-%d} and its hours differ ({tag_set}, {kind})"
    yield from _months(store)
    yield from _more_levels(store)


def _whole_from(store: Readable) -> int:
    """The hour from which on no call was forgotten."""
    if store.older is None:
        ((key,),) = store.rows(MARK, (CALLS_FROM,))
    else:  # it may have no mark; what was forgotten lies before the first call
        ((key,),) = store.rows("SELECT min(key) FROM calls")
    return _FIRST_HOUR if key is None else hour_of_key(int(key))


def _text(hour: int) -> str:
    return f"{moment(hour * _HOUR_US):%Y-%m-%d %H:%M} UTC"


def _months(store: Readable) -> Iterator[str]:
    months = {int(n) for (n,) in store.rows(_BUCKETS, (int(Level.MONTH),))}
    months |= {month_of(int(n)) for (n,) in store.rows(_BUCKETS, (int(Level.HOUR),))}
    for month in sorted(months):
        hours = first_hour_of_month(month), first_hour_of_month(month + 1) - 1
        for tag_set, kind in store.rows(_MONTH_AND_HOURS, (month, *hours)):
            at = moment(hours[0] * _HOUR_US)
            yield f"the month {at:%Y-%m} and its hours differ ({tag_set}, {kind})"


def _more_than_calls(store: Readable, whole: int) -> Iterator[str]:
    """Sums of units without a column: alike from the hour *whole* on."""
    calls: More = {}
    for key, tag_set, kind, more, amount in store.rows(_MORE_OF_CALLS):
        counts = json.loads(more or "{}")
        if amount is not None:
            counts[""] = amount
        for unit, count in counts.items():
            place = (hour_of_key(int(key)), int(tag_set), int(kind), str(unit))
            calls[place] = add(calls.get(place, ZERO), Decimal(str(count)))
    hours = _more_of(store, Level.HOUR)
    for place in _different(calls, hours):
        if place[0] < whole and calls.get(place, ZERO) <= hours.get(place, ZERO):
            continue
        yield f"the hour {_text(place[0])} and its calls differ in {place[3]!r}"


def _more_levels(store: Readable) -> Iterator[str]:
    hours = _more_of(store, Level.HOUR)
    for level, name, bucket_of in (
        (Level.DAY, "day", day_of),
        (Level.MONTH, "month", month_of),
    ):
        summed: More = {}
        for (hour, tag_set, kind, unit), total in hours.items():
            place = (bucket_of(hour), tag_set, kind, unit)
            summed[place] = add(summed.get(place, ZERO), total)
        for place in _different(summed, _more_of(store, level)):
            yield f"a {name} and its hours differ in {place[3]!r} ({place[0]})"


def _more_of(store: Readable, level: Level) -> More:
    return {
        (int(bucket), int(tag_set), int(kind), str(unit)): Decimal(str(total))
        for bucket, tag_set, kind, unit, total in store.rows(_MORE, (int(level),))
    }


def _different(one: More, other: More) -> list[tuple[int, int, int, str]]:
    places = one.keys() | other.keys()
    return sorted(
        place for place in places if one.get(place, ZERO) != other.get(place, ZERO)
    )


_FIRST = ", ".join(FIGURES)
_COUNTED_AS = ", ".join(
    f"{counted} AS {column}" for column, counted in zip(FIGURES, COUNTED, strict=True)
)
_TAKEN = ", ".join(f"-sum({column})" for column in FIGURES)
_DIFFER = " OR ".join(f"sum({column}) <> 0" for column in FIGURES)
_IS_LESS = " OR ".join(f"sum({column}) < 0" for column in FIGURES)
_FIRST_HOUR = -(1 << 62)
# Rows of both sides, the one taken from the other: what is left differs. All names in
# these are ours.
_HOURS_AND_CALLS = (
    f"SELECT bucket, tag_set, kind FROM ("  # noqa: S608
    f"SELECT bucket, tag_set, kind, {_FIRST} FROM sums "
    f"WHERE level = {int(Level.HOUR)} UNION ALL "
    f"SELECT bucket, tag_set, kind, {_TAKEN} FROM ("
    f"SELECT {HOUR_OF_KEY} AS bucket, tag_set, kind, {_COUNTED_AS} FROM calls "
    f"GROUP BY {HOUR_OF_KEY}, tag_set, kind) AS counted "
    f"GROUP BY bucket, tag_set, kind"
    f") AS both_sides GROUP BY bucket, tag_set, kind "
    f"HAVING {_IS_LESS} OR (bucket >= ? AND ({_DIFFER})) "
    f"ORDER BY bucket, tag_set, kind"
)
_DAYS_AND_HOURS = (
    f"SELECT bucket, tag_set, kind FROM ("  # noqa: S608
    f"SELECT bucket, tag_set, kind, {_FIRST} FROM sums "
    f"WHERE level = {int(Level.DAY)} UNION ALL "
    f"SELECT bucket / 24, tag_set, kind, {_TAKEN} FROM sums "
    f"WHERE level = {int(Level.HOUR)} GROUP BY bucket / 24, tag_set, kind"
    f") AS both_sides GROUP BY bucket, tag_set, kind HAVING {_DIFFER} "
    f"ORDER BY bucket, tag_set, kind"
)
_MONTH_AND_HOURS = (
    f"SELECT tag_set, kind FROM ("  # noqa: S608
    f"SELECT tag_set, kind, {_FIRST} FROM sums "
    f"WHERE level = {int(Level.MONTH)} AND bucket = ? UNION ALL "
    f"SELECT tag_set, kind, {_TAKEN} FROM sums "
    f"WHERE level = {int(Level.HOUR)} AND bucket BETWEEN ? AND ? "
    f"GROUP BY tag_set, kind"
    f") AS both_sides GROUP BY tag_set, kind HAVING {_DIFFER}"
)
_BUCKETS = "SELECT DISTINCT bucket FROM sums WHERE level = ?"
_MORE = "SELECT bucket, tag_set, kind, unit, total FROM more_sums WHERE level = ?"
_MORE_OF_CALLS = (
    "SELECT key, tag_set, kind, more, amount FROM calls "
    "WHERE more IS NOT NULL OR amount IS NOT NULL"
)
