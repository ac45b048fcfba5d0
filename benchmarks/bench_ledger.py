"""Speed of the ledger, beside one plain SQLite table and DuckDB.

Run: python benchmarks/bench_ledger.py [--calls 10000000] [--neighbours 1000000]
    [--parquet]

Calls of 30 days are made with a fixed seed: 5,000 tag sets of team, app, experiment
and environment, a few of which make most calls; six models; input and output counts
that spread widely, a third with cached tokens, one in fifty failed. The clock runs only
while the ledger writes. At the end the counts are multiplied by the rates as Decimals,
call by call, and compared with the ledger's sums.

The plain design is one SQLite table with a column for each field and no sums; DuckDB
loads the same rows from a CSV file. With --parquet the ledger is exported, and DuckDB
queries the files.
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
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bedrock_attrib import CallRecord, PriceTable, Unit, Usage
from bedrock_attrib._model.cost import Cost, Rates
from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib._model.tags import Tags
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
    choose = random.Random(SEED)  # noqa: S311 -- the same each time
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
        self._random = random.Random(SEED)  # noqa: S311 -- the same each time
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

    def skip(self, calls: int) -> None:
        """Begin later."""
        self._number += calls

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
            id=f"5eed5eed5eed5eed5eed{number:012x}",
            started_at=START + self._step * number,
            operation="Converse",
            model=ref,
            region="us-east-1",
            tier="default",
            latency_mode="standard",
            tags=tags,
            usage=None if is_failed else usage,
            usage_source="" if is_failed else "converse.usage",
            cost=None if is_failed else Cost.at(rates[is_cached], usage, "USD"),
            price_status=PriceStatus.FREE if is_failed else PriceStatus.PRICED,
            price_reason="",
            price_reason_code=None,
            duration_s=duration_s,
            time_to_first_chunk_s=None,
            outcome=Outcome.ERROR if is_failed else Outcome.OK,
            error="ThrottlingException" if is_failed else None,
            attempts=1,
            request_id=f"{number:08x}-5eed-4000-8000-{number * 7919 % 2**48:012x}",
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
    """Write all calls, and time it."""
    source, truth = Calls(calls), Truth()
    walls, cpus, sizes = [], [], []
    for start in range(0, calls, CHUNK):
        records = source.chunk(min(CHUNK, calls - start))
        truth.add(records)
        cpu = time.process_time()
        walls.append(timed(lambda some=records: _put(ledger, some)) / len(records))
        cpus.append((time.process_time() - cpu) / len(records))
        sizes.append(rss_mb())
    tenth = max(1, len(walls) // 10)
    figures["written a second"] = len(walls) / sum(walls)
    figures["written a second, last tenth"] = tenth / sum(walls[-tenth:])
    figures["written for a second of one CPU"] = len(cpus) / sum(cpus)
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
        for each in reader.sums(START, END, tag_names=("team", "app")):
            key = (each.tags["team"], each.tags["app"], each.dimensions.model.requested)
            found[key] = found.get(key, Decimal(0)) + (each.cost or 0)
    return found


def read(ledger: Ledger, figures: dict[str, float]) -> None:
    """Time usual queries."""
    day = (START + 9 * DAY, START + 10 * DAY)
    month = (START, END)
    questions: dict[str, Callable[[], object]] = {
        "month by team, app, model": lambda: by_team_app_model(ledger),
        "day by tags and dimensions": lambda: _sums(ledger, *day),
        "10 days and 5 hours by tags and dimensions": lambda: _sums(
            ledger, START + 2 * DAY, START + 12 * DAY + DAY * 5 / 24
        ),
        "day, raw, by duration": lambda: _totals(ledger, *day, {"duration_s": 0.1}),
        "day, raw, tags and duration of each": lambda: _fields(ledger, *day),
        "month, raw, by duration": lambda: _totals(ledger, *month, {"duration_s": 0.1}),
        "month, raw, by input tokens": lambda: _totals(
            ledger, *month, {"input_token": 100}
        ),
        "month, raw, by tags": lambda: _totals(ledger, *month, {"tags": None}),
        "month, raw, by hour": lambda: _totals(ledger, *month, {"started_at": 3600}),
    }
    for name, ask in questions.items():
        figures[f"{name}: s"] = best(ask, 1 if "month, raw" in name else 3)


def _sums(ledger: Ledger, start: datetime, end: datetime) -> None:
    with ledger.reading() as reader:
        reader.sums(start, end)


def _totals(
    ledger: Ledger, start: datetime, end: datetime, by: dict[str, float | None]
) -> None:
    with ledger.reading() as reader:
        reader.totals(start, end, by)


def _fields(ledger: Ledger, start: datetime, end: datetime) -> None:
    with ledger.reading() as reader:
        deque(reader.fields(start, end, ["tags", "duration_s"]), maxlen=0)


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


def ask_parquet(ledger: Ledger, folder: Path, figures: dict[str, float]) -> None:
    """Export *ledger*, and time DuckDB on sums of the month by several columns."""
    import duckdb  # noqa: PLC0415 -- it may be missing, as what exports may

    from bedrock_attrib.ledger.parquet import export  # noqa: PLC0415

    tags = {"tag_columns": ["team", "app", "experiment", "environment"]}
    figures["exported: s"] = timed(lambda: export(ledger, folder, **tags))
    files = [*folder.glob("*/*.parquet")]
    figures["exported MB"] = sum(file.stat().st_size for file in files) / 1e6
    columns = {
        "team, app, model": "tag_team, tag_app, model_id",
        "all tags": "tag_team, tag_app, tag_experiment, tag_environment",
        "a key of the map of tags": "tags['experiment']",
        "duration": "duration_us // 100000",
        "input tokens": "input_token // 100",
        "hour": "date_trunc('hour', started_at)",
        "outcome and error": "outcome, error",
    }
    with duckdb.connect() as db:
        for name, column in columns.items():
            sql = (
                f"SELECT {column}, count(*), sum(cost), sum(input_token),"  # noqa: S608
                f" sum(output_token) FROM read_parquet('{folder}/*/*.parquet')"
                " GROUP BY ALL"
            )
            figures[f"Parquet, month, by {name}: s"] = best(
                lambda sql=sql: db.execute(sql).fetchall()
            )


def bench_ledger(
    folder: Path, calls: int, *, parquet: bool = False
) -> dict[str, float]:
    """The ledger's own figures."""
    figures: dict[str, float] = {}
    path = folder / "calls.db"
    with closing(Ledger(path, interval_s=3600)) as ledger:
        truth = write(ledger, calls, figures)
        figures["file MB"] = size_mb(path)
        read(ledger, figures)
        check(ledger, truth)
        if parquet:
            ask_parquet(ledger, folder / "parquet", figures)
    return figures


