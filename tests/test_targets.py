"""What is instrumented: what exists, what is made later, and all of it back again."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.hooks import HierarchicalEmitter
from botocore.loaders import Loader, create_loader
from botocore.session import Session as BotocoreSession
from cells import MESSAGES, MODEL

from bedrock_attrib import (
    ConfigError,
    Recorder,
    attribution,
    instrument,
    uninstrument,
)
from bedrock_attrib.testing import ListSink, Reply, Simulator, bedrock_simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One endpoint for the tests of this file."""
    with bedrock_simulator() as simulator:
        simulator.reply(Reply())
        yield simulator


@pytest.fixture(autouse=True)
def _nothing_instrumented() -> Iterator[None]:
    """Nothing is instrumented before a test, and nothing after it."""
    yield
    uninstrument()


@cache
def _service_models() -> Loader:
    """AWS's service models, read once: most of the time that a new client takes."""
    return create_loader()


def new_session() -> boto3.Session:
    """A session that does not read the service models anew."""
    session = BotocoreSession()
    session.register_component("data_loader", _service_models())
    return boto3.Session(botocore_session=session)


def call(client: BaseClient, **tags: str) -> None:
    """One call with *tags*."""
    with attribution(**tags):
        client.converse(modelId=MODEL, messages=MESSAGES)


def names_in(sink: ListSink) -> list[str]:
    """The tag ``name`` of each record, in order of the alphabet."""
    return sorted(record.tags["name"] for record in sink.records)


