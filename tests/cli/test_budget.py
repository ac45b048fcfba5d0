"""The commands ``budget``: what is left, and changes to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("click", reason="needs the extra cli")

from clicking import command_runner

from bedrock_attrib import (
    Budget,
    BudgetExceededError,
    attribution,
    configure,
    instrument,
)
from bedrock_attrib.budgets import BudgetStatus, load_budgets
from bedrock_attrib.budgets.measures import Measure, to_quanta
from bedrock_attrib.budgets.plan import limits_of
from bedrock_attrib.budgets.status import status_of
from bedrock_attrib.budgets.stores import AccountState
from bedrock_attrib.cli import commands
from bedrock_attrib.ledger import open_ledger
from bedrock_attrib.testing import Simulator, bedrock_simulator

NOVA = "us.amazon.nova-micro-v1:0"
BUDGETS = """
[[budgets]]
name = "search"
limit_calls = 2
match = { team = "search" }
each = "app"

[[budgets]]
name = "all"
limit_usd = "1"
"""
Run = Callable[..., Any]


@pytest.fixture
def budgets(tmp_path: Path) -> Path:
    """A file of budgets."""
    path = tmp_path / "budgets.toml"
    path.write_text(BUDGETS, "utf-8")
    return path


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store that an application and commands share."""
    return f"sqlite:///{tmp_path / 'budgets.db'}"


@pytest.fixture
def run(budgets: Path, store: str) -> Run:
    """Runs a command of budgets."""

    def run(*words: str, code: int = 0) -> str:
        options = ["--budgets", str(budgets), "--store", store]
        done = command_runner().invoke(commands, ["budget", *words, *options])
        said = done.stdout + done.stderr
        assert done.exit_code == code, said
        return said

    return run


@pytest.fixture
def application(budgets: Path, store: str, tmp_path: Path) -> Any:
    """An application with these budgets, and a ledger."""
    with bedrock_simulator() as simulator:
        made = _Application(simulator, budgets, store, str(tmp_path / "calls.db"))
        yield made
        made.recorder.close()


class _Application:
    def __init__(
        self, simulator: Simulator, budgets: Path, store: str, ledger: str
    ) -> None:
        self.recorder = configure(
            metrics=False,
            budgets=load_budgets(budgets),
            budget_store=store,
            budget_store_timeout_s=30,
            ledger=ledger,
        )
        self.client = instrument(simulator.client(), recorder=self.recorder)

    def call(self, app: str = "web") -> bool:
        """Make a call; whether it was sent."""
        with attribution(team="search", app=app):
            try:
                self.client.converse(
                    modelId=NOVA, messages=[], inferenceConfig={"maxTokens": 10}
                )
            except BudgetExceededError:
                return False
        self.recorder.flush()
        return True


def amounts(text: str) -> list[tuple[Any, ...]]:
    """Name, key, limit and spent of each budget."""
    return [
        (each["name"], each["key"], each["limit"], each["spent"])
        for each in json.loads(text)["budgets"]
    ]


def test_status_shows_what_an_application_spent(
    run: Run, application: _Application
) -> None:
    """Budgets without a call are shown too, unless they keep values apart."""
    assert amounts(run("status", "--json")) == [("all", None, "1", "0")]
    assert [application.call() for _ in range(3)] == [True, True, False]
    assert amounts(run("status", "--json")) == [
        ("search", "web", "2", "2"),
        ("all", None, "1", "0.00000308"),
    ]
    shown = run("status")
    assert "used up" in shown
    assert "$0.00000308" in shown


def test_a_grant_lets_calls_pass(run: Run, application: _Application) -> None:
    """For one value, until it is taken back."""
    assert [application.call() for _ in range(3)] == [True, True, False]
    said = run("grant", "search", "1", "--key", "web", "--for", "2h")
    assert said.startswith("search for web: raised by 1 call until 20")
    assert [application.call() for _ in range(2)] == [True, False]
    assert [application.call("other") for _ in range(3)] == [True, True, False]
    run("grant", "search", "0", "--key", "web")
    assert amounts(run("status", "--json"))[1] == ("search", "web", "2", "3")


def test_a_freeze_stops_calls(run: Run, application: _Application) -> None:
    """Until it is thawed."""
    assert run("freeze", "all") == "all: frozen until it is taken back\n"
    assert not application.call()
    assert "frozen" in run("status")
    assert run("thaw", "all") == "all: thawed\n"
    assert application.call()


def test_a_reset_forgets(run: Run, application: _Application) -> None:
    """After asking."""
    assert [application.call() for _ in range(3)] == [True, True, False]
    run("reset", "search", code=1)
    run("reset", "search", "--yes")
    assert application.call()


