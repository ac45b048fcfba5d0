"""What the tests of async clients share: an endpoint, a sink and a recorder."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from bedrock_attrib import Recorder
from bedrock_attrib.testing import ListSink, Reply, Simulator, bedrock_simulator


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
    """Tells the sink alone, and had nothing to contain."""
    recorder = Recorder(sinks=(sink,))
    yield recorder
    gc.collect()
    assert recorder.faults.counts() == {}
    recorder.close()
