"""Which calls a report is about: moments, zones, stretches and filters."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kept_records import MODEL, make_record

from bedrock_attrib import ConfigError
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib._model.tags import Tags
from bedrock_attrib.ledger import CallDimensions
from bedrock_attrib.reports import Step, parse_filter, select
from bedrock_attrib.reports._calendar import edges, stretch_label

BERLIN = ZoneInfo("Europe/Berlin")
# A quarter past two in the morning, the second time: clocks were put back at three.
NOW = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)

MOMENTS = {
    "2026-10-25": ("2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
    "2026-10-25T14:30": ("2026-10-25T14:30+01:00", "2026-10-25T14:30+01:00"),
    "2026-10-25T14:30Z": ("2026-10-25T14:30+00:00", "2026-10-25T14:30+00:00"),
    "2026-10": ("2026-10-01T00:00+02:00", "2026-11-01T00:00+01:00"),
    "2026-12": ("2026-12-01T00:00+01:00", "2027-01-01T00:00+01:00"),
    "today": ("2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
    "Yesterday": ("2026-10-24T00:00+02:00", "2026-10-25T00:00+02:00"),
    "this-month": ("2026-10-01T00:00+02:00", "2026-11-01T00:00+01:00"),
    "last-month": ("2026-09-01T00:00+02:00", "2026-10-01T00:00+02:00"),
    "now": ("2026-10-25T02:15+01:00", "2026-10-25T02:15+01:00"),
    "3h": ("2026-10-25T00:15+02:00", "2026-10-25T00:15+02:00"),
    "1d": ("2026-10-24T02:15+02:00", "2026-10-24T02:15+02:00"),
    "2w": ("2026-10-11T02:15+02:00", "2026-10-11T02:15+02:00"),
}


@pytest.mark.parametrize("text", MOMENTS)
def test_moments(text: str) -> None:
    """Each way to name a moment, as begin and as end, where a day has 25 hours."""
    begin = select(text, "2030-01-01", zone="Europe/Berlin", now=NOW).since
    end = select(None, text, zone="Europe/Berlin", now=NOW).until
    assert begin is not None
    assert end is not None
    shown = tuple(at.isoformat(timespec="minutes") for at in (begin, end))
    assert MOMENTS[text] == shown


def test_a_stretch_alone_says_both_ends() -> None:
    """``--since yesterday`` is yesterday, not since then."""
    for name in ("yesterday", " Yesterday "):
        found = select(name, now=NOW)
        assert found.since == datetime(2026, 10, 24, tzinfo=UTC)
        assert found.until == datetime(2026, 10, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"since": "soon"}, "'soon' is not a moment; expected 2026-11-25"),
        ({"since": "2026-13"}, "'2026-13' is not a moment"),
        ({"since": "999999w"}, "'999999w'"),
        ({"since": "0001-01-01"}, "is in the year 1; expected a year from 1971"),
        ({"until": "9999-12-31"}, "'9999-12-31'"),
        (
            {"since": "2026-02", "until": "2026-01"},
            "ends at 2026-02-01 00:00 UTC, .* not after its begin, 2026-02-01 00:00",
        ),
        ({"zone": "Mars/Olympus"}, "'Mars/Olympus' is no time zone"),
        ({"zone": "../etc/passwd"}, "is no time zone"),
        ({"where": ["team"]}, "'team' is not a filter"),
        ({"where": ["=a"]}, "'=a' is not a filter"),
        ({"where": ["unit=output_token"]}, "cannot be filtered by unit"),
        ({"where": ["day=2026-11-25"]}, "cannot be filtered by day"),
    ],
)
def test_what_is_not_understood_is_told(
    arguments: dict[str, object], message: str
) -> None:
    """The error names what came and what was expected."""
    with pytest.raises(ConfigError, match=message):
        select(**arguments, now=NOW)  # type: ignore[arg-type]


def kind_of(**fields: object) -> CallDimensions:
    """A kind of call."""
    record = make_record()
    known: dict[str, object] = {
        "operation": "Converse",
        "model": record.model,
        "region": "us-east-1",
        "tier": "default",
        "latency_mode": "standard",
        "usage_source": "converse.usage",
        "price_status": PriceStatus.PRICED,
        "outcome": Outcome.OK,
        "error": None,
        "currency": "USD",
        "rates_id": 1,
        "unpriced_units": (),
    }
    return CallDimensions(**known | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "tags", "is_met"),
    [
        ("team=search", {"team": "search"}, True),
        ("team=search", {"team": "Search"}, False),
        ("team=search", {}, False),
        ("team=ads, search", {"team": "search"}, True),
        ("team!=ads", {"team": "search"}, True),
        ("team!=ads", {}, True),
        ("team=", {}, True),
        ("team=", {"team": "search"}, False),
        ("team!=", {"team": "search"}, True),
        ("team!=", {}, False),
        ("team=*", {}, False),
        ("team=*", {"team": "search"}, True),
        ("team=,ads", {}, True),
        ("team=s*h", {"team": "search"}, True),
        ("team=s*a*h", {"team": "search"}, True),
        ("team=*a*a*", {"team": "aa"}, True),
        ("team=*a*a*", {"team": "a"}, False),
        ("team=a*a", {"team": "a"}, False),
        ("team=**c**", {"team": "search"}, True),
        ("team=*ab*ab", {"team": "abxab-ab"}, True),
        ("team=*x*, sea*", {"team": "search"}, True),
        ("team=*\nb*", {"team": "a\nb"}, True),
        ("team=s?arch", {"team": "search"}, False),
        ("team=[s]earch", {"team": "search"}, False),
        (r"team=4\,2", {"team": "4,2"}, True),
        (r"team=\*", {"team": "x"}, False),
        ("x=a=b", {"x": "a=b"}, True),
        ("model=*sonnet*", {}, True),
        ("tag:model=*sonnet*", {"model": "sonnet"}, True),
        ("tag:model=*sonnet*", {}, False),
        ("vendor=anthropic", {}, True),
        ("error=", {}, True),
    ],
)
def test_filters(text: str, tags: dict[str, str], is_met: bool) -> None:  # noqa: FBT001
    """Values, several, stars, none, not; a star and nothing else has a meaning."""
    assert is_met is parse_filter(text).matches(Tags(tags), kind_of())


@given(
    stars=st.text("ab*", max_size=8).filter(lambda text: "*" in text),
    value=st.text("ab", min_size=1, max_size=12),
)
def test_stars_stand_for_anything(stars: str, value: str) -> None:
    """However many there are: as if every way to fill them were tried."""
    expected = re.fullmatch(stars.replace("*", ".*"), value) is not None
    found = parse_filter(f"team={stars}").matches(Tags({"team": value}), kind_of())
    assert expected is found


def test_a_tag_that_nearly_matches_takes_no_time() -> None:
    """Tags may come from strangers, and a report must end.

    To try every way to fill the stars would take longer than any test may.
    """
    hostile = parse_filter("team=" + "*a" * 30 + "*b")
    assert hostile.matches(Tags({"team": "a" * 256}), kind_of()) is False


def test_the_model_of_these_tests() -> None:
    """The filters above are about this model."""
    assert MODEL == "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def test_a_day_of_25_hours() -> None:
    """Hours that occur twice differ; the day is one period of 25 hours."""
    since = datetime(2026, 10, 25, tzinfo=BERLIN)
    until = datetime(2026, 10, 26, tzinfo=BERLIN)
    hours = edges(Step.HOUR, since, until)
    assert len(hours) == 26
    assert [stretch_label(Step.HOUR, at) for at in hours[1:5]] == [
        "2026-10-25T01:00+02:00",
        "2026-10-25T02:00+02:00",
        "2026-10-25T02:00+01:00",
        "2026-10-25T03:00+01:00",
    ]
    assert edges(Step.DAY, since, until) == [since, until]


def test_clocks_that_are_put_back_by_half_an_hour() -> None:
    """Lord Howe's clocks go from two to half past one: no hour is lost or endless."""
    zone = ZoneInfo("Australia/Lord_Howe")
    since = datetime(2026, 4, 5, 1, tzinfo=zone)
    hours = edges(Step.HOUR, since, datetime(2026, 4, 5, 3, tzinfo=zone))
    assert [at.astimezone(UTC).isoformat() for at in hours] == [
        "2026-04-04T14:00:00+00:00",
        "2026-04-04T15:00:00+00:00",
        "2026-04-04T15:30:00+00:00",
        "2026-04-04T16:30:00+00:00",
    ]
    assert [stretch_label(Step.HOUR, at) for at in hours[:3]] == [
        "2026-04-05T01:00+11:00",
        "2026-04-05T01:00+10:30",
        "2026-04-05T02:00+10:30",
    ]


