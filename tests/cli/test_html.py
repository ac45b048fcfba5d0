"""The command ``html``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from kept_records import NOON, make_record

pytest.importorskip("rich", reason="needs the extra cli")

from click.testing import Result
from clicking import command_runner

from bedrock_attrib import Ledger
from bedrock_attrib._model.record import Outcome
from bedrock_attrib.cli import commands


@pytest.fixture(autouse=True)
def _in_a_folder_with_a_ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Calls of two teams are in ``calls.db``."""
    monkeypatch.chdir(tmp_path)
    ledger = Ledger("calls.db")
    ledger.write(make_record())
    ledger.write(make_record(tags={"team": "ads"}, at=NOON.replace(day=20)))
    ledger.close()


def run(*arguments: str) -> Result:
    """Run the command."""
    return command_runner().invoke(commands, ["html", *arguments])


def test_a_page_is_written(tmp_path: Path) -> None:
    """The file is there, and what to do with it is said on stderr."""
    done = run("--ledger", "calls.db")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert done.exit_code == 0
    assert done.stdout == ""
    size = round(len(page.encode()) / 1000)
    assert done.stderr == f"Wrote report.html ({size} kB): open it in a browser.\n"
    assert page.startswith("<!doctype html>")
    assert "<bdi>search</bdi>" in page
    assert "<bdi>ads</bdi>" in page


def test_options_choose_calls_dimensions_and_title() -> None:
    """The page has what was asked for, and can go through a pipe."""
    done = run(
        *("--ledger", "calls.db", "--since", "2026-11-25", "--by", "team"),
        *("--title", "Search & friends", "-o", "-"),
    )
    assert done.stderr == ""
    assert "<h1>Search &amp; friends</h1>" in done.stdout
    assert "<bdi>search</bdi>" in done.stdout
    assert "<bdi>ads</bdi>" not in done.stdout
    assert "By app" not in done.stdout


def test_what_was_written_is_told_as_json(tmp_path: Path) -> None:
    """Where it is, how large, and what it comes to; stdout has nothing else."""
    done = run("--ledger", "calls.db", "--where", "temas=x", "--json")
    assert json.loads(done.stdout)["remarks"] == [
        "No call has a tag 'temas' (there are app, team); did you mean team?"
    ]
    done = run("--ledger", "calls.db", "-o", "page.html", "--json")
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "path": "page.html",
        "bytes": (tmp_path / "page.html").stat().st_size,
        "by": ["team", "app", "experiment", "model"],
        "since": "2026-11-20T12:00:00+00:00",
        "until": "2026-11-25T13:00:00+00:00",
        "total": {
            "calls": 2,
            "failed_calls": 0,
            "abandoned_calls": 0,
            "unpriced_calls": 0,
            "input_tokens": 200,
            "output_tokens": 100,
            "cost": {"USD": "0.00231"},
        },
        "remarks": [],
    }
    assert run("--ledger", "calls.db", "-o", "-", "--json").exit_code == 2


def test_counts_of_each_sort_are_told_as_json(tmp_path: Path) -> None:
    """Calls that ended otherwise or lack a price; bytes are no characters."""
    ledger = Ledger("odd.db")
    ledger.write(make_record(model="acme.unheard-of-v1:0", tags={"team": "größer"}))
    ledger.write(make_record(outcome=Outcome.ABANDONED))
    for _ in range(2):
        ledger.write(make_record(outcome=Outcome.ERROR, error="Broken"))
    ledger.close()
    told = json.loads(run("--ledger", "odd.db", "-o", "page.html", "--json").stdout)
    assert told["bytes"] == (tmp_path / "page.html").stat().st_size
    names = ("calls", "failed_calls", "abandoned_calls", "unpriced_calls")
    assert [told["total"][name] for name in names] == [4, 2, 1, 1]


def test_a_report_as_html_is_the_same_page() -> None:
    """It goes by team, app, experiment and model too, unless it is told otherwise."""
    pages = [
        command_runner().invoke(commands, [*arguments, "--ledger", "calls.db"]).stdout
        for arguments in (
            ("html", "-o", "-"),
            ("report", "--format", "html"),
            ("report", "--format", "html", "--by", "app"),
        )
    ]
    headings = [re.findall(r"<h2>(By [^<]*)</h2>", page) for page in pages]
    every = ["By team", "By app", "By experiment", "By model"]
    assert headings == [every, every, ["By app"]]


def test_the_setting_names_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an option it is the ledger of the settings."""
    monkeypatch.setenv("BEDROCK_ATTRIB_LEDGER", "calls.db")
    assert run().exit_code == 0


def test_a_report_can_be_a_page(tmp_path: Path) -> None:
    """The name of a file tells that it is one, and it goes by what the report does."""
    arguments = ["report", "--ledger", "calls.db", "--by", "team", "-o", "spend.html"]
    done = command_runner().invoke(commands, arguments)
    page = (tmp_path / "spend.html").read_text("utf-8")
    assert done.exit_code == 0
    assert page.startswith("<!doctype html>")
    assert "<h2>By team</h2>" in page
    assert "<h2>By model</h2>" not in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a ledger"),
        (("--ledger", "none.db"), "there is no ledger none.db"),
        (("--ledger", "calls.db", "--by", "day"), "the page does not go by day"),
        (("--ledger", "calls.db", "--since", "soon"), "'soon' is no moment"),
        (("--ledger", "calls.db", "-o", "no/folder.html"), "cannot write"),
        (("--ledger", "calls.db", "--where", "x"), "'x' is no filter"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: tuple[str, ...], message: str) -> None:
    """A message and code 2, no traceback, no file."""
    done = run(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not Path("report.html").exists()
