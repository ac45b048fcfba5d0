"""What every test stands on: loopback only, and no settings of the machine."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import loopback_only
import pytest
from botocore.client import BaseClient

from bedrock_attrib import Recorder, instrument
from bedrock_attrib._runtime.contained_errors import PROCESS_ERRORS
from bedrock_attrib.testing import ListSink, Reply, Simulator, bedrock_simulator

pytest_plugins = ["bedrock_attrib.testing.fixtures"]

loopback_only.install()

# A shell has its background jobs ignore Ctrl-C, and so would the programs of tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

with suppress(ImportError):  # frameworks are tested without it
    from hypothesis import HealthCheck, settings

    # How long an example takes says how busy the machine is.
    settings.register_profile(
        "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("any machine")

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("BEDROCK_ATTRIB_SHARED", ROOT.parent / "shared"))
OURS = ("AWS_", "BEDROCK_ATTRIB_", "BOTO_", "OTEL_")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take the machine's settings away; no test may find an account by chance."""
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return


_LEFT_TO_PYTHON = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect the warnings of tests that drop streams and timed-out connections.

    Their sockets are left to Python's garbage collection, with us or without us.
    """
    for item in items:
        if item.get_closest_marker("drops_streams"):
            item.add_marker(_LEFT_TO_PYTHON)


@pytest.fixture
def quick_collections() -> Iterator[None]:
    """Limit garbage collections during a test to the objects that the test made.

    A full collection visits every object of the process, 0.2 seconds of them by the
    end of a run. What the test dropped is collected before the next one starts.
    """
    gc.freeze()
    yield
    gc.collect()
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _collect_dropped_streams(request: pytest.FixtureRequest) -> None:
    """Collect what a test of dropped streams left, while its warnings are expected."""
    if request.node.get_closest_marker("drops_streams"):
        request.getfixturevalue("quick_collections")


@pytest.fixture(autouse=True)
def _own_errors_only() -> None:
    """Count the process's contained errors anew for each test."""
    PROCESS_ERRORS.reset()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of given facts and recordings; without it the test is skipped."""
    if not SHARED.is_dir():
        pytest.skip(f"no {SHARED.name}/ beside the checkout (BEDROCK_ATTRIB_SHARED)")
    return SHARED


@pytest.fixture(scope="module")
def module_simulator() -> Iterator[Simulator]:
    """One endpoint for the tests of a file."""
    with bedrock_simulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(module_simulator: Simulator) -> Simulator:
    """The endpoint with its default answer."""
    module_simulator.reply(Reply())
    return module_simulator


@pytest.fixture
def sink() -> ListSink:
    """Keeps every record."""
    return ListSink()


@pytest.fixture
def recorder(sink: ListSink) -> Iterator[Recorder]:
    """Tells the sink alone."""
    recorder = Recorder(sinks=(sink,))
    yield recorder
    recorder.close()


@pytest.fixture
def client(simulator: Simulator, recorder: Recorder) -> BaseClient:
    """An instrumented client of the endpoint."""
    return instrument(simulator.client(), recorder=recorder)
