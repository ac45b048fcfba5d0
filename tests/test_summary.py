"""The line that a process writes on stderr at its end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from waiting import HANG_S

from bedrock_attrib import Recorder, instrument
from bedrock_attrib._exit_summary import SummarySink
from bedrock_attrib.testing import ListSink, Simulator, bedrock_simulator

MICRO = "us.amazon.nova-micro-v1:0"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A Bedrock for all tests here."""
    with bedrock_simulator() as simulator:
        yield simulator


def test_calls_cost_and_what_has_no_price(
    simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told once, and of later calls once more."""
    sink = SummarySink()
    recorder = Recorder(sinks=(sink,))
    client = instrument(simulator.client(), recorder=recorder)
    for model in (MICRO, MICRO, "nobody.knows-v1:0"):
        client.converse(modelId=model, messages=[])
    recorder.close()
    assert sink.flush(HANG_S)
    for _ in range(2):
        sink.write_line()
    me = f"(process {os.getpid()})"
    # Twice 21 + 7 tokens at 0.035 and 0.14 USD per million.
    line = f"bedrock-attrib: 3 calls, $0.00000308, 1 without a price {me}\n"
    assert capsys.readouterr().err == line
    assert sink.has_written


def test_a_call_that_is_priced_late(
    simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is known at the end counts."""
    sink, seen = SummarySink(), ListSink()
    recorder = Recorder(sinks=(seen,))
    client = instrument(simulator.client(), recorder=recorder)
    for model in ("nobody.knows-v1:0", MICRO):
        client.converse(modelId=model, messages=[])
    recorder.flush()
    before, after = seen.records
    sink.write(before)
    sink.correct(before, after)
    sink.write_line()
    assert capsys.readouterr().err.startswith(
        "bedrock-attrib: 1 call, $0.00000154, 0 without a price "
    )


def test_nothing_is_told_of_no_calls(capsys: pytest.CaptureFixture[str]) -> None:
    """A process without calls is silent."""
    sink = SummarySink()
    sink.write_line()
    assert capsys.readouterr().err == ""
    assert not sink.has_written


def test_a_process_without_stderr_ends_as_ever(simulator: Simulator) -> None:
    """What cannot be told is left out."""
    program = f"""
import sys
from bedrock_attrib import Recorder, instrument
from bedrock_attrib._exit_summary import SUMMARY
from bedrock_attrib.testing import bedrock_simulator
with bedrock_simulator() as simulator:
    client = instrument(simulator.client(), recorder=Recorder(sinks=(SUMMARY,)))
    client.converse(modelId={MICRO!r}, messages=[])
sys.stderr.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=HANG_S
    )
    assert (done.stdout, done.stderr) == (b"", b"")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_tells_of_its_own(simulator: Simulator) -> None:
    """Parent and child tell a line each, over all recorders that they had."""
    program = f"""
import os, sys
import boto3
from bedrock_attrib import configure, instrument
def make_client():
    return boto3.client("bedrock-runtime", endpoint_url={simulator.endpoint_url!r})
call = dict(modelId={MICRO!r}, messages=[])
instrument(make_client()).converse(**call)
child = os.fork()
if not child:
    for _ in range(2):
        instrument(make_client()).converse(**call)
        configure()
    sys.exit()
os.waitpid(child, 0)
"""
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env=os.environ
        | {
            "AWS_ACCESS_KEY_ID": "simulated",
            "AWS_SECRET_ACCESS_KEY": "simulated",
            "AWS_DEFAULT_REGION": "us-east-1",
            "BEDROCK_ATTRIB_SUMMARY": "true",
        },
        timeout=HANG_S,
    ).stderr
    assert re.findall(r"(\d+ calls?), (\S+), ", told) == [
        ("2 calls", "$0.00000308"),
        ("1 call", "$0.00000154"),
    ]
