"""W3C baggage, in and out: by allow-list, checked, and nothing without the setting."""

from __future__ import annotations

import enum
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.client import BaseClient
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from waiting import HANG_S

from bedrock_attrib import Recorder, attribution, configure, current_tags, instrument
from bedrock_attrib._attribution import current_attribution
from bedrock_attrib._config import Config
from bedrock_attrib._recording.recorder import lifecycle_of
from bedrock_attrib.propagation import BaggagePropagator, carry, inject
from bedrock_attrib.testing import ListSink, Simulator

MODEL = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
TWO_SERVICES = Path(__file__).parent.parent / "support" / "two_services.py"


@contextmanager
def came(**pairs: object) -> Iterator[None]:
    """A request that came with baggage."""
    current = context.get_current()
    for key, value in pairs.items():
        current = baggage.set_baggage(key, value, current)
    token = context.attach(current)
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def default(**given: Any) -> Iterator[Recorder]:
    """A default recorder with these settings."""
    yield configure(metrics=False, **given)
    configure(metrics=False)


def tags() -> dict[str, str]:
    """The tags in force."""
    return dict(current_tags())


# In.


def test_off_by_default(client: BaseClient, sink: ListSink) -> None:
    """Without the setting no baggage is taken, whatever its key."""
    with default(), came(team="search"), attribution(app="web"):
        client.converse(modelId=MODEL, messages=MESSAGES)
        assert tags() == {"app": "web"}
    assert [dict(record.tags) for record in sink.records] == [{"app": "web"}]


def test_records_have_what_is_let_in(simulator: Simulator, sink: ListSink) -> None:
    """A call takes what is listed from the baggage of its moment, and nothing else."""
    config = Config(baggage_in=("team", "app"))
    recorder = Recorder(sinks=(sink,), config=config)
    client = instrument(simulator.client(), recorder=recorder)
    for pairs in ({"team": "search", "user": "ann"}, {"app": "web"}, {}, {"user": "x"}):
        with came(**pairs):
            client.converse(modelId=MODEL, messages=MESSAGES)
    found = [dict(record.tags) for record in sink.records]
    assert found == [{"team": "search"}, {"app": "web"}, {}, {}]
    assert recorder.faults.counts() == {}


def test_who_wins() -> None:
    """Blocks win over baggage, what they take away included, and that over defaults."""
    with default(baggage_in=["team", "app"], tags={"team": "default", "env": "test"}):
        assert tags() == {"team": "default", "env": "test"}
        with came(team="came", app="came"):
            assert tags() == {"team": "came", "app": "came", "env": "test"}
            with attribution(team="own"):
                assert tags() == {"team": "own", "app": "came", "env": "test"}
                with attribution(team=None, app=None):
                    assert tags() == {"env": "test"}
        assert tags() == {"team": "default", "env": "test"}


class _Team(str, enum.Enum):  # noqa: UP042 -- as applications have them
    SEARCH = "search"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("search", "search"),
        ("x" * 256, "x" * 256),
        ("Käse 7 _.:/=+-@", "Käse 7 _.:/=+-@"),
        ("search;ttl=5", "search"),
        ("search ; a ; b=c", "search"),
        (_Team.SEARCH, "search"),
    ],
    ids=["plain", "longest", "all kinds", "property", "properties", "enumeration"],
)
def test_good_values(value: str, expected: str) -> None:
    """What would be a tag is one; properties behind it are left out."""
    with default(baggage_in=["team"]) as recorder, came(team=value):
        assert tags() == {"team": expected}
        assert recorder.faults.counts() == {}


@pytest.mark.parametrize(
    "value",
    ["", "x" * 257, "a,b", "a\nb", "<b>", "\0", ";", "a" * 100_000, 7, b"x", None, []],
    ids=lambda value: repr(value)[:8],
)
def test_bad_values(value: object, caplog: pytest.LogCaptureFixture) -> None:
    """What would be no tag is left out and counted; it is logged once, unquoted."""
    with (
        default(baggage_in=["team", "app"], tags={"team": "default"}) as recorder,
        came(team=value, app="web"),
    ):
        for _ in range(3):
            assert tags() == {"team": "default", "app": "web"}
    is_there = value is not None
    counts = {"baggage_in team": 3} if is_there else {}
    assert recorder.faults.counts() == counts
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == len(counts)
    told = "contained ConfigError in baggage_in team (raised at unknown place); the"
    assert all(line.startswith(told) for line in warnings)


