"""What the async door adds to a call, against the bare async client and the sync door.

Run: python benchmarks/bench_async.py [--quick] [--json]

Bare and metered clients take turns in one process, call by call, of boto3 and of
aiobotocore by turns as well, with the same canned answers. As in `bench_calls`,
each figure compares medians of CPU time on the caller's thread, which is the event
loop's, and at saturation means; the recorder, its metrics and its sink are the same.
Needs the extra ``aio``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any

import _canned
import _canned_aio
from bench_calls import make_recorder

from bedrock_attrib import attribution, instrument


@dataclass(frozen=True)
class Figures:
    """Added CPU time of one call on the caller's thread in microseconds.

    Attributes:
        sync_bare_us: CPU time of boto3's bare call.
        sync_us: Added to it, median.
        bare_us: CPU time of aiobotocore's bare call.
        thread_us: Added to it, median.
        ratio: The async door's against the sync one's.
        saturated_us: Added to aiobotocore's, mean: with the settling that falls on the
            loop's thread above 256 calls a second.
        saturated_ratio: That against the sync door's.
    """

    sync_bare_us: float
    sync_us: float
    bare_us: float
    thread_us: float
    ratio: float
    saturated_us: float
    saturated_ratio: float


CASES: dict[str, tuple[Any, Callable[[Any], object], _canned_aio.AioCall]] = {
    "converse": (_canned.converse_answer(), _canned.converse, _canned_aio.converse),
    "invoke_model": (_canned.invoke_answer(), _canned.invoke, _canned_aio.invoke),
    "converse_stream 50": (
        _canned.converse_stream_answer(50),
        _canned.converse_stream,
        _canned_aio.converse_stream,
    ),
    "invoke_stream 50": (
        _canned.invoke_stream_answer(50),
        _canned.invoke_stream,
        _canned_aio.invoke_stream,
    ),
}


async def measure(name: str, calls: int) -> Figures:
    """Compare the four clients at the case *name*, *calls* times."""
    answer, operation, aio_operation = CASES[name]
    recorder = make_recorder()
    sync = [_canned.canned_client(answer) for _ in range(2)]
    async with AsyncExitStack() as stack:
        aio = [
            await stack.enter_async_context(_canned_aio.canned_aio_client(answer))
            for _ in range(2)
        ]
        for metered in (sync[1], aio[1]):
            instrument(metered, recorder=recorder)
        with attribution(team="search", app="ranker", experiment="prompt-v7"):
            await _take_turns(sync, aio, operation, aio_operation, max(1, calls // 10))
            recorder.flush()
            gc.collect()
            gc.disable()
            try:
                rows = await _take_turns(sync, aio, operation, aio_operation, calls)
            finally:
                gc.enable()
    recorder.close()
    return _figures(list(zip(*rows, strict=True)))


async def _take_turns(
    sync: list[Any],
    aio: list[Any],
    operation: Callable[[Any], object],
    aio_operation: _canned_aio.AioCall,
    calls: int,
) -> list[tuple[int, ...]]:
    """CPU times of sync bare and metered, async bare and metered, in ns.

    The doors take turns by blocks: the code of both would not stay in the processor's
    caches, and an application uses one of them. The clients of a door go one by one.
    """
    rows: list[tuple[int, ...]] = []
    for _ in range(-(-calls // _BLOCK)):
        sync_pairs = [_pair(sync, operation, turn) for turn in range(_BLOCK)]
        aio_pairs = [
            await _aio_pair(aio, aio_operation, turn) for turn in range(_BLOCK)
        ]
        rows += [
            (*one, *other) for one, other in zip(sync_pairs, aio_pairs, strict=True)
        ]
    return rows


_BLOCK = 50


def _pair(
    clients: list[Any], operation: Callable[[Any], object], turn: int
) -> list[int]:
    times = [0, 0]
    for which in (turn % 2, 1 - turn % 2):  # neither is always second
        start = time.thread_time_ns()
        operation(clients[which])
        times[which] = time.thread_time_ns() - start
    return times


async def _aio_pair(
    clients: list[Any], operation: _canned_aio.AioCall, turn: int
) -> list[int]:
    times = [0, 0]
    for which in (turn % 2, 1 - turn % 2):
        start = time.thread_time_ns()
        await operation(clients[which])
        times[which] = time.thread_time_ns() - start
    return times


def _figures(columns: list[tuple[int, ...]]) -> Figures:
    sync_bare, sync, bare, metered = (statistics.median(c) / 1000 for c in columns)
    means = [statistics.fmean(column) / 1000 for column in columns]
    saturated_sync, saturated = means[1] - means[0], means[3] - means[2]
    return Figures(
        sync_bare_us=sync_bare,
        sync_us=sync - sync_bare,
        bare_us=bare,
        thread_us=metered - bare,
        ratio=(metered - bare) / (sync - sync_bare),
        saturated_us=saturated,
        saturated_ratio=saturated / saturated_sync,
    )


def main() -> None:
    """Print one row for each operation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a quarter of the calls")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    calls = 1000 if options.quick else 4000
    rows = {name: asyncio.run(measure(name, calls)) for name in CASES}
    if options.json:
        json.dump({name: asdict(row) for name, row in rows.items()}, sys.stdout)
        return
    names = "sync bare|added|async bare|added|ratio|saturated|ratio".split("|")
    print(f"{'µs per call':20}" + "".join(f"{name:>12}" for name in names))
    for name, row in rows.items():
        figures = "".join(f"{figure:12.2f}" for figure in asdict(row).values())
        print(f"{name:20}{figures}")


if __name__ == "__main__":
    main()
