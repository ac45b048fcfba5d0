"""Which calls a report is about: a span of time, and filters."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .._errors import ConfigError
from .._record import Tags
from ..ledger import Kind
from ._dimensions import Dimension, dimension_named


class Step(StrEnum):
    """A stretch of the calendar that a report can go by."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Filter:
    """What calls must have, or must not have, to be in a report.

    Attributes:
        dimension: What is compared.
        values: Any of these, where ``*`` stands for anything; empty text for calls
            that have none.
        is_negated: Whether such calls are left out instead.
    """

    dimension: Dimension
    values: tuple[str, ...]
    is_negated: bool = False

    def lets_pass(self, tags: Tags, kind: Kind) -> bool:
        """Whether a call with these tags and of this kind is in the report."""
        value = self.dimension.read(tags, kind) or ""
        is_met = any(fnmatch.fnmatchcase(value, pattern) for pattern in self.values)
        return is_met is not self.is_negated


_FILTER = re.compile(r"(?P<name>[^=!]+)(?P<sign>!?=)(?P<values>.*)", re.DOTALL)


def parse_filter(text: str) -> Filter:
    """A filter from ``team=search``, ``model=*claude*,*nova*`` or ``team!=``.

    Raises:
        ConfigError: If *text* is no filter.
    """
    found = _FILTER.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"{text!r} is no filter; expected NAME=VALUE or NAME!=VALUE, such as "
            f"team=search, model=*claude* or team!= (which have a team)"
        )
    values = tuple(value.strip() for value in found["values"].split(","))
    name = found["name"].strip()
    return Filter(dimension_named(name), values, found["sign"] == "!=")


@dataclass(frozen=True, slots=True)
class Selection:
    """The calls that a report is about.

    Attributes:
        since: First moment, aware; None for the ledger's beginning.
        until: The moment after the last, aware; None for its end.
        zone: Time zone of days, weeks and months.
        filters: What calls must meet, all of it.
    """

    since: datetime | None = None
    until: datetime | None = None
    zone: tzinfo = UTC
    filters: tuple[Filter, ...] = ()

    def lets_pass(self, tags: Tags, kind: Kind) -> bool:
        """Whether a call with these tags and of this kind is in the report."""
        return all(each.lets_pass(tags, kind) for each in self.filters)

    def span(self, whole: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
        """First moment and the one after the last, of what a ledger holds."""
        since = whole[0] if self.since is None else self.since
        until = whole[1] if self.until is None else self.until
        return since.astimezone(self.zone), until.astimezone(self.zone)


def select(
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    *,
    zone: str | tzinfo = UTC,
    where: Iterable[str] = (),
    now: datetime | None = None,
) -> Selection:
    """Say which calls a report is about.

    Args:
        since: First moment: a time, ``2026-11-25``, ``2026-11-25T14:30``, ``2026-11``,
            ``today``, ``yesterday``, ``this-month``, ``last-month``, or ``7d``,
            ``12h``, ``2w`` ago; None for the ledger's beginning.
        until: The moment after the last. A day or a month is included whole.
        zone: Time zone of days, weeks and months, and of times without one.
        where: Filters, such as ``team=search`` (`parse_filter`).
        now: The present, aware; None for the clock's.

    Raises:
        ConfigError: If a moment, zone or filter is not as described, or the span ends
            before it begins.
    """
    tz = _zone(zone)
    present = (datetime.now(UTC) if now is None else now).astimezone(tz)
    start = None if since is None else _moment(since, tz, present, is_end=False)
    end = None if until is None else _moment(until, tz, present, is_end=True)
    if isinstance(since, str) and until is None and since in _WHOLE:
        end = _moment(since, tz, present, is_end=True)
    if start is not None and end is not None and start >= end:
        raise ConfigError(f"the span ends ({end}) before it begins ({start})")
    return Selection(start, end, tz, tuple(parse_filter(each) for each in where))


def _zone(zone: str | tzinfo) -> tzinfo:
    if isinstance(zone, tzinfo):
        return zone
    if zone.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"{zone!r} is no time zone; expected a name such as Europe/Berlin or UTC"
        ) from error


_AGO = re.compile(r"(\d{1,6})([hdw])")
_AGO_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# These name a stretch, so that one of them says both ends.
_WHOLE = frozenset({"today", "yesterday", "this-month", "last-month"})


def _moment(
    text: datetime | str, zone: tzinfo, now: datetime, *, is_end: bool
) -> datetime:
    if isinstance(text, datetime):
        return text.replace(tzinfo=zone) if text.tzinfo is None else text
    try:
        stretch = _stretch(text.strip().lower(), zone, now)
        if stretch is not None:
            return stretch[is_end]
        found = _AGO.fullmatch(text.strip().lower())
        if found is not None:
            return now - timedelta(**{_AGO_UNITS[found[2]]: int(found[1])})
        if text.strip().lower() == "now":
            return now
        at = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{text!r} is no moment; expected 2026-11-25, 2026-11-25T14:30, 2026-11, "
            f"today, yesterday, this-month, last-month, or 7d, 12h, 2w ago"
        ) from error
    return at.replace(tzinfo=zone) if at.tzinfo is None else at


def _stretch(
    text: str, zone: tzinfo, now: datetime
) -> tuple[datetime, datetime] | None:
    """Begin and end of the day or month that *text* names, if it names one."""
    today = now.date()
    if text in ("today", "yesterday"):
        day = today if text == "today" else today - timedelta(days=1)
        return midnight(day, zone), midnight(day + timedelta(days=1), zone)
    if text in ("this-month", "last-month"):
        first = today.replace(day=1)
        if text == "last-month":
            first = (first - timedelta(days=1)).replace(day=1)
        return midnight(first, zone), midnight(_next_month(first), zone)
    if _DAY.fullmatch(text):
        day = date.fromisoformat(text)
        return midnight(day, zone), midnight(day + timedelta(days=1), zone)
    month = _MONTH.fullmatch(text)
    if month is not None:
        first = date(int(month[1]), int(month[2]), 1)
        return midnight(first, zone), midnight(_next_month(first), zone)
    return None


def midnight(day: date, zone: tzinfo) -> datetime:
    """The begin of *day* in *zone*."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def edges(step: Step, since: datetime, until: datetime) -> list[datetime]:
    """Where the stretches of a span begin and end, in the span's zone.

    The first and the last may be shorter than the others. Days, weeks (from Monday)
    and months are those of the zone, so that a day may have 23 or 25 hours.
    """
    if since >= until:
        return []
    found, at = [since], _after(step, since)
    while at < until:
        found.append(at)
        at = _after(step, at)
    return [*found, until]


def _after(step: Step, at: datetime) -> datetime:
    """The begin of the stretch after the one in which *at* lies."""
    if step is Step.HOUR:
        full = at.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
        return (full + timedelta(hours=1)).astimezone(at.tzinfo)
    day = at.date()
    if step is Step.DAY:
        following = day + timedelta(days=1)
    elif step is Step.WEEK:
        following = day + timedelta(days=7 - day.weekday())
    else:
        following = _next_month(day.replace(day=1))
    return midnight(following, at.tzinfo or UTC)
