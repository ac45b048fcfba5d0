"""How profiles are looked up: once, on one thread, kept, and never in the way."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from waiting import HANG_S, wait_until

from bedrock_attrib._model.model_id import ModelKind, ModelRef, Scope
from bedrock_attrib.aws.profiles import ProfileResolver
from bedrock_attrib.testing import (
    Fault,
    FaultKind,
    InferenceProfile,
    Reply,
    Simulator,
    bedrock_simulator,
)

LOOK_UP = "GetInferenceProfile"
REGION = "us-east-1"
MODEL = "amazon.nova-micro-v1:0"
HOUR_S = 3600.0


def arn_of(name: str) -> str:
    """ARN of the application inference profile *name*."""
    return f"arn:aws:bedrock:{REGION}:123456789012:application-inference-profile/{name}"


def member(region: str, model: str = MODEL) -> str:
    """ARN of a foundation model."""
    return f"arn:aws:bedrock:{region}::foundation-model/{model}"


ARN = arn_of("abc123")
PROFILE = InferenceProfile(
    arn=ARN, model_arns=(member("us-east-1"), member("us-west-2"))
)
KNOWN = ModelRef(
    requested=ARN,
    model_id="amazon.nova-micro-v1:0",
    vendor="amazon",
    scope=Scope.GEO,
    kind=ModelKind.APPLICATION_INFERENCE_PROFILE,
    geography="us",
)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """An endpoint that knows one profile."""
    with bedrock_simulator() as simulator:
        simulator.add_profile(PROFILE)
        yield simulator


Make = Callable[..., ProfileResolver]


@pytest.fixture
def make(simulator: Simulator) -> Iterator[Make]:
    """Makes resolvers of the endpoint, closed when the test ends."""
    made: list[ProfileResolver] = []

    def make(**settings: Any) -> ProfileResolver:
        settings.setdefault("client_for", client_maker(simulator))
        settings.setdefault("jitter", lambda: 0.0)
        made.append(ProfileResolver(**settings))
        return made[-1]

    yield make
    for resolver in made:
        resolver.close()


def client_maker(simulator: Simulator) -> Callable[[str], BaseClient]:
    """Makes clients of the control plane in a region."""
    return lambda region: simulator.client("bedrock", region_name=region)


def look_ups(simulator: Simulator) -> list[str]:
    """ARNs that the endpoint was asked about."""
    return [seen.model_id for seen in simulator.requests if seen.operation == LOOK_UP]


def learn(resolver: ProfileResolver, arn: str = ARN) -> ModelRef | None:
    """The model of *arn*, after its look-up."""
    resolver.model_of(arn, REGION)
    assert resolver.wait(HANG_S)
    return resolver.model_of(arn, REGION)


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was told at WARNING."""
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def test_first_unknown_then_known(make: Make, simulator: Simulator) -> None:
    """The first to ask gets None at once; later ones get the model from memory."""
    may_answer = threading.Event()

    def client_for(region: str) -> BaseClient:
        may_answer.wait(HANG_S)
        return simulator.client("bedrock", region_name=region)

    resolver = make(client_for=client_for)
    assert resolver.model_of(ARN, REGION) is None
    assert resolver.why_unknown(ARN) == ""
    assert resolver.wait(0.01) is False
    may_answer.set()
    assert resolver.wait(HANG_S) is True
    assert [resolver.model_of(ARN, REGION) for _ in range(3)] == [KNOWN] * 3
    assert look_ups(simulator) == [ARN]


