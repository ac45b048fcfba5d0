"""What the tests of async clients share: an endpoint, a sink and a recorder."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from bedrock_attrib import Recorder
from bedrock_attrib.testing import ListSink


@pytest.fixture
def recorder(sink: ListSink) -> Iterator[Recorder]:
    """Tells the sink alone, and had nothing to contain."""
    recorder = Recorder(sinks=(sink,))
    yield recorder
    gc.collect()
    assert recorder.faults.counts() == {}
    recorder.close()
