"""The commands that answer questions from a ledger."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from kept_records import make_record
from kept_spend import HAIKU
from waiting import HANG_S

pytest.importorskip("click", reason="needs the extra cli")

from bedrock_attrib import Cost, Unit, Usage
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.cli import commands
from bedrock_attrib.ledger import Ledger

START = datetime(2026, 9, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SONNET_5 = "us.anthropic.claude-sonnet-5"
NOVA = "us.amazon.nova-pro-v1:0"
NOVA_ID = "amazon.nova-pro-v1:0"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight weeks: two experiments of search, and a nightly job of ads."""
    path = tmp_path_factory.mktemp("kept") / "calls.db"
    ledger = Ledger(path)
    for number in range(56):
        at = START + number * DAY
        for experiment, tokens in (("a", 1_000_000), ("b", 500_000)):
            count = tokens * (9 if number == 50 and experiment == "a" else 1)
            usage = Usage({Unit.INPUT_TOKEN: count + number * 100})
            tags = {"team": "search", "experiment": experiment}
            ledger.write(make_record(usage, at=at, tags=tags, model=HAIKU))
        tags = {"team": "ads", "experiment": "nightly"}
        usage = Usage({Unit.INPUT_TOKEN: 100_000})
        ledger.write(make_record(usage, at=at, tags=tags, model=NOVA))
    for model, fields in (
        ("acme.unheard-of-v1:0", {}),
        (NOVA, {"outcome": Outcome.ABANDONED, "price_status": PriceStatus.ESTIMATED}),
    ):
        ledger.write(make_record(at=START, tags={"team": "[b]"}, model=model, **fields))
    assert ledger.flush(20)
    ledger.close()
    return path


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings file is found by chance."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)


@dataclass(frozen=True, slots=True)
class Done:
    """What a command wrote."""

    stdout: str
    stderr: str


def call(*arguments: str | Path, code: int = 0) -> Done:
    """Run the command in this process; the test fails if it ends otherwise."""
    out, err = io.StringIO(), io.StringIO()
    asked = ["analyze", *(str(each) for each in arguments)]
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        commands(asked, prog_name="bedrock-attrib")
    done = Done(out.getvalue(), err.getvalue())
    assert end.value.code == code, done
    return done


def asked_json(*arguments: str | Path) -> Any:
    """What the command says as JSON."""
    return json.loads(call(*arguments, "--json").stdout)


def calm(kept: Path) -> tuple[str, ...]:
    """The weeks before the wild day."""
    return ("--ledger", str(kept), "--until", "2026-11-15")


def test_compare(kept: Path) -> None:
    """Each value has its line, and a sentence on its difference."""
    shown = call("compare", "experiment", "a", "b", *calm(kept)).stdout
    lines = shown.splitlines()
    assert lines[0] == "Cost"
    assert lines[4].split()[:3] == ["a", "49", "$49.12"]
    assert lines[5].endswith("cheaper")
    assert "b: cheaper than a, -49.9% per call (" in shown
    assert "tested against a at 5%, corrected for their number (Holm)." in shown


def test_the_digits_of_a_confidence(kept: Path) -> None:
    """Nothing is said to hold always that holds 999 times in 1,000."""
    shown = call(
        "compare", "experiment", "a", "b", *calm(kept), "--confidence", "0.999"
    ).stdout
    assert "99.9% interval" in shown
    assert "hold the true mean 99.9% of the time" in shown
    assert "tested against a at 0.1%, corrected" in shown


