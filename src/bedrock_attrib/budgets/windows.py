"""Windows: the spans of time over which a budget counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import ConfigError


@dataclass(frozen=True, slots=True)
class Span:
    """Position of a moment in a window, as Unix times in whole seconds.

    Attributes:
        bucket: Beginning of the bucket that is charged.
        first: Beginning of the oldest bucket that counts.
        until: End of the time for which this holds: of the fixed window, or of the
            bucket of a rolling one; None for a window that never ends.
    """

    bucket: int
    first: int
    until: int | None


class Window(Protocol):
    """Span of time over which a budget counts."""

    def at(self, moment: float) -> Span:
        """Return the position of *moment*, a Unix time."""

    @property
    def length_s(self) -> float | None:
        """Length in seconds, of a month 31 days; None for one that never ends."""


class _Total:
    """Window that never ends."""

    length_s = None

    def at(self, moment: float) -> Span:  # noqa: ARG002 -- as others need it
        return Span(0, 0, None)


class _Fixed:
    """Window between two borders of the calendar."""

    def __init__(self, unit: str, zone: ZoneInfo) -> None:
        self._unit = unit
        self._zone = zone
        self.length_s = _LENGTHS_S[unit]
        self._span = Span(0, 0, 0)

    def at(self, moment: float) -> Span:
        span = self._span  # replaced as a whole: safe from several threads
        if not (span.until is not None and span.bucket <= moment < span.until):
            span = self._span = self._find(moment)
        return span

    def _find(self, moment: float) -> Span:
        local = datetime.fromtimestamp(moment, self._zone)
        if self._unit == "hour":
            # By elapsed seconds: the hour that a clock repeats in autumn is another.
            into = timedelta(minutes=local.minute, seconds=local.second)
            start = int(moment) - int(into.total_seconds())
            return Span(start, start, start + 3600)
        day = local.date()
        if self._unit == "week":
            day -= timedelta(days=day.weekday())
        elif self._unit == "month":
            day = day.replace(day=1)
        after = day + timedelta(days=_DAYS[self._unit])
        if self._unit == "month":
            after = after.replace(day=1)
        start, end = (
            int(datetime.combine(each, time(), self._zone).timestamp())
            for each in (day, after)
        )
        return Span(start, start, end)


class _Rolling:
    """Window that ends now, counted in buckets.

    A bucket counts as long as any of it lies in the window: what was spent leaves up
    to one bucket late, never early.
    """

    def __init__(self, length_s: int) -> None:
        self.length_s = length_s
        self._bucket_s = max(1, length_s // _ROLLING_BUCKETS)

    def at(self, moment: float) -> Span:
        size = self._bucket_s
        bucket = int(moment // size) * size
        first = int((moment - self.length_s) // size) * size
        return Span(bucket, first, bucket + size)


_ROLLING_BUCKETS = 48
_DAYS = {"day": 1, "week": 7, "month": 31}
_LENGTHS_S = {"hour": 3600, **{unit: 86_400 * days for unit, days in _DAYS.items()}}
_UNITS_S = {"m": 60, "h": 3600, "d": 86_400}
_ROLLING = re.compile(r"rolling (\d{1,4})([mhd])")


def parse_window(text: str, zone: str) -> Window:
    """Return the window that *text* names.

    Args:
        text: ``hour``, ``day``, ``week`` (from Monday on), ``month``, ``total``, or
            ``rolling`` with a length in minutes, hours or days (``rolling 24h``).
        zone: Name of the time zone in which days begin, such as ``Europe/Berlin``.

    Raises:
        ConfigError: If there is no such window or time zone.
    """
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError) as error:
        raise ConfigError(
            f"zone {zone!r} is not known; expected a name of the IANA time zones, such "
            f"as UTC or Europe/Berlin (pip install tzdata brings them where the system "
            f"has none)"
        ) from error
    if text == "total":
        return _Total()
    if text in _LENGTHS_S:
        return _Fixed(text, place)
    found = _ROLLING.fullmatch(str(text))
    length_s = int(found[1]) * _UNITS_S[found[2]] if found else 0
    if not length_s:
        raise ConfigError(
            f"window {text!r} is not known; expected hour, day, week, month, total, or "
            f"a rolling one such as 'rolling 24h' or 'rolling 30d'"
        )
    return _Rolling(length_s)


def as_utc(moment: int | None) -> datetime | None:
    """Return a Unix time as aware UTC; None stays None."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC)
