"""Benchmark of pricing: a warm call, a cold call, and reading the bundled table.

python benchmarks/bench_pricing.py
"""

from __future__ import annotations

import statistics
import sys
import timeit
from collections.abc import Callable
from datetime import UTC, datetime

from bedrock_attrib._model.model_id import ModelRef, parse_model_id
from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.pricing import PriceTable, _load

AT = datetime(2026, 11, 15, 12, tzinfo=UTC)
MODEL = parse_model_id("us.anthropic.claude-sonnet-4-5-20250929-v1:0")
MODEL_WITHOUT_LONG_RATE = parse_model_id("us.anthropic.claude-opus-4-8")
FOUR_UNITS = Usage(
    {
        Unit.INPUT_TOKEN: 2514,
        Unit.OUTPUT_TOKEN: 847,
        Unit.CACHE_READ_TOKEN: 21714,
        Unit.CACHE_WRITE_5M_TOKEN: 7707,
    }
)


def _median_s(run: Callable[[], object], *, number: int, repeats: int = 9) -> float:
    return statistics.median(timeit.repeat(run, number=number, repeat=repeats)) / number


def _warm_s(table: PriceTable, model: ModelRef) -> float:
    return _median_s(
        lambda: table.quote(model, FOUR_UNITS, region="us-east-1", at=AT),
        number=20_000,
    )


def _load_s() -> float:
    return _median_s(_load.load_bundled.__wrapped__, number=1)


def _first_call_s() -> float:
    tables = [PriceTable(_load.load_bundled.__wrapped__()) for _ in range(9)]
    return _median_s(
        lambda: tables.pop().quote(MODEL, FOUR_UNITS, region="us-east-1", at=AT),
        number=1,
    )


def main() -> None:
    """Measure and print the median of nine runs for each figure."""
    table = PriceTable.bundled()
    warm = _warm_s(table, MODEL_WITHOUT_LONG_RATE)
    long = _warm_s(table, MODEL)
    print("Python", sys.version.split()[0])
    print(f"warm call, four units                 {warm * 1e6:8.2f} µs")
    print(f"warm call, four units, long context   {long * 1e6:8.2f} µs")
    print(f"first call of a model                 {_first_call_s() * 1e6:8.0f} µs")
    print(f"reading the bundled table             {_load_s() * 1e3:8.1f} ms")


if __name__ == "__main__":
    main()
