"""Cells that are run again and again: nothing is counted twice, nothing grows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytest.importorskip("IPython", reason="needs the extra test")
pytest.importorskip(
    "opentelemetry.exporter.otlp.proto.http", reason="needs the extra otlp"
)

from programs import METERED, stage

from bedrock_attrib import configure, instrument
from bedrock_attrib.testing import ListSink, bedrock_simulator

# A notebook: the first cell is run once, each of the others many times. The module
# `shop` changes between two runs, and IPython loads it anew.
SHOP = """
import boto3
from bedrock_attrib import attribution, instrument

instrument()
client = instrument(boto3.client("bedrock-runtime"))

@attribution(app="shop", version="v{number}")
def ask(call):
    client.converse(**call)
"""
CELLS = """
import bedrock_attrib, gc, threading, tracemalloc
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shop = {shop!r}

def run(cell):
    result = shell.run_cell(cell, silent=True)
    result.raise_error()

def write_shop(number):
    # Longer each time, as a change within a second is told by the size.
    text = shop.replace("{{number}}", str(number)) + "#" * number
    Path("shop.py").write_text(text, "utf-8")

write_shop(0)
set_provider()
shell.user_ns["CALL"] = CALL
run("%load_ext autoreload")
run("%autoreload 2")
run("import boto3, importlib, bedrock_attrib, shop")

def run_all(number):
    write_shop(number)
    run("recorder = bedrock_attrib.configure(tags={{'app': 'notebook'}})")
    run("bedrock_attrib.instrument()")
    run("client = bedrock_attrib.instrument(boto3.client('bedrock-runtime'))")
    run("importlib.reload(bedrock_attrib)")
    run("from bedrock_attrib import *")
    run('''
with attribution(team="search") as spend:
    client.converse(**CALL)
    shop.ask(CALL)
    stream = client.converse_stream(**CALL)["stream"]
    next(iter(stream))
assert spend.calls in (2, 3)
''')

def state():
    # Threads of closed recorders end within a second, or later on a busy machine.
    alive = None
    while alive != (alive := threading.active_count()):
        time.sleep(1.5)
    gc.collect()
    ours = tracemalloc.Filter(True, f"{{Path(bedrock_attrib.__file__).parent}}/*")
    traces = tracemalloc.take_snapshot().filter_traces([ours]).traces
    return threading.active_count(), sum(trace.size for trace in traces)

run_all(1)
tracemalloc.start()
for number in range(2, 6):
    run_all(number)
threads, size = state()
for number in range(6, 25):
    run_all(number)
state()
run_all(25)
more_threads, more_size = state()
print([more_threads - threads, (more_size - size) // 20])
"""


def test_a_recorder_is_closed_when_its_streams_have_ended() -> None:
    """Made anew with a stream open, the recorder before it goes on, and then ends."""

    class Closing(ListSink):
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

    sink = Closing()
    configure(sinks=[sink], metrics=False)
    with bedrock_simulator() as simulator:
        client = instrument(simulator.client())
        call = {"modelId": "us.amazon.nova-micro-v1:0", "messages": []}
        stream = client.converse_stream(**call)["stream"]
        configure(metrics=False)
        configure(metrics=False)
        assert (sink.is_closed, len(sink.records)) == (False, 0)
        for _ in stream:
            pass
    configure()
    assert (sink.is_closed, len(sink.records)) == (True, 1)


@pytest.mark.slow
def test_a_notebook(tmp_path: Path) -> None:
    """Run 25 times over, each call is counted once; threads and memory stay."""
    with stage(tmp_path) as found:
        cells = CELLS.format(shop=SHOP)
        printed = found.python(METERED + cells, IPYTHONDIR=str(tmp_path / "ipython"))
        requests = len(found.simulator.requests)
        threads, size = ast.literal_eval(printed)
        assert requests == 3 * 25
        assert (found.calls, found.recordings) == (requests, requests)
        assert threads <= 0
        assert size < 1_000
