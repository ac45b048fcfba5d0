"""Pytest fixtures: a Bedrock endpoint and the records of calls.

Use them with ``pytest_plugins = ["bedrock_attrib.testing.fixtures"]`` in the
``conftest.py`` at the top of the tests. The only module that needs pytest.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .._default_recorder import configure
from .._model.record import CallRecord
from ._process_simulator import SETTINGS_OF_THE_MACHINE, process_simulator
from ._simulator import Simulator
from ._sink import ListSink


@pytest.fixture
def bedrock_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A Bedrock endpoint that boto3 finds through the environment, during a test.

    The environment has its URL, dummy credentials and the region us-east-1, so that an
    application's own ``boto3.client("bedrock-runtime")`` uses it. All tests of a
    process share one endpoint, which is reset for each: a client that an application
    makes once works in every test. For clients that are made when the application is
    imported, call `use_simulator` in ``conftest.py``.
    """
    for name in SETTINGS_OF_THE_MACHINE:
        monkeypatch.delenv(name, raising=False)
    simulator = process_simulator()
    for name, value in simulator.environment.items():
        monkeypatch.setenv(name, value)
    simulator.reset()
    yield simulator
    simulator.reset()


@pytest.fixture
def attrib_records() -> Iterator[list[CallRecord]]:
    """Records of the calls that the default recorder meters during a test.

    The test has a default recorder of its own, without metrics, that records a call
    before it returns. Afterwards a new one is made from environment and file; an
    application that calls ``configure`` once for all its tests must call it again.
    """
    sink = ListSink()
    configure(sinks=(sink,), metrics=False, immediate=True)
    yield sink.records
    configure()