@given(st.dictionaries(st.sampled_from(["team", "app", "other"]), st.text()))
def test_any_baggage(pairs: dict[str, str]) -> None:
    """Whatever strangers send, only what `attribution` would take comes through."""
    recorder = Recorder(config=Config(baggage_in=("team", "app")))
    with came(**pairs):
        found = lifecycle_of(recorder).tags.of(current_attribution())
    for key, value in found.items():
        assert key in {"team", "app"}
        with attribution(**{key: value}):
            pass
        assert pairs[key].startswith(value)


class _Broken(context.Context):
    def get(self, *_: object) -> Any:
        raise RuntimeError("broken")


def test_broken_context(caplog: pytest.LogCaptureFixture) -> None:
    """Where OpenTelemetry itself fails, a call has the tags that it would have had."""
    with default(baggage_in=["team"], tags={"app": "web"}) as recorder:
        token = context.attach(_Broken())
        try:
            assert tags() == {"app": "web"}
        finally:
            context.detach(token)
    assert recorder.faults.counts() == {"baggage_in": 1}
    assert "contained RuntimeError in baggage_in" in caplog.text


def test_many_different_values() -> None:
    """However many values strangers think of, what is remembered of them is bounded."""
    with default(baggage_in=["team"]):
        for number in range(5000):
            with came(team=f"t{number}"):
                assert tags() == {"team": f"t{number}"}


def test_carried() -> None:
    """Baggage goes along with what is carried, and that of the caller stays out."""
    with default(baggage_in=["team", "app"]), ThreadPoolExecutor(1) as thread:
        with came(team="came", app="came"):
            carried = carry(tags)
            with attribution(app="own"):
                carried_twice = thread.submit(carry(lambda: carry(tags))).result()
        assert thread.submit(carried).result() == {"team": "came", "app": "came"}
        assert thread.submit(tags).result() == {}
        with came(app="there"):
            assert carried() == {"team": "came", "app": "came"}
        empty = carry(tags)
        with came(team="there"):
            assert empty() == {}
        assert carried_twice() == {"team": "came", "app": "own"}


def test_what_a_carried_function_sets_comes_first() -> None:
    """A message that it reads has baggage of its own."""

    def work() -> tuple[dict[str, str], dict[str, str]]:
        with came(team="own"):
            return tags(), carry(tags)()

    with default(baggage_in=["team", "app"]):
        with came(team="came", app="came"):
            carried = carry(work)
        own = {"team": "own", "app": "came"}
        with came(team="runner"):
            assert carried() == (own, own)
        assert carry(work)() == ({"team": "own"}, {"team": "own"})


# Out.


def header_of(headers: Mapping[str, str]) -> dict[str, object]:
    """What another service reads from *headers*."""
    return dict(baggage.get_all(W3CBaggagePropagator().extract(headers, None)))


def test_nothing_is_sent_by_default() -> None:
    """Without the setting no tag leaves."""
    headers = {"accept": "*/*"}
    with default(), attribution(team="search"):
        inject(headers)
        BaggagePropagator().inject(headers)
    assert headers == {"accept": "*/*"}


def test_inject() -> None:
    """What is listed and in force is sent, encoded as the standard has it."""
    with default(baggage_out=["team", "app", "env"], tags={"env": "test"}):
        with attribution(team="search + rank", secret="s3"):
            headers: dict[str, str] = {}
            inject(headers)
        assert headers == {"baggage": "team=search%20%2B%20rank,env=test"}
        assert header_of(headers) == {"team": "search + rank", "env": "test"}


@pytest.mark.parametrize("name", ["baggage", "Baggage"])
def test_inject_beside_others(name: str) -> None:
    """Baggage of others stays as it is; what it said of a tag is replaced."""
    before = "user=ann;secret, team = stranger ,x=%20"
    headers = {name: before}
    with default(baggage_out=["team"]):
        inject(headers)
        assert headers == {name: before}
        with attribution(team="search"):
            inject(headers)
            inject(headers)
    assert headers == {name: "user=ann;secret,x=%20,team=search"}


