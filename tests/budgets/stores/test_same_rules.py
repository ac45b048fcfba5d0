"""Every store does what the memory store does, whatever is asked of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from budget_spenders import JUNE, LONG_S
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from bedrock_attrib.budgets.stores import Change, Grant
from bedrock_attrib.budgets.stores.memory import MemoryStore

DAY_S = 86_400
HOLDERS = st.sampled_from(["ada", "bob", "cleo"])
ACCOUNTS = st.sampled_from(["day|x", "day|y", "week"])
TARGETS = st.sampled_from(["day|x", "day", "week"])
BUCKETS = st.integers(0, 2).map(lambda day: JUNE + day * DAY_S)
# Of one quantum, or of several limbs; few, so that they meet limits exactly.
QUANTUM = 10**30 + 10**15 - 1
AMOUNTS = st.sampled_from([0, 1, 2, 3, QUANTUM, 2 * QUANTUM])
LIMITS = st.sampled_from([None, 1, 2, 3, 5, 8, 3 * QUANTUM, 5 * QUANTUM + 3])
CHANGES = st.lists(
    st.builds(Change, ACCOUNTS, BUCKETS, BUCKETS, AMOUNTS, AMOUNTS, LIMITS),
    min_size=1,
    max_size=3,
    unique_by=lambda change: (change.account, change.bucket),
)
# Most steps should be exchanges.
EXCHANGES = st.lists(
    st.tuples(HOLDERS, st.sampled_from([False, False, False, True]), CHANGES),
    min_size=2,
    max_size=8,
)


class SameRules(RuleBasedStateMachine):
    """A store beside a memory store that is asked the same."""

    place: Any

    def __init__(self) -> None:
        """Begin with two empty stores."""
        super().__init__()
        self.store = self.place.open()
        self.model = MemoryStore(self.place.now)
        self.numbers = dict.fromkeys(["ada", "bob", "cleo"], 0)

    def teardown(self) -> None:
        """Release connections."""
        self.store.close()

    def same(self, ask: Callable[[Any], object]) -> None:
        """Ask both the same; what they answer is the same."""
        assert ask(self.store) == ask(self.model)

    @rule(exchanges=EXCHANGES)
    def exchange(self, exchanges: list[tuple[str, bool, list[Change]]]) -> None:
        """The next exchanges of holders, or their last ones again."""
        for holder, repeats, changes in exchanges:
            self.numbers[holder] += not repeats
            self.ask_both(holder, changes)

    def ask_both(self, holder: str, changes: list[Change]) -> None:
        """Make one exchange."""
        number = self.numbers[holder]
        self.same(lambda store: store.exchange(holder, number, changes, LONG_S))

    @rule(account=ACCOUNTS, first=BUCKETS)
    def read(self, account: str, first: int) -> None:
        """Spent, held and granted."""
        self.same(lambda store: store.read([(account, first), ("day|x", JUNE)]))

    @rule(to=TARGETS, name=st.sampled_from("ab"), amount=AMOUNTS)
    def grant(self, to: str, name: str, amount: int) -> None:
        """A grant without an end."""
        self.same(lambda store: store.grant(to, Grant(name, amount)))

    @rule(to=TARGETS, is_on=st.booleans())
    def freeze(self, *, to: str, is_on: bool) -> None:
        """The kill switch."""
        if is_on:
            self.same(lambda store: store.freeze(to))
        else:
            self.same(lambda store: store.thaw(to))

    @rule(account=ACCOUNTS)
    def reset(self, account: str) -> None:
        """Forget what was spent."""
        self.same(lambda store: store.reset(account))

    @rule()
    def names(self) -> None:
        """All accounts that were ever named."""
        self.same(lambda store: store.accounts())

    @rule(seconds=st.sampled_from([1.0, LONG_S, 20 * LONG_S]))
    def pass_time(self, seconds: float) -> None:
        """Leases end, where the clock can be set."""
        if self.place.kind != "redis":
            self.place.pass_time(seconds)


@pytest.mark.slow
def test_a_store_follows_the_rules(new_place: Callable[[], Any]) -> None:
    """Any sequence of uses is answered as the memory store answers it."""
    kind = new_place().kind
    if kind == "memory":
        pytest.skip("it is what the others are compared with")

    class Machine(SameRules):
        def __init__(self) -> None:
            self.place = new_place()
            super().__init__()

    examples, steps = {"dynamodb": (5, 10)}.get(kind, (100, 30))
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
