"""Threads and processes that reserve and settle until a budget is spent."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from waiting import HANG_S

from bedrock_attrib.budgets.stores import Change, Store, open_store

# A window that began long ago.
JUNE = 1_780_000_000
LONG_S = 3_000.0


def change(
    account: str = "day|ada",
    *,
    spent: int = 0,
    hold: int = 0,
    limit: int | None = None,
    bucket: int = JUNE,
    first: int = JUNE,
) -> Change:
    """A change of an account in one window."""
    return Change(account, bucket, first, spent, hold, limit)


# What each does: reserve 3, spend 2, until refused.
LIMIT = 200
RESERVED, SPENT = 3, 2


def spend_until_refused(store: Store, holder: str, limit: int = LIMIT) -> list[int]:
    """What the store said was used after each grant, and at last what was spent."""
    used = []
    number = 0
    spent = 0
    while True:
        number += 1
        asked = change(hold=RESERVED, limit=limit)
        answer = store.exchange(holder, number, [asked], LONG_S)
        if not answer.is_granted:
            return [*used, spent]
        (state,) = answer.states
        used.append(state.spent + state.held)
        number += 1
        store.exchange(holder, number, [change(spent=SPENT, limit=limit)], LONG_S)
        spent += SPENT


def run_threads(count: int, run: Callable[[int], None]) -> None:
    """Run *run* on threads, each with its number, to their ends."""
    threads = [Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_S)
        assert not thread.is_alive()


def spend_in_process(url: str, number: int, limit: int) -> list[list[int]]:
    """What four threads of a process found."""
    store = open_store(url, timeout_s=60)
    found: list[list[int]] = []

    def run(thread: int) -> None:
        found.append(spend_until_refused(store, f"{number}:{thread}", limit))

    run_threads(4, run)
    store.close()
    return found
