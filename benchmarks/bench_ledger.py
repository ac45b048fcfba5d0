"""What the ledger writes and reads a second, beside one plain table and DuckDB.

Run: python benchmarks/bench_ledger.py [--calls 10000000] [--neighbours 1000000]

Calls of 30 days are made with a fixed seed: 5,000 tag sets of team, app, experiment
and environment, a few of which make most calls; six models; input and output counts
that spread widely, a third with cached tokens, one in fifty failed. A process of its
own would make them no faster, so the clock runs only while the ledger writes. After
the last one, its counts are multiplied by the rates as Decimals, call by call, and
compared with the ledger's sums.

The plain design is one SQLite table with a column for each field and no sums; DuckDB
loads the same rows from a CSV file.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bedrock_attrib import CallRecord, PriceTable, Unit, Usage
from bedrock_attrib._model_id import parse_model_id
from bedrock_attrib._record import Cost, Outcome, PriceStatus, Rates, Tags
from bedrock_attrib.ledger import Ledger

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
END = START + 30 * DAY
SEED = 20261125
TAG_SETS = 5000
# Calls of one turn: made, and then written while the clock runs.
CHUNK = 50_000
MODELS = {
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": 30,
    "us.anthropic.claude-haiku-4-5-20251001-v1:0": 30,
    "amazon.nova-lite-v1:0": 20,
    "amazon.nova-pro-v1:0": 10,
    "us.amazon.nova-micro-v1:0": 6,
    "meta.llama3-70b-instruct-v1:0": 4,
}
_CACHED = (Unit.INPUT_TOKEN, Unit.OUTPUT_TOKEN, Unit.CACHE_READ_TOKEN)
_PLAIN = _CACHED[:2]


def make_tags() -> list[Tags]:
    """The tag sets, the most used first."""
    choose = random.Random(SEED)
    found: dict[Tags, None] = {}
    while len(found) < TAG_SETS:
        team = choose.randrange(40)
        pairs = {
            "team": f"team-{team:02}",
            "app": f"app-{team:02}-{choose.randrange(6)}",
            "experiment": f"prompt-v{choose.randrange(30)}",
            "environment": choose.choice(("production", "staging", "test")),
        }
        found[Tags(pairs)] = None
    return list(found)


class Calls:
    """Makes the calls, in the order of time."""

    def __init__(self, calls: int) -> None:
        """Spread *calls* over the 30 days."""
        self._random = random.Random(SEED)
        self._step = (END - START) / calls
        self._tags = make_tags()
        weights = (1 / (rank + 10) for rank in range(TAG_SETS))
        self._tag_weights = list(itertools.accumulate(weights))
        self._models = [_model(name) for name in MODELS]
        self._model_weights = list(itertools.accumulate(MODELS.values()))
        self._number = 0

    def chunk(self, size: int) -> list[CallRecord]:
        """The next *size* calls."""
        choose = self._random
        tags = choose.choices(self._tags, cum_weights=self._tag_weights, k=size)
        models = choose.choices(self._models, cum_weights=self._model_weights, k=size)
        return [self._call(*pair) for pair in zip(tags, models, strict=True)]

    def _call(self, tags: Tags, model: tuple[Any, dict[bool, Rates]]) -> CallRecord:
        number, spread = self._number, self._random.random
        self._number += 1
        ref, rates = model
        is_cached, is_failed = spread() < 1 / 3, spread() < 1 / 50
        values = (int(20 / (spread() + 0.002)), int(8 / (spread() + 0.004)), 1024)
        units = _CACHED if is_cached else _PLAIN
        usage = Usage.of(dict(zip(units, values, strict=False)))
        duration_s = 0.2 + 3 * spread() ** 4
        return CallRecord(
            f"5eed5eed5eed5eed5eed{number:012x}",
            START + self._step * number,
            "Converse",
            ref,
            "us-east-1",
            "default",
            "standard",
            tags,
            None if is_failed else usage,
            "" if is_failed else "converse.usage",
            None if is_failed else Cost.at(rates[is_cached], usage, "USD"),
            PriceStatus.FREE if is_failed else PriceStatus.PRICED,
            "",
            duration_s,
            None,
            Outcome.ERROR if is_failed else Outcome.OK,
            "ThrottlingException" if is_failed else None,
            1,
            f"{number:08x}-5eed-4000-8000-{number * 7919 % 2**48:012x}",
        )


def _model(name: str) -> tuple[Any, dict[bool, Rates]]:
    """A model and its rates for calls with and without cached tokens."""
    ref = parse_model_id(name)
    table = PriceTable.bundled()
    rates = {}
    for is_cached in (False, True):
        usage = Usage(dict.fromkeys(_CACHED if is_cached else _PLAIN, 1))
        cost = table.quote(ref, usage, region="us-east-1", at=START).cost
        if cost is None:
            raise LookupError(f"{name} has no price")
        rates[is_cached] = cost.rates
    return ref, rates


def rss_mb() -> float:
    """Resident size of this process, now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def size_mb(path: Path) -> float:
    """Size of a database with what lies beside it."""
    return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*")) / 1e6


