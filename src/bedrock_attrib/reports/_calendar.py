"""The calendar of a zone: where its hours, days, weeks and months begin and end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import StrEnum

_DAYS_OF_A_WEEK = 7
_MINUTES_OF_AN_HOUR = 60


class Step(StrEnum):
    """A stretch of the calendar that a report can go by."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def is_before(one: datetime, other: datetime) -> bool:
    """Whether *one* comes first. In one zone Python would compare what clocks show."""
    return one.astimezone(UTC) < other.astimezone(UTC)


def earliest(one: datetime, other: datetime) -> datetime:
    """The one that comes first."""
    return other if is_before(other, one) else one


def latest(one: datetime, other: datetime) -> datetime:
    """The one that comes last."""
    return other if is_before(one, other) else one


def midnight(day: date, zone: tzinfo) -> datetime:
    """The begin of *day* in *zone*."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def next_month(first: date) -> date:
    """The first day of the month after that of *first*."""
    return (first + timedelta(days=31)).replace(day=1)


def edges(step: Step, since: datetime, until: datetime) -> list[datetime]:
    """Where the stretches of a span begin and end, in the span's zone.

    The first and the last may be shorter than the others. Days, weeks (from Monday)
    and months are those of the zone, so that a day may have 23 or 25 hours.
    """
    if not is_before(since, until):
        return []
    found, at = [since], _after(step, since)
    while is_before(at, until):
        # A day that a zone left out has no length.
        if is_before(found[-1], at):
            found.append(at)
        at = _after(step, at)
    return [*found, until]


def _after(step: Step, at: datetime) -> datetime:
    """The begin of the stretch after the one in which *at* lies."""
    if step is Step.HOUR:
        # Counted from now on, as clocks may jump by half an hour.
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
    """How the stretch in which *start* lies is named.

    A day and a month as ``2026-11-25`` and ``2026-11``, a week by its Monday, an hour
    by its begin with the offset from UTC, as an hour may come twice.
    """
    if step is Step.HOUR:
        at = start.replace(tzinfo=timezone(start.utcoffset() or timedelta(0)))
        full = at.replace(minute=0, second=0, microsecond=0)
        return full.isoformat(timespec="minutes")
    day = start.date()
    if step is Step.WEEK:
        day -= timedelta(days=day.weekday())
    return f"{day:%Y-%m}" if step is Step.MONTH else day.isoformat()
