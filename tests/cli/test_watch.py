"""The command ``top``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from kept_records import make_record
from waiting import HANG_S

pytest.importorskip("click", reason="needs the extra cli")

from click.testing import Result
from clicking import command_runner
from rich.console import Console

from bedrock_attrib import Cost, Ledger, LedgerError
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.cli import commands
from bedrock_attrib.cli._console import results
from bedrock_attrib.cli.watch import _display, _watch
from bedrock_attrib.cli.watch._display import frame, json_line, plain_line
from bedrock_attrib.cli.watch._rates import read_rates
from bedrock_attrib.reports import Selection
from bedrock_attrib.reports._dimensions import dimension_named

NOW = datetime(2026, 11, 25, 13, 0, tzinfo=UTC)
TEAM = [dimension_named("team")]


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ledger]:
    """The ledger ``calls.db`` in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    ledger = Ledger("calls.db")
    yield ledger
    ledger.close()


def keep(ledger: Ledger, *ages: timedelta, now: datetime = NOW, **fields: Any) -> None:
    """Keep a call for each age."""
    for age in ages:
        ledger.write(make_record(at=now - age, **fields))
    assert ledger.flush(HANG_S)


def run(*arguments: str) -> Result:
    """Run the command."""
    arguments = ("watch", "--ledger", "calls.db", *arguments)
    return command_runner().invoke(commands, arguments)


def shown(ledger: Ledger, width: int = 110, height: int = 30, **by: Any) -> list[str]:
    """Lines of the table at `NOW`."""
    rates = read_rates(ledger, by.get("dimensions", TEAM), Selection(), NOW)
    console = Console(width=width, height=height, color_system=None)
    with console.capture() as captured:
        console.print(frame(rates, width, height, by.get("remark")))
    return [line.rstrip() for line in captured.get().splitlines()]


def cells(ledger: Ledger, **options: Any) -> list[list[str]]:
    """Words of the lines of the table."""
    return [line.split() for line in shown(ledger, **options)]


def test_each_window_has_its_calls(ledger: Ledger) -> None:
    """Five minutes, an hour, a day; older calls are in none."""
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    keep(ledger, minute, 10 * minute, 2 * hour, 25 * hour)
    rates = read_rates(ledger, TEAM, Selection(), NOW)
    assert [spend.calls for spend in rates.total] == [1, 2, 3]
    assert rates.amounts(rates.total) == (
        Decimal("0.001155"),
        Decimal("0.00231"),
        Decimal("0.003465"),
    )
    assert rates.per_minute(rates.total) == Decimal("0.000231")


def test_the_table_has_who_spends_most_first(ledger: Ledger) -> None:
    """Those who spend now stand above those who spent before."""
    keep(ledger, timedelta(hours=3), timedelta(hours=3), tags={"team": "ads"})
    keep(ledger, timedelta(minutes=2), tags={"team": "search"})
    keep(ledger, timedelta(minutes=30), tags={}, outcome=Outcome.ERROR)
    rows = cells(ledger)
    assert rows[0][:4] == ["Amazon", "Bedrock", "spend", "13:00:00"]
    assert rows[3] == ["search", *("$0.000231 $0.00116 $0.00116 $0.00116 1".split())]
    assert rows[4] == ["-", *("- - $0.00116 $0.00116 1 1".split())]
    assert rows[5] == ["ads", *("- - - $0.00231 0".split())]
    assert rows[7] == ["total", *("$0.000231 $0.00116 $0.00231 $0.00462 2 1".split())]


def test_a_low_terminal_sums_up_the_rest(ledger: Ledger) -> None:
    """What has no room is one line, and every line is within the height."""
    for number in range(20):
        keep(ledger, timedelta(minutes=1), tags={"team": f"t{number:02}"})
    lines = shown(ledger, width=70, height=14)
    assert len(lines) <= 14
    assert lines[9].split() == ["14", "more", "$0.0162", "$0.0162", "$0.0162", "14"]
    assert all(len(line) <= 70 for line in lines)


def test_calls_without_a_price_are_marked(ledger: Ledger) -> None:
    """An unknown amount is not a zero, and a question mark says why."""
    keep(ledger, timedelta(minutes=1), model="acme.unheard-of-v1:0")
    assert cells(ledger)[3] == ["search", *["unpriced"] * 4, "1", "?"]


