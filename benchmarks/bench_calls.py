"""Cost of a call with instrumentation, against the bare client in the same run.

Run: python benchmarks/bench_calls.py [--quick] [--json]

Beside it, the cost of a trivial observer (`_trivial`) in the same run.

Bare and instrumented calls take turns in one process, one by one, so that a machine
whose speed drifts does not matter; each figure compares the medians of thousands of
calls. Two clocks run on the caller's thread, its CPU time and the wall. What other
threads do for the calls, and what is settled after them, is the rest of the process'
CPU time, shared among the instrumented calls. As the transport never waits, calls come
at a rate that no real service has: thousands a second on one thread. The figures
depend on the machine; compare those of one run.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import _canned
import _trivial
from botocore.client import BaseClient
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from bedrock_attrib import Recorder, attribution, instrument
from bedrock_attrib._config import Config
from bedrock_attrib._model.record import CallRecord
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.metrics import OpenTelemetrySink
from bedrock_attrib.sinks import QueueSink

Operation = Callable[[BaseClient], object]


@dataclass(frozen=True)
class Figures:
    """Added time of one call in microseconds.

    Attributes:
        bare_us: CPU time of the bare call.
        trivial_us: CPU time that the trivial observer adds to it, median.
        thread_us: Added CPU time of the caller's thread, median.
        wall_us: Added wall time, median.
        saturated_us: Added CPU time of the caller's thread, mean of 256 calls in a
            row, one of which settles them all: the median of many such runs.
        process_us: The same, with the CPU time of all other threads.
        blocks_us: CPU time of the whole process, where blocks of calls take turns, in
            random order, instead of calls: what a call does to the processor's caches
            is paid by the next one then, not by a bare one in between.
    """

    bare_us: float
    trivial_us: float
    thread_us: float
    wall_us: float
    saturated_us: float
    process_us: float
    blocks_us: float


class _Nothing:
    """A sink that only counts, behind a queue: what a ledger would stand behind."""

    count = 0

    def write(self, _record: CallRecord) -> None:
        self.count += 1

    def flush(self, timeout_s: float) -> bool:
        return timeout_s >= 0

    def close(self) -> None:
        """Nothing is held."""


def make_recorder(
    *,
    histograms: bool = True,
    metrics: bool = True,
    config: Config | None = None,
    ledger: Path | None = None,
) -> Recorder:
    """A recorder with the real SDK attached and a queueing sink, or a ledger."""
    sinks: list[object] = [Ledger(ledger) if ledger else QueueSink(_Nothing())]
    if metrics:
        provider = MeterProvider(metric_readers=[InMemoryMetricReader()])
        metrics_sink = OpenTelemetrySink(meter_provider=provider, histograms=histograms)
        sinks.insert(0, metrics_sink)
    return Recorder(sinks=sinks, config=config)


def measure(
    answer: tuple[dict[str, str], bytes],
    operation: Operation,
    recorder: Recorder,
    *,
    calls: int,
) -> Figures:
    """Compare *operation* on an instrumented and on a bare client, *calls* times."""
    bare, metered = _canned.canned_client(answer), _canned.canned_client(answer)
    instrument(metered, recorder=recorder)
    trivial = _trivial.Totals().register(_canned.canned_client(answer))
    with attribution(team="search", app="ranker", experiment="prompt-v7"):
        for _ in range(max(20, calls // 20)):
            operation(bare)
            operation(trivial)
            operation(metered)
        recorder.flush()
        gc.collect()
        gc.disable()
        try:
            blocks_us = _take_turns_in_blocks(bare, metered, operation, recorder, calls)
            clients = bare, trivial, metered
            return _take_turns(clients, operation, recorder, calls, blocks_us)
        finally:
            gc.enable()


def _take_turns(
    clients: tuple[BaseClient, BaseClient, BaseClient],
    operation: Operation,
    recorder: Recorder,
    calls: int,
    blocks_us: float,
) -> Figures:
    process_start, main_start = time.process_time_ns(), time.thread_time_ns()
    times = [
        tuple(each for client in clients for each in _timed(operation, client))
        for _ in range(calls)
    ]
    main_ns = time.thread_time_ns() - main_start
    recorder.flush()
    elsewhere_ns = time.process_time_ns() - process_start - main_ns
    columns = list(zip(*times, strict=True))
    bare_cpu, bare_wall, trivial_cpu, _, cpu, wall = (
        statistics.median(column) / 1000 for column in columns
    )
    added = [each[4] - each[0] for each in times]
    runs = [added[start : start + _RUN] for start in range(0, calls - _RUN + 1, _RUN)]
    mean_us = statistics.median(map(statistics.mean, runs or [added])) / 1000
    return Figures(
        bare_us=bare_cpu,
        trivial_us=trivial_cpu - bare_cpu,
        thread_us=cpu - bare_cpu,
        wall_us=wall - bare_wall,
        saturated_us=mean_us,
        process_us=mean_us + elsewhere_ns / calls / 1000,
        blocks_us=blocks_us,
    )


def _take_turns_in_blocks(
    bare: BaseClient,
    metered: BaseClient,
    operation: Operation,
    recorder: Recorder,
    calls: int,
) -> float:
    size = max(8, min(_BLOCK, calls // 16))
    added = []
    for _ in range(_BLOCKS):
        times = {}
        for client in random.sample([bare, metered], 2):
            start = time.process_time_ns()
            _time_of_block(operation, client, size)
            if client is metered:
                recorder.flush()
            times[client] = time.process_time_ns() - start
        added.append(times[metered] - times[bare])
    return statistics.median(added) / size / 1000


def _time_of_block(operation: Operation, client: BaseClient, calls: int) -> int:
    """CPU time of this thread for *calls* calls in a row, in ns."""
    start = time.thread_time_ns()
    for _ in range(calls):
        operation(client)
    return time.thread_time_ns() - start


# As many calls as the recorder lets gather before a caller settles them.
_RUN = 256
_BLOCK = 250
_BLOCKS = 32
_EVENTS = 5_000


def _timed(operation: Operation, client: BaseClient) -> tuple[int, int]:
    """CPU time of this thread and wall time of one call, in ns."""
    wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
    operation(client)
    return time.thread_time_ns() - cpu, time.perf_counter_ns() - wall


def cases(*, quick: bool) -> dict[str, tuple[tuple[dict[str, str], bytes], Operation]]:
    """Operations to measure, by name."""
    big = b"x" * 4_000_000
    everything = {
        "converse": (_canned.converse_answer(), _canned.converse),
        "invoke_model": (_canned.invoke_answer(), _canned.invoke),
        "invoke_model, cache writes": (
            _canned.invoke_answer(cache_writes=200),
            _canned.invoke,
        ),
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
    return dict(list(everything.items())[:5]) if quick else everything


def main() -> None:
    """Print one row for each operation and set of instruments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a quarter of the calls")
    parser.add_argument("--ledger", type=Path, help="write to a new file there, too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    share = 4 if options.quick else 1
    rows = {}
    for name, (answer, operation) in cases(quick=options.quick).items():
        calls = 400 if "MB" in name or "500" in name else 4000
        for label, histograms in (("all instruments", True), ("no histograms", False)):
            recorder = make_recorder(histograms=histograms, ledger=options.ledger)
            rows[f"{name}, {label}"] = measure(
                answer, operation, recorder, calls=calls // share
            )
            recorder.close()
    if options.json:
        json.dump({name: asdict(row) for name, row in rows.items()}, sys.stdout)
        return
    names = ("bare", "trivial", "thread", "wall", "saturated", "process", "blocks")
    print(f"{'added µs per call':44}" + "".join(f"{name:>10}" for name in names))
    for name, row in rows.items():
        figures = "".join(f"{figure:10.1f}" for figure in asdict(row).values())
        print(f"{name:44}{figures}")
    for name, answer, operation in (
        (
            "converse_stream",
            _canned.converse_stream_answer(_EVENTS),
            _canned.converse_stream,
        ),
        ("invoke_stream", _canned.invoke_stream_answer(_EVENTS), _canned.invoke_stream),
    ):
        trivial, each = added_per_event(answer, operation, calls=60 // share)
        print(
            f"{name}: {each:.3f} µs for each further event, "
            f"{trivial:.3f} with the trivial observer"
        )


def added_per_event(
    answer: tuple[dict[str, str], bytes], operation: Operation, *, calls: int
) -> tuple[float, float]:
    """Added CPU time of the caller's thread for an event of a very long stream, in µs.

    So many events outweigh what differs from call to call by chance.

    Returns:
        With the trivial observer, and instrumented.
    """
    recorder = make_recorder()
    bare, metered = _canned.canned_client(answer), _canned.canned_client(answer)
    trivial = _trivial.Totals().register(_canned.canned_client(answer))
    instrument(metered, recorder=recorder)
    for client in (bare, trivial, metered) * 3:
        operation(client)
    added = []
    for _ in range(calls):
        times = [
            _time_of_block(operation, each, 1) for each in (bare, trivial, metered)
        ]
        added.append((times[1] - times[0], times[2] - times[0]))
    recorder.close()
    medians = (statistics.median(each) for each in zip(*added, strict=True))
    trivial_us, metered_us = (each / _EVENTS / 1000 for each in medians)
    return trivial_us, metered_us


if __name__ == "__main__":
    main()
