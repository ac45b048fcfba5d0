"""Time of an exchange with each store of budgets: reserve and settle of one call.

Run: python benchmarks/bench_stores.py [--calls 2000]

Each store reserves and settles in one account and in four. The stores take turns, so
that what else the machine does meets all of them; medians in microseconds. Redis is
started on a Unix socket, and skipped where it or its client is not installed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from bedrock_attrib.budgets.stores import Change, Store, StoreError, open_store

BUCKET = 1_780_000_000
RESERVED, LIMIT = 10**15, 10**30
LEASE_S = 60.0


def reserve_and_settle(store: Store, holder: str, number: int, accounts: int) -> None:
    """Make the two exchanges of one call."""
    names = [f"budget{each}|ada" for each in range(accounts)]
    some = [Change(name, BUCKET, BUCKET, 0, RESERVED, LIMIT) for name in names]
    store.exchange(holder, 2 * number + 1, some, LEASE_S)
    some = [Change(name, BUCKET, BUCKET, RESERVED, 0, LIMIT) for name in names]
    store.exchange(holder, 2 * number + 2, some, LEASE_S)


def measure(stores: dict[str, Store], calls: int) -> dict[str, dict[str, float]]:
    """Return medians in microseconds by store and number of accounts."""
    found: dict[str, dict[str, float]] = {name: {} for name in stores}
    for accounts in (1, 4):
        times: dict[str, list[float]] = {name: [] for name in stores}
        for number in range(calls):
            for name, store in stores.items():
                began = time.perf_counter()
                reserve_and_settle(store, f"holder{accounts}", number, accounts)
                times[name].append(time.perf_counter() - began)
        for name, each in times.items():
            median = statistics.median(each) * 1e6
            found[name][f"{accounts} accounts: us"] = round(median, 1)
    return found


def start_redis(folder: Path) -> tuple[subprocess.Popen[bytes], Store] | None:
    """Start Redis; None where it cannot be."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None or find_spec("redis") is None:
        print("Redis or its client is not installed: skipped", file=sys.stderr)
        return None
    path = folder / "redis.sock"
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(path), "--save", ""],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    store = open_store(f"unix://{path}", timeout_s=10)
    for _ in range(1000):
        try:
            store.read([])
        except StoreError:
            time.sleep(0.01)
        else:
            break
    return process, store


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-stores-") as name:
        folder = Path(name)
        stores = {
            "memory": open_store("memory://", timeout_s=10),
            "sqlite": open_store(f"sqlite:///{folder}/budgets.db", timeout_s=10),
        }
        redis = start_redis(folder)
        if redis is not None:
            stores["redis"] = redis[1]
        try:
            json.dump(measure(stores, options.calls), sys.stdout, indent=2)
        finally:
            for store in stores.values():
                store.close()
            if redis is not None:
                redis[0].kill()
                redis[0].wait()


if __name__ == "__main__":
    main()
