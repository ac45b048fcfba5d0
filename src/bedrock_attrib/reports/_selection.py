"""Selection of the calls of a report: a span of time and filters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .._model.tags import Tags
from ..errors import ConfigError
from ..ledger import CallDimensions
from ._calendar import Step, is_before, midnight, next_month
from ._dimensions import Dimension, dimension_named


@dataclass(frozen=True, slots=True)
class Filter:
    """Condition that calls must meet to be in a report.

    Attributes:
        dimension: What is compared.
        pattern: Pattern of the whole value.
        may_lack: Whether calls without a value match too.
        is_negated: Whether matching calls are excluded instead.
        values: Values that were written out, without a star.
    """

    dimension: Dimension
    pattern: re.Pattern[str]
    may_lack: bool = False
    is_negated: bool = False
    values: tuple[str, ...] = ()

    def matches(self, tags: Tags, kind: CallDimensions) -> bool:
        """Return whether a call with these tags and of this kind is in the report."""
        value = self.dimension.read(tags, kind)
        if not value:
            is_met = self.may_lack
        else:
            names = (value, *self.dimension.names_of(value))
            is_met = any(map(self.pattern.fullmatch, names))
        return is_met is not self.is_negated


_FILTER = re.compile(r"(?P<name>[^=!]+)(?P<sign>!?=)(?P<values>.*)", re.DOTALL)
_VALUE_PARTS = re.compile(
    r"\\(?P<plain>.)|(?P<any>\*)|(?P<comma>,)|(?P<text>.)", re.DOTALL
)


def parse_filter(text: str) -> Filter:
    r"""Return the filter ``team=search``, ``model=*claude*,*nova*`` or ``team!=``.

    ``*`` matches anything; an empty value matches calls without one. A backslash
    escapes a comma, a star or a backslash: ``cost_center=4\,2``.

    Raises:
        ConfigError: If *text* is not a filter, or filters units or time.
    """
    found = _FILTER.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"{text!r} is not a filter; expected NAME=VALUE or NAME!=VALUE, such as "
            f"team=search, model=*claude* or team!= (calls with a team)"
        )
    name = found["name"].strip()
    if name in _NO_FILTERS:
        raise ConfigError(
            f"calls cannot be filtered by {name}; expected a tag or a dimension (for a "
            f"tag of that name, tag:{name}); a span of time is given by since and until"
        )
    wanted = _texts(found["values"])
    patterns = [_pattern(*map(re.escape, texts)) for texts in wanted]
    return Filter(
        dimension_named(name),
        re.compile("|".join(filter(None, patterns)) or "(?!)", re.DOTALL),
        may_lack="" in patterns,
        is_negated=found["sign"] == "!=",
        values=tuple(
            text.removeprefix(" ") for text, *others in wanted if text and not others
        ),
    )


def _texts(values: str) -> list[list[str]]:
    """Return, of each value, the texts between its stars."""
    wanted = [[""]]
    for part in _VALUE_PARTS.finditer(values.strip()):
        if part["comma"]:
            wanted.append([""])
        elif part["any"]:
            wanted[-1].append("")
        else:
            wanted[-1][-1] += part["plain"] or part["text"]
    return wanted


def _pattern(first: str, *others: str) -> str:
    first = first.removeprefix("\\ ")
    if not others:
        return first
    # Atomic groups: backtracking would find nothing more and take exponential time on
    # a tag that nearly matches.
    *between, last = others
    found = "".join(f"(?>.*?{text})" for text in between if text)
    return f"{first}{found}.*{last}"


_NO_FILTERS = frozenset({"unit", *Step})


@dataclass(frozen=True, slots=True)
class Selection:
    """Calls of a report.

    Attributes:
        since: First moment, aware; None for the start of the ledger.
        until: The moment after the last, aware; None for the end of the ledger.
        zone: Time zone of days, weeks and months.
        filters: Filters that calls must all match.
    """

    since: datetime | None = None
    until: datetime | None = None
    zone: tzinfo = UTC
    filters: tuple[Filter, ...] = ()

    def matches(self, tags: Tags, kind: CallDimensions) -> bool:
        """Return whether a call with these tags and of this kind is in the report."""
        return all(each.matches(tags, kind) for each in self.filters)

    def span(self, whole: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
        """Return the first moment and the one after the last in a ledger of *whole*."""
        since = whole[0] if self.since is None else self.since.astimezone(UTC)
        until = whole[1] if self.until is None else self.until.astimezone(UTC)
        # The open end must not come before the other one.
        if self.until is None:
            until = max(since, until)
        else:
            since = min(since, until)
        return since.astimezone(self.zone), until.astimezone(self.zone)


def select(
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    *,
    zone: str | tzinfo = UTC,
    where: Iterable[str] = (),
    now: datetime | None = None,
) -> Selection:
    """Select the calls of a report.

    Args:
        since: First moment: a time, ``2026-11-25``, ``2026-11-25T14:30``, ``2026-11``,
            ``today``, ``yesterday``, ``this-month``, ``last-month``, or ``7d``,
            ``12h``, ``2w`` ago; None for the start of the ledger.
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
    if until is None and isinstance(since, str) and _tidy(since) in _WHOLE:
        end = _moment(since, tz, present, is_end=True)
    if start is not None and end is not None and not is_before(start, end):
        raise ConfigError(
            f"the span ends at {end:{_SHOWN}}, which is not after its begin, "
            f"{start:{_SHOWN}}"
        )
    return Selection(start, end, tz, tuple(parse_filter(each) for each in where))


