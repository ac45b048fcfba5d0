"""Kill processes that reserve and settle, and Redis, at random moments; check the sums.

Run: python benchmarks/kill_budgets.py [--rounds 20] [--workers 4] [--store sqlite]

In each round some processes reserve and settle on one account of a SQLite file, or of a
Redis server with (`appendonly yes`, `appendfsync always`) or without persistence. Each
logs what it is about to settle, and that it was settled, to a file of its own. Each is
killed (SIGKILL) at a random moment; so is Redis once a round, which is then started
again. The promises, of which each is checked:

- after a grant, spent plus reserved is never above the limit;
- when the leases have ended, nothing is reserved;
- SQLite, and Redis with persistence: all that was answered as settled is booked, once;
  of each killed process one exchange at most is booked without having been answered;
- Redis without persistence: nothing is booked twice, and all that was answered as
  settled after Redis was started again is booked.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bedrock_attrib.budgets.stores import Change, Store, StoreError, open_store

LEASE_S = 2.0
LIMIT = 400
RESERVED, SPENT = 3, 2
BUCKET = 1_780_000_000
MODES = ("sqlite", "redis-kept", "redis-lost")
_PERSISTENCE = {
    "redis-kept": ["--appendonly", "yes", "--appendfsync", "always"],
    "redis-lost": ["--appendonly", "no"],
}
_ASKED, _DONE = "asked", "done"
_TRY_S = 30.0


class Server:
    """A Redis server that is killed and started again."""

    def __init__(self, folder: Path, mode: str) -> None:
        self._folder = folder
        self._options = _PERSISTENCE[mode]
        self.socket = folder / "redis.sock"
        self._start()

    def _start(self) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            raise SystemExit("redis-server is not installed")
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", str(self.socket), "--save", "",
             *self._options],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + _TRY_S
        while time.monotonic() < deadline:
            try:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(self.socket))
                    probe.sendall(b"PING\r\n")
                    if probe.recv(100).startswith(b"+PONG"):
                        return
            except OSError:
                pass
            time.sleep(0.01)
        raise AssertionError("redis-server does not start")

    def restart(self) -> tuple[float, float]:
        """Kill it and start it; return when it was killed and when it answered."""
        killed_at = time.monotonic()
        self.close()
        self._start()
        return killed_at, time.monotonic()

    def close(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()


def sent(store: Store, holder: str, number: int, change: Change) -> tuple[bool, int]:
    """Repeat an exchange until it is answered; return whether granted, and the use."""
    deadline = time.monotonic() + _TRY_S
    while True:
        try:
            answer = store.exchange(holder, number, [change], LEASE_S)
        except StoreError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            (state,) = answer.states
            return answer.is_granted, state.spent + state.held


def spend_until_killed(url: str, account: str, holder: str, log: Path) -> None:
    """Reserve and settle; never returns."""
    notes = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    store = open_store(url, timeout_s=5)
    number = 0
    while True:
        number += 1
        hold = Change(account, BUCKET, BUCKET, 0, RESERVED, LIMIT)
        is_granted, used = sent(store, holder, number, hold)
        if is_granted and used > LIMIT:
            os.write(notes, f"above {used} {time.monotonic()}\n".encode())
        if not is_granted:
            time.sleep(0.01)
            continue
        os.write(notes, f"{_ASKED} {SPENT} {time.monotonic()}\n".encode())
        number += 1
        settle = Change(account, BUCKET, BUCKET, SPENT, 0, LIMIT)
        sent(store, holder, number, settle)
        os.write(notes, f"{_DONE} {SPENT} {time.monotonic()}\n".encode())
        time.sleep(random.choice((0, 0.001, 0.01)))  # noqa: S311 -- no secret


def play(
    url: str, account: str, folder: Path, workers: int, server: Server | None
) -> tuple[list[Path], tuple[float, float]]:
    """Start workers and kill them; return their logs, and when Redis was away."""
    victims = []
    for worker in range(workers):
        holder = f"{account}-{worker}"
        log = folder / f"{holder}.log"
        pid = os.fork()
        if not pid:
            try:
                spend_until_killed(url, account, holder, log)
            finally:
                os._exit(1)
        victims.append((random.uniform(0.3, 1.2), pid, log))  # noqa: S311
    began = time.monotonic()
    away = (0.0, 0.0)
    if server is not None:
        time.sleep(random.uniform(0.05, 0.4))  # noqa: S311 -- no secret
        away = server.restart()
    for after_s, pid, _ in sorted(victims):
        time.sleep(max(0.0, began + after_s - time.monotonic()))
        os.kill(pid, signal.SIGKILL)
        if not os.WIFSIGNALED(os.waitpid(pid, 0)[1]):
            raise AssertionError("a worker ended by itself")
    return [log for *_, log in victims if log.exists()], away


def check(
    mode: str, store: Store, account: str, logs: list[Path], back_at: float
) -> int:
    """Compare the account with the logs; return what was spent.

    Raises:
        AssertionError: If a promise is broken.
    """
    lines = [
        (what, int(amount), float(at))
        for log in logs
        for what, amount, at in map(str.split, log.read_text("ascii").splitlines())
    ]
    deadline = time.monotonic() + _TRY_S
    (state,) = store.read([(account, BUCKET)])
    while state.held and time.monotonic() < deadline:
        time.sleep(0.05)
        (state,) = store.read([(account, BUCKET)])
    done = sum(amount for what, amount, _ in lines if what == _DONE)
    asked = sum(amount for what, amount, _ in lines if what == _ASKED)
    # What was asked for after the restart was answered by what was started again.
    after = sum(
        amount
        for log in logs
        for amount in answered_after(log.read_text("ascii"), back_at)
    )
    least = after if mode == "redis-lost" else done
    for is_so, what in (
        (not [1 for kind, *_ in lines if kind == "above"], "a grant above the limit"),
        (state.held == 0, f"{state.held} are reserved after the leases ended"),
        (
            least <= state.spent,
            f"{state.spent} are booked of {least} that were answered",
        ),
        (state.spent <= asked, f"{state.spent} are booked of {asked} that were asked"),
    ):
        if not is_so:
            raise AssertionError(f"{mode} {account}: {what}")
    return state.spent


def answered_after(log: str, back_at: float) -> list[int]:
    """Return what was both asked and answered after Redis was back."""
    amounts, asked_at = [], 0.0
    for line in log.splitlines():
        what, amount, at = line.split()
        if what == _ASKED:
            asked_at = float(at)
        elif what == _DONE and asked_at > back_at:
            amounts.append(int(amount))
    return amounts


def run(mode: str, rounds: int, workers: int) -> dict[str, object]:
    """Play *rounds* in one mode."""
    spent, away_s = 0, 0.0
    with tempfile.TemporaryDirectory(prefix="kill-budgets-") as name:
        folder = Path(name)
        server = None if mode == "sqlite" else Server(folder, mode)
        url = f"sqlite:///{folder}/budgets.db"
        if server is not None:
            url = f"unix://{server.socket}"
        try:
            for number in range(rounds):
                account = f"round{number}"
                logs, away = play(url, account, folder, workers, server)
                # Opened here: a connection must not be there when workers are forked.
                store = open_store(url, timeout_s=5)
                spent += check(mode, store, account, logs, away[1])
                store.close()
                away_s = max(away_s, away[1] - away[0])
        finally:
            if server is not None:
                server.close()
    return {
        "store": mode,
        "rounds": rounds,
        "kills": rounds * workers,
        "kills of redis": 0 if server is None else rounds,
        "spent": spent,
        "redis away at most: s": round(away_s, 3),
    }


def main() -> None:
    """Print the figures of each mode; fail at the first broken promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--store", choices=MODES, action="append")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    for mode in options.store or MODES:
        json.dump(run(mode, options.rounds, options.workers), sys.stdout)
        print(flush=True)


if __name__ == "__main__":
    main()
