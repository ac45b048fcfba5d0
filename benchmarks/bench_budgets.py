"""Cost of budgets, and how much of a budget upper bounds and estimates leave unused.

Run: python benchmarks/bench_budgets.py [--calls 3000]

Three tables, all of one run:

- The time of reserving and settling for one call in four accounts, in memory and from
  an allowance, without a call around it.
- The time that a call of Converse takes on the caller's thread without budgets and
  with four that match it. Calls take turns, so that what else the machine does meets
  all of them. Medians in microseconds.
- A workload of calls as applications make them, against one budget that is worth a
  thousand of them: what `strict` and `estimate` leave unused, how many calls fewer
  they let pass than if each was known before, and by how much the limit is passed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

import _canned
from botocore.client import BaseClient

from bedrock_attrib import Budget, CallRecord, CallStart, Recorder, instrument
from bedrock_attrib._model.call_start import RequestSize
from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib._model.record import PriceStatus
from bedrock_attrib._model.tags import NO_TAGS
from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib._runtime.contained_errors import ContainedErrors
from bedrock_attrib.budgets import budget_guard
from bedrock_attrib.budgets.allowances import AllowanceBook
from bedrock_attrib.budgets.books import Book, Refused
from bedrock_attrib.budgets.guard import BudgetGuard
from bedrock_attrib.budgets.lines import Line
from bedrock_attrib.budgets.memory_book import MemoryBook
from bedrock_attrib.budgets.stores.memory import MemoryStore
from bedrock_attrib.errors import BudgetExceededError
from bedrock_attrib.pricing import PriceTable
from bedrock_attrib.testing import ListSink

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
LIMIT = 10**30
TRIES = 1200  # a thousand of which the budget is worth
FOUR = [Budget(f"budget {each}", limit_usd="1000000") for each in range(4)]


def median_us(work: Callable[[], object], calls: int) -> float:
    """Return the median time of *work* in microseconds."""
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return round(statistics.median(times) * 1e6, 1)


def books(calls: int) -> dict[str, float]:
    """Return the time of reserving and settling four lines."""
    lines = [Line(f"budget {each}|usd", 0, 0, 1000, LIMIT) for each in range(4)]
    found: dict[str, Book] = {
        "memory": MemoryBook(),
        "allowance": AllowanceBook(MemoryStore(), is_threaded=False),
    }

    def once(book: Book) -> None:
        held = book.reserve(lines)
        if not isinstance(held, Refused):
            held.settle([10, 10, 10, 10])

    for book in found.values():  # an allowance grows with the first calls
        for _ in range(1000):
            once(book)
    return {
        name: median_us(lambda book=book: once(book), 5 * calls)
        for name, book in found.items()
    }


def callers(calls: int, folder: Path) -> dict[str, float]:
    """Return the time of a call on the caller's thread, with and without budgets."""
    clients: dict[str, BaseClient] = {"bare": new_client()}
    stores = {"memory": "memory://", "sqlite": f"sqlite:///{folder / 'budgets.db'}"}
    clients["no budgets"] = instrument(new_client(), recorder=Recorder())
    for name, store in stores.items():
        recorder = Recorder(guards=[guard_of(FOUR, store)])
        clients[f"four in {name}"] = instrument(new_client(), recorder=recorder)
    times: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(calls):
        for name, client in clients.items():
            began = time.thread_time()
            _canned.converse(client)
            times[name].append(time.thread_time() - began)
    return {
        name: round(statistics.median(each) * 1e6, 1) for name, each in times.items()
    }


def new_client() -> BaseClient:
    """Return a client that gets the same answer to every call."""
    return _canned.canned_client(_canned.converse_answer())


def guard_of(budgets: list[Budget], store: str = "memory://") -> BudgetGuard:
    """Return the guard of *budgets*."""
    return budget_guard(
        budgets,
        store,
        PriceTable.bundled,
        ContainedErrors(),
        timeout_s=1.0,
        has_allowances=True,
    )


def workload(seed: int) -> Iterator[tuple[CallStart, CallRecord]]:
    """Yield calls: prompts of some 2,000 tokens, answers of some 300 of 1,024."""
    draw = random.Random(seed)  # noqa: S311 -- a sample, with a seed
    prices, model = PriceTable.bundled(), parse_model_id(MODEL)
    template = _any_record()
    while True:
        prompt = int(draw.lognormvariate(7.4, 0.7)) + 20
        answer = min(1024, int(draw.lognormvariate(5.5, 0.6)) + 1)
        size = RequestSize(max_tokens=1024, text_bytes=4 * prompt, messages=2)
        start = CallStart(
            "Converse",
            model,
            "us-east-1",
            NO_TAGS,
            template.started_at,
            lambda size=size: size,
        )
        usage = Usage({Unit.INPUT_TOKEN: prompt, Unit.OUTPUT_TOKEN: answer})
        cost = prices.price(model, usage, region="us-east-1", at=start.started_at)
        yield (
            start,
            template._replace(usage=usage, cost=cost, price_status=PriceStatus.PRICED),
        )


def _any_record() -> CallRecord:
    """Return the record of a call."""
    sink = ListSink()
    recorder = Recorder(sinks=[sink])
    _canned.converse(instrument(new_client(), recorder=recorder))
    recorder.flush()
    return sink.records[0]


def limits(mode: str, on_their_way: int, seed: int) -> dict[str, float]:
    """Return what a budget of a thousand typical calls makes of such calls."""
    mean = statistics.mean(
        float(record.cost.total) if record.cost else 0.0
        for (_, record), _ in zip(workload(0), range(5000), strict=False)
    )
    limit = round(Decimal(1000 * mean), 6)
    guard = guard_of([Budget("b", limit_usd=limit, mode=mode, window="total")])
    open_calls: deque[tuple[object, CallRecord]] = deque()
    spent = Decimal(0)
    sent = fitting = 0
    known = Decimal(0)  # spent by calls of which each was known before
    was_refused = False
    for start, record in islice(workload(seed), TRIES):
        # As one call comes, the oldest one ends.
        if open_calls and (was_refused or len(open_calls) >= on_their_way):
            held, ended = open_calls.popleft()
            held.settle(ended)  # type: ignore[attr-defined]  # a reservation
        cost = record.cost.total if record.cost else Decimal(0)
        if known + cost <= limit:
            known += cost
            fitting += 1
        try:
            held = guard.check(start)
        except BudgetExceededError:
            was_refused = True
            continue
        was_refused = False
        sent += 1
        spent += cost
        open_calls.append((held, record))
    for held, ended in open_calls:
        held.settle(ended)  # type: ignore[attr-defined]  # as above
    return {
        "sent": sent,
        "unused %": round(float(max(limit - spent, Decimal(0)) / limit) * 100, 2),
        "passed by %": round(float(max(spent - limit, Decimal(0)) / limit) * 100, 2),
        "calls fewer than fit %": round((fitting - sent) / fitting * 100, 2),
    }


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=3000)
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "reserve and settle in four accounts, us": books(calls),
            "a call on the caller's thread, us": callers(calls, Path(folder)),
            "strict, one call at a time": limits("strict", 1, 1),
            "strict, 64 calls on their way": limits("strict", 64, 1),
            "estimate, one call at a time": limits("estimate", 1, 1),
            "estimate, 64 calls on their way": limits("estimate", 64, 1),
        }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
