"""What stays in memory: after 120,000 calls and streams, abandoned ones included.

Run: python benchmarks/bench_memory.py [--quick]

The resident size of the process is read between runs of calls through a real boto3
client whose transport is replaced by canned answers, with the real SDK attached, all
instruments on and a queueing sink. A library that keeps something for every call shows
as growth between the second and the last run.

Streams that are drained need a connection, so theirs are read over sockets from an
endpoint in another process, and are fewer.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import _canned
import boto3
from bench_calls import make_recorder
from botocore.client import BaseClient
from botocore.config import Config

from bedrock_attrib import Recorder, attribution, instrument
from bedrock_attrib._config import Config as RecorderConfig
from bedrock_attrib.testing import Reply, bedrock_simulator

_PAGE_KB = 4


def resident_mb() -> float:
    """Resident size of this process in MB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * _PAGE_KB / 1024


Call = Callable[[BaseClient], object]


def run_calls(
    client: BaseClient, recorder: Recorder, calls: int, sets: int, ways: Sequence[Call]
) -> None:
    """Make *calls* calls in *ways* by turns, spread over *sets* tag sets."""
    for number in range(calls):
        with attribution(team=f"team-{number % sets}", app="ranker"):
            ways[number % len(ways)](client)
    recorder.flush()


def _open(client: BaseClient) -> Any:
    answer = client.converse_stream(modelId=_canned.MODEL, messages=_canned.MESSAGES)
    return answer["stream"]


def close_half_way(client: BaseClient) -> None:
    """Close a stream after an event."""
    stream = _open(client)
    next(iter(stream))
    stream.close()


def break_off(client: BaseClient) -> None:
    """Leave a stream after two events."""
    for number, _ in enumerate(_open(client)):
        if number:
            break


def drop_unread(client: BaseClient) -> None:
    """Do nothing with a stream."""
    _open(client)


def fail_in_loop(client: BaseClient) -> None:
    """Raise in the loop that reads a stream."""
    with suppress(RuntimeError):
        for _ in _open(client):
            raise RuntimeError


def keep_in_circle(client: BaseClient) -> None:
    """Leave a stream to the garbage collection."""
    stream = _open(client)
    stream.circle = [stream]
    next(iter(stream))


ABANDONED = (close_half_way, break_off, drop_unread, fail_in_loop, keep_in_circle)


def measure(
    name: str,
    client: BaseClient,
    recorder: Recorder,
    calls: int,
    *,
    sets: int = 1,
    ways: Sequence[Call] = (_canned.converse,),
) -> None:
    """Print the resident size after each of six runs."""
    instrument(client, recorder=recorder)
    sizes = []
    for _ in range(6):
        run_calls(client, recorder, calls, sets, ways)
        sizes.append(resident_mb())
    recorder.close()
    shown = " ".join(f"{size:.1f}" for size in sizes)
    print(f"{name}: {calls * 6:,} calls, resident MB after each sixth: {shown}")


def serve(told: SimpleQueue[str], asked: SimpleQueue[None]) -> None:
    """Answer streams in a process of its own."""
    with bedrock_simulator() as simulator:
        simulator.reply(Reply(chunks=10, text="x" * 100))
        told.put(simulator.endpoint_url)
        asked.get()


def drained_client(endpoint_url: str) -> BaseClient:
    """A client that reads over sockets."""
    return boto3.Session().client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=endpoint_url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )


def measure_drained(streams: int) -> None:
    """The same for streams that are read on in the background."""
    context = multiprocessing.get_context("spawn")
    told, asked = context.SimpleQueue(), context.SimpleQueue()
    server = context.Process(target=serve, args=(told, asked))
    server.start()
    recorder = make_recorder(config=RecorderConfig(abandoned_streams="drain"))
    client = drained_client(told.get())
    measure("drained streams", client, recorder, streams, ways=ABANDONED)
    asked.put(None)
    server.join()


def main() -> None:
    """Print the resident size after each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls")
    calls = 2_000 if parser.parse_args().quick else 20_000
    converse = _canned.converse_answer()
    stream = _canned.converse_stream_answer(10)
    whole = (_canned.converse_stream,)
    for name, answer, sets, ways in (
        ("one tag set", converse, 1, (_canned.converse,)),
        ("10,000 tag sets", converse, 10_000, (_canned.converse,)),
        ("whole streams", stream, 1, whole),
        ("abandoned streams", stream, 1, ABANDONED),
    ):
        client = _canned.canned_client(answer)
        measure(name, client, make_recorder(), calls, sets=sets, ways=ways)
    measure_drained(calls // 10)


if __name__ == "__main__":
    main()
