"""A pytest plugin that switches metering on for a test suite of somebody else.

``pytest -p metered`` with this folder on the path; see ``run_upstream_suites.py``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bedrock_attrib import configure, get_recorder, instrument
from bedrock_attrib.testing import ListSink

_SINK = ListSink()


def pytest_configure() -> None:
    """Instrument everything, before any test module is imported."""
    configure(sinks=[_SINK], metrics=False)
    instrument()


def pytest_sessionfinish() -> None:
    """Write down how many calls were metered, and what went wrong in that."""
    folder = os.environ.get("METERED_COUNTS")
    if folder is not None:
        faults = sum(get_recorder().faults.counts().values())
        told = f"{len(_SINK.records)} {faults}\n"
        Path(folder, f"{os.getpid()}.txt").write_text(told, "utf-8")


def pytest_report_header() -> str:
    """Say that it is on."""
    return f"bedrock_attrib: everything instrumented (pytest {pytest.__version__})"