_SHOWN = "%Y-%m-%d %H:%M %Z"


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
_DAYS_OF_A_WEEK = 7
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# Names of a whole period, which give both ends of a span.
_WHOLE = frozenset({"today", "yesterday", "this-month", "last-month"})


def _tidy(text: str) -> str:
    return text.strip().lower()


def _moment(
    text: datetime | str, zone: tzinfo, now: datetime, *, is_end: bool
) -> datetime:
    if isinstance(text, datetime):
        return _checked(
            text.replace(tzinfo=zone) if text.tzinfo is None else text, str(text)
        )
    try:
        stretch = _stretch(_tidy(text), zone, now)
        if stretch is not None:
            return _checked(stretch[is_end], text)
        found = _AGO.fullmatch(_tidy(text))
        if found is not None:
            return _checked(_ago(now, int(found[1]), found[2]), text)
        if _tidy(text) == "now":
            return now
        at = datetime.fromisoformat(text.strip())
    except ConfigError:
        raise
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{text!r} is not a moment; expected 2026-11-25, 2026-11-25T14:30, "
            f"2026-11, today, yesterday, this-month, last-month, or 7d, 12h, 2w ago"
        ) from error
    return _checked(at.replace(tzinfo=zone) if at.tzinfo is None else at, text)


def _ago(now: datetime, count: int, unit: str) -> datetime:
    if unit == "h":
        return (now.astimezone(UTC) - timedelta(hours=count)).astimezone(now.tzinfo)
    # The same time of another day: days of the calendar have 23 to 25 hours.
    return now - timedelta(days=count * (_DAYS_OF_A_WEEK if unit == "w" else 1))


_YEARS = range(1971, 2300)


def _checked(at: datetime, text: str) -> datetime:
    if at.year not in _YEARS:
        raise ConfigError(
            f"{text!r} is in the year {at.year}; expected a year from {_YEARS[0]} to "
            f"{_YEARS[-1]}"
        )
    return at


def _stretch(
    text: str, zone: tzinfo, now: datetime
) -> tuple[datetime, datetime] | None:
    """Return the bounds of the day or month that *text* names, or None."""
    today = now.date()
    if text in ("today", "yesterday"):
        day = today if text == "today" else today - timedelta(days=1)
        return midnight(day, zone), midnight(day + timedelta(days=1), zone)
    if text in ("this-month", "last-month"):
        first = today.replace(day=1)
        if text == "last-month":
            first = (first - timedelta(days=1)).replace(day=1)
        return midnight(first, zone), midnight(next_month(first), zone)
    if _DAY.fullmatch(text):
        day = date.fromisoformat(text)
        return midnight(day, zone), midnight(day + timedelta(days=1), zone)
    month = _MONTH.fullmatch(text)
    if month is not None:
        first = date(int(month[1]), int(month[2]), 1)
        return midnight(first, zone), midnight(next_month(first), zone)
    return None