def test_what_a_tag_holds_commands_no_terminal(ledger: Ledger) -> None:
    """Control characters are replaced."""
    keep(ledger, timedelta(minutes=1), tags={"team": "\x1b[2J\u202ex"})
    assert "\x1b" not in "".join(shown(ledger))
    assert "\ufffd[2J\ufffdx" in "".join(shown(ledger))


def test_what_could_not_be_read_is_told(ledger: Ledger) -> None:
    """A remark takes the place of the legend."""
    keep(ledger, timedelta(minutes=1))
    assert shown(ledger, remark="Not read: locked")[-1] == "Not read: locked"


def test_a_line_tells_the_same(ledger: Ledger) -> None:
    """A pipe gets one line each time."""
    keep(ledger, timedelta(minutes=2))
    line = plain_line(read_rates(ledger, TEAM, Selection(), NOW))
    assert line == (
        "2026-11-25T13:00:00Z  $0.000231/min  5 min $0.00116  1 h $0.00116  "
        "24 h $0.00116  1 call in 1 h  search $0.00116"
    )


def test_a_line_counts_what_has_no_price(ledger: Ledger) -> None:
    """No spend is not the same as spend that nobody knows."""
    keep(ledger, timedelta(minutes=30), cost=None, price_status=PriceStatus.UNPRICED)
    line = plain_line(read_rates(ledger, TEAM, Selection(), NOW))
    assert line == (
        "2026-11-25T13:00:00Z  $0.00/min  5 min $0.00  1 h unpriced  "
        "24 h unpriced  "
        "1 call in 1 h (1 without a price)"
    )
    told = json.loads(json_line(read_rates(ledger, TEAM, Selection(), NOW)))
    windows = ("last_5_min", "last_hour", "last_24_h")
    assert [told["total"][each]["cost"] for each in windows] == ["0", None, None]


def test_a_misspelt_filter_is_told_of(ledger: Ledger) -> None:
    """Nobody has to wait for calls that cannot come."""
    keep(ledger, timedelta(minutes=1))
    assert (
        "No call has a tag 'temas'" in run("--count", "1", "--where", "temas=x").stderr
    )
    assert "--by is empty" in run("--by", ",").stderr


def test_a_pipe_gets_lines(ledger: Ledger) -> None:
    """As many as were asked for."""
    keep(ledger, timedelta(minutes=1), now=datetime.now(UTC))
    done = run("--count", "2", "--interval", "0.2")
    assert done.exit_code == 0
    first, second = done.stdout.splitlines()
    assert "1 call in 1 h  search/claude-sonnet-4-5 $0.00116" in first
    assert second.partition("  ")[2] == first.partition("  ")[2]


def test_json_has_exact_amounts(ledger: Ledger) -> None:
    """Each line is an object of its own."""
    keep(ledger, timedelta(minutes=1), now=datetime.now(UTC))
    told = json.loads(run("--count", "1", "--json", "--by", "team").stdout)
    once = {
        "calls": 1,
        "failed_calls": 0,
        "unpriced_calls": 0,
        "cost": "0.001155",
        "other_costs": {},
    }
    windows = {"last_5_min": once, "last_hour": once, "last_24_h": once}
    assert told["currency"] == "USD"
    assert told["total"] == windows
    assert told["lines"] == [{"team": "search", **windows}]


def test_another_currency_is_shown_where_there_is_no_other(ledger: Ledger) -> None:
    """Amounts bear its name."""
    francs = Cost(Decimal("1.5"), "CHF", {}, {})
    keep(ledger, timedelta(minutes=1), cost=francs)
    assert cells(ledger)[3][:3] == ["search", "0.30", "CHF"]


def test_what_is_spent_in_other_currencies_is_told(ledger: Ledger) -> None:
    """It is in no amount that is shown, so that it has its own place."""
    francs = Cost(Decimal("1.5"), "CHF", {}, {})
    keep(ledger, timedelta(minutes=1), timedelta(hours=2), cost=francs)
    keep(ledger, timedelta(minutes=1))
    assert shown(ledger)[-1] == "Excluded from these amounts, in 24 h: 3.00 CHF"
    rates = read_rates(ledger, TEAM, Selection(), NOW)
    assert "  24 h $0.00116 and 3.00 CHF  2 calls in 1 h  " in plain_line(rates)
    told = json.loads(json_line(rates))
    assert told["total"]["last_hour"]["other_costs"] == {"CHF": "1.5"}
    assert told["lines"][0]["last_24_h"]["other_costs"] == {"CHF": "3"}


