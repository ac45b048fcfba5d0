"""What a call costs with instrumentation, against the bare client in the same run.

Run: python benchmarks/bench_calls.py [--quick] [--json]

Instrumented and bare calls alternate in blocks in one process; each figure is the
median over blocks of the difference, so that a machine whose speed drifts does not
matter. Three clocks: the caller's thread (its own CPU time), the wall, and the CPU of
the whole process, in which the work of background threads shows. Read the figures as
relative: they belong to the machine.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

from botocore.client import BaseClient
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from bedrock_attrib import Recorder, attribution, instrument
from bedrock_attrib._record import CallRecord
from bedrock_attrib._sinks import QueueSink
from bedrock_attrib.metrics import OpenTelemetrySink

import _canned

Operation = Callable[[BaseClient], object]


@dataclass(frozen=True)
class Figures:
    """Added time of one call in microseconds: median over blocks.

    Attributes:
        bare_us: Wall time of the bare call.
        thread_us: Added CPU time of the caller's thread.
        wall_us: Added wall time.
        process_us: Added CPU time of the whole process, all threads.
    """

    bare_us: float
    thread_us: float
    wall_us: float
    process_us: float


class _Nothing:
    """A sink that only counts, behind a queue: what a ledger would stand behind."""

    count = 0

    def write(self, _record: CallRecord) -> None:
        self.count += 1

    def flush(self, timeout_s: float) -> bool:
        return timeout_s >= 0

    def close(self) -> None:
        """Nothing is held."""


def make_recorder(*, histograms: bool = True, metrics: bool = True) -> Recorder:
    """A recorder with the real SDK attached and a queueing sink."""
    sinks: list[object] = [QueueSink(_Nothing())]
    if metrics:
        provider = MeterProvider(metric_readers=[InMemoryMetricReader()])
        sinks.insert(0, OpenTelemetrySink(meter_provider=provider, histograms=histograms))
    return Recorder(sinks=sinks)


def measure(
    answer: tuple[dict[str, str], bytes],
    operation: Operation,
    recorder: Recorder,
    *,
    blocks: int,
    calls: int,
) -> Figures:
    """Compare *operation* on an instrumented and on a bare client."""
    bare, metered = _canned.canned_client(answer), _canned.canned_client(answer)
    instrument(metered, recorder=recorder)
    with attribution(team="search", app="ranker", experiment="prompt-v7"):
        for client in (bare, metered):
            _block(client, operation, calls)
        recorder.flush()
        pairs = []
        for number in range(blocks):
            order = (bare, metered) if number % 2 else (metered, bare)
            times = {id(c): _block(c, operation, calls, recorder) for c in order}
            pairs.append((times[id(bare)], times[id(metered)]))
    added = [
        [after - before for before, after in zip(*pair, strict=True)] for pair in pairs
    ]
    return Figures(
        statistics.median(pair[0][1] for pair in pairs),
        *(statistics.median(column) for column in zip(*added, strict=True)),
    )


def _block(
    client: BaseClient,
    operation: Operation,
    calls: int,
    recorder: Recorder | None = None,
) -> tuple[float, float, float]:
    """Thread CPU, wall and process CPU of one call in µs.

    What is left on queues is delivered inside the process' CPU and outside the other
    two clocks.
    """
    gc.collect()
    gc.disable()
    process = time.process_time_ns()
    thread, wall = time.thread_time_ns(), time.perf_counter_ns()
    for _ in range(calls):
        operation(client)
    thread, wall = time.thread_time_ns() - thread, time.perf_counter_ns() - wall
    if recorder is not None:
        recorder.flush()
    process = time.process_time_ns() - process
    gc.enable()
    return tuple(clock / calls / 1000 for clock in (thread, wall, process))


def cases(*, quick: bool) -> dict[str, tuple[tuple[dict[str, str], bytes], Operation]]:
    """Operations to measure, by name."""
    big = b"x" * 4_000_000
    everything = {
        "converse": (_canned.converse_answer(), _canned.converse),
        "invoke_model": (_canned.invoke_answer(), _canned.invoke),
        "converse_stream 50": (
            _canned.converse_stream_answer(50),
            _canned.converse_stream,
        ),
        "converse_stream 500": (
            _canned.converse_stream_answer(500),
            _canned.converse_stream,
        ),
        "invoke_stream 50": (_canned.invoke_stream_answer(50), _canned.invoke_stream),
        "invoke_stream 500": (_canned.invoke_stream_answer(500), _canned.invoke_stream),
        "invoke_model 4 MB request": (
            _canned.invoke_answer(),
            partial(_canned.invoke, body=big),
        ),
        "invoke_model 4 MB answer": (_canned.invoke_answer(4_000_000), _canned.invoke),
    }
    return dict(list(everything.items())[:4]) if quick else everything


def main() -> None:
    """Print one row for each operation and set of instruments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer, shorter blocks")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    blocks = 10 if options.quick else 40
    rows = {}
    for name, (answer, operation) in cases(quick=options.quick).items():
        calls = 20 if "MB" in name or "500" in name else 200
        for label, histograms in (("all instruments", True), ("no histograms", False)):
            recorder = make_recorder(histograms=histograms)
            rows[f"{name}, {label}"] = measure(
                answer, operation, recorder, blocks=blocks, calls=calls
            )
            recorder.close()
    if options.json:
        json.dump({name: asdict(row) for name, row in rows.items()}, sys.stdout)
        return
    print(f"{'added µs per call':44} {'bare':>8} {'thread':>8} {'wall':>8} {'process':>8}")
    for name, row in rows.items():
        print(
            f"{name:44} {row.bare_us:8.1f} {row.thread_us:8.1f} "
            f"{row.wall_us:8.1f} {row.process_us:8.1f}"
        )
    _print_events(rows)


def _print_events(rows: dict[str, Figures]) -> None:
    for kind in ("converse_stream", "invoke_stream"):
        short = rows.get(f"{kind} 50, all instruments")
        long = rows.get(f"{kind} 500, all instruments")
        if short is not None and long is not None:
            each = (long.thread_us - short.thread_us) / 450
            print(f"{kind}: {each:.3f} µs for each further event")


if __name__ == "__main__":
    main()
