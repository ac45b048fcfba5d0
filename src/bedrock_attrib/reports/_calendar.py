"""Calendar of a time zone: bounds of its hours, days, weeks and months."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import StrEnum

_DAYS_OF_A_WEEK = 7
_MINUTES_OF_AN_HOUR = 60


class Step(StrEnum):
    """Period of the calendar by which a report groups."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def is_before(one: datetime, other: datetime) -> bool:
    """Return whether *one* is earlier.

    Within one zone Python compares wall clocks, so both are compared in UTC.
    """
    return one.astimezone(UTC) < other.astimezone(UTC)


def earliest(one: datetime, other: datetime) -> datetime:
    """Return the earlier of two moments."""
    return other if is_before(other, one) else one


def latest(one: datetime, other: datetime) -> datetime:
    """Return the later of two moments."""
    return other if is_before(one, other) else one


def midnight(day: date, zone: tzinfo) -> datetime:
    """Return the start of *day* in *zone*."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def next_month(first: date) -> date:
    """Return the first day of the month after that of *first*."""
    return (first + timedelta(days=31)).replace(day=1)


def edges(step: Step, since: datetime, until: datetime) -> list[datetime]:
    """Return the bounds of the periods of a span, in the span's zone.

    The first and the last may be shorter than the others. Days, weeks (from Monday)
    and months follow the zone, so that a day may have 23 or 25 hours.
    """
    if not is_before(since, until):
        return []
    found, at = [since], _after(step, since)
    while is_before(at, until):
        # A day that a zone skipped has no length.
        if is_before(found[-1], at):
            found.append(at)
        at = _after(step, at)
    return [*found, until]


def _after(step: Step, at: datetime) -> datetime:
    """Return the start of the period after that of *at*."""
    if step is Step.HOUR:
        # Counted from *at*, as clocks may jump by half an hour.
        full = at.replace(second=0, microsecond=0).astimezone(UTC)
        left = timedelta(minutes=_MINUTES_OF_AN_HOUR - at.minute)
        return (full + left).astimezone(at.tzinfo)
    day = at.date()
    if step is Step.DAY:
        following = day + timedelta(days=1)
    elif step is Step.WEEK:
        following = day + timedelta(days=_DAYS_OF_A_WEEK - day.weekday())
    else:
        following = next_month(day.replace(day=1))
    return midnight(following, at.tzinfo or UTC)


def stretch_label(step: Step, start: datetime) -> str:
    """Return the name of the period of *start*.

    A day and a month as ``2026-11-25`` and ``2026-11``, a week by its Monday, an hour
    by its start with the offset from UTC, as an hour may occur twice.
    """
    if step is Step.HOUR:
        at = start.replace(tzinfo=timezone(start.utcoffset() or timedelta(0)))
        full = at.replace(minute=0, second=0, microsecond=0)
        return full.isoformat(timespec="minutes")
    day = start.date()
    if step is Step.WEEK:
        day -= timedelta(days=day.weekday())
    return f"{day:%Y-%m}" if step is Step.MONTH else day.isoformat()
