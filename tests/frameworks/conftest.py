"""What a framework's tests stand on: an endpoint, records, everything instrumented.

Each file needs one framework and skips where it is missing; `nox -s frameworks` runs
each in an environment of its own, as they pin what the others can't have.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from frameworks import ANSWER, USAGE, WEATHER

from bedrock_attrib import CallRecord, instrument, uninstrument
from bedrock_attrib.testing import Reply, Simulator

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let frameworks warn: what they do with Python is not ours to mend."""
    for item in items:
        if item.path.parent == FOLDER:
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture
def endpoint(bedrock_endpoint: Simulator) -> Simulator:
    """A Bedrock that a framework finds by itself; 1,200 tokens in, 540 out."""
    bedrock_endpoint.reply(Reply(text=ANSWER, usage=USAGE))
    return bedrock_endpoint


@pytest.fixture
def asks_tool(endpoint: Simulator) -> Simulator:
    """The same, but its first answer asks for the weather in Oslo."""
    endpoint.reply(Reply(text="", usage=USAGE, tool_uses=(WEATHER,)), times=1)
    return endpoint


@pytest.fixture
def records(attrib_records: list[CallRecord]) -> list[CallRecord]:
    """Records of the calls of the test, whoever makes them."""
    return attrib_records


@pytest.fixture
def everything(records: list[CallRecord]) -> Iterator[list[CallRecord]]:
    """Everything is instrumented, as an application does it: with one line."""
    instrument()
    yield records
    uninstrument()