NAMES = [
    pytest.param((":",), Scope.GLOBAL, None, id="global"),
    pytest.param(("", "us-east-1"), Scope.GLOBAL, None, id="global, with a region"),
    pytest.param(("us-east-1",), Scope.REGIONAL, None, id="one region"),
    pytest.param(("us-east-1", "us-east-1"), Scope.REGIONAL, None, id="twice"),
    pytest.param(("us-east-1", "us-west-2"), Scope.GEO, "us", id="us"),
    pytest.param(
        ("ca-central-1", "us-east-1", "us-east-2"), Scope.GEO, "us", id="us, Canada"
    ),
    pytest.param(("ca-central-1", "ca-west-1"), Scope.GEO, "ca", id="ca"),
    pytest.param(
        ("eu-central-1", "eu-north-1", "eu-south-2"), Scope.GEO, "eu", id="eu"
    ),
    pytest.param(("ap-northeast-1", "ap-northeast-3"), Scope.GEO, "jp", id="jp"),
    pytest.param(("ap-southeast-2", "ap-southeast-4"), Scope.GEO, "au", id="au"),
    pytest.param(("ap-south-1", "ap-south-2"), Scope.GEO, "in", id="in"),
    pytest.param(("ap-northeast-1", "ap-northeast-2"), Scope.GEO, "apac", id="apac"),
    pytest.param(
        ("ap-southeast-1", "me-central-1"), Scope.GEO, "apac", id="apac, Emirates"
    ),
    pytest.param(
        ("us-gov-east-1", "us-gov-west-1"), Scope.REGIONAL, "us-gov", id="GovCloud"
    ),
    pytest.param(("sa-east-1", "us-east-1"), Scope.GEO, None, id="unknown mix"),
]


@pytest.mark.parametrize(("regions", "scope", "geography"), NAMES)
def test_scope_and_geography(
    make: Make,
    simulator: Simulator,
    regions: tuple[str, ...],
    scope: Scope,
    geography: str | None,
) -> None:
    """The regions of the members say where calls may be served."""
    arns = tuple(member(region.strip(":")) for region in regions)
    simulator.add_profile(InferenceProfile(arn=ARN, model_arns=arns))
    model = learn(make())
    assert model is not None
    assert (model.model_id, model.scope, model.geography) == (MODEL, scope, geography)


