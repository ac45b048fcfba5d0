"""Time keys of calls, and the hours, days and months that sums are stored by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
HOUR_US = 3_600_000_000
HOURS_PER_DAY = 24
DAY_US = HOURS_PER_DAY * HOUR_US
_MONTHS_PER_YEAR = 12

# Keys count from here, so that with the sequence number they fit in 64 bits until 2306.
_KEYS_FROM_US = 1_577_836_800_000_000  # 2020-01-01
_SEQUENCE_BITS = 10
KEYS_PER_US = 1 << _SEQUENCE_BITS
"""Number of calls that one microsecond has keys for."""
_MAX_DISPLACEMENT = 64 * KEYS_PER_US


HOUR_OF_KEY = f"((key >> {_SEQUENCE_BITS}) + {_KEYS_FROM_US}) / {HOUR_US}"
"""SQL for the hour bucket of a call, counted from 1970."""


class Level(IntEnum):
    """Length of the bucket of a sum."""

    HOUR = 0
    DAY = 1
    MONTH = 2


class BucketRange(NamedTuple):
    """Consecutive buckets of one length, or consecutive single calls.

    Attributes:
        level: Length of the buckets; None for calls by their keys.
        first: First bucket or key.
        last: Last bucket or key, included.
    """

    level: Level | None
    first: int
    last: int


def microseconds(at: datetime) -> int:
    """Return the microseconds from 1970 to *at*, an aware time."""
    return (at - _EPOCH) // _US


def moment(us: int) -> datetime:
    """Return the aware UTC time *us* microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=us)


def first_key(us: int) -> int:
    """Return the lowest key of calls at *us*."""
    return (us - _KEYS_FROM_US) << _SEQUENCE_BITS


def key_range(start: datetime, end: datetime) -> tuple[int, int]:
    """Return the first key of a span, and the first key after it."""
    return first_key(microseconds(start)), first_key(microseconds(end))


def hour_of_key(key: int) -> int:
    """Return the hour bucket of the call with *key*."""
    return hour_of(microseconds_of_key(key))


def first_key_of_hour(hour: int) -> int:
    """Return the lowest key of calls in an hour bucket."""
    return first_key(hour * HOUR_US)


def key_of_hour(at: datetime) -> int:
    """Return the lowest key of calls in the UTC hour of *at*."""
    return first_key_of_hour(hour_of(microseconds(at)))


def end_of_hour(key: int) -> int:
    """Return the lowest key of calls in the hour after that of *key*."""
    return first_key_of_hour(hour_of_key(key) + 1)


def keys_of_same_time(key: int) -> tuple[int, int]:
    """Return the first and last key that a call with the start time of *key* may have.

    A call whose key is taken gets the next free one: some microseconds later where more
    than a thousand calls share a microsecond.
    """
    first = key >> _SEQUENCE_BITS << _SEQUENCE_BITS
    return first, first + _MAX_DISPLACEMENT


def microseconds_of_key(key: int) -> int:
    """Return the microseconds from 1970 to the start of the call with *key*."""
    return (key >> _SEQUENCE_BITS) + _KEYS_FROM_US


def time_of_key(key: int) -> datetime:
    """Return the start time of the call with *key*."""
    return moment(microseconds_of_key(key))


def hour_of(us: int) -> int:
    """Return the hour bucket of *us*."""
    return us // HOUR_US


def day_of(hour: int) -> int:
    """Return the day bucket of an hour."""
    return hour // HOURS_PER_DAY


def month_of(hour: int) -> int:
    """Return the month bucket of an hour, UTC."""
    start = moment(hour * HOUR_US)
    return start.year * _MONTHS_PER_YEAR + start.month - 1


def start_of_month(month: int) -> datetime:
    """Return the start of a month bucket."""
    year, index = divmod(month, _MONTHS_PER_YEAR)
    return datetime(year, index + 1, 1, tzinfo=UTC)


def first_hour_of_month(month: int) -> int:
    """Return the bucket of the first hour of a month."""
    return hour_of(microseconds(start_of_month(month)))


def cover(start_us: int, end_us: int) -> Iterator[BucketRange]:
    """Yield the fewest buckets that make up a span, with single calls at ragged ends.

    Args:
        start_us: First microsecond.
        end_us: The microsecond after the last.
    """
    if start_us >= end_us:
        return
    first_hour = -(-start_us // HOUR_US)
    end_hour = end_us // HOUR_US
    if first_hour >= end_hour:
        yield _calls_between(start_us, end_us)
        return
    if start_us < first_hour * HOUR_US:
        yield _calls_between(start_us, first_hour * HOUR_US)
    yield from _cover_hours(first_hour, end_hour)
    if end_hour * HOUR_US < end_us:
        yield _calls_between(end_hour * HOUR_US, end_us)


def _calls_between(start_us: int, end_us: int) -> BucketRange:
    return BucketRange(None, first_key(start_us), first_key(end_us) - 1)


def _cover_hours(first: int, end: int) -> Iterator[BucketRange]:
    first_day, end_day = -(-first // HOURS_PER_DAY), end // HOURS_PER_DAY
    if first_day >= end_day:
        yield BucketRange(Level.HOUR, first, end - 1)
        return
    if first < first_day * HOURS_PER_DAY:
        yield BucketRange(Level.HOUR, first, first_day * HOURS_PER_DAY - 1)
    yield from _cover_days(first_day, end_day)
    if end_day * HOURS_PER_DAY < end:
        yield BucketRange(Level.HOUR, end_day * HOURS_PER_DAY, end - 1)


def _cover_days(first: int, end: int) -> Iterator[BucketRange]:
    first_month = month_of((first * HOURS_PER_DAY) - 1) + 1
    end_month = month_of(end * HOURS_PER_DAY)
    if first_month >= end_month:
        yield BucketRange(Level.DAY, first, end - 1)
        return
    months_start = day_of(first_hour_of_month(first_month))
    months_end = day_of(first_hour_of_month(end_month))
    if first < months_start:
        yield BucketRange(Level.DAY, first, months_start - 1)
    yield BucketRange(Level.MONTH, first_month, end_month - 1)
    if months_end < end:
        yield BucketRange(Level.DAY, months_end, end - 1)
