"""Fixtures for an application's own pytest: a Bedrock endpoint, and the records.

Use them with ``pytest_plugins = ["bedrock_attrib.testing.fixtures"]`` in the
``conftest.py`` at the top of the tests. The only module that needs pytest.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .._default_recorder import configure
from .._model.record import CallRecord
from ._simulator import Simulator, bedrock_simulator
from ._sink import ListSink

# What boto3 would otherwise take from the machine that runs the tests.
_SETTINGS_OF_THE_MACHINE = (
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
)


@pytest.fixture
def bedrock_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A Bedrock endpoint that boto3 finds by itself, for the length of a test.

    The environment names it, with dummy credentials and us-east-1 as the region, so
    that an application's own ``boto3.client("bedrock-runtime")`` speaks to it.
    """
    for name in _SETTINGS_OF_THE_MACHINE:
        monkeypatch.delenv(name, raising=False)
    with bedrock_simulator() as simulator:
        for name, value in simulator.environment.items():
            monkeypatch.setenv(name, value)
        yield simulator


@pytest.fixture
def attrib_records() -> Iterator[list[CallRecord]]:
    """Records of the calls that the default recorder meters during a test.

    The test has a default recorder of its own, without metrics, that records a call
    before it returns. Afterwards there is one made from environment and file, so an
    application that calls ``configure`` once for all its tests has to call it again.
    """
    sink = ListSink()
    configure(sinks=(sink,), metrics=False, immediate=True)
    yield sink.records
    configure()