def test_explain_says_which_budget_decides(run: Run) -> None:
    """With what the call would reserve."""
    words = ["explain", "--tags", "team=search,app=web", "--model", NOVA]
    shown = run(*words, "--max-tokens", "100", "--input-bytes", "50")
    assert "The call may use up to 406 tokens and 0.00002471 USD." in shown
    assert "search: lets the call pass; it asks for 1 of 2" in shown
    found = json.loads(run(*words, "--max-tokens", "9000000000", "--json"))
    verdicts = [each["verdict"] for each in found["budgets"]]
    assert verdicts[0] == "search: lets the call pass; it asks for 1 of 2"
    assert verdicts[1].startswith("all: refuses the call; it asks for 1260.0")
    other = run("explain", "--model", "my.model")
    assert "The call has no upper bound" in other


def test_replay_shows_what_would_have_been_refused(
    run: Run, application: _Application, budgets: Path, tmp_path: Path
) -> None:
    """Calls of a ledger, against budgets that are not in force."""
    for _ in range(2):
        application.call()
    new = tmp_path / "new.toml"
    new.write_text('[[budgets]]\nname = "one"\nlimit_calls = 1\n', "utf-8")
    ledger = str(tmp_path / "calls.db")
    words = ["budget", "replay", "--ledger", ledger, "--budgets", str(new), "--json"]
    done = command_runner().invoke(commands, words)
    [found] = json.loads(done.stdout)["budgets"]
    first = found.pop("first_refused_at")
    with closing(open_ledger(ledger)) as opened, opened.reading() as reader:
        calls = list(reader.calls(*reader.span()))
    assert first == calls[1].started_at.isoformat()
    assert found == {
        "name": "one",
        "key": None,
        "measure": "calls",
        "calls": 2,
        "refused": 1,
        "saved": "1",
    }


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["grant", "serach", "1"], "no budget 'serach'; expected one of search, all"),
        (["grant", "all", "1", "--key", "x"], "budget 'all' keeps no values apart"),
        (["grant", "all", "lots"], "'lots' is not an amount"),
        (["freeze", "all", "--for", "soon"], "'soon' is not a time"),
        (["explain", "--tags", "team", "--model", "m"], "'team' is not a tag"),
    ],
)
def test_wrong_arguments_are_named(run: Run, words: list[str], says: str) -> None:
    """With exit code 2."""
    assert says in run(*words, code=2)


def test_budgets_in_memory_cannot_be_seen(budgets: Path) -> None:
    """The message says where they can."""
    words = ["budget", "status", "--budgets", str(budgets)]
    done = command_runner().invoke(commands, words)
    assert done.exit_code == 2
    assert "get_recorder().budgets()" in done.stderr


def test_watch_shows_budgets(
    application: _Application, budgets: Path, store: str, tmp_path: Path
) -> None:
    """Those of the settings, with the rate at which they are spent."""
    application.call()
    settings = {
        "BEDROCK_ATTRIB_BUDGETS": str(budgets),
        "BEDROCK_ATTRIB_BUDGET_STORE": store,
    }
    words = ["watch", "--ledger", str(tmp_path / "calls.db"), "--count", "1"]
    plain = command_runner().invoke(commands, words, env=settings)
    assert "  budgets: search web 50%  all 0%" in plain.stdout
    found = command_runner().invoke(commands, [*words, "--json"], env=settings)
    shown = json.loads(found.stdout)["budgets"]
    assert [(each["name"], each["spent"]) for each in shown] == [
        ("search", "1"),
        ("all", "0.00000154"),
    ]
    without = command_runner().invoke(commands, [*words, "--json"])
    assert json.loads(without.stdout)["budgets"] == []


def test_a_rate_says_when_a_budget_runs_out() -> None:
    """If the window does not end before."""
    noon = datetime(2026, 12, 1, 12, tzinfo=UTC)

    def status(spent: str, window: str = "day") -> BudgetStatus:
        limit = limits_of([Budget("b", limit_usd="10", window=window)])[0]
        midnight = limit.window.at(noon.timestamp()).bucket
        state = AccountState(spent=to_quanta(Measure.USD, Decimal(spent)))
        return status_of(limit, "b|usd", state, midnight)

    assert status("6").per_hour(noon) == Decimal("0.5")
    assert status("6").runs_out_at(noon) == noon + timedelta(hours=8)
    assert status("1").runs_out_at(noon) is None  # the day ends before
    assert status("10").runs_out_at(noon) == noon
    assert status("0").runs_out_at(noon) is None
    assert status("6", "total").per_hour(noon) is None
