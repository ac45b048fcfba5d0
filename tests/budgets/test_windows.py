"""Windows of budgets: their borders, in time zones with summer time too."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_attrib import Budget, ConfigError
from bedrock_attrib.budgets.windows import parse_window


def at(text: str) -> float:
    """Return an ISO time as Unix time."""
    return datetime.fromisoformat(text).timestamp()


def utc(moment: int | None) -> str | None:
    """Return a Unix time as text."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%MZ")


@pytest.mark.parametrize(
    ("window", "zone", "moment", "start", "end"),
    [
        (
            "day",
            "UTC",
            "2026-12-01T12:00Z",
            "2026-12-01T00:00Z",
            "2026-12-02T00:00Z",
        ),
        (
            "week",  # begins on Monday
            "UTC",
            "2026-12-06T23:59Z",
            "2026-11-30T00:00Z",
            "2026-12-07T00:00Z",
        ),
        (
            "month",
            "America/New_York",
            "2026-12-01T04:59Z",  # still November there
            "2026-11-01T04:00Z",  # summer time
            "2026-12-01T05:00Z",
        ),
        (
            "day",  # of 23 hours
            "Europe/Berlin",
            "2026-03-29T12:00Z",
            "2026-03-28T23:00Z",
            "2026-03-29T22:00Z",
        ),
        (
            "day",  # of 25 hours
            "Europe/Berlin",
            "2026-10-25T12:00Z",
            "2026-10-24T22:00Z",
            "2026-10-25T23:00Z",
        ),
        (
            "hour",  # the second one that a clock calls 2:30
            "Europe/Berlin",
            "2026-10-25T01:30Z",
            "2026-10-25T01:00Z",
            "2026-10-25T02:00Z",
        ),
        (
            "hour",  # of a zone that is half an hour off
            "Asia/Kolkata",
            "2026-12-01T12:10Z",
            "2026-12-01T11:30Z",
            "2026-12-01T12:30Z",
        ),
        ("total", "UTC", "2026-12-01T12:00Z", "1970-01-01T00:00Z", None),
    ],
)
def test_a_window_has_borders_of_its_zone(
    window: str, zone: str, moment: str, start: str, end: str | None
):
    """A window begins and ends with the calendar of its time zone."""
    span = parse_window(window, zone).at(at(moment))
    assert (utc(span.bucket), utc(span.first), utc(span.until)) == (start, start, end)


def test_a_rolling_window_counts_every_bucket_that_lies_in_it():
    """24 hours are counted in half hours, the oldest one whole."""
    span = parse_window("rolling 24h", "UTC").at(at("2026-12-02T12:10Z"))
    assert utc(span.bucket) == "2026-12-02T12:00Z"
    assert utc(span.first) == "2026-12-01T12:00Z"
    assert utc(span.until) == "2026-12-02T12:30Z"


@given(
    moment=st.integers(0, 4_000_000_000),
    window=st.sampled_from(["hour", "day", "week", "month"]),
    zone=st.sampled_from(
        ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Africa/Cairo"]
    ),
)
def test_windows_follow_each_other_without_a_gap(moment: int, window: str, zone: str):
    """Every moment lies in one window, and the next begins where it ends."""
    found = parse_window(window, zone)
    span = found.at(moment)
    assert span.until is not None
    assert span.bucket <= moment < span.until
    after = found.at(span.until)
    assert after.bucket == span.until
    assert found.at(span.until - 1) == span


@pytest.mark.parametrize(
    ("window", "zone", "says"),
    [
        ("fortnight", "UTC", "window 'fortnight' is not known"),
        ("rolling 0h", "UTC", "window 'rolling 0h' is not known"),
        ("day", "Mars/Olympus", "zone 'Mars/Olympus' is not known"),
        ("day", "../etc/passwd", "zone '../etc/passwd' is not known"),
    ],
)
def test_an_unknown_window_is_an_error(window: str, zone: str, says: str):
    """The error names what came, and what was expected."""
    with pytest.raises(ConfigError, match=says):
        Budget("b", limit_calls=1, window=window, zone=zone)