def test_a_filter_chooses_calls(ledger: Ledger) -> None:
    """Only what was asked for is counted."""
    keep(ledger, timedelta(minutes=1), now=datetime.now(UTC))
    told = json.loads(run("--count", "1", "--json", "--where", "team=ads").stdout)
    assert told["total"]["last_24_h"]["calls"] == 0
    assert told["lines"] == []


@pytest.mark.parametrize("by", ["day", "unit", "team,team"])
def test_what_it_cannot_go_by_is_told(by: str, ledger: Ledger) -> None:
    """A message and code 2."""
    done = run("--by", by)
    assert done.exit_code == 2
    assert "watch " in done.stderr


def test_a_ledger_that_cannot_be_read_at_times_is_read_again(ledger: Ledger) -> None:
    """The first time it is an error; later a remark, and it goes on."""
    keep(ledger, timedelta(minutes=1))
    told: list[str | None] = []

    def show(_: object, remark: str | None) -> None:
        told.append(remark)
        broken = len(told) == 1
        name = "gone.db" if broken else "calls.db"
        ledger.store.path = Path(name).absolute()  # type: ignore[attr-defined]

    _watch(ledger, TEAM, Selection(), 0, 3, show, list)
    assert told[0] is None
    assert (told[1] or "").startswith("Not read at ")
    assert told[2] is None
    ledger.store.path = Path("no/where").absolute()  # type: ignore[attr-defined]
    with pytest.raises(LedgerError):
        _watch(ledger, TEAM, Selection(), 0, 1, show, list)


def test_a_pipe_is_told_what_could_not_be_read(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    """Remarks go to stderr, so that lines stay lines."""
    keep(ledger, timedelta(minutes=1))
    rates = read_rates(ledger, TEAM, Selection(), NOW)
    with _display(results(), as_json=True) as show:
        show(rates, "Not read: locked")
    assert tuple(capsys.readouterr()) == ("", "Not read: locked\n")


def test_a_terminal_sees_new_calls_and_ctrl_c_ends_it(
    ledger: Ledger, in_terminal: Callable[..., AbstractContextManager[Any]]
) -> None:
    """The table is drawn anew, and no traceback comes at the end."""
    with in_terminal("watch", "--ledger", "calls.db", "--interval", "0.2") as terminal:
        terminal.read_until(r"total")
        keep(ledger, timedelta(seconds=1), now=datetime.now(UTC))
        terminal.read_until(r"claude-sonnet-4-5")
        terminal.interrupt()
        assert terminal.read_to_end() == 0
    assert "Traceback" not in terminal.text
    assert "\x1b[?25h" in terminal.text  # the cursor is shown again


def test_ctrl_c_ends_a_pipe_too(
    ledger: Ledger, running: Callable[..., AbstractContextManager[Popen[str]]]
) -> None:
    """Code 0 and no traceback."""
    with running("watch", "--ledger", "calls.db", "--interval", "0.2") as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith("0 calls in 1 h\n")
        process.send_signal(2)
        _, remarks = process.communicate(timeout=HANG_S)
    assert (process.returncode, remarks) == (0, "")


def test_the_rest_counts_failures_and_what_lacks_a_price(ledger: Ledger) -> None:
    """A line that sums others up has the marks of each of them."""
    for number in range(20):
        keep(ledger, timedelta(minutes=1), tags={"team": f"t{number:02}"})
    failed = {"outcome": Outcome.ERROR, "error": "X", "price_status": PriceStatus.FREE}
    keep(ledger, timedelta(minutes=1), tags={"team": "z"}, cost=None, **failed)
    unknown = {"cost": None, "price_status": PriceStatus.UNPRICED}
    keep(ledger, timedelta(minutes=1), tags={"team": "z"}, **unknown)
    rest = next(line for line in cells(ledger, height=14) if "more" in line)
    assert rest[:2] == ["15", "more"]
    assert rest[-3:] == ["16", "1", "?"]


def test_who_calls_most_is_first_of_those_who_spend_alike(ledger: Ledger) -> None:
    """Before their names count."""
    free = {"cost": None, "price_status": PriceStatus.FREE}
    keep(ledger, timedelta(hours=2), tags={"team": "a"}, **free)
    keep(ledger, *[timedelta(hours=2)] * 2, tags={"team": "b"}, **free)
    rates = read_rates(ledger, TEAM, Selection(), NOW)
    assert [keys for keys, _ in rates.ordered()] == [("b",), ("a",)]