def timed(what: Callable[[], object]) -> float:
    """Seconds that *what* takes."""
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


class Truth:
    """Decimal sums of the calls, made without the ledger."""

    def __init__(self) -> None:
        self.cost = Decimal(0)
        self.calls = 0
        self.counts: dict[Unit, int] = {}

    def add(self, records: Sequence[CallRecord]) -> None:
        """Add *records* one by one."""
        self.calls += len(records)
        for record in records:
            if record.cost is not None:
                self.cost += record.cost.total
            for unit, count in (record.usage or {}).items():
                self.counts[unit] = self.counts.get(unit, 0) + count


def write(ledger: Ledger, calls: int, figures: dict[str, float]) -> Truth:
    """Write all calls, and say how fast."""
    source, truth = Calls(calls), Truth()
    times, sizes = [], []
    for start in range(0, calls, CHUNK):
        records = source.chunk(min(CHUNK, calls - start))
        truth.add(records)
        times.append(timed(lambda some=records: _put(ledger, some)) / len(records))
        sizes.append(rss_mb())
    figures["written a second"] = 1 / (sum(times) / len(times))
    tenth = max(1, len(times) // 10)
    figures["written a second, last tenth"] = 1 / (sum(times[-tenth:]) / tenth)
    figures["resident MB after a tenth"] = sizes[tenth - 1]
    figures["resident MB at the end"] = sizes[-1]
    return truth


def _put(ledger: Ledger, records: Sequence[CallRecord]) -> None:
    for record in records:
        ledger.write(record)
    if not ledger.flush(60):
        raise RuntimeError("the ledger could not be written")


def by_team_app_model(ledger: Ledger) -> dict[tuple[str, ...], Decimal]:
    """What a month cost by team, app and model."""
    found: dict[tuple[str, ...], Decimal] = {}
    with ledger.reading() as reader:
        for each in reader.sums(START, END):
            key = (each.tags["team"], each.tags["app"], each.kind.model.requested)
            found[key] = found.get(key, Decimal(0)) + (each.cost or 0)
    return found


def read(ledger: Ledger, figures: dict[str, float]) -> None:
    """Ask what people ask, and say how fast it is answered."""
    figures["month by team, app, model: s"] = best(lambda: by_team_app_model(ledger))
    figures["day by team, app, model: s"] = best(lambda: _sums(ledger, START + DAY))


def _sums(ledger: Ledger, start: datetime) -> None:
    with ledger.reading() as reader:
        reader.sums(start, start + DAY)


def best(what: Callable[[], object], tries: int = 3) -> float:
    """The shortest of some tries."""
    return min(timed(what) for _ in range(tries))


def check(ledger: Ledger, truth: Truth) -> None:
    """Raise unless the ledger's sums are those of the calls, to the last digit."""
    cost, calls, counts = Decimal(0), 0, {}
    with ledger.reading() as reader:
        for each in reader.sums(START, END):
            cost += each.cost or 0
            calls += each.calls
            for unit, count in each.usage.items():
                counts[unit] = counts.get(unit, 0) + count
    if (cost, calls, counts) != (truth.cost, truth.calls, truth.counts):
        raise AssertionError(f"{cost} is not {truth.cost}")


def bench_ledger(folder: Path, calls: int) -> dict[str, float]:
    """The ledger's own figures."""
    figures: dict[str, float] = {}
    path = folder / "calls.db"
    with closing(Ledger(path, interval_s=3600)) as ledger:
        truth = write(ledger, calls, figures)
        figures["file MB"] = size_mb(path)
        read(ledger, figures)
        check(ledger, truth)
    return figures


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--neighbours", type=int, default=0, help="calls of theirs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        everything = {f"ledger, {options.calls:,} calls": bench_ledger(Path(folder), options.calls)}
    if options.json:
        json.dump(everything, sys.stdout)
        return
    for name, figures in everything.items():
        print(name)
        for what, figure in figures.items():
            print(f"  {what:44}{figure:12,.3f}")


if __name__ == "__main__":
    main()