def test_unknown_geography_is_told(
    make: Make, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Regions of no known geography are named once, however many profiles have them."""
    arns = (member("us-east-1"), member("sa-east-1"))
    resolver = make()
    for name in ("first", "second"):
        profile = InferenceProfile(arn=arn_of(name), model_arns=arns)
        simulator.add_profile(profile)
        learn(resolver, profile.arn)
    (warning,) = warnings_in(caplog)
    assert warning == (
        f"{arn_of('first')} is served in sa-east-1, us-east-1, which is not a known "
        f"geography; its calls are priced as cross-Region calls without one. More of "
        f"this kind are logged at DEBUG."
    )


@pytest.mark.parametrize(
    "members",
    [
        (),
        (member("us-east-1"), member("us-west-2", "amazon.nova-lite-v1:0")),
        ("arn:aws:bedrock:us-east-1::custom-model/mine",),
        ("amazon.nova-micro-v1:0",),
    ],
    ids=["none", "two models", "custom", "no ARN"],
)
def test_no_single_model(
    make: Make, simulator: Simulator, members: tuple[str, ...]
) -> None:
    """Members that name no model, or several, are no answer; nobody guesses."""
    simulator.add_profile(InferenceProfile(arn=ARN, model_arns=members))
    resolver = make()
    assert [learn(resolver), learn(resolver)] == [None, None]
    assert resolver.why_unknown(ARN) == (
        "its application inference profile does not name a single model; map it to "
        "its model "
        "under [models]"
    )
    assert look_ups(simulator) == [ARN]


def test_single_flight(make: Make, simulator: Simulator) -> None:
    """However many threads ask about a profile, AWS is asked once."""
    simulator.reply(Reply(latency_s=0.2), operation=LOOK_UP)
    resolver = make()
    barrier = threading.Barrier(16)

    def ask() -> None:
        barrier.wait()
        while resolver.model_of(ARN, REGION) is None:
            time.sleep(0.001)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_S)
    assert look_ups(simulator) == [ARN]


def test_nothing_on_the_thread_that_asks(make: Make, simulator: Simulator) -> None:
    """Clients are made and AWS is asked on the resolver's thread alone."""
    names: list[str] = []

    def client_for(region: str) -> BaseClient:
        names.append(threading.current_thread().name)
        client = simulator.client("bedrock", region_name=region)
        client.meta.events.register(
            "before-send.bedrock",
            lambda **_: names.append(threading.current_thread().name),
        )
        return client

    resolver = make(client_for=client_for)
    resolver.on_answer(lambda *_: names.append(threading.current_thread().name))
    learn(resolver)
    learn(resolver, arn_of("missing"))
    assert names == ["bedrock-attrib-profiles"] * 5


def test_each_region_is_asked_itself(make: Make, simulator: Simulator) -> None:
    """One client for each region in which profiles are called."""
    regions: list[str] = []

    def client_for(region: str) -> BaseClient:
        regions.append(region)
        return simulator.client("bedrock", region_name=region)

    resolver = make(client_for=client_for)
    for name, region in (("a", "us-east-1"), ("b", "eu-west-1"), ("c", "eu-west-1")):
        resolver.model_of(arn_of(name), region)
    assert resolver.wait(HANG_S)
    assert regions == ["us-east-1", "eu-west-1"]


def test_a_session_makes_the_client(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a maker of clients, the session's endpoint and credentials count."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", simulator.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "simulated")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "simulated")
    for session in (None, boto3.Session()):
        resolver = ProfileResolver(session)
        assert learn(resolver) == KNOWN
        resolver.close()


def test_throttling_is_waited_out(make: Make, simulator: Simulator) -> None:
    """AWS is asked again after pauses that double, and the answer comes in the end."""
    simulator.reply(Reply(error="ThrottlingException"), operation=LOOK_UP, times=4)
    asked: list[float] = []

    def client_for(region: str) -> BaseClient:
        client = simulator.client("bedrock", region_name=region)
        client.meta.events.register(
            "before-send.bedrock", lambda **_: asked.append(time.monotonic())
        )
        return client

    resolver = make(client_for=client_for, jitter=lambda: 0.04)
    assert learn(resolver) == KNOWN
    pauses_s = [after - before for before, after in pairwise(asked)]
    # 4% of half a second, one second, two and four.
    least_s = (0.02, 0.04, 0.08, 0.16)
    too_short = [
        (pause_s, least)
        for pause_s, least in zip(pauses_s, least_s, strict=True)
        if pause_s < least
    ]
    assert too_short == []


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (Reply(error="ThrottlingException"), "ThrottlingException"),
        (Reply(error="InternalServerException"), "InternalServerException"),
        (Reply(fault=Fault(FaultKind.NO_ANSWER)), "ConnectionClosedError"),
        (Reply(extra={"models": None}), "KeyError"),
    ],
    ids=["throttled", "broken", "no answer", "odd answer"],
)
def test_giving_up(
    make: Make,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
    reply: Reply,
    name: str,
) -> None:
    """After eight attempts a profile is given up, told, and left alone for a while."""
    simulator.add_profile(InferenceProfile(arn=arn_of("other"), model_arns=()))
    simulator.reply(reply, operation=LOOK_UP)
    now = [0.0]
    resolver = make(clock=lambda: now[0])
    assert learn(resolver) is None
    assert learn(resolver, arn_of("other")) is None
    assert look_ups(simulator) == [ARN] * 8 + [arn_of("other")] * 8
    reason = (
        f"its application inference profile could not be looked up ({name}); map it "
        f"to its model under [models]"
    )
    assert resolver.why_unknown(ARN) == reason
    told = [text for text in warnings_in(caplog) if not text.startswith("contained")]
    assert told == [f"{ARN}: {reason}. More of this kind are logged at DEBUG."]
    now[0] = 601.0
    assert resolver.model_of(ARN, REGION) is None
    assert resolver.why_unknown(ARN) == ""
    assert resolver.wait(HANG_S)
    assert len(look_ups(simulator)) == 24


