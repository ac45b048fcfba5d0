"""What stays in memory: after 100,000 calls, and with 10,000 tag sets.

Run: python benchmarks/bench_memory.py [--quick]

The resident size of the process is read between runs of calls through a real boto3
client whose transport is replaced by canned answers, with the real SDK attached, all
instruments on and a queueing sink. A library that keeps something for every call shows
as growth between the second and the last run.
"""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

import _canned
from bench_calls import make_recorder
from botocore.client import BaseClient

from bedrock_attrib import Recorder, attribution, instrument

_PAGE_KB = 4


def resident_mb() -> float:
    """Resident size of this process in MB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * _PAGE_KB / 1024


def run_calls(client: BaseClient, recorder: Recorder, calls: int, sets: int) -> None:
    """Make *calls* calls, spread over *sets* tag sets."""
    for number in range(calls):
        with attribution(team=f"team-{number % sets}", app="ranker"):
            _canned.converse(client)
    recorder.flush()


def main() -> None:
    """Print the resident size after each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls")
    calls = 2_000 if parser.parse_args().quick else 20_000
    for name, sets in (("one tag set", 1), ("10,000 tag sets", 10_000)):
        recorder = make_recorder()
        client = _canned.canned_client(_canned.converse_answer())
        instrument(client, recorder=recorder)
        run_calls(client, recorder, calls, sets)
        sizes = [resident_mb()]
        for _ in range(5):
            run_calls(client, recorder, calls, sets)
            sizes.append(resident_mb())
        recorder.close()
        shown = " ".join(f"{size:.1f}" for size in sizes)
        print(f"{name}: {calls * 6:,} calls, resident MB after each sixth: {shown}")


if __name__ == "__main__":
    main()