def test_a_day_that_a_zone_left_out() -> None:
    """Samoa had no 30 December 2011: two stretches, none of them empty."""
    zone = ZoneInfo("Pacific/Apia")
    days = edges(
        Step.DAY,
        datetime(2011, 12, 29, tzinfo=zone),
        datetime(2012, 1, 1, tzinfo=zone),
    )
    assert [
        (end.astimezone(UTC) - start.astimezone(UTC)).total_seconds() / 3600
        for start, end in pairwise(days)
    ] == [24, 24]


def test_weeks_and_months_are_named_by_their_begin() -> None:
    """A week by its Monday, even where a report begins within it."""
    thursday = datetime(2026, 11, 26, 15, 30, tzinfo=UTC)
    assert stretch_label(Step.WEEK, thursday) == "2026-11-23"
    assert stretch_label(Step.MONTH, thursday) == "2026-11"
    assert stretch_label(Step.HOUR, thursday) == "2026-11-26T15:00+00:00"


ZONES = sorted(available_timezones())


@given(
    zone=st.sampled_from(ZONES),
    step=st.sampled_from(Step),
    start=st.datetimes(datetime(1975, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
    minutes=st.integers(1, 60 * 24 * 60),
)
@settings(max_examples=150, deadline=None)
def test_stretches_make_up_the_span(
    zone: str, step: Step, start: datetime, minutes: int
) -> None:
    """In every zone, at every moment: from begin to end, forward, without a gap."""
    tz = ZoneInfo(zone)
    since = start.replace(tzinfo=UTC).astimezone(tz)
    until = (start.replace(tzinfo=UTC) + timedelta(minutes=minutes)).astimezone(tz)
    found = [at.astimezone(UTC) for at in edges(step, since, until)]
    assert found[0] == since.astimezone(UTC)
    assert found[-1] == until.astimezone(UTC)
    assert all(one < other for one, other in pairwise(found))
    labels = [stretch_label(step, at) for at in edges(step, since, until)[:-1]]
    assert len(set(labels)) == len(labels)