def test_a_side_without_a_price_is_no_bargain(kept: Path) -> None:
    """It is called unpriced, in text and in JSON, and why is said on stderr."""
    unpriced = ("what-if", "--batch", "--by", "team", "--ledger", kept)
    done = call("compare", "model", "acme.unheard-of-v1:0", NOVA_ID, "--ledger", kept)
    row = next(line for line in done.stdout.splitlines() if "acme" in line)
    assert row.split() == [
        "acme.unheard-of-v1:0",
        *("1", "unpriced", "n.a.", "n.a.", "n.a.", "unpriced", "baseline"),
    ]
    assert "1 of 58 calls has no price" in done.stderr
    done = call(*unpriced, "--where", "model=acme*")
    assert "[b]" in done.stdout
    assert "$0.00" not in done.stdout
    assert "1 of 1 call has no price" in done.stderr
    found = asked_json(*unpriced, "--where", "model=acme*")
    assert found["rows"][0]["repricing"]["actual"] is None
    assert found["rows"][0]["repricing"]["saved"] is None
    done = call("savings", "--ledger", kept, "--where", "model=acme*")
    assert done.stdout.startswith("No call is priced from 2026-09-28")


def test_tables_fit_a_terminal(
    kept: Path, in_terminal: Callable[..., AbstractContextManager[Any]]
) -> None:
    """Model ids become short and lesser columns go, before names are broken up."""
    asked = (
        ("compare", "model", "--since", "2026-10-01"),
        ("savings", "--by", "team,experiment"),
        ("what-if", "--batch", "--by", "team,model"),
    )
    for arguments in asked:
        named = ("analyze", *arguments, "--ledger", str(kept))
        with in_terminal(*named, columns=76) as terminal:
            assert terminal.read_to_end() == 0
        lines = re.sub(r"\x1b\[[\d;]*m", "", terminal.text).splitlines()
        rules = [line for line in lines if "─" in line]
        assert rules
        assert max(len(line.rstrip()) for line in rules) <= 76
        assert any("nova-pro" in line for line in lines)


def test_compare_as_json(kept: Path) -> None:
    """Exact amounts are text, and everything has its name."""
    found = asked_json("compare", "experiment", *calm(kept), "--baseline", "b")
    assert [group["value"] for group in found["groups"]] == ["a", "b", "nightly"]
    assert [group["verdict"] for group in found["groups"]] == [
        "more expensive",
        "baseline",
        "cheaper",
    ]
    assert found["groups"][1]["cost"] == "24.6176"
    assert found["groups"][1]["usage"] == {"input_token": 24_617_600}
    assert found["groups"][2]["interval"] == {
        "low": 0.08,
        "high": 0.08,
        "confidence": 0.95,
        "is_rough": False,
    }


def test_compare_tells_what_is_lacking(kept: Path) -> None:
    """With few calls no verdict is made up."""
    shown = call(
        *("compare", "experiment", "a", "b", "--ledger", kept),
        *("--since", "2026-10-05", "--until", "2026-10-06"),
    ).stdout
    assert "too few calls" in shown
    assert "b: too few calls." in shown


def test_what_if(kept: Path) -> None:
    """Who would save how much, what lacks a price, and what is taken for granted."""
    shown = call(
        *("what-if", "--model", NOVA, "--by", "team, model"),
        *("--ledger", kept, "--where", "experiment!=a"),
    ).stdout
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in shown.splitlines()}
    model = HAIKU.removeprefix("global.")
    assert rows["search", model] == ["56", "$28.15", "$22.52", "$5.63", "-20.0%"]
    assert rows["[b]", "acme.unheard-of-v1:0"] == ["0", "unpriced", "no", "price"]
    assert "1 call to acme.unheard-of-v1:0, unpriced: the actual cost is not" in shown
    assert f"{NOVA} (geo) would have the same token counts" in shown


def test_what_if_as_json(kept: Path) -> None:
    """Options become the alternative."""
    found = asked_json(
        *("what-if", "--cached", "0.5", "--cache-uses", "4", "--scope", "geo"),
        *("--ledger", kept, "--where", "experiment=b"),
    )
    assert found["alternative"] == {
        "model": None,
        "tier": None,
        "scope": "geo",
        "cached_share": "0.5",
        "cache_uses": 4,
    }
    assert found["total"]["actual"] == "28.154"
    # Of 28,154,000 tokens half at 1.1, three eighths at 0.11, an eighth at 1.375
    assert found["total"]["instead"] == "21.4850212500"[:-2]
    assert found["total"]["saved"] == "6.66897875"
    assert found["total"]["saved_share"] == "0.236875"  # as the table has in percent
    batch = asked_json("what-if", "--batch", "--ledger", kept)
    assert batch["alternative"]["tier"] == "batch"