def test_what_exists_is_found(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """With include_existing, sessions and clients made before are metered once."""
    session, old_session = new_session(), BotocoreSession()
    client = simulator.client(session=session)
    instrument(recorder=recorder, include_existing=True)
    call(client, name="client")
    call(simulator.client(session=session), name="client of session")
    boto3_session = boto3.Session(botocore_session=old_session)
    call(simulator.client(session=boto3_session), name="client of botocore session")
    call(simulator.client(), name="later")
    assert names_in(sink) == [
        "client",
        "client of botocore session",
        "client of session",
        "later",
    ]


@pytest.mark.parametrize("times", [1, 2])
def test_any_mixture_is_once(
    simulator: Simulator, recorder: Recorder, sink: ListSink, times: int
) -> None:
    """However often and in whatever order it is asked for, a call is one record."""
    session = new_session()
    early = simulator.client(session=session)
    for _ in range(times):
        instrument(early, recorder=recorder)
        instrument(recorder=recorder, include_existing=True)
        instrument(session, recorder=recorder)
        late = simulator.client(session=session)
        instrument(late, recorder=recorder)
    instrument(recorder=recorder)
    call(early, name="early")
    call(late, name="late")
    assert names_in(sink) == ["early", "late"]


def test_all_is_taken_back(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Sessions and clients, found or made meanwhile, are as they were before."""
    session = new_session()
    client = simulator.client(session=session)
    bare = [_handlers_on(client), _handlers_on(session)]
    instrument(recorder=recorder, include_existing=True)
    meanwhile = simulator.client(session=session)
    uninstrument()
    assert [_handlers_on(client), _handlers_on(session)] == bare
    for each in (client, meanwhile, simulator.client(session=session)):
        call(each)
    assert sink.records == []


def _handlers_on(target: Any) -> list[int]:
    """How many handlers of ours there are for each of the four events of a call."""
    events = target.meta.events if isinstance(target, BaseClient) else target.events
    trie = events._emitter._handlers  # noqa: SLF001 -- no event asks without acting
    names = ("before-parameter-build", "before-call", "after-call", "after-call-error")
    return [
        sum(
            "bedrock_attrib" in getattr(handler, "__module__", "")
            for handler in trie.prefix_search(f"{name}.bedrock-runtime")
        )
        for name in names
    ]


def test_again_after_it_was_taken_back(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Everything can be instrumented again, with another recorder."""
    client = simulator.client()
    instrument(recorder=Recorder(), include_existing=True)
    uninstrument()
    instrument(recorder=recorder, include_existing=True)
    call(client, name="again")
    assert names_in(sink) == ["again"]


def test_one_session_is_taken_back(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Taking one session or client back leaves the others metered."""
    instrument(recorder=recorder)
    one, other = new_session(), new_session()
    of_one, of_other = (simulator.client(session=s) for s in (one, other))
    third = simulator.client()
    uninstrument(one)
    uninstrument(third)
    call(of_one, name="one")
    call(simulator.client(session=one), name="one later")
    call(third, name="third")
    call(of_other, name="other")
    call(simulator.client(), name="later")
    assert names_in(sink) == ["later", "other"]


def test_a_recorder_of_its_own_is_kept(simulator: Simulator, sink: ListSink) -> None:
    """What was instrumented by name keeps its recorder, and is not taken back."""
    own, everything = Recorder(sinks=(sink,)), Recorder()
    session = instrument(new_session(), recorder=own)
    client = instrument(simulator.client(), recorder=own)
    instrument(recorder=everything)
    call(client, name="client")
    call(simulator.client(session=session), name="client of session")
    uninstrument()
    call(client, name="client later")
    assert names_in(sink) == ["client", "client later", "client of session"]
    uninstrument(client)
    uninstrument(session)


def test_the_default_session_may_have_its_own(
    simulator: Simulator, sink: ListSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3's default session is no different from other sessions."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    boto3.setup_default_session()
    own = Recorder(sinks=(sink,))
    instrument(boto3.DEFAULT_SESSION, recorder=own)
    instrument(recorder=Recorder())
    call(simulator.client(session=boto3.DEFAULT_SESSION), name="own")
    uninstrument()
    call(simulator.client(session=boto3.DEFAULT_SESSION), name="still own")
    assert names_in(sink) == ["own", "still own"]
    uninstrument(boto3.DEFAULT_SESSION)


class _FrameworkSession(BotocoreSession):
    """What a framework makes of a session."""


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda session: session])
def test_copies_and_sub_sessions(
    simulator: Simulator, recorder: Recorder, sink: ListSink, copied: Any
) -> None:
    """Clients of copied and derived sessions are metered, as by the session."""
    session = copied(instrument(_FrameworkSession(), recorder=recorder))
    config = pickle.loads(pickle.dumps(Config(retries={"mode": "standard"})))  # noqa: S301
    client = simulator.client(
        session=boto3.Session(botocore_session=session), config=config
    )
    call(client, name="copy")
    assert names_in(sink) == ["copy"]


def test_other_services_are_left_alone(recorder: Recorder) -> None:
    """Clients of other services that exist already get no handlers."""
    other = boto3.client("s3", region_name="us-east-1")
    instrument(recorder=recorder, include_existing=True)
    assert _handlers_on(other) == [0, 0, 0, 0]


def test_lazy_objects_are_not_woken(recorder: Recorder) -> None:
    """Looking for clients asks no object of the application for anything."""
    woken: list[str] = []

    class Lazy:
        @property
        def __class__(self) -> type:  # as proxies of web frameworks have it
            woken.append("class")
            return BaseClient

        def __getattr__(self, name: str) -> object:
            woken.append(name)
            raise AttributeError(name)

    lazy = Lazy()
    instrument(recorder=recorder, include_existing=True)
    assert woken == []
    assert isinstance(lazy, BaseClient), "it is woken by those who ask"


class _StandIn(HierarchicalEmitter):
    """An emitter of somebody's tests, which can do nothing."""

    def emit(self, event_name: str, **kwargs: Any) -> Any:
        raise NotImplementedError(event_name)


def test_a_stand_in_breaks_nothing(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A session that can't be instrumented stays usable, and keeps nobody from it."""
    session = BotocoreSession()
    session.register_component("event_emitter", _StandIn())
    instrument(recorder=recorder, include_existing=True)
    BotocoreSession(event_hooks=_StandIn())
    call(simulator.client(), name="other")
    assert names_in(sink) == ["other"]
    uninstrument()


def test_half_made_clients_are_passed_over(recorder: Recorder) -> None:
    """Objects that another thread is still making do not stop the search."""
    halves = [BaseClient.__new__(BaseClient), BotocoreSession.__new__(BotocoreSession)]
    instrument(recorder=recorder, include_existing=True)
    uninstrument()
    assert len(halves) == 2


def test_sessions_of_many_threads(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Sessions that are made while all is switched on and off are fine."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def make() -> None:
        try:
            while not stop.is_set():
                BotocoreSession()
        except BaseException as error:  # noqa: BLE001 -- told to the test
            errors.append(error)

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        instrument(recorder=recorder, include_existing=True)
        uninstrument()
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    call(simulator.client())
    assert sink.records == []


def test_handlers_for_every_event_do_not_matter(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A handler that an application has for all events is not taken for ours."""
    client = simulator.client()
    seen: list[str] = []
    client.meta.events.register("*", lambda event_name, **_: seen.append(event_name))
    for _ in range(2):
        instrument(client, recorder=recorder)
    with pytest.raises(ConfigError, match="another recorder"):
        instrument(client, recorder=Recorder())
    call(client, name="once")
    assert names_in(sink) == ["once"]
    assert "after-call.bedrock-runtime.Converse" in seen
    uninstrument(client)
    assert _handlers_on(client) == [0, 0, 0, 0]


def test_what_exists_is_left_alone_unless_asked_for(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """By default, clients and sessions that exist already are not metered."""
    session = new_session()
    client = simulator.client(session=session)
    instrument(recorder=recorder)
    call(client, name="client")
    call(simulator.client(session=session), name="client of session")
    assert sink.records == []
    instrument(recorder=recorder, include_existing=True)
    call(client, name="found")
    assert names_in(sink) == ["found"]


def test_existing_objects_are_for_the_whole_process(recorder: Recorder) -> None:
    """A target and include_existing exclude each other."""
    with pytest.raises(TypeError, match="without a target"):
        instrument(new_session(), recorder=recorder, include_existing=True)


def test_a_handler_for_every_event_that_raises(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A handler that fails on events it does not know keeps nobody from metering."""
    known = {"before-parameter-build", "before-call", "after-call"}
    client = simulator.client()

    def only_known(event_name: str, **_: object) -> None:
        if event_name.startswith("bedrock-attrib"):
            raise KeyError(event_name, known)

    client.meta.events.register("*", only_known)
    for _ in range(2):
        instrument(client, recorder=recorder)
    call(client, name="once")
    assert names_in(sink) == ["once"]


class _Awaited(HierarchicalEmitter):
    """An emitter whose answers are awaited, as aiobotocore's."""

    async def _emit(self, *arguments: Any, **how: Any) -> Any:
        if self._handlers.prefix_search("*"):
            await asyncio.sleep(0)
        return super()._emit(*arguments, **how)


def test_an_emitter_that_is_awaited(recorder: Recorder) -> None:
    """What stands on an async emitter is known at once, without a loop."""
    session = BotocoreSession(event_hooks=_Awaited(), include_builtin_handlers=False)
    for _ in range(2):
        instrument(session, recorder=recorder)
    with pytest.raises(ConfigError, match="another recorder"):
        instrument(session, recorder=Recorder())
    assert _handlers_on(boto3.Session(botocore_session=session)) == [1, 0, 1, 1]
    uninstrument(session)
    assert _handlers_on(boto3.Session(botocore_session=session)) == [0, 0, 0, 0]


def test_an_awaited_emitter_that_does_not_tell(recorder: Recorder) -> None:
    """Where a stranger's handler waits, the newest handlers stand, and stand once."""
    emitter = _Awaited()
    emitter.register("*", lambda **_: None)
    session = BotocoreSession(event_hooks=emitter, include_builtin_handlers=False)
    for each in (Recorder(), recorder):
        instrument(session, recorder=each)
    assert _handlers_on(boto3.Session(botocore_session=session)) == [1, 0, 1, 1]


def test_a_client_that_is_still_to_be_entered() -> None:
    """What is no client before it is entered is refused with what to do."""

    class Creating:
        async def __aenter__(self) -> None:
            """Make the client."""

    with pytest.raises(TypeError, match="within `async with`: instrument what"):
        instrument(Creating())
