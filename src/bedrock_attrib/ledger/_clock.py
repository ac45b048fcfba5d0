"""How moments become keys and buckets, and how a span is covered by few of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_HOUR_US = 3_600_000_000
_HOURS_OF_A_DAY = 24
_MONTHS_OF_A_YEAR = 12

# Keys count from here, so that with the number they stay within 64 bits until 2306.
_KEYS_FROM_US = 1_577_836_800_000_000  # 2020-01-01
_NUMBER_BITS = 10
NUMBERS = 1 << _NUMBER_BITS
"""How many calls of one microsecond can be told apart."""
_MOST_BESIDE = 64 * NUMBERS


HOUR_OF_KEY = f"((key >> {_NUMBER_BITS}) + {_KEYS_FROM_US}) / {_HOUR_US}"
"""SQL for the bucket of hours that a call lies in, from 1970 on."""
KEY_OF_HOUR = f"(({{hour}}) * {_HOUR_US} - {_KEYS_FROM_US}) * {NUMBERS}"
"""SQL for the lowest key of calls in a bucket of hours, named in braces."""


class Level(IntEnum):
    """How long a sum's bucket is."""

    HOUR = 0
    DAY = 1
    MONTH = 2


class Stretch(NamedTuple):
    """Buckets of one length, or single calls, that follow each other.

    Attributes:
        level: Length of the buckets; None for calls by their keys.
        first: First bucket or key.
        last: Last bucket or key, included.
    """

    level: Level | None
    first: int
    last: int


def microseconds(at: datetime) -> int:
    """Microseconds from 1970 to *at*, an aware time."""
    return (at - _EPOCH) // _US


def moment(us: int) -> datetime:
    """The aware UTC time *us* microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=us)


def first_key(us: int) -> int:
    """The lowest key of calls at *us*."""
    return (us - _KEYS_FROM_US) << _NUMBER_BITS


def hour_of_key(key: int) -> int:
    """Bucket of hours that the call with *key* lies in."""
    return hour_of((key >> _NUMBER_BITS) + _KEYS_FROM_US)


def first_key_of_hour(hour: int) -> int:
    """The lowest key of calls in a bucket of hours."""
    return first_key(hour * _HOUR_US)


def key_of_hour(at: datetime) -> int:
    """The lowest key of calls in the hour, UTC, in which *at* lies."""
    return first_key_of_hour(hour_of(microseconds(at)))


def end_of_hour(key: int) -> int:
    """The lowest key of calls in the hour after the one in which that of *key* lies."""
    return first_key_of_hour(hour_of_key(key) + 1)


def beside(key: int) -> tuple[int, int]:
    """First and last key that a call may have which started when that of *key* did.

    A call that finds its place taken goes behind the others: some microseconds later,
    where there are more than a thousand.
    """
    first = key >> _NUMBER_BITS << _NUMBER_BITS
    return first, first + _MOST_BESIDE


def microseconds_of(key: int) -> int:
    """Microseconds from 1970 to when the call with *key* started."""
    return (key >> _NUMBER_BITS) + _KEYS_FROM_US


def time_of(key: int) -> datetime:
    """When the call with *key* started."""
    return moment(microseconds_of(key))


def hour_of(us: int) -> int:
    """Bucket of hours that *us* lies in."""
    return us // _HOUR_US


def day_of(hour: int) -> int:
    """Bucket of days that an hour lies in."""
    return hour // _HOURS_OF_A_DAY


def month_of(hour: int) -> int:
    """Bucket of months that an hour lies in, UTC."""
    start = moment(hour * _HOUR_US)
    return start.year * _MONTHS_OF_A_YEAR + start.month - 1


def _start_of_month(month: int) -> datetime:
    year, index = divmod(month, _MONTHS_OF_A_YEAR)
    return datetime(year, index + 1, 1, tzinfo=UTC)


def first_hour_of_month(month: int) -> int:
    """Bucket of the hour with which a month begins."""
    return hour_of(microseconds(_start_of_month(month)))


def cover(start_us: int, end_us: int) -> Iterator[Stretch]:
    """The fewest buckets that make up a span, with single calls at ragged ends.

    Args:
        start_us: First microsecond.
        end_us: The microsecond after the last.
    """
    if start_us >= end_us:
        return
    first_hour = -(-start_us // _HOUR_US)
    end_hour = end_us // _HOUR_US
    if first_hour >= end_hour:
        yield Stretch(None, first_key(start_us), first_key(end_us) - 1)
        return
    if start_us < first_hour * _HOUR_US:
        yield Stretch(None, first_key(start_us), first_key(first_hour * _HOUR_US) - 1)
    yield from _cover_hours(first_hour, end_hour)
    if end_hour * _HOUR_US < end_us:
        yield Stretch(None, first_key(end_hour * _HOUR_US), first_key(end_us) - 1)


def _cover_hours(first: int, end: int) -> Iterator[Stretch]:
    first_day, end_day = -(-first // _HOURS_OF_A_DAY), end // _HOURS_OF_A_DAY
    if first_day >= end_day:
        yield Stretch(Level.HOUR, first, end - 1)
        return
    if first < first_day * _HOURS_OF_A_DAY:
        yield Stretch(Level.HOUR, first, first_day * _HOURS_OF_A_DAY - 1)
    yield from _cover_days(first_day, end_day)
    if end_day * _HOURS_OF_A_DAY < end:
        yield Stretch(Level.HOUR, end_day * _HOURS_OF_A_DAY, end - 1)


def _cover_days(first: int, end: int) -> Iterator[Stretch]:
    first_month = month_of((first * _HOURS_OF_A_DAY) - 1) + 1
    end_month = month_of(end * _HOURS_OF_A_DAY)
    if first_month >= end_month:
        yield Stretch(Level.DAY, first, end - 1)
        return
    months_start = first_hour_of_month(first_month) // _HOURS_OF_A_DAY
    months_end = first_hour_of_month(end_month) // _HOURS_OF_A_DAY
    if first < months_start:
        yield Stretch(Level.DAY, first, months_start - 1)
    yield Stretch(Level.MONTH, first_month, end_month - 1)
    if months_end < end:
        yield Stretch(Level.DAY, months_end, end - 1)
