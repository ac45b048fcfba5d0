"""The endpoint that these tests ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.client import BaseClient

from bedrock_attrib.testing import Simulator, bedrock_simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulator that is closed after the test."""
    with bedrock_simulator() as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> BaseClient:
    """A runtime client of the simulator that makes one attempt per call."""
    return simulator.client()