_TEXTS = ("id", "started_at", "operation", "model", "region", "tier", "latency_mode")
_TAGS = ("team", "app", "experiment", "environment")
_REST = ("input", "output", "cache_read", "cost", "duration_s", "outcome", "request_id")
COLUMNS = (*_TEXTS, *_TAGS, *_REST)
_OF_MONTH = "SELECT team, app, model, sum(cost) FROM calls GROUP BY 1, 2, 3"
_OF_DAY = (
    "SELECT CAST(duration_s * 10 AS INTEGER), count(*), sum(cost) FROM calls "
    "WHERE started_at >= '2026-11-10' AND started_at < '2026-11-11' GROUP BY 1"
)
_BY_DURATION = (
    "SELECT CAST(duration_s * 10 AS INTEGER), count(*), sum(cost) FROM calls GROUP BY 1"
)


def plain_rows(records: Sequence[CallRecord]) -> Iterator[tuple[object, ...]]:
    """One row for each call, with the names as text and the amount as a float."""
    for record in records:
        usage, cost = record.usage or {}, record.cost
        yield (
            record.id,
            record.started_at.isoformat(),
            record.operation,
            record.model.requested,
            record.region,
            record.tier,
            record.latency_mode,
            *(record.tags.get(tag) for tag in _TAGS),
            *(usage.get(unit) for unit in _CACHED),
            None if cost is None else float(cost.total),
            record.duration_s,
            record.outcome,
            record.request_id,
        )


def bench_plain(folder: Path, calls: int) -> dict[str, float]:
    """One SQLite table with an index on the time, and no sums."""
    path = folder / "plain.db"
    source, seconds = Calls(calls), 0.0
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"CREATE TABLE calls ({', '.join(COLUMNS)})")
        db.execute("CREATE INDEX by_time ON calls (started_at)")
        places = ", ".join("?" * len(COLUMNS))
        insert = f"INSERT INTO calls VALUES ({places})"  # noqa: S608
        for start in range(0, calls, CHUNK):
            records = source.chunk(min(CHUNK, calls - start))
            began = time.perf_counter()
            with db:
                db.executemany(insert, plain_rows(records))
            seconds += time.perf_counter() - began
        figures = {"written a second": calls / seconds, "file MB": size_mb(path)}
        figures |= _ask_neighbour(lambda sql: db.execute(sql).fetchall())
    return figures


def bench_duckdb(folder: Path, calls: int) -> dict[str, float]:
    """The same rows in DuckDB, loaded from a CSV file."""
    import duckdb  # noqa: PLC0415 -- it may be missing

    source, table, path = Calls(calls), folder / "plain.csv", folder / "plain.duckdb"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for start in range(0, calls, CHUNK):
            writer.writerows(plain_rows(source.chunk(min(CHUNK, calls - start))))
    with duckdb.connect(str(path)) as db:
        load = f"CREATE TABLE calls AS SELECT * FROM read_csv('{table}')"  # noqa: S608
        seconds = timed(lambda: db.execute(load))
        db.execute("CHECKPOINT")
        figures = {"loaded a second": calls / seconds, "file MB": size_mb(path)}
        figures |= _ask_neighbour(lambda sql: db.execute(sql).fetchall())
    return figures


def _ask_neighbour(ask: Callable[[str], object]) -> dict[str, float]:
    return {
        "month by team, app, model: s": best(lambda: ask(_OF_MONTH)),
        "day, raw, by duration: s": best(lambda: ask(_OF_DAY)),
        "month, raw, by duration: s": best(lambda: ask(_BY_DURATION)),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--neighbours", type=int, default=0, help="calls of theirs")
    parser.add_argument("--parquet", action="store_true", help="export and ask it")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    bench_own = partial(bench_ledger, parquet=options.parquet)
    benches = [("ledger", bench_own, options.calls)]
    if options.neighbours not in {0, options.calls}:
        benches.append(("ledger", bench_ledger, options.neighbours))
    if options.neighbours:
        benches.append(("one plain table", bench_plain, options.neighbours))
        if find_spec("duckdb"):
            benches.append(("DuckDB", bench_duckdb, options.neighbours))
    everything = {}
    for name, bench, calls in benches:
        with tempfile.TemporaryDirectory() as folder:
            everything[f"{name}, {calls:,} calls"] = bench(Path(folder), calls)
    if options.json:
        json.dump(everything, sys.stdout)
        return
    for name, figures in everything.items():
        print(name)
        for what, figure in figures.items():
            print(f"  {what:44}{figure:12,.3f}")


if __name__ == "__main__":
    main()
