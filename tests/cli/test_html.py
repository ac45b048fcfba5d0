"""The command ``html``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kept_records import NOON, make_record

pytest.importorskip("click", reason="needs the extra cli")

from click.testing import Result
from clicking import command_runner

from bedrock_attrib import Ledger
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
    return command_runner().invoke(commands, ["report", *arguments])


def test_a_page_is_written(tmp_path: Path) -> None:
    """The file is a complete page with the values of the tags."""
    done = run("--ledger", "calls.db", "-o", "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert page.startswith("<!doctype html>")
    assert "<bdi>search</bdi>" in page
    assert "<bdi>ads</bdi>" in page


def test_options_choose_calls_dimensions_and_title() -> None:
    """The page has what was asked for, and can go through a pipe."""
    done = run(
        *("--ledger", "calls.db", "--since", "2026-11-25", "--by", "team"),
        *("--title", "Search & friends", "--format", "html"),
    )
    assert done.stderr == ""
    assert "<h1>Search &amp; friends</h1>" in done.stdout
    assert "<bdi>search</bdi>" in done.stdout
    assert "<bdi>ads</bdi>" not in done.stdout
    assert "By app" not in done.stdout


def test_the_closing_table_has_the_rows_of_top() -> None:
    """The other rows are added up in one."""
    page = run("--ledger", "calls.db", "--format", "html", "--top", "1").stdout
    assert "1 more" in page
    assert "1 more" not in run("--ledger", "calls.db", "--format", "html").stdout


def test_a_page_is_grouped_by_usual_dimensions() -> None:
    """Without --by they are team, app, experiment and model."""
    pages = [
        command_runner().invoke(commands, [*arguments, "--ledger", "calls.db"]).stdout
        for arguments in (
            ("report", "--format", "html"),
            ("report", "--format", "html", "--by", "app"),
        )
    ]
    headings = [re.findall(r"<h2>(By [^<]*)</h2>", page) for page in pages]
    assert headings == [
        ["By team", "By app", "By experiment", "By model"],
        ["By app"],
    ]


def test_the_setting_names_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an option it is the ledger of the settings."""
    monkeypatch.setenv("BEDROCK_ATTRIB_LEDGER", "calls.db")
    assert run("-o", "report.html").exit_code == 0


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
        ((), "no ledger is named"),
        (("--ledger", "none.db"), "there is no ledger none.db"),
        (("--ledger", "calls.db", "--by", "day"), "the page cannot be grouped by day"),
        (("--ledger", "calls.db", "--since", "soon"), "'soon' is not a moment"),
        (("--ledger", "calls.db", "-o", "no/folder.html"), "cannot write"),
        (("--ledger", "calls.db", "--where", "x"), "'x' is not a filter"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: tuple[str, ...], message: str) -> None:
    """A message and code 2, no traceback, no file."""
    done = run("-o", "report.html", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not Path("report.html").exists()
