"""What every store of budgets does, whichever it is."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from budget_spenders import (
    JUNE,
    LIMIT,
    LONG_S,
    RESERVED,
    change,
    run_threads,
    spend_in_process,
    spend_until_refused,
)
from waiting import HANG_S

from bedrock_attrib.budgets.stores import AccountState, Answer, Change, Grant, Store

JULY = 1_782_000_000
# Shorter than a test wants to wait.
SHORT_S = 0.1
# 30 digits: a trillion dollars, of which a quantum is 1e-18.
TRILLION = 10**30


def exchange(
    store: Store, holder: str, number: int, *changes: Change, lease_s: float = LONG_S
) -> Answer:
    """An exchange whose lease does not end."""
    return store.exchange(holder, number, changes, lease_s)


def test_what_fits_is_held(store: Store) -> None:
    """A hold is granted up to the limit exactly."""
    answer = exchange(store, "a", 1, change(hold=100, limit=100))
    assert answer == Answer(is_granted=True, states=(AccountState(held=100),))


def test_what_does_not_fit_is_not_held(store: Store) -> None:
    """One quantum too much is refused, and nothing is held."""
    answer = exchange(store, "a", 1, change(hold=101, limit=100))
    assert answer == Answer(is_granted=False, states=(AccountState(),), refused_by=0)


def test_all_holds_or_none(store: Store) -> None:
    """Where one of several accounts is full, none is held; the first such is named."""
    answer = exchange(
        store,
        "a",
        1,
        change("one", hold=5, limit=9),
        change("two", hold=5, limit=4),
        change("three", hold=5, limit=3),
    )
    assert answer == Answer(
        is_granted=False,
        states=(AccountState(), AccountState(), AccountState()),
        refused_by=1,
    )


def test_holders_share_a_limit(store: Store) -> None:
    """What one holder holds is not there for another."""
    assert exchange(store, "a", 1, change(hold=60, limit=100)).is_granted
    assert not exchange(store, "b", 1, change(hold=41, limit=100)).is_granted
    assert exchange(store, "b", 2, change(hold=40, limit=100)).is_granted


def test_settling_returns_the_difference(store: Store) -> None:
    """What was spent takes the place of what was held."""
    exchange(store, "a", 1, change(hold=60, limit=100))
    answer = exchange(store, "a", 2, change(spent=25, hold=0, limit=100))
    assert answer.states == (AccountState(spent=25),)
    assert exchange(store, "b", 1, change(hold=75, limit=100)).is_granted


def test_what_was_spent_is_booked_in_any_case(store: Store) -> None:
    """Money that is gone is booked above the limit and beside a refusal too."""
    answer = exchange(
        store,
        "a",
        1,
        change("one", spent=150, limit=100),
        change("two", spent=7, hold=50, limit=20),
    )
    assert answer == Answer(
        is_granted=False,
        states=(AccountState(spent=150), AccountState(spent=7)),
        refused_by=1,
    )


def test_a_hold_is_lowered_in_any_case(store: Store) -> None:
    """A refused exchange lowers holds, and raises none."""
    exchange(store, "a", 1, change("one", hold=50), change("two", hold=10))
    answer = exchange(
        store,
        "a",
        2,
        change("one", hold=20, limit=0),
        change("two", hold=11, limit=10),
    )
    assert answer.states == (AccountState(held=20), AccountState(held=10))
    assert answer.refused_by == 1


def test_a_hold_without_a_limit(store: Store) -> None:
    """Without a limit any amount is held."""
    answer = exchange(store, "a", 1, change(hold=TRILLION))
    assert answer.states == (AccountState(held=TRILLION),)


def test_a_repeated_number_has_no_effect(store: Store) -> None:
    """An exchange that is sent again books once, and is answered as before."""
    asked = change(spent=10, hold=30, limit=100)
    first = exchange(store, "a", 1, asked)
    assert exchange(store, "a", 1, asked) == first
    assert first.states == (AccountState(spent=10, held=30),)


def test_a_repeated_refusal_stays_one(store: Store) -> None:
    """A refusal that is asked for again names the same account."""
    asked = (change("one", hold=1), change("two", hold=5, limit=4))
    first = exchange(store, "a", 1, *asked)
    exchange(store, "b", 1, change("two", limit=None))
    assert exchange(store, "a", 1, *asked) == first
    assert first.refused_by == 1


def test_a_repeated_number_renews_the_lease(place: Any, store: Store) -> None:
    """A holder that repeats itself is alive."""
    exchange(store, "a", 1, change(hold=30), lease_s=SHORT_S)
    exchange(store, "a", 1, change(hold=30), lease_s=LONG_S)
    place.pass_time(2 * SHORT_S)
    assert store.read([("day|ada", JUNE)]) in (
        [AccountState(held=30)],
        [AccountState()],  # it had ended already, on a busy machine
    )


def test_what_a_crashed_holder_held_comes_back(place: Any, store: Store) -> None:
    """When its lease has ended, another one may hold the amount."""
    exchange(store, "a", 1, change(hold=100, limit=100), lease_s=SHORT_S)
    place.pass_time(2 * SHORT_S)
    answer = exchange(store, "b", 1, change(hold=100, limit=100))
    assert answer == Answer(is_granted=True, states=(AccountState(held=100),))


def test_reading_sees_ended_leases(place: Any, store: Store) -> None:
    """What is reported as held is held by somebody."""
    exchange(store, "a", 1, change(hold=100), lease_s=SHORT_S)
    place.pass_time(2 * SHORT_S)
    assert store.read([("day|ada", JUNE)]) == [AccountState()]


def test_a_late_settle_is_booked(place: Any, store: Store) -> None:
    """After the lease has ended, what was spent is booked and the holder is told."""
    exchange(store, "a", 1, change(hold=100, limit=100), lease_s=SHORT_S)
    place.pass_time(2 * SHORT_S)
    exchange(store, "b", 1, change(hold=90, limit=100))
    answer = exchange(store, "a", 2, change(spent=40, limit=100))
    assert answer == Answer(
        is_granted=True, states=(AccountState(spent=40, held=90),), has_expired=True
    )
    assert not exchange(store, "a", 3, change(limit=100)).has_expired


def test_a_lease_that_is_renewed_does_not_end(place: Any, store: Store) -> None:
    """Each exchange renews the lease of all that its holder holds."""
    exchange(store, "a", 1, change("one", hold=5), lease_s=LONG_S)
    exchange(store, "a", 2, change("two", hold=6), lease_s=2 * LONG_S)
    if place.kind != "redis":  # whose clock nobody sets
        place.pass_time(1.5 * LONG_S)
    states = store.read([("one", JUNE), ("two", JUNE)])
    assert states == [AccountState(held=5), AccountState(held=6)]


def test_a_lease_may_become_shorter(place: Any, store: Store) -> None:
    """The last exchange says when the lease ends."""
    exchange(store, "a", 1, change(hold=5), lease_s=LONG_S)
    exchange(store, "a", 2, change(hold=6), lease_s=SHORT_S)
    place.pass_time(2 * SHORT_S)
    assert store.read([("day|ada", JUNE)]) == [AccountState()]


def test_an_unknown_holder_begins_anywhere(store: Store) -> None:
    """A holder that the store has lost goes on with its next number."""
    answer = exchange(store, "a", 41, change(spent=10, hold=20, limit=100))
    assert answer == Answer(is_granted=True, states=(AccountState(spent=10, held=20),))


@pytest.mark.parametrize("target", ["day|ada", "day"])
def test_a_freeze_stops_all_that_grows(store: Store, target: str) -> None:
    """A frozen account or budget grants nothing; what is spent is booked."""
    exchange(store, "a", 1, change(hold=10, limit=100))
    store.freeze(target)
    refused = exchange(store, "a", 2, change(spent=5, hold=11, limit=100))
    assert refused == Answer(
        is_granted=False,
        states=(AccountState(spent=5, held=5, is_frozen=True),),
        refused_by=0,
    )
    assert exchange(store, "a", 3, change(spent=1, hold=4, limit=100)).is_granted
    store.thaw(target)
    assert exchange(store, "a", 4, change(hold=80, limit=100)).is_granted
    assert store.read([("day|ada", JUNE)]) == [AccountState(spent=6, held=80)]


def test_a_freeze_of_another_budget(store: Store) -> None:
    """A budget whose name only begins alike is not frozen."""
    store.freeze("da")
    assert exchange(store, "a", 1, change(hold=10, limit=100)).is_granted


def test_a_freeze_ends(place: Any, store: Store) -> None:
    """A freeze may have an end."""
    store.freeze("day", place.now() + SHORT_S)
    place.pass_time(2 * SHORT_S)
    assert exchange(store, "a", 1, change(hold=10, limit=100)).is_granted


def test_a_grant_raises_the_limit(store: Store) -> None:
    """Grants of the account and of its budget add up; one replaces its namesake."""
    store.grant("day|ada", Grant("release", 20))
    store.grant("day", Grant("release", 7))
    store.grant("day", Grant("release", 5))
    store.grant("day|bob", Grant("release", 1000))
    assert not exchange(store, "a", 1, change(hold=126, limit=100)).is_granted
    answer = exchange(store, "a", 2, change(hold=125, limit=100))
    assert answer == Answer(
        is_granted=True, states=(AccountState(held=125, granted=25),)
    )


def test_a_budget_without_keys_is_its_own_account(store: Store) -> None:
    """A grant to a budget whose only account has its name counts once."""
    store.grant("all", Grant("release", 5))
    assert not exchange(store, "a", 1, change("all", hold=6, limit=0)).is_granted
    assert exchange(store, "a", 2, change("all", hold=5, limit=0)).is_granted


def test_a_grant_ends(place: Any, store: Store) -> None:
    """After its end a grant counts no more; what was held under it stays."""
    store.grant("day", Grant("night", TRILLION, place.now() + LONG_S))
    store.grant("day", Grant("noon", 3, place.now() + SHORT_S))
    place.pass_time(2 * SHORT_S)
    assert store.read([("day|ada", JUNE)]) == [AccountState(granted=TRILLION)]
    answer = exchange(store, "a", 1, change(hold=TRILLION + 1, limit=0))
    assert not answer.is_granted


def test_another_window_begins_anew(store: Store) -> None:
    """A fixed window counts its own bucket; a hold of the last one stays with it."""
    exchange(store, "a", 1, change(spent=90, hold=10, limit=100))
    july = {"bucket": JULY, "first": JULY}
    answer = exchange(store, "b", 1, change(hold=100, limit=100, **july))
    assert answer == Answer(is_granted=True, states=(AccountState(held=100),))
    late = exchange(store, "a", 2, change(spent=9))
    assert late.states[0].held == 100  # of later buckets, as its window goes on
    assert store.read([("day|ada", JULY)]) == [AccountState(held=100)]


def test_a_window_that_is_over_goes_on_for_hosts_behind(
    place: Any, store: Store
) -> None:
    """A host whose clock is minutes ahead does not empty the window of the others."""
    first = int(place.now()) - 5
    exchange(store, "a", 1, change(spent=90, limit=100))
    exchange(store, "b", 1, change(hold=10, limit=100, bucket=first, first=first))
    assert not exchange(store, "c", 1, change(hold=11, limit=100)).is_granted


def test_a_rolling_window_adds_its_buckets(store: Store) -> None:
    """Buckets before the first do not count; hundreds of others do."""
    minutes = [JUNE + 60 * minute for minute in range(400)]
    for number, start in enumerate(range(0, 400, 20)):
        some = [
            Change("rolling", bucket, JUNE, spent=TRILLION)
            for bucket in minutes[start : start + 20]
        ]
        exchange(store, "a", number + 1, *some)
    states = store.read([("rolling", minutes[0]), ("rolling", minutes[390])])
    assert states == [
        AccountState(spent=400 * TRILLION),
        AccountState(spent=10 * TRILLION),
    ]
    last = {"bucket": minutes[399], "first": minutes[390]}
    ten = 10 * TRILLION
    full = change("rolling", hold=1, limit=ten, **last)
    fits = change("rolling", hold=1, limit=ten + 1, **last)
    assert not exchange(store, "b", 1, full).is_granted
    assert exchange(store, "b", 2, fits).is_granted


def test_several_buckets_of_one_account(store: Store) -> None:
    """A holder may hold in several buckets, and settle each."""
    july = {"bucket": JULY, "first": JUNE}
    exchange(store, "a", 1, change(hold=10, limit=100))
    answer = exchange(store, "a", 2, change(hold=10), change(hold=90, limit=99, **july))
    assert answer.refused_by == 1
    answer = exchange(
        store, "a", 3, change(spent=4, hold=0), change(hold=90, limit=99, **july)
    )
    assert answer.states == (AccountState(spent=4, held=90),) * 2


def test_amounts_are_exact(store: Store) -> None:
    """Amounts of 31 digits are added and compared to the last one."""
    amount = 1_234_567_890_123_456_789_012_345_678_901
    exchange(store, "a", 1, change(spent=amount, hold=amount + 7))
    full = 3 * amount + 7
    assert not exchange(store, "b", 1, change(hold=amount, limit=full - 1)).is_granted
    answer = exchange(store, "b", 2, change(hold=amount, limit=full))
    assert answer.states == (AccountState(spent=amount, held=2 * amount + 7),)
    exchange(store, "a", 2, change(spent=10**15 - 1, hold=0))
    assert store.read([("day|ada", JUNE)]) == [
        AccountState(spent=amount + 10**15 - 1, held=amount)
    ]


def test_a_reset_forgets_what_was_spent(store: Store) -> None:
    """What is held stays held, and other accounts stay as they are."""
    exchange(store, "a", 1, change(spent=70, hold=30), change("day|bob", spent=5))
    store.reset("day|ada")
    store.reset("never seen")
    states = store.read([("day|ada", JUNE), ("day|bob", JUNE)])
    assert states == [AccountState(held=30), AccountState(spent=5)]


def test_accounts_are_listed_by_prefix(store: Store) -> None:
    """Names are sorted; a prefix is text, not a pattern."""
    names = ["day|zoë", "day|*", "day|ada", "week|ada", "day", "dé|[a]", 'q"\\\n|%']
    for number, name in enumerate(names):
        exchange(store, "a", number + 1, change(name, spent=1))
    assert store.accounts() == sorted(names)
    assert store.accounts("day|") == ["day|*", "day|ada", "day|zoë"]
    assert store.accounts("day|*") == ["day|*"]
    assert store.accounts("dé|[") == ["dé|[a]"]
    assert store.accounts("month") == []


def test_odd_names(store: Store) -> None:
    """Names are any text, those of accounts, holders and grants."""
    name = "day|a:b{c}d\t*é€😀 ' \" \\ |x"
    exchange(store, name, 1, change(name, spent=1, hold=2))
    store.grant(name, Grant(name, 3))
    assert store.read([(name, JUNE)]) == [AccountState(spent=1, held=2, granted=3)]
    answer = exchange(store, name, 2, change(name, spent=1))
    assert answer.states == (AccountState(spent=2, granted=3),)


def test_an_unknown_account_is_empty(store: Store) -> None:
    """An account that nobody has used has nothing."""
    assert store.read([("never seen", JUNE)]) == [AccountState()]
    assert store.read([]) == []


def test_an_exchange_without_changes(place: Any, store: Store) -> None:
    """Renews the lease of what is held."""
    assert exchange(store, "a", 1) == Answer(is_granted=True, states=())


@pytest.mark.parametrize("amounts", [{"spent": -1}, {"hold": -1}, {"limit": -1}])
def test_a_negative_amount_is_refused(store: Store, amounts: dict[str, int]) -> None:
    """An amount below zero would raise a limit."""
    with pytest.raises(ValueError, match="zero or more"):
        exchange(store, "a", 1, change("one", spent=5), change("two", **amounts))
    assert store.read([("one", JUNE)]) == [AccountState()]


def test_a_negative_grant_is_refused(store: Store) -> None:
    """A grant only raises a limit."""
    with pytest.raises(ValueError, match="zero or more"):
        store.grant("day", Grant("less", -1))


def test_a_closed_store_opens_again(place: Any, store: Store) -> None:
    """Closing releases connections, and loses nothing."""
    exchange(store, "a", 1, change(spent=5))
    store.close()
    store.close()
    assert store.read([("day|ada", JUNE)]) == [AccountState(spent=5)]
    again = place.open()
    assert again.read([("day|ada", JUNE)]) == [AccountState(spent=5)]
    again.close()


def test_threads_never_pass_a_limit(store: Store) -> None:
    """64 threads reserve and settle; what is used stays below the limit always."""
    found: dict[int, list[int]] = {}

    def run(number: int) -> None:
        found[number] = spend_until_refused(store, f"thread {number}")

    run_threads(64, run)
    assert len(found) == 64
    assert max(used for *each, _ in found.values() for used in each) <= LIMIT
    (state,) = store.read([("day|ada", JUNE)])
    assert state == AccountState(spent=sum(each[-1] for each in found.values()))
    assert LIMIT - 64 * RESERVED <= state.spent <= LIMIT


@pytest.mark.slow
def test_processes_never_pass_a_limit(place: Any, store: Store) -> None:
    """As threads do, so do processes of one host."""
    if place.kind not in {"sqlite", "redis"}:
        pytest.skip(f"the {place.kind} store is tried by threads")
    limit = 5 * LIMIT
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=spawn) as pool:
        asked = [pool.submit(spend_in_process, place.url, n, limit) for n in range(4)]
        found = [each for future in asked for each in future.result(HANG_S)]
    assert max(used for *each, _ in found for used in each) <= limit
    (state,) = store.read([("day|ada", JUNE)])
    assert state == AccountState(spent=sum(each[-1] for each in found))
    assert limit - 16 * RESERVED <= state.spent <= limit
