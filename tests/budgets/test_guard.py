"""Budgets hold before a call is sent, and are settled once after it."""

from __future__ import annotations

import gc
import logging
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bedrock_attrib import (
    Budget,
    BudgetExceededError,
    CallStart,
    PriceStatus,
    Recorder,
    attribution,
    configure,
    instrument,
)
from bedrock_attrib._attribution.block_limit import block_limit
from bedrock_attrib._model.call_start import RequestSize
from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib._model.tags import NO_TAGS
from bedrock_attrib._runtime.contained_errors import ContainedErrors
from bedrock_attrib.budgets import budget_guard
from bedrock_attrib.budgets.block_guard import BlockLimits
from bedrock_attrib.budgets.guard import BudgetGuard
from bedrock_attrib.pricing import PriceTable
from bedrock_attrib.testing import ListSink, Reply, Simulator, bedrock_simulator

NOVA = "us.amazon.nova-micro-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
# Nova Micro costs $0.035 and $0.14 per million tokens; the simulator answers with 12
# and 8 of them.
COST = Decimal("0.00000154")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Bedrock on this machine."""
    with bedrock_simulator() as running:
        yield running


class World:
    """An application with budgets, on the simulator."""

    def __init__(self, simulator: Simulator, budgets: tuple[Budget, ...]) -> None:
        self.simulator = simulator
        self.sink = ListSink()
        self.recorder = configure(metrics=False, sinks=[self.sink], budgets=budgets)
        self.client = instrument(simulator.client(), recorder=self.recorder)

    def converse(self, model: str = NOVA, max_tokens: int = 10, **more: Any) -> Any:
        """Make a call."""
        return self.client.converse(
            modelId=model,
            messages=MESSAGES,
            inferenceConfig={"maxTokens": max_tokens},
            **more,
        )

    def refusal(self, call: Callable[[], object]) -> BudgetExceededError:
        """Return the error with which *call* is refused."""
        with pytest.raises(BudgetExceededError) as caught:
            call()
        return caught.value

    def amounts(self) -> list[tuple[str, str | None, Decimal, Decimal]]:
        """Name, key, spent and reserved of each budget."""
        self.recorder.flush()
        return [
            (each.name, each.key, each.spent, each.reserved)
            for each in self.recorder.budgets()
        ]

    @property
    def sent(self) -> int:
        """Requests that the simulator got."""
        return len(self.simulator.requests)


def test_a_call_over_the_limit_is_not_sent(simulator: Simulator):
    """The refused call is recorded as free, and the simulator never sees it."""
    world = World(simulator, (Budget("calls", limit_calls=2, window="total"),))
    world.converse()
    world.converse()
    error = world.refusal(world.converse)
    assert str(error) == (
        "budget 'calls' allows 2 calls in total: 2 calls spent and 0 calls "
        "reserved, and the call may need 1 call, so it was not sent"
    )
    assert (error.budget, error.key, error.measure) == ("calls", None, "calls")
    assert (error.limit, error.spent, error.reserved, error.asked) == (2, 2, 0, 1)
    assert (error.resets_at, error.reason) == (None, "limit")
    assert world.sent == 2
    world.recorder.flush()
    last = world.sink.records[-1]
    assert (last.outcome, last.price_status, last.error) == (
        "error",
        "free",
        "BudgetExceededError",
    )
    assert world.amounts() == [("calls", None, 2, 0)]


def test_a_refusal_is_pickled_whole(simulator: Simulator):
    """A job queue carries it to another process with all that it says."""
    world = World(simulator, (Budget("calls", limit_calls=0),))
    error = world.refusal(world.converse)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 -- of this test
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert type(again) is BudgetExceededError


def test_usd_are_reserved_and_then_settled(simulator: Simulator):
    """What the call has cost takes the place of the most that it might have cost."""
    world = World(simulator, (Budget("usd", limit_usd="1"),))
    world.converse()
    assert world.amounts() == [("usd", None, COST, 0)]
    [status] = world.recorder.budgets()
    assert (status.limit, status.remaining) == (1, 1 - COST)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert status.resets_at is not None
    assert (status.resets_at - midnight).total_seconds() == 86_400


def test_tokens_are_counted_of_every_kind(simulator: Simulator):
    """Cached tokens are tokens, too."""
    world = World(simulator, (Budget("tokens", limit_tokens=100_000),))
    simulator.reply(
        Reply(
            usage={
                "input_token": 10,
                "output_token": 5,
                "cache_read_token": 100,
                "cache_write_5m_token": 7,
            }
        )
    )
    world.converse(CLAUDE)
    assert world.amounts() == [("tokens", None, 122, 0)]


def test_all_matching_budgets_or_none(simulator: Simulator):
    """Where one refuses, nothing remains reserved in the others."""
    world = World(
        simulator,
        (
            Budget("all", limit_usd="1"),
            Budget("none", limit_calls=0, match={"team": "search"}),
            Budget("others", limit_calls=5, match={"team": "ads*"}),
        ),
    )
    with attribution(team="search"):
        assert world.refusal(world.converse).budget == "none"
    assert world.amounts() == [
        ("all", None, 0, 0),
        ("none", None, 0, 0),
        ("others", None, 0, 0),
    ]
    with attribution(team="ads-eu"):
        world.converse()
    assert world.amounts() == [
        ("all", None, COST, 0),
        ("none", None, 0, 0),
        ("others", None, 1, 0),
    ]


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({"team": "search"}, True),
        ({"team": ["ads", "s*"]}, True),
        ({"team": "S*"}, False),
        ({"app": "*"}, False),
        ({"vendor": "amazon"}, True),
        ({"model": "amazon.nova-*"}, True),
        ({"model": NOVA}, True),
        ({"model": "us.anthropic.*"}, False),
        ({"region": "us-*", "scope": "geo"}, True),
        ({"region": "eu-*"}, False),
        ({"operation": "InvokeModel"}, False),
        ({"tag:model": "mine"}, True),
        ({"tag:model": "*nova*"}, False),
    ],
)
def test_a_budget_matches_by_patterns(
    simulator: Simulator, match: dict[str, Any], *, fits: bool
):
    """Tags and properties of a call match patterns, in upper and lower case."""
    world = World(simulator, (Budget("b", limit_calls=5, match=match),))
    with attribution(team="search", model="mine"):
        world.converse()
    assert world.amounts() == [("b", None, 1 if fits else 0, 0)]


def test_each_value_has_the_whole_limit(simulator: Simulator):
    """Calls without a value share one limit, so that none escapes."""
    budget = Budget("b", limit_calls=1, each=["team", "vendor"])
    world = World(simulator, (budget,))
    for team in ("a", "b", None):
        with attribution(team=team):
            world.converse()
            error = world.refusal(world.converse)
            assert error.key == f"{team or ''},amazon"
    assert world.amounts() == [
        ("b", ",amazon", 1, 0),
        ("b", "a,amazon", 1, 0),
        ("b", "b,amazon", 1, 0),
    ]
    assert world.sent == 3


def read_all(world: World) -> None:
    """Read a stream to its end."""
    list(world.client.converse_stream(modelId=NOVA, messages=MESSAGES)["stream"])


def leave(world: World) -> None:
    """Close a stream after its first event."""
    stream = world.client.converse_stream(modelId=NOVA, messages=MESSAGES)["stream"]
    next(iter(stream))
    stream.close()


def drop(world: World) -> None:
    """Forget a stream."""
    world.client.converse_stream(modelId=NOVA, messages=MESSAGES)
    gc.collect()


def fail(world: World) -> None:
    """Make a call that AWS rejects."""
    world.simulator.reply(Reply(error="ValidationException"))
    with suppress(ClientError):
        world.converse()


def invoke(world: World) -> None:
    """Make a call of InvokeModel, and read its body."""
    answer = world.client.invoke_model(
        modelId=NOVA, body=b'{"messages": [], "inferenceConfig": {"maxTokens": 9}}'
    )
    answer["body"].read()


def forget_body(world: World) -> None:
    """Make a call of InvokeModel, and leave its body unread."""
    world.client.invoke_model(modelId=NOVA, body=b'{"messages": []}')


@pytest.mark.drops_streams
@pytest.mark.parametrize("end", [read_all, leave, drop, fail, invoke, forget_body])
def test_every_end_settles_once(simulator: Simulator, end: Callable[[World], None]):
    """Nothing stays reserved, and what is spent is the sum of the records."""
    world = World(
        simulator, (Budget("usd", limit_usd="100"), Budget("calls", limit_calls=100))
    )
    end(world)
    amounts = world.amounts()
    [record] = world.sink.records
    cost = Decimal(0) if record.cost is None else record.cost.total
    if record.price_status is PriceStatus.UNPRICED:
        # It counts for what was reserved: the text, and 10,000 tokens of output.
        cost = Decimal("0.001409695")
    assert amounts == [("usd", None, cost, 0), ("calls", None, 1, 0)]


def test_threads_never_pass_a_limit(simulator: Simulator):
    """64 threads ask for more than is left; what is spent is what was recorded."""
    limit = COST * 40
    world = World(
        simulator,
        (
            Budget("usd", limit_usd=limit),
            Budget("team", limit_calls=60, each="team"),
        ),
    )
    refused = []

    def work(_: int) -> None:
        with attribution(team="search"):
            try:
                world.converse(max_tokens=8)
            except BudgetExceededError:
                refused.append(1)

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(work, range(128)))
    world.recorder.flush()
    [usd, team] = world.recorder.budgets()
    spent = sum(
        record.cost.total for record in world.sink.records if record.cost is not None
    )
    assert usd.spent == spent <= limit
    assert (usd.reserved, team.reserved) == (0, 0)
    assert team.spent == world.sent == 128 - len(refused)
    assert world.sent > 0


def test_observing_refuses_nothing(simulator: Simulator):
    """It counts, and says how many calls would have been refused."""
    world = World(simulator, (Budget("b", limit_calls=2, mode="observe"),))
    for _ in range(5):
        world.converse()
    world.recorder.flush()
    [status] = world.recorder.budgets()
    assert (status.spent, status.remaining, status.refusals) == (5, -3, 3)


def test_a_call_without_a_bound_follows_the_budget(simulator: Simulator):
    """It is refused, let through, or an amount is reserved for it."""
    unknown = "us.nobody.model-v1:0"
    refusing = World(simulator, (Budget("b", limit_usd="1"),))
    error = refusing.refusal(lambda: refusing.converse(unknown))
    assert (error.reason, error.asked) == ("unknown", None)
    assert "set when_unknown of the budget" in str(error)
    assert refusing.sent == 0
    allowing = World(simulator, (Budget("b", limit_usd="1", when_unknown="allow"),))
    allowing.converse(unknown)
    assert allowing.sent == 1
    reserving = World(simulator, (Budget("b", limit_usd="0.07", when_unknown="0.05"),))
    reserving.converse(unknown)
    # Nobody knows what it has cost, so what was reserved is what it counts for.
    assert reserving.amounts() == [("b", None, Decimal("0.05"), 0)]
    assert reserving.refusal(lambda: reserving.converse(unknown)).reason == "limit"


def test_nothing_left_refuses_calls_without_a_bound(simulator: Simulator):
    """A budget that lets them through does so as long as anything is left."""
    world = World(simulator, (Budget("b", limit_usd="0", when_unknown="allow"),))
    assert world.refusal(lambda: world.converse("us.nobody.model-v1:0")).spent == 0


def test_free_operations_are_not_limited(simulator: Simulator):
    """Counting tokens costs nothing, and helps to stay within a limit."""
    world = World(simulator, (Budget("b", limit_calls=0),))
    world.client.count_tokens(
        modelId=CLAUDE, input={"converse": {"messages": MESSAGES}}
    )
    assert world.amounts() == [("b", None, 0, 0)]


def test_reported_calls_are_counted(simulator: Simulator):
    """A call that was made elsewhere is never refused, but it is spent."""
    world = World(simulator, (Budget("b", limit_calls=1),))
    for _ in range(2):
        world.recorder.record(
            "Converse",
            {"usage": {"inputTokens": 12, "outputTokens": 8}},
            model_id=NOVA,
            region="us-east-1",
        )
    assert world.amounts() == [("b", None, 2, 0)]
    assert world.refusal(world.converse).spent == 2


def test_actions_run_once(simulator: Simulator, caplog: pytest.LogCaptureFixture):
    """Each runs when its part of the limit is reached, on no caller's thread."""
    seen: list[tuple[str, Decimal, bool]] = []
    budget = Budget(
        "b",
        limit_calls=4,
        actions=[
            {"at": "50%", "do": "log"},
            {
                "at": 0.75,
                "do": lambda status: seen.append(
                    (
                        status.name,
                        status.spent,
                        threading.current_thread() is threading.main_thread(),
                    )
                ),
            },
            {"at": 1, "do": lambda _: 1 / 0},
        ],
    )
    world = World(simulator, (budget,))
    with caplog.at_level(logging.WARNING, "bedrock_attrib"):
        for _ in range(4):
            world.converse()
            world.recorder.flush()
    assert seen == [("b", 3, False)]
    reached = [each.getMessage() for each in caplog.records if "reached" in each.msg]
    assert reached == [
        "budget b has reached 50% of its limit: 2 of 4 calls spent and reserved"
    ]
    assert world.recorder.faults.counts() == {"budget action": 1}


