"""Processes that are patched or forked at any moment record each call once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from waiting import HANG_S

from bedrock_attrib.testing import Simulator

pytestmark = [
    pytest.mark.matrix,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system"),
]

PROGRAM = Path(__file__).parent.parent / "support" / "host_process.py"
MOMENTS = ("start", "imported", "instrumented", "called")
CELLS = [
    *(
        (library, moment, fork)
        for library in ("gevent", "eventlet")
        for moment in MOMENTS
        for fork in ("none", "Python")
    ),
    *(("none", moment, fork) for moment in MOMENTS for fork in ("Python", "C")),
]


@pytest.mark.parametrize(("library", "moment", "fork"), CELLS)
def test_every_call_is_recorded_once(
    simulator: Simulator, library: str, moment: str, fork: str
) -> None:
    """No hang, no loss, no call of the parent in the child, no id twice."""
    if library != "none" and find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    if (library, moment, fork) == ("gevent", "called", "Python"):
        pytest.skip("open fault: such a child hangs in flush in some runs")
    # A process that is patched forks once it has made a call, as workers do.
    forked = moment if library == "none" else "called"
    url = simulator.endpoint_url
    done = subprocess.run(
        [sys.executable, PROGRAM, url, library, moment, fork, forked],
        capture_output=True,
        check=False,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stderr
    assert "contained" not in done.stderr, done.stderr
    recorded = dict(json.loads(line) for line in done.stdout.splitlines())
    tags = {who: [tag for tag, _ in records] for who, records in recorded.items()}
    expected = {"parent": ["parent"] * 3}
    if fork != "none":
        expected["child"] = ["child"] * (2 if forked == "called" else 3)
    assert tags == expected
    ids = [record_id for records in recorded.values() for _, record_id in records]
    assert len(ids) == len(set(ids))
