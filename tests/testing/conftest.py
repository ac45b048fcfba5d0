"""The endpoint that these tests ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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


@pytest.fixture
def needs(client: BaseClient) -> Callable[[str, str], None]:
    """Skip the test where botocore's model does not know a member of a shape.

    The oldest botocore that is supported knows less of Bedrock than the newest.
    """
    model = client.meta.service_model

    def skip_without(shape: str, member: str) -> None:
        if (
            shape not in model.shape_names
            or member not in model.shape_for(shape).members
        ):
            pytest.skip(f"this botocore knows no {shape}.{member}")

    return skip_without