def test_a_burst_is_refused_later(simulator: Simulator):
    """A refusal at 150 % allows calls beyond the limit that is reported."""
    budget = Budget("b", limit_calls=2, actions=[{"at": "150%", "do": "refuse"}])
    world = World(simulator, (budget,))
    for _ in range(3):
        world.converse()
    assert world.refusal(world.converse).limit == 3
    [status] = world.recorder.budgets()
    assert (status.limit, status.spent, status.remaining) == (2, 3, -1)


def test_a_window_ends(simulator: Simulator):
    """The next window has the whole limit."""
    now = [datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC)]
    guard = budget_guard(
        [Budget("b", limit_calls=1)],
        "memory://",
        PriceTable.bundled,
        ContainedErrors(),
        timeout_s=1,
        has_allowances=False,
    )
    recorder = Recorder(guards=[guard], clock=lambda: now[0])
    client = instrument(simulator.client(), recorder=recorder)
    client.converse(modelId=NOVA, messages=MESSAGES)
    with pytest.raises(BudgetExceededError) as caught:
        client.converse(modelId=NOVA, messages=MESSAGES)
    assert caught.value.resets_at == datetime(2026, 12, 2, tzinfo=UTC)
    now[0] = datetime(2026, 12, 2, tzinfo=UTC)
    client.converse(modelId=NOVA, messages=MESSAGES)
    assert len(simulator.requests) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_leaves_reservations_to_its_parent(simulator: Simulator):
    """What is on its way in the parent is not reserved in the child for ever."""
    world = World(simulator, (Budget("b", limit_calls=2),))
    stream = world.client.converse_stream(modelId=NOVA, messages=MESSAGES)["stream"]
    child = os.fork()
    if child == 0:  # pragma: no cover -- in the child
        [status] = world.recorder.budgets()
        os._exit(0 if (status.spent, status.reserved) == (0, 0) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    list(stream)
    assert world.amounts() == [("b", None, 1, 0)]


def test_a_nearly_spent_budget_routes_to_a_cheaper_model(simulator: Simulator):
    """The record says which model answered, and which was asked for."""
    budget = Budget(
        "b",
        limit_calls=4,
        actions=[{"at": "50%", "do": "route", "to": NOVA}],
    )
    world = World(simulator, (budget,))
    for _ in range(3):
        world.converse(CLAUDE)
        world.recorder.flush()
    assert [each.model.requested for each in world.sink.records] == [
        CLAUDE,
        CLAUDE,
        NOVA,
    ]
    assert [dict(each.tags) for each in world.sink.records] == [
        {},
        {},
        {"routed_from": CLAUDE},
    ]
    assert [each.model_id for each in simulator.requests] == [CLAUDE, CLAUDE, NOVA]


@pytest.mark.parametrize(
    ("asked", "to", "scopes", "is_routed"),
    [
        (CLAUDE, NOVA, [], True),
        (CLAUDE, "eu.amazon.nova-micro-v1:0", [], False),
        (CLAUDE, "amazon.nova-micro-v1:0", [], False),
        (CLAUDE, "amazon.nova-micro-v1:0", ["regional"], True),
        ("global." + CLAUDE.removeprefix("us."), NOVA, ["regional"], False),
    ],
)
def test_a_route_stays_where_the_caller_is(
    simulator: Simulator,
    asked: str,
    to: str,
    scopes: list[str],
    caplog: pytest.LogCaptureFixture,
    *,
    is_routed: bool,
):
    """Not across scopes or geographies, unless the budget says so."""
    route = {"at": "1%", "do": "route", "to": to, "scopes": scopes}
    world = World(simulator, (Budget("b", limit_calls=9, actions=[route]),))
    for _ in range(2):
        world.converse(asked)
        world.recorder.flush()
    answered = world.sink.records[-1].model.requested
    assert answered == (to if is_routed else asked)
    said = [each for each in caplog.messages if "are not routed to" in each]
    assert len(said) == (0 if is_routed else 1)


def test_a_body_is_not_given_to_a_model_of_another_vendor(simulator: Simulator):
    """Each vendor has a format of its own."""
    route = {"at": "1%", "do": "route", "to": CLAUDE}
    world = World(simulator, (Budget("b", limit_calls=9, actions=[route]),))
    for _ in range(2):
        invoke(world)
        world.recorder.flush()
    assert world.sink.records[-1].model.requested == NOVA


def test_what_waits_is_asked_on_another_thread(simulator: Simulator):
    """A call that is slowed down, or refused, may not do so on an event loop."""
    slow = {"at": "50%", "do": "slow", "delay_s": 60}
    world = World(simulator, (Budget("b", limit_calls=2, actions=[slow]),))
    [guard] = world.recorder.guards
    assert isinstance(guard, BudgetGuard)
    model = parse_model_id(NOVA)
    start = CallStart("Converse", model, "us-east-1", NO_TAGS, datetime.now(UTC))
    first = guard.check_at_once(start)
    assert first is not None
    assert first[0] is not None
    world.client.count_tokens(
        modelId=CLAUDE, input={"converse": {"messages": MESSAGES}}
    )
    world.recorder.flush()
    first[0].settle(world.sink.records[-1]._replace(price_reason_code=None))
    assert guard.check_at_once(start) is None


def test_a_block_that_waits_is_asked_on_another_thread():
    """Until the first call to a model is settled, and where one does not fit."""
    limit = block_limit("1", 2)
    assert limit is not None
    guard = BlockLimits(PriceTable.bundled, lambda: None).guard([limit])
    model = parse_model_id(NOVA)
    start = CallStart(
        "Converse",
        model,
        "us-east-1",
        NO_TAGS,
        datetime.now(UTC),
        lambda: RequestSize(max_tokens=1),
    )
    assert guard.check_at_once(start) is not None
    assert guard.check_at_once(start) is None  # the first one may settle
    limit.settle(Decimal(0), COST, NOVA, was_sent=True)
    assert guard.check_at_once(start) is not None
    assert guard.check_at_once(start) is None  # it is refused there
    with pytest.raises(BudgetExceededError):
        guard.check(start)