def test_propagator() -> None:
    """Each request of an instrumented client carries tags beside other baggage."""
    headers: dict[str, str] = {}
    with default(baggage_out=["team"]), came(user="ann", team="stranger"):
        BaggagePropagator().inject(headers)
        assert headers == {"baggage": "user=ann,team=stranger"}
        with attribution(team="search"):
            BaggagePropagator().inject(headers)
    assert headers == {"baggage": "user=ann,team=search"}
    assert BaggagePropagator().fields == {"baggage"}


def test_propagator_sets_as_it_is_told() -> None:
    """Carriers that are no dictionary are written with their own setter."""
    carrier: list[tuple[str, str]] = []

    class Setter:
        def set(self, carrier: Any, key: str, value: str) -> None:
            carrier.append((key, value))

    with default(baggage_out=["team"]), attribution(team="search"):
        BaggagePropagator().inject(carrier, setter=Setter())
    assert carrier == [("baggage", "team=search")]


def test_what_came_goes_on() -> None:
    """A service between two others passes a team on that it lets in and out."""
    headers: dict[str, str] = {}
    with default(baggage_in=["team"], baggage_out=["team"]), came(team="search", x="y"):
        inject(headers)
    assert headers == {"baggage": "team=search"}


@pytest.mark.parametrize("before", [f"x={'y' * 8180}", ",".join(["x=y"] * 180)])
def test_too_much(before: str) -> None:
    """What is more than the standard allows is not sent, and that is counted."""
    headers = {"baggage": before}
    with (
        default(baggage_out=["team"]) as recorder,
        attribution(team="search"),
    ):
        inject(headers)
        assert recorder.faults.counts() == {"baggage_out": 1}
    assert headers == {"baggage": before}


def test_wrong_settings_break_no_request() -> None:
    """Where no default recorder can be made, requests go out as they are."""
    program = """
from bedrock_attrib import attribution
from bedrock_attrib.propagation import inject
headers = {"baggage": "x=y"}
with attribution(team="search"):
    inject(headers)
print(headers)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=False,
        env=os.environ | {"BEDROCK_ATTRIB_METRICS": "si"},
        text=True,
        timeout=HANG_S,
    )
    assert done.stdout == "{'baggage': 'x=y'}\n"
    assert "contained ConfigError in baggage_out" in done.stderr


# From service to service.


@contextmanager
def running(role: str, url: str, **environment: str) -> Iterator[str]:
    """A service of `two_services.py`; its address."""
    process = subprocess.Popen(
        [sys.executable, TWO_SERVICES, role, url],
        env=os.environ
        | {"AWS_ACCESS_KEY_ID": "simulated", "AWS_SECRET_ACCESS_KEY": "simulated"}
        | environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(url: str, **headers: str) -> Any:
    """What a service answers."""
    with urlopen(Request(url, headers=headers)) as answer:
        return json.loads(answer.read())


def test_two_services(simulator: Simulator) -> None:
    """The front's team is on the records of the back; strangers' keys are nowhere."""
    propagators = "tracecontext,bedrock_attrib"
    back_environment = {
        "BEDROCK_ATTRIB_BAGGAGE_IN": "team,experiment",
        "BEDROCK_ATTRIB_TAGS": "app=back",
    }
    front_environment = {
        "OTEL_PROPAGATORS": propagators,
        "BEDROCK_ATTRIB_BAGGAGE_OUT": "team,experiment",
        "BEDROCK_ATTRIB_TAGS": "app=front",
    }
    with (
        running("back", simulator.endpoint_url, **back_environment) as back,
        running("front", back, **front_environment) as front,
    ):
        for team in ("search", "ads"):
            stranger = {"baggage": "team=stranger,secret=x,cost_center=0"}
            said = ask(front, **{"x-team": team}, **stranger)
            assert said == {
                "sent": f"secret=x,cost_center=0,team={team},experiment=v7",
                "records": [
                    {"app": "back", "team": team, "experiment": "v7"},
                    {"app": "back", "team": "own", "experiment": "v7"},
                ],
            }
        # Straight to the back, which believes baggage: it belongs behind a gateway.
        said = ask(back, baggage="team=%3Cscript%3E,experiment=v8,secret=x")
        assert said["records"][0] == {"app": "back", "experiment": "v8"}
        assert ask(back)["records"][0] == {"app": "back"}
