"""A metered client and what it recorded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.client import BaseClient

from bedrock_attrib import Recorder, instrument
from bedrock_attrib.testing import ListSink, Simulator, bedrock_simulator


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """One endpoint for the tests of this folder."""
    with bedrock_simulator() as running:
        yield running


@pytest.fixture
def sink() -> ListSink:
    """Where the records of `client` go."""
    return ListSink()


@pytest.fixture
def client(simulator: Simulator, sink: ListSink) -> BaseClient:
    """A metered client."""
    return instrument(simulator.client(), recorder=Recorder(sinks=(sink,)))