def test_a_price_that_is_only_likely_is_marked(kept: Path, tmp_path: Path) -> None:
    """A tilde stands before amounts that hang on an unconfirmed price."""
    shown = call(
        *("what-if", "--model", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        *("--ledger", kept, "--where", "experiment=a"),
    ).stdout
    assert "~$" in shown
    assert "~ estimated price" in shown


def test_savings(kept: Path) -> None:
    """Every part is there, nothing included."""
    shown = call("savings", "--by", "team", "--ledger", kept).stdout
    assert shown.startswith("Spent $")
    assert "Spent on failed and abandoned calls" in shown
    assert "Saved by the prompt cache" in shown
    assert "Possible savings by global ids: none" in shown
    assert "the tag experiment=nightly, and no streams" in shown
    assert "These savings overlap" in shown
    clean = call("savings", "--ledger", kept, "--where", "team=search").stdout
    assert "No failed or abandoned calls, and no retries." in clean


def test_what_the_cache_saved(tmp_path: Path) -> None:
    """It is told with the cost it is taken from, and takes nothing for granted."""
    path = tmp_path / "cached.db"
    ledger = Ledger(path)
    usage = Usage({Unit.CACHE_READ_TOKEN: 10_000_000})
    ledger.write(make_record(usage, model=HAIKU))
    assert ledger.flush(HANG_S)
    ledger.close()
    shown = call("savings", "--by", "team", "--ledger", path).stdout
    table = shown.partition("Saved by the prompt cache")[2].partition("Possible")[0]
    model = HAIKU.removeprefix("global.")
    assert ["search", model, "1", "$1.00", "$9.00"] in [
        line.split() for line in table.splitlines()
    ]
    assert "Assumptions" not in table


def test_a_ledger_without_calls(tmp_path: Path) -> None:
    """Nothing is told of nothing."""
    path = tmp_path / "empty.db"
    Ledger(path).close()
    savings = call("savings", "--ledger", path).stdout
    assert savings == "No calls match.\n"
    assert call("anomalies", "--ledger", path).stdout == (
        "No calls, so there is nothing to check.\n"
    )
    assert "Calls no calls." not in call("what-if", "--batch", "--ledger", path).stdout


def test_savings_of_many_groups_are_short(tmp_path: Path) -> None:
    """Each table has the most expensive rows, and says how many more there are."""
    calls = [
        make_record(
            Usage({Unit.INPUT_TOKEN: 1_000_000 * number}),
            tags={"team": f"team-{number:02}"},
            outcome=Outcome.ABANDONED,
        )
        for number in range(1, 16)
    ]
    path = str(tmp_path / "calls.db")
    ledger = Ledger(path)
    for record in calls:
        ledger.write(record)
    ledger.close()
    shown = call("savings", "--by", "team", "--ledger", path).stdout
    assert "Possible savings: $" in shown.partition("\n\n")[0]
    wasted = shown.partition("Spent on failed")[2].partition("\n\n")[0]
    assert re.findall(r"team-\d\d", wasted) == [
        f"team-{n:02}" for n in range(15, 5, -1)
    ]
    assert "\n5 more" in wasted
    few = call("savings", "--by", "team", "--top", "2", "--ledger", path).stdout
    assert "\n13 more" in few
    assert len(few.splitlines()) < len(shown.splitlines()) < 80


def test_savings_as_json(kept: Path) -> None:
    """Each way has its report."""
    found = asked_json("savings", "--by", "team", "--ledger", kept)
    assert [option["option"] for option in found["options"]] == [
        "cached",
        "cache-more",
        "global",
        "flex",
        "batch",
    ]
    assert found["wasted"][0]["abandoned"] == 1
    assert found["wasted"][0]["cost"] == "0.00024"
    assert found["options"][4]["total"] == "2.24"


def test_anomalies(kept: Path) -> None:
    """The wild day is told with its evidence."""
    shown = call("anomalies", "--ledger", kept, "--by", "team").stdout
    lines = shown.splitlines()
    assert lines[0] == "Tue 2026-11-17  search: $9.51"
    assert lines[1].startswith("  more than expected: $1.51 (")
    assert lines[1].endswith("by the same weekday in the 42 days before")
    assert lines[2] == (f"  {HAIKU} input_token: $9.51, $1.51 on average")
    assert lines[-1].startswith("1 anomaly from 2026-09-28 12:00 to 2026-11-22 13:00")


def test_something_new_that_is_dear(tmp_path: Path) -> None:
    """A model without a past is told with the team that it made dearer."""
    path = tmp_path / "new.db"
    ledger = Ledger(path)
    for number in range(30):
        usage = Usage({Unit.INPUT_TOKEN: 1_000_000})
        ledger.write(make_record(usage, at=START + number * DAY, model=HAIKU))
    new = Usage({Unit.INPUT_TOKEN: 10_000_000})
    ledger.write(make_record(new, at=START + 28 * DAY, model=SONNET_5))
    assert ledger.flush(HANG_S)
    ledger.close()
    shown = call("anomalies", "--ledger", path).stdout
    assert shown.startswith("Mon 2026-10-26  search, including new values: $")
    assert f"  {SONNET_5} input_token: $" in shown
    shown = call("anomalies", "--by", "model", "--ledger", path).stdout
    assert "  all calls, including new values: $" in shown


def test_a_small_chance_is_not_called_none(kept: Path) -> None:
    """What came up in one of 2,000 draws is unlikely, and not impossible."""
    for quarter in range(176, 240):
        asked = ("forecast", *calm(kept), "--budget", str(quarter / 4))
        over = asked_json(*asked)["over_budget"]
        if 0 < over < 0.01:
            assert "Probability of exceeding it: less than 1%." in call(*asked).stdout
            return
        if 0.99 < over < 1:
            assert "Probability of exceeding it: more than 99%." in call(*asked).stdout
    pytest.fail("no budget is likely to be kept")


def test_anomalies_that_are_not_there(kept: Path) -> None:
    """Nothing to tell is told, with how much was judged."""
    shown = call(
        *("anomalies", "--ledger", kept, "--where", "team=ads", "--at-least", "0.01")
    ).stdout
    assert shown.startswith("No anomalies from")
    assert "1 checked, 0 with too little history, 0 too irregular" in shown
    found = asked_json("anomalies", "--step", "hour", *calm(kept))
    assert (found["step"], found["anomalies"]) == ("hour", [])


def test_anomalies_after_the_last_call(kept: Path) -> None:
    """A span in which nothing can be does not end before it begins."""
    shown = call("anomalies", "--ledger", kept, "--since", "2027-01-05").stdout
    assert shown.startswith("No anomalies from 2027-01-05 00:00 to 2027-01-05 00:00")


def test_an_hour_that_stands_out(tmp_path: Path) -> None:
    """An anomaly of an hour is told with its hour."""
    ledger = Ledger(tmp_path / "hours.db")
    for hour in range(100):
        usage = Usage({Unit.INPUT_TOKEN: 90_000_000 if hour == 90 else 2_000_000})
        at = START + timedelta(hours=hour)
        ledger.write(make_record(usage, at=at, model=HAIKU))
    assert ledger.flush(HANG_S)
    ledger.close()
    shown = call(
        *("anomalies", "--step", "hour", "--ledger", tmp_path / "hours.db")
    ).stdout
    assert shown.startswith("2026-10-02 06:00  search")
    assert "by the 90 hours before" in shown


def test_forecast(kept: Path) -> None:
    """The month, its end, and the budget, in three lines."""
    ads = ("--ledger", kept, "--where", "team=ads", "--until", "2026-11-20")
    lines = call("forecast", *ads, "--budget", "1.9").stdout.splitlines()
    assert lines == [
        "November 2026: $1.60 spent by 2026-11-21 00:00 UTC.",
        lines[1],
        lines[2],
    ]
    assert lines[1].startswith("Expected at the end of the month: $2.40 ($2.")
    budget = "The budget of $1.90 will be spent on 2026-11-24."
    assert lines[2] == f"{budget} Probability of exceeding it: 100%."
    assert len(call("forecast", *ads).stdout.splitlines()) == 2
    ample = call("forecast", *ads, "--budget", "9").stdout.splitlines()
    assert (
        ample[2] == "The budget of $9.00 should last. Probability of exceeding it: 0%."
    )
    assert asked_json("forecast", *ads)["spent"] == "1.6"


def test_forecast_of_little(kept: Path) -> None:
    """What cannot be said is not said."""
    ads = ("--ledger", kept, "--where", "team=ads")
    none = call("forecast", *ads, "--until", "2026-09-27", "--budget", "3").stdout
    assert none.splitlines()[1] == ("No full day of history, so there is no forecast.")
    few = call("forecast", *ads, "--until", "2026-10-02", "--budget", "3").stdout
    assert "no interval, with 4 days of history; 4 days of history, without" in few
    assert "The budget of $3.00 should last.\n" in few
    assert "budget" not in none


def test_a_budget_that_is_spent(kept: Path) -> None:
    """It is told as spent, with history or without."""
    search = ("--ledger", kept, "--where", "team=search", "--budget", "0.5")
    for until, history in (("2026-09-28", "No full day"), ("2026-09-30", "Expected")):
        lines = call("forecast", *search, "--until", until).stdout.splitlines()
        assert lines[1].startswith(history)
        assert lines[2:] == ["The budget of $0.50 has been spent."]


WRONG = {
    "no ledger": (("forecast", "--ledger", "none.db"), "there is no ledger none.db"),
    "no option": (("forecast",), "no ledger is named; use --ledger"),
    "no alternative": (("what-if", "--ledger", "KEPT"), "nothing is changed"),
    "two tiers": (
        ("what-if", "--ledger", "KEPT", "--batch", "--tier", "flex"),
        "--batch and --tier exclude each other",
    ),
    "no amount": (
        ("forecast", "--ledger", "KEPT", "--budget", "lots"),
        "'lots' is not an amount",
    ),
    "no figure at all": (
        ("what-if", "--ledger", "KEPT", "--cached", "nan"),
        "Invalid value for '--cached': 'nan' is not a number",
    ),
    "a threshold that nothing exceeds": (
        ("anomalies", "--ledger", "KEPT", "--threshold", "inf"),
        "Invalid value for '--threshold': 'inf' is not a number",
    ),
    "an amount too long to write": (
        ("forecast", "--ledger", "KEPT", "--budget", "1e999999"),
        "'1e999999' is not an amount",
    ),
    "no value": (
        ("compare", "experiment", "a", "z", "--ledger", "KEPT"),
        "no call has experiment=z",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_is_told(name: str, kept: Path) -> None:
    """A message and code 2, no traceback."""
    arguments, message = WRONG[name]
    done = call(*(kept if each == "KEPT" else each for each in arguments), code=2)
    assert message in done.stderr


def test_the_ledger_of_the_environment(
    run: Callable[..., CompletedProcess[str]], kept: Path
) -> None:
    """A variable names the ledger once for all commands."""
    done = run("analyze", "anomalies", BEDROCK_ATTRIB_LEDGER=str(kept))
    assert (done.returncode, "1 checked" in done.stdout) == (0, False)
    assert "search" in done.stdout


@pytest.mark.parametrize(
    "command", ["anomalies", "compare", "forecast", "savings", "what-if"]
)
def test_help_has_examples(command: str) -> None:
    """Each command shows how it is used."""
    assert f"bedrock-attrib analyze {command}" in call(command, "--help").stdout


def test_what_a_tag_holds_steers_no_terminal(tmp_path: Path) -> None:
    """Tags may come from strangers, and a terminal obeys what is printed."""
    path = tmp_path / "hostile.db"
    ledger = Ledger(path)
    for number in range(12):
        ledger.write(make_record(tags={"team": f"a\x1b]0;x\x07{number % 2}"}))
    assert ledger.flush(HANG_S)
    ledger.close()
    asked = (("compare", "team"), ("savings",), ("what-if", "--tier=flex"))
    for name, *more in asked:
        done = call(name, "--ledger", path, *more)
        assert "\x1b" not in done.stdout
        assert "\x07" not in done.stdout
    wrong = call("compare", "team", "--baseline", "c", "--ledger", path, code=2)
    assert "not among the values a?]0;x?0, a?]0;x?1" in wrong.stderr


def test_what_a_model_is_called_steers_no_terminal(tmp_path: Path) -> None:
    """It is what a caller wrote, told of what is lacking and of what drove a day."""
    path = tmp_path / "hostile.db"
    ledger, model = Ledger(path), "us.acme\x1b[2J.v1:0"
    for number in range(30):
        amount = Decimal(90 if number == 28 else 2)
        cost = Cost(amount, "USD", {}, {})
        ledger.write(make_record(at=START + number * DAY, model=model, cost=cost))
    assert ledger.flush(HANG_S)
    ledger.close()
    shown = call("what-if", "--scope", "global", "--ledger", path).stdout
    assert "30 calls to us.acme?[2J.v1:0, $148.00: " in shown
    assert "\x1b" not in shown
    shown = call("anomalies", "--ledger", path).stdout
    assert "us.acme?[2J.v1:0: $90.00, $2.00 on average" in shown
    assert "\x1b" not in shown


def test_figures_of_calls_side_by_side(tmp_path: Path) -> None:
    """Each has its column: how calls ended, tokens, the cache, and how long it took."""
    path = tmp_path / "sides.db"
    ledger = Ledger(path)
    usage = Usage({Unit.INPUT_TOKEN: 75, Unit.CACHE_READ_TOKEN: 25})
    for number in range(1, 21):
        took = {"duration_s": float(number), "time_to_first_chunk_s": 0.5}
        ledger.write(make_record(usage, tags={"team": "a"}, **took))
    lacking = {"cost": None, "price_status": PriceStatus.UNPRICED}
    ledger.write(make_record(usage, tags={"team": "a"}, **lacking))
    ledger.write(make_record(tags={"team": "b"}, outcome=Outcome.ABANDONED))
    assert ledger.flush(HANG_S)
    ledger.close()
    shown = call("compare", "team", "--ledger", path).stdout
    calls = shown.partition("Calls")[2].splitlines()
    assert calls[4].split() == [
        *("a", "0", "0", "1", "2,100", "0", "25.0%", "10.00", "19.00", "0.50"),
    ]
    assert calls[5].split() == ["b", "0", "1", "0", "100", "50", "0.0%"]


def test_waste_and_what_is_uncertain_of_it(tmp_path: Path) -> None:
    """Failed and abandoned calls have their own cost, and remarks go to stderr."""
    path = tmp_path / "waste.db"
    ledger = Ledger(path)
    million = Usage({Unit.INPUT_TOKEN: 1_000_000})
    for outcome, count in ((Outcome.ERROR, 1), (Outcome.ABANDONED, 2)):
        for _ in range(count):
            fields = {"outcome": outcome, "attempts": 3}
            ledger.write(make_record(million, model=HAIKU, **fields))
    ledger.write(make_record(model="acme.unheard-of-v1:0"))
    assert ledger.flush(HANG_S)
    ledger.close()
    done = call("savings", "--by", "team", "--ledger", path)
    rows = [line.split() for line in done.stdout.splitlines()]
    model = HAIKU.removeprefix("global.")
    assert ["search", model, *("1", "$1.00", "2", "$2.00", "6")] in rows
    for command in ("savings", "anomalies", "forecast"):
        told = call(command, "--ledger", path, "--until", "2026-11-25").stderr
        assert "1 of 4 calls has no price" in told