@pytest.mark.parametrize(
    "error", ["AccessDeniedException", "UnrecognizedClientException"]
)
def test_no_permission(
    make: Make, simulator: Simulator, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    """A refusal is told once with the ways out, and AWS asked again after an hour."""
    simulator.reply(Reply(error=error), operation=LOOK_UP)
    now = [0.0]
    resolver = make(clock=lambda: now[0])
    for moment in (0.0, 10.0, HOUR_S - 1):
        now[0] = moment
        assert learn(resolver) is None
        assert learn(resolver, arn_of("other")) is None
    assert look_ups(simulator) == [ARN, arn_of("other")]
    reason = (
        f"its application inference profile could not be looked up ({error}); allow "
        f"bedrock:GetInferenceProfile, or map it to its model under [models]"
    )
    assert resolver.why_unknown(ARN) == reason
    assert warnings_in(caplog) == [
        f"{ARN}: {reason}. More of this kind are logged at DEBUG."
    ]
    simulator.reply(Reply(), operation=LOOK_UP)
    now[0] = HOUR_S + 1
    assert learn(resolver) == KNOWN


def test_no_credentials(
    make: Make,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without credentials nothing is sent, and it is told as a refusal is."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", simulator.endpoint_url)
    assert learn(make(client_for=None)) is None
    (warning,) = warnings_in(caplog)
    assert "could not be looked up (NoCredentialsError); allow bedrock:" in warning
    assert look_ups(simulator) == []


def test_not_found_is_remembered(
    make: Make, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """A profile that does not exist is asked about once."""
    now = [0.0]
    resolver = make(clock=lambda: now[0])
    for moment in (0.0, HOUR_S * 24 * 365):
        now[0] = moment
        assert learn(resolver, arn_of("missing")) is None
    assert look_ups(simulator) == [arn_of("missing")]
    assert resolver.why_unknown(arn_of("missing")) == (
        "its application inference profile could not be looked up "
        "(ResourceNotFoundException); map it to its model under [models]"
    )
    assert len(warnings_in(caplog)) == 1


def test_callbacks(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Everybody is told of every answer, whatever one of them raises."""
    answers: list[tuple[str, ModelRef | None]] = []

    def broken(arn: str, model: ModelRef | None) -> None:
        raise ValueError(arn, model)

    resolver = make()
    resolver.on_answer(broken)
    resolver.on_answer(lambda arn, model: answers.append((arn, model)))
    learn(resolver)
    learn(resolver, arn_of("missing"))
    assert answers == [(ARN, KNOWN), (arn_of("missing"), None)]
    assert any("contained ValueError" in text for text in warnings_in(caplog))


def test_wait_asks_first(make: Make, simulator: Simulator) -> None:
    """Whoever waits also waits for what has only just ended."""
    simulator.reply(Reply(latency_s=0.1), operation=LOOK_UP)
    resolver = make()
    resolver.pull_with(lambda: resolver.model_of(ARN, REGION) and None)
    assert resolver.wait(HANG_S) is True
    assert resolver.model_of(ARN, REGION) == KNOWN


def test_a_thread_that_cannot_start(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no thread can be started, nothing is raised; a later call tries again."""
    resolver = make()

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        assert resolver.model_of(ARN, REGION) is None
        assert resolver.why_unknown(ARN) == (
            "its application inference profile is not looked up; map it to its model "
            "under [models]"
        )
    assert learn(resolver) == KNOWN


class Stub:
    """A client of a user's own; AWS would need half a minute for as many profiles."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.asked = 0
        self.error: Exception | None = None

    def get_inference_profile(self, *, inferenceProfileIdentifier: str) -> Any:  # noqa: N803 -- AWS's name
        """Every profile is of one model, but for those that are called missing."""
        self.entered.set()
        self.gate.wait(HANG_S)
        self.asked += 1
        if self.error is not None:
            raise self.error
        if "missing" in inferenceProfileIdentifier:
            return {"models": []}
        return {"models": [{"modelArn": member("us-east-1")}]}

    def close(self) -> None:
        """Nothing is open."""


def test_memory_is_bounded(make: Make) -> None:
    """Of more than 4,096 profiles, the oldest is asked about again."""
    stub = Stub()
    resolver = make(client_for=lambda _: stub)
    for kind in ("known", "missing"):
        for number in range(4097):
            resolver.model_of(arn_of(f"{kind}-{number}"), REGION)
            if number % 1000 == 0:
                assert resolver.wait(HANG_S)
        assert resolver.wait(HANG_S)
    assert stub.asked == 2 * 4097
    assert resolver.model_of(arn_of("known-1"), REGION) is not None
    assert resolver.model_of(arn_of("known-0"), REGION) is None
    assert "single model" in resolver.why_unknown(arn_of("missing-1"))
    assert resolver.wait(HANG_S)
    assert stub.asked == 2 * 4097 + 1


def test_look_ups_are_bounded(make: Make) -> None:
    """Above 1,024 look-ups at once, a profile has to be asked about again later."""
    stub = Stub()
    stub.gate.clear()
    resolver = make(client_for=lambda _: stub)
    for number in range(1025):
        resolver.model_of(arn_of(str(number)), REGION)
    assert resolver.why_unknown(arn_of("1023")) == ""
    assert "is not looked up" in resolver.why_unknown(arn_of("1024"))
    stub.gate.set()
    assert resolver.wait(HANG_S)
    assert stub.asked == 1024
    assert learn(resolver, arn_of("1024")) is not None


# Closing, forking.


def test_close(make: Make, simulator: Simulator) -> None:
    """A closed resolver answers what it knows, asks nothing, and has no thread."""
    resolver = make()
    learn(resolver)
    resolver.close()
    resolver.close()
    assert resolver.model_of(ARN, REGION) == KNOWN
    assert resolver.model_of(arn_of("other"), REGION) is None
    assert "is not looked up" in resolver.why_unknown(arn_of("other"))
    assert resolver.wait(HANG_S) is True
    assert look_ups(simulator) == [ARN]
    names = [thread.name for thread in threading.enumerate()]
    assert "bedrock-attrib-profiles" not in names


def test_close_during_a_look_up(make: Make) -> None:
    """What is under way is given up, and whoever waits is told.

    The look-up is not over when `close` returns, so `close` has not waited for it.
    """
    stub = Stub()
    stub.gate.clear()
    answers: list[tuple[str, ModelRef | None]] = []
    resolver = make(client_for=lambda _: stub)
    resolver.on_answer(lambda arn, model: answers.append((arn, model)))
    resolver.model_of(ARN, REGION)
    assert stub.entered.wait(HANG_S)
    resolver.close()
    assert answers == [(ARN, None)]
    assert resolver.why_unknown(ARN) == (
        "its application inference profile could not be looked up before the resolver "
        "was closed"
    )
    stub.gate.set()
    assert resolver.wait(HANG_S)


def test_failure_after_close(make: Make) -> None:
    """An attempt that fails after the resolver was closed is not repeated."""
    stub = Stub()
    stub.gate.clear()
    stub.error = ClientError({"Error": {"Code": "ThrottlingException"}}, LOOK_UP)
    resolver = make(client_for=lambda _: stub)
    resolver.model_of(ARN, REGION)
    assert stub.entered.wait(HANG_S)
    resolver.close()
    stub.gate.set()
    assert resolver.wait(HANG_S)
    assert stub.asked == 1


def test_close_from_a_callback(make: Make) -> None:
    """Whoever is told of an answer may close the resolver."""
    resolver = make()
    resolver.on_answer(lambda *_: resolver.close())
    assert learn(resolver) == KNOWN


def test_close_during_a_pause(make: Make, simulator: Simulator) -> None:
    """A look-up that is to be repeated is given up without waiting for its time."""
    simulator.reply(Reply(error="ThrottlingException"), operation=LOOK_UP)
    resolver = make(jitter=lambda: 10_000.0)
    resolver.model_of(ARN, REGION)
    wait_until(lambda: look_ups(simulator))
    resolver.close()
    assert resolver.wait(HANG_S)


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
forked = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@forks
@forked
def test_fork(make: Make, simulator: Simulator) -> None:
    """A child knows what its parent knew, and looks up what was under way itself."""
    simulator.reply(Reply(latency_s=0.5), operation=LOOK_UP, model_id=arn_of("late"))
    late = InferenceProfile(arn=arn_of("late"), model_arns=(member(REGION),))
    simulator.add_profile(late)
    resolver = make()
    learn(resolver)
    resolver.model_of(late.arn, REGION)
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[tuple[Any, ...]] = context.Queue()

    def child() -> None:
        known = resolver.model_of(ARN, REGION)
        answers.put((known, learn(resolver, late.arn)))

    process = context.Process(target=child)
    process.start()
    known, found = answers.get(timeout=HANG_S)
    process.join(HANG_S)
    assert known == KNOWN
    assert found is not None
    assert found.model_id == MODEL
    assert learn(resolver, late.arn) == found
    assert look_ups(simulator).count(late.arn) == 2


# The file.


def test_cache(make: Make, simulator: Simulator, tmp_path: Path) -> None:
    """What one resolver looked up, the next one knows without asking."""
    path = tmp_path / "folder" / "profiles.json"
    assert learn(make(cache=path)) == KNOWN
    assert json.loads(path.read_text("utf-8")) == {
        "version": 1,
        "profiles": {
            ARN: [
                "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0",
                "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-micro-v1:0",
            ]
        },
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["profiles.json"]
    assert make(cache=str(path)).model_of(ARN, REGION) == KNOWN
    assert look_ups(simulator) == [ARN]


def test_cache_is_shared(make: Make, simulator: Simulator, tmp_path: Path) -> None:
    """Two resolvers on one file keep what the other wrote."""
    path = tmp_path / "profiles.json"
    other = InferenceProfile(arn=arn_of("other"), model_arns=(member(REGION),))
    simulator.add_profile(other)
    first, second = make(cache=path), make(cache=path)
    learn(first)
    learn(second, other.arn)
    assert set(json.loads(path.read_text("utf-8"))["profiles"]) == {ARN, other.arn}


def test_failures_are_not_cached(make: Make, tmp_path: Path) -> None:
    """A profile that was not found is asked about by the next process."""
    path = tmp_path / "profiles.json"
    learn(make(cache=path), arn_of("missing"))
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b'{"version": 2, "profiles": {}}',
        b'{"version": 1}',
        b'{"version": 1, "profiles": {"a": "b"}}',
        b'{"version": 1, "profiles": {"a": [1]}}',
    ],
    ids=[
        "empty",
        "cut",
        "not text",
        "no object",
        "deep",
        "newer",
        "no profiles",
        "no list",
        "no text",
    ],
)
def test_corrupt_cache(
    make: Make,
    simulator: Simulator,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    content: bytes,
) -> None:
    """A file that is not as it was written is told once, and written anew."""
    path = tmp_path / "profiles.json"
    path.write_bytes(content)
    assert learn(make(cache=path)) == KNOWN
    (warning,) = warnings_in(caplog)
    assert warning.startswith(f"cannot read the cache of inference profiles {path} (")
    assert make(cache=path).model_of(ARN, REGION) == KNOWN
    assert look_ups(simulator) == [ARN]


def test_cached_nonsense(make: Make, simulator: Simulator, tmp_path: Path) -> None:
    """Members that name no model are looked up as if they were not there."""
    path = tmp_path / "profiles.json"
    path.write_text(json.dumps({"version": 1, "profiles": {ARN: []}}), "utf-8")
    assert learn(make(cache=path)) == KNOWN
    assert look_ups(simulator) == [ARN]


def test_unwritable_cache(
    make: Make, simulator: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing can be written, that is told once and nothing else changes."""
    path = tmp_path / "file" / "profiles.json"
    path.parent.write_text("a file, where a folder is meant", "utf-8")
    resolver = make(cache=path)
    assert learn(resolver) == KNOWN
    other = InferenceProfile(arn=arn_of("other"), model_arns=(member(REGION),))
    simulator.add_profile(other)
    assert learn(resolver, other.arn) is not None
    read, written = warnings_in(caplog)
    assert read.startswith("cannot read the cache of inference profiles")
    assert written.startswith("cannot write the cache of inference profiles")


def test_cache_that_is_a_folder(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A write that fails half-way leaves nothing behind."""
    path = tmp_path / "profiles.json"
    path.mkdir()
    assert learn(make(cache=path)) == KNOWN
    assert len(warnings_in(caplog)) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["profiles.json"]
