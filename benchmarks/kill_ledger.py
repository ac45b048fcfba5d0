"""Kill processes that write one ledger at random moments, and check the file.

Run: python benchmarks/kill_ledger.py [--rounds 200] [--writers 4]

In each round some processes write to the file of the rounds before. Each logs what it
is about to write to a file of its own, and after each `flush` that it was written, with
an fsync. Then each is killed (SIGKILL) at a random moment. The file must then be
sound, the sums of each level equal the calls, every call that was logged as written
there once, and no missing call older than the interval.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench_ledger import Calls

from bedrock_attrib.ledger import Ledger

INTERVAL_S = 0.2
# A busy ledger writes five times less often, and needs time to write.
MOST_S = 5 * INTERVAL_S + 1.0
_WRITTEN, _FLUSHED = "w", "f"
_OFTEN = 0.3
_LEVELS = {"hour": 0, "day": 1, "month": 2}


def write_until_killed(path: Path, log: Path, seed: int, source: Calls) -> None:
    """Write calls, and log them; never returns."""
    choose = random.Random(seed)  # noqa: S311 -- to be repeated
    source.skip(choose.randrange(900_000))
    notes = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    ledger = Ledger(path, interval_s=INTERVAL_S)
    number = 0
    while True:
        some = []
        for record in source.chunk(choose.choice((1, 10, 300))):
            some.append(record._replace(id=f"{seed:020x}{number:012x}"))
            number += 1
        at = time.monotonic()
        lines = "".join(f"{_WRITTEN} {record.id} {at}\n" for record in some)
        os.write(notes, lines.encode())
        for record in some:
            ledger.write(record)
        if choose.random() < _OFTEN:  # as for a price that comes late
            late = some[-1]._replace(price_reason="priced late")
            ledger.correct(some[-1], late)
        if choose.random() < _OFTEN and ledger.flush(5):
            os.write(notes, f"{_FLUSHED} {some[-1].id} 0\n".encode())
            os.fsync(notes)
        time.sleep(choose.choice((0, 0.001, 0.02)))


def kill_writers(path: Path, folder: Path, seed: int, writers: int) -> list[Path]:
    """Start writers, kill them, and return their logs."""
    choose = random.Random(seed)  # noqa: S311 -- to be repeated
    source = Calls(1_000_000)  # before the fork: reading prices takes a while
    logs, victims = [], []
    for writer in range(writers):
        log = folder / f"{seed}-{writer}.log"
        logs.append(log)
        pid = os.fork()
        if pid == 0:
            try:
                write_until_killed(path, log, seed * 100 + writer, source)
            finally:
                os._exit(1)
        victims.append((choose.uniform(0.1, 1.5), pid, log))
    started = time.monotonic()
    for after_s, pid, log in sorted(victims):
        time.sleep(max(0.0, started + after_s - time.monotonic()))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            raise AssertionError(f"a writer ended by itself: {status}")
        with log.open("a") as notes:
            notes.write(f"k - {time.monotonic()}\n")
    return logs


def read_logs(logs: list[Path]) -> tuple[dict[str, float], set[str]]:
    """Return the seconds from writing each call to the kill, and the flushed calls."""
    ages: dict[str, float] = {}
    flushed: set[str] = set()
    for log in logs:
        lines = [line.split() for line in log.read_text("ascii").splitlines()]
        killed_at = float(lines[-1][2])
        mine: list[str] = []
        done = 0
        for what, call, at in lines[:-1]:
            if what == _WRITTEN:
                mine.append(call)
                ages[call] = killed_at - float(at)
            else:
                done = len(mine)
        flushed.update(mine[:done])
    return ages, flushed


def look(path: Path) -> tuple[str, list[str], list[tuple[int, ...]]]:
    """Return integrity, ids of all calls, and sums of calls and of each level."""
    with closing(sqlite3.connect(path)) as db:
        (integrity,) = db.execute("PRAGMA integrity_check").fetchone()
        if not db.execute("PRAGMA user_version").fetchone()[0]:
            return integrity, [], []  # killed before there were tables
        ids = [
            f"{origin}{number:012x}"
            for origin, number in db.execute(
                "SELECT o.origin, number FROM calls c JOIN origins o ON o.id = c.origin"
            )
        ]
        columns = "sum(attempts), sum(duration_us), sum(input_token), sum(output_token)"
        sql = f"SELECT count(*), {columns} FROM calls"  # noqa: S608
        totals = [db.execute(sql).fetchone()]
        for level in _LEVELS.values():
            sql = (
                f"SELECT coalesce(sum(calls), 0), {columns} FROM sums "  # noqa: S608
                "WHERE level = ?"
            )
            totals.append(db.execute(sql, (level,)).fetchone())
    return integrity, ids, totals


def check(
    path: Path, written: dict[str, float], flushed: set[str]
) -> tuple[int, float]:
    """Return the calls in the file, and the greatest age of a missing one.

    Raises:
        AssertionError: If the file is wrong.
    """
    integrity, ids, totals = look(path)
    found = set(ids)
    for is_so, what in (
        (integrity == "ok", f"the file is damaged: {integrity}"),
        (len(found) == len(ids), "a call is there twice"),
        (found <= written.keys(), "a call is there that was not written"),
        (flushed <= found, f"{len(flushed - found)} committed calls were lost"),
        (len(set(totals)) <= 1, f"sums are not those of the calls: {totals}"),
    ):
        if not is_so:
            raise AssertionError(what)
    oldest = max((age for call, age in written.items() if call not in found), default=0)
    if oldest > MOST_S:
        raise AssertionError(f"a call is missing {oldest:.2f} s after it was written")
    return len(found), oldest


def run(rounds: int, writers: int, seed: int) -> dict[str, float]:
    """Kill *writers* processes *rounds* times."""
    calls, missing, oldest = 0, 0, 0.0
    written: dict[str, float] = {}
    flushed: set[str] = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(rounds):
            if number % 20 == 0:
                path = folder / f"{number}.db"
                written, flushed = {}, set()
                calls_before, missing_before = calls, missing
            logs = kill_writers(path, folder, seed + number, writers)
            ages, sure = read_logs(logs)
            written |= ages
            flushed |= sure
            found, age = check(path, written, flushed)
            calls = calls_before + found
            missing = missing_before + len(written) - found
            oldest = max(oldest, age)
    return {
        "rounds": rounds,
        "kills": rounds * writers,
        "calls found": calls,
        "calls missing": missing,
        "oldest missing: s": round(oldest, 3),
    }


def main() -> None:
    """Print the figures; fail at the first error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    json.dump(run(options.rounds, options.writers, options.seed), sys.stdout)


if __name__ == "__main__":
    main()
