"""One endpoint for all calls, and the warnings that are others'."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from neighbours import neighbours_simulator

from bedrock_attrib.testing import Simulator

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Other packages' warnings are theirs; dropped streams leave their sockets."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """An endpoint that answers every call of `neighbours.CALLS`."""
    with neighbours_simulator() as simulator:
        yield simulator
