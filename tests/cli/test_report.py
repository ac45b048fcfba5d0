"""The commands that report from a ledger and look after it, as users run them."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from waiting import HANG_S

pytest.importorskip("click", reason="needs the extra cli")

from kept_records import NOON, make_record

from bedrock_attrib import Cost, Ledger, PriceTable, Unit, Usage
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.cli import commands
from bedrock_attrib.ledger import check_ledger
from bedrock_attrib.pricing import Discount

Run = Callable[..., CompletedProcess[str]]
InTerminal = Callable[..., AbstractContextManager]
DAY = timedelta(days=1)
RULE = "─"
NOVA = "us.amazon.nova-lite-v1:0"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``bedrock-attrib`` in this process, which is soon done, into pipes."""

    def run_here(*arguments: str, **changes: str) -> CompletedProcess[str]:
        pipes = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2)]
        with monkeypatch.context() as patch:
            patch.delenv("COLUMNS", raising=False)
            for name, value in changes.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdout", pipes[0])
            patch.setattr(sys, "stderr", pipes[1])
            with pytest.raises(SystemExit) as ended:
                commands(list(arguments), prog_name="bedrock-attrib")
        for pipe in pipes:
            pipe.flush()
        texts = [pipe.buffer.getvalue().decode("utf-8") for pipe in pipes]  # type: ignore[attr-defined]
        return CompletedProcess(arguments, int(ended.value.code or 0), *texts)

    return run_here


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven calls of two days, by two teams and by nobody."""
    path = tmp_path_factory.mktemp("ledger") / "calls.db"
    kept = Ledger(path)
    for record in (
        *(make_record(at=NOON - n * DAY) for n in (0, 0, 1)),
        make_record(tags={"team": "=1+1", "app": "größer"}, model=NOVA),
        make_record(tags={}),
        make_record(tags={"team": "ads"}, model="acme.unheard-of-v1:0"),
        make_record(
            None,
            tags={"team": "ads"},
            price_status=PriceStatus.FREE,
            outcome=Outcome.ERROR,
            error="ThrottlingException",
        ),
    ):
        kept.write(record)
    kept.close()
    return path


def test_a_table_for_people(run: Run, ledger: Path) -> None:
    """Rows by cost, a total, and what to know of it; no colours in a pipe."""
    done = run("report", "--by", "team", BEDROCK_ATTRIB_LEDGER=str(ledger))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Spend by team, 2026-11-24 12:00 to 2026-11-25 13:00 (UTC)",
        "                       no                                         per 1,000",
        "team   calls failed price input output      cost  share  per call    tokens",
        RULE * 75,
        "search     3      0     0   300    150  $0.00346  74.7%  $0.00116   $0.0077",
        "-          1      0     0   100     50  $0.00116  24.9%  $0.00116   $0.0077",
        "=1+1       1      0     0   100     50 $0.000018   0.4% $0.000018  $0.00012",
        "ads        2      1     1   100     50  unpriced",
        RULE * 75,
        "total      7      1     1   600    300  $0.00464 100.0% $0.000928  $0.00618",
        "",
        (
            "Costs are estimates from list prices. 1 call is not fully priced: "
            "see bedrock-attrib report unpriced."
        ),
    ]


def test_every_digit_on_request(run: Run, ledger: Path) -> None:
    """``--exact`` rounds nothing."""
    done = run("report", "--ledger", str(ledger), "--by", "vendor", "--exact")
    assert "$0.00462" in done.stdout
    assert "$0.000018" in done.stdout


def test_csv_that_adds_up_and_runs_nothing(run: Run, ledger: Path) -> None:
    """Exact numbers; a hostile tag is defused; the rest is a row."""
    done = run(
        *("report", "--ledger", str(ledger), "--by", "team", "--top", "3"),
        *("--format", "csv"),
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["team"], row["calls"], row["cost_usd"]) for row in rows] == [
        ("search", "3", "0.0034650"),
        ("", "1", "0.0011550"),
        ("'=1+1", "1", "0.00001800"),
        ("(rest)", "2", ""),
    ]


def test_json_has_it_all(run: Run, ledger: Path) -> None:
    """Exact amounts as text, and remarks within."""
    done = run("report", "--ledger", str(ledger), "--by", "day,tam", "--json")
    found = json.loads(done.stdout)
    assert found["by"] == ["day", "tam"]
    assert [(row["keys"], row["calls"]) for row in found["rows"]] == [
        ({"day": "2026-11-24", "tam": None}, 1),
        ({"day": "2026-11-25", "tam": None}, 6),
    ]
    assert found["total"]["cost"] == {"USD": "0.00463800"}
    assert found["total"]["usage"] == {"input_token": 600, "output_token": 300}
    assert found["remarks"] == [
        "No call has a tag 'tam' (there are app, team); did you mean team?"
    ]
    assert done.stderr == ""


def test_spans_zones_and_filters(run: Run, ledger: Path) -> None:
    """The options of `select`."""
    done = run(
        *("report", "--ledger", str(ledger), "--by", "day", "--json"),
        *("--since", "2026-11-24", "--until", "2026-11-24T23:00"),
        *("--zone", "Asia/Kolkata", "--where", "team=search", "--where", "app!="),
    )
    found = json.loads(done.stdout)
    assert (found["since"], found["until"]) == (
        "2026-11-24T00:00:00+05:30",
        "2026-11-24T23:00:00+05:30",
    )
    assert [(row["keys"]["day"], row["calls"]) for row in found["rows"]] == [
        ("2026-11-24", 1)
    ]


def test_a_file_tells_its_format(run: Run, ledger: Path, tmp_path: Path) -> None:
    """By its ending; it is whole, with the usual mode, and nothing else is left."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra reports")
    ledger.chmod(0o644)  # of a private ledger it would be private
    names = ("spend.csv", "spend.html", "spend.json", "spend.parquet", "spend.txt")
    for name in names:
        output = tmp_path / name
        done = run("report", "--ledger", str(ledger), "-o", str(output))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == list(names)
    assert (tmp_path / "spend.html").read_text("utf-8").startswith("<!doctype html>")
    assert (tmp_path / "spend.csv").read_bytes().startswith(b"team,calls,")
    assert (tmp_path / "spend.txt").read_text("utf-8").startswith("Spend by team, ")
    table = parquet.read_table(tmp_path / "spend.parquet").to_pydict()
    assert sum(filter(None, table["cost_usd"]), Decimal(0)) == Decimal("0.004638")
    mask = os.umask(0)
    os.umask(mask)
    mode = stat.S_IMODE((tmp_path / "spend.csv").stat().st_mode)
    assert mode == 0o666 & ~mask


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_what_is_no_file_stays_what_it_is(
    run: Run, ledger: Path, tmp_path: Path
) -> None:
    """A pipe is written to, and a link followed; else root would lose ``/dev/null``."""
    pipe, link, file = (tmp_path / name for name in ("pipe", "link", "spend.csv"))
    os.mkfifo(pipe)
    link.symlink_to(file)
    report = ("report", "--ledger", str(ledger), "--format", "csv", "-o")
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        assert run(*report, str(pipe)).returncode == 0
        assert stat.S_ISFIFO(pipe.stat().st_mode)
        content = reader.read()
    assert run(*report, str(link)).returncode == 0
    assert link.is_symlink()
    assert file.read_bytes() == content
    assert content.startswith(b"team,calls,")
    done = run(*report, str(tmp_path))
    assert (done.returncode, done.stderr) == (
        2,
        f"Error: cannot write {tmp_path}: Is a directory\n",
    )


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_what_is_made_of_a_private_ledger_is_private(
    run: Run, ledger: Path, tmp_path: Path, mode: int
) -> None:
    """A report of a ledger that only its owner may read is for its owner, too."""
    ledger.chmod(mode)
    before = os.umask(0o022)
    try:
        for name in ("report.csv", "report.html", "report.parquet"):
            run("report", "--ledger", str(ledger), "--output", str(tmp_path / name))
        run("ledger", "export", str(tmp_path / "calls"), "--ledger", str(ledger))
    finally:
        os.umask(before)
    made = [*tmp_path.glob("report.*"), *tmp_path.glob("calls/*/*.parquet")]
    assert len(made) >= 4
    expected = 0o600 if mode == 0o600 else 0o644
    assert {stat.S_IMODE(each.stat().st_mode) for each in made} == {expected}


def test_focus(run: Run, ledger: Path, tmp_path: Path) -> None:
    """As CSV in a pipe, and with what to know of it on stderr."""
    done = run("report", "--ledger", str(ledger), "--format", "focus")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {row["ServiceName"] for row in rows} == {"Amazon Bedrock"}
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("0.004638")
    assert done.stderr == (
        "FOCUS: Costs are estimates from list prices. Column x_CostBasis says so in "
        "every row.\nBillingAccountId is 'unknown': set it with --account.\n"
    )
    output = tmp_path / "focus.json"
    run(
        *("report", "--ledger", str(ledger), "--format", "focus", "-o", str(output)),
        *("--account", "123456789012", "--focus-version", "1.4", "--period", "hour"),
    )
    first = json.loads(output.read_text("utf-8"))[0]
    assert first["ServiceProviderName"] == "AWS"
    assert first["BillingAccountId"] == "123456789012"
    assert first["ChargePeriodEnd"] == "2026-11-24T13:00:00Z"


def test_a_pipe_that_closes_is_no_error(ledger: Path) -> None:
    """``| head`` ends it as it ends others, without a word."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    command = (
        f"{sys.executable} -m bedrock_attrib report --ledger {ledger} --by hour,unit "
        f"--format focus 2>errors | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(
        [bash, "-c", command],
        capture_output=True,
        check=True,
        text=True,
        cwd=ledger.parent,
        timeout=HANG_S,
    )
    errors = (ledger.parent / "errors").read_text("utf-8")
    assert done.stdout in ("0\n", "141\n")
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors


def test_a_terminal_gets_colours_and_what_fits(
    in_terminal: InTerminal, ledger: Path
) -> None:
    """80 columns: figures that are needed least make room for names."""
    with in_terminal(
        "report", "--ledger", str(ledger), "--by", "team,app,model"
    ) as tty:
        assert tty.read_to_end() == 0
    assert "\x1b[1mSpend by team, app, model" in tty.text
    assert "claude-sonnet-4-5" in tty.text
    assert "per 1,000" not in tty.text


def test_parquet_is_not_for_terminals(in_terminal: InTerminal, ledger: Path) -> None:
    """A message instead of bytes that a terminal cannot show."""
    with in_terminal("report", "--ledger", str(ledger), "--format", "parquet") as tty:
        assert tty.read_to_end() == 2
    assert "this format is not for terminals" in tty.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no ledger is named; use --ledger calls.db, or the setting `ledger`"),
        (("--ledger", "typo.db"), "there is no ledger typo.db"),
        (("--ledger", "typo.db", "--zone", "Mars"), "'Mars' is no time zone"),
        (("--ledger", "typo.db", "--top", "0"), "0 is not in the range 1<=x<=20000"),
        (("--ledger", "typo.db", "--format", "xls"), "'xls' is not one of"),
        (("--ledger", __file__), "no ledger: name another file"),
        (("--ledger", "pigeons://x"), "a ledger cannot be stored in pigeons://"),
        (("--json", "--format", "csv"), "--json and --format csv exclude each other"),
    ],
)
def test_wrong_use_is_told(
    run: Run, ledger: Path, arguments: tuple[str, ...], message: str
) -> None:
    """A message on stderr, no traceback, code 2, and no new file."""
    named = (
        {}
        if "--ledger" in arguments or not arguments
        else {"BEDROCK_ATTRIB_LEDGER": str(ledger)}
    )
    done = run("report", *arguments, **named)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("typo.db").exists()


def test_a_folder_that_cannot_be_written(run: Run, ledger: Path) -> None:
    """The error names the file."""
    done = run("report", "--ledger", str(ledger), "-o", "/nowhere/spend.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot write /nowhere/spend.csv: No such file or directory" in done.stderr


def test_unattributed(run: Run, ledger: Path) -> None:
    """Calls without a tag, and a code for a build that must not have too many."""
    done = run("report", "unattributed", "--ledger", str(ledger), "--by", "model")
    assert done.stdout.splitlines() == [
        "Calls without team, 2026-11-24 12:00 to 2026-11-25 13:00 (UTC)",
        "missing model             first (UTC)    last           calls     cost",
        RULE * 70,
        "team    claude-sonnet-4-5 2026-11-25 12h 2026-11-25 12h     1 $0.00116",
        RULE * 70,
        "total                                                       1 $0.00116",
        "",
        "14.3% of 7 calls.",
    ]
    named = (
        "report",
        "unattributed",
        "--ledger",
        str(ledger),
        "--json",
        "--fail-above",
    )
    assert run(*named, "15").returncode == 0
    failed = run(*named, "14")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["lacking"]["calls"] == 1
    wrong = run(*named, "nan")
    assert (wrong.returncode, "'nan' is not a number" in wrong.stderr) == (2, True)


def test_unpriced(run: Run, ledger: Path) -> None:
    """Why, what was used, and what to do."""
    done = run("report", "unpriced", "--ledger", str(ledger))
    assert done.stdout == (
        "Calls that are not fully priced, 2026-11-24 12:00 to 2026-11-25 13:00 (UTC): "
        "1 of 7\n"
        "\n"
        "1 call to acme.unheard-of-v1:0 in us-east-1 (unpriced)\n"
        "  reason: model 'acme.unheard-of-v1:0' is not in the price table\n"
        "  usage: 100 input_token, 50 output_token\n"
        "  what to do: add the price under [[prices]] in a file named by the setting "
        "price_overrides, or fetch the AWS price list: bedrock-attrib prices update\n"
    )
    found = json.loads(
        run("report", "unpriced", "--ledger", str(ledger), "--json").stdout
    )
    assert (found["calls"], found["all_calls"]) == (1, 7)


def test_a_very_long_name_leaves_room_for_figures(run: Run, tmp_path: Path) -> None:
    """Its middle is left out of a table, unless everything is asked for."""
    path = tmp_path / "long.db"
    ledger = Ledger(path)
    ledger.write(make_record(tags={"team": "a" * 100 + "z" * 100}))
    ledger.close()
    short = run("report", "--ledger", str(path)).stdout
    assert f"\n{'a' * 47}…{'z' * 16} " in short
    whole = run("report", "--ledger", str(path), "--exact").stdout
    assert "a" * 100 + "z" * 100 in whole


def test_no_format_steers_a_terminal(
    tmp_path: Path, in_terminal: Callable[..., AbstractContextManager[Any]]
) -> None:
    """Escapes in tags do nothing there; a file gets them as they are."""
    path, csv_path = tmp_path / "steering.db", tmp_path / "out.csv"
    ledger = Ledger(path)
    ledger.write(make_record(tags={"team": "\x1b[31mred\x9b0m\u202e"}))
    ledger.close()
    asked = ("report", "--ledger", str(path), "--format", "csv")
    with in_terminal(*asked) as terminal:
        assert terminal.read_to_end() == 0
    assert "?[31mred?0m?,1,0," in terminal.text
    with in_terminal(*asked, "-o", str(csv_path)) as terminal:
        assert terminal.read_to_end() == 0
    assert "\x1b[31mred\x9b0m\u202e,1,0," in csv_path.read_text("utf-8")


def test_a_report_without_calls_says_what_to_do(run: Run, ledger: Path) -> None:
    """No table of nothing is shown."""
    shown = run("report", "--ledger", str(ledger), "--where", "team=nobody").stdout
    assert "No calls match." in shown
    assert "bedrock-attrib doctor" in shown
    later = ("report", "--ledger", str(ledger), "--since", "2099-01-01")
    shown = run(*later).stdout
    assert shown.startswith("Spend by team, at 2099-01-01 00:00 (UTC)\n")


def test_calls_without_tag_and_price(run: Run, tmp_path: Path) -> None:
    """An amount that is not the whole says so."""
    path = tmp_path / "odd.db"
    with closing(Ledger(path)) as ledger:
        for model in ("acme.unheard-of-v1:0", NOVA):
            ledger.write(make_record(tags={}, model=model))
    shown = run(
        "report", "unattributed", "--ledger", str(path), "--by", "region"
    ).stdout
    rows = [line.split() for line in shown.splitlines()]
    assert [
        "missing",
        "region",
        "first",
        "(UTC)",
        "last",
        "calls",
        "price",
        "cost",
    ] in (rows)
    assert ["total", "2", "1", "$0.000018"] in rows


@pytest.mark.parametrize(
    ("format_name", "remark"),
    [
        ("focus", "--by and --top have no effect on this format\n"),
        ("csv", ""),
    ],
)
def test_options_that_a_format_does_not_follow(
    run: Run, ledger: Path, format_name: str, remark: str
) -> None:
    """They are told, so that nobody takes all rows for the dearest ones."""
    asked = ("report", "--ledger", str(ledger), "--by", "team", "--top", "1")
    done = run(*asked, "--format", format_name)
    assert (done.returncode, done.stderr.endswith(remark)) == (0, True)
    assert ("no effect" in done.stderr) is bool(remark)


def test_nothing_to_find(run: Run, ledger: Path) -> None:
    """It is said that nothing lacks anything."""
    span = ("--ledger", str(ledger), "--until", "2026-11-24")
    found = (
        run("report", "unattributed", *span).stdout
        + run("report", "unpriced", *span).stdout
    )
    assert found.count("none of 1 call\n") == 2


def test_info_and_check(run: Run, ledger: Path) -> None:
    """What a ledger holds, and that it is sound."""
    found = json.loads(run("ledger", "info", "--ledger", str(ledger), "--json").stdout)
    assert found["bytes"] > 0
    del found["bytes"]
    assert found == {
        "path": str(ledger),
        "calls": 7,
        "first_hour": "2026-11-24T12:00:00+00:00",
        "end": "2026-11-25T13:00:00+00:00",
        "single_calls": 7,
        "single_since": "2026-11-24T12:00:00.123456+00:00",
        "unpriced_calls": 1,
        "cost": {"USD": "0.00463800"},
        "tag_sets": 4,
        "tags": {"app": 2, "team": 3},
    }
    shown = run("ledger", "info", "--ledger", str(ledger)).stdout
    assert "\ntags             app 2, team 3\n" in shown
    done = run("ledger", "check", "--ledger", str(ledger))
    assert (done.returncode, done.stdout) == (
        0,
        "no problems: the file is intact, and its sums match its calls\n",
    )


def test_an_unsound_ledger_ends_with_code_1(
    run: Run, ledger: Path, tmp_path: Path
) -> None:
    """What differs is told."""
    copy = tmp_path / "copy.db"
    shutil.copy(ledger, copy)
    import sqlite3  # noqa: PLC0415

    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("UPDATE sums SET calls = 9 WHERE level = 2")
    db.close()
    done = run("ledger", "check", "--ledger", str(copy), "--json")
    assert done.returncode == 1
    assert (
        "the month 2026-11 and its hours differ"
        in json.loads(done.stdout)["problems"][0]
    )
    assert run("ledger", "check", "--ledger", str(copy)).returncode == 1


def test_prune_and_compact(run: Run, tmp_path: Path) -> None:
    """What would be forgotten is told first; sums stay, then months go too."""
    path = tmp_path / "calls.db"
    kept = Ledger(path)
    now = datetime.now(UTC)
    for days in (1, 100, 500):
        kept.write(make_record(at=now - days * DAY))
    kept.close()
    prune = ("ledger", "prune", "--ledger", str(path))
    dry = run(*prune, "--calls-older-than", "90d", "--dry-run")
    assert dry.stdout.startswith("2 single calls before ")
    assert dry.stdout.endswith(" would be deleted\n")
    done = run(
        *prune, "--calls-older-than", "90d", "--sums-older-than", "400d", "--json"
    )
    found = json.loads(done.stdout)
    assert (found["dry_run"], found["calls"]) == (False, 2)
    assert found["sums_before"].endswith("-01T00:00+00:00")
    assert " bytes before, " in run("ledger", "compact", "--ledger", str(path)).stdout
    again = Ledger(path)
    assert check_ledger(again) == []
    with again.reading() as reader:
        assert reader.count_calls() == 1
        assert sum(each.calls for each in reader.sums(now - 900 * DAY, now)) == 2
    again.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected --calls-older-than or --sums-older-than"),
        (
            ("--calls-older-than", "soon"),
            "'soon' is not an age; expected for example 90d, 12w or 48h",
        ),
        (
            ("--calls-older-than", "90d", "--sums-older-than", "12w"),
            "--sums-older-than must not be less than --calls-older-than",
        ),
    ],
)
def test_wrong_ages_are_told(
    run: Run, ledger: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Nothing is forgotten by mistake."""
    done = run("ledger", "prune", "--ledger", str(ledger), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in " ".join(done.stderr.split())


def test_two_currencies_have_a_column_each(run: Run, tmp_path: Path) -> None:
    """Amounts of different currencies are never added."""
    path = tmp_path / "calls.db"
    kept = Ledger(path)
    kept.write(make_record())
    kept.write(make_record(cost=Cost(Decimal("1234.5"), "EUR", {}, {})))
    kept.write(make_record(Usage({Unit.INPUT_TOKEN: 1})))
    kept.close()
    shown = run("report", "--ledger", str(path)).stdout
    assert "$0.00116 1,234.50 EUR 100.0%" in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Run, shell: str) -> None:
    """What a shell sources."""
    done = run("completion", shell)
    assert done.returncode == 0
    assert "_BEDROCK_ATTRIB_COMPLETE" in done.stdout


def test_words_are_completed(run: Run) -> None:
    """The command answers a shell that asks for words."""
    done = run(
        _BEDROCK_ATTRIB_COMPLETE="bash_complete",
        COMP_WORDS="bedrock-attrib rep",
        COMP_CWORD="1",
    )
    assert done.stdout == "plain,report\n"
    done = run(
        _BEDROCK_ATTRIB_COMPLETE="bash_complete",
        COMP_WORDS="bedrock-attrib report spend --format ",
        COMP_CWORD="4",
    )
    assert "plain,parquet\n" in done.stdout


@pytest.mark.slow
def test_from_the_demo_to_a_report(run: Run, tmp_path: Path) -> None:
    """The demo says the next commands, which do what they say."""
    path = tmp_path / "demo.db"
    # In a process of its own: it leaves a stream open, as callers do who give one up.
    command = (sys.executable, "-m", "bedrock_attrib", "demo", "--duration", "3")
    done = subprocess.run(
        [*command, "--json", "--ledger", str(path)],
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=HANG_S,
    )
    lines = [line.split() for line in done.stderr.splitlines()[-3:]]
    named = ["--ledger", str(path)]
    assert [line[1:4] for line in lines] == [
        ["report", *named],
        ["report", *named],
        ["watch", *named],
    ]
    assert lines[1][4:6] == ["-o", "report.html"]
    page = run(*lines[1][1:4], "-o", str(tmp_path / "page.html"))
    assert page.returncode == 0
    first = lines[0]
    assert first[:4] == ["bedrock-attrib", "report", "--ledger", str(path)]
    found = json.loads(run(*first[1:], "--json").stdout)
    demo = json.loads(done.stdout)
    assert found["total"]["calls"] == demo["calls"] == 270
    assert Decimal(found["total"]["cost"]["USD"]) == Decimal(demo["total"])


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A dear call, a cheap one, one that failed and two that lack prices."""
    path = tmp_path / "odd.db"
    failed = {"outcome": Outcome.ERROR, "error": "X", "price_status": PriceStatus.FREE}
    image = Usage({Unit.INPUT_TOKEN: 5, Unit.OUTPUT_IMAGE: 1})
    with closing(Ledger(path)) as ledger:
        for amount, team in (("200", "ads"), ("0.001", "search")):
            cost = Cost(Decimal(amount), "USD", {}, {})
            ledger.write(make_record(cost=cost, tags={"team": team}))
        ledger.write(make_record(None, **failed))
        ledger.write(make_record(image, model="one.same-v1:0"))
        ledger.write(make_record(image, model="two.same-v1:0"))
        ledger.write(make_record(image))
    return path


def test_a_small_amount_beside_a_large_one_is_not_nothing(run: Run, odd: Path) -> None:
    """It has as many digits as beside small ones."""
    shown = run("report", "--ledger", str(odd)).stdout
    (ads, search) = (line.split() for line in shown.splitlines()[4:6])
    assert (ads[0], ads[6]) == ("ads", "$200.00")
    assert (search[0], search[6]) == ("search", "$0.00102")


def test_models_that_are_one_in_short_are_told_apart(run: Run, odd: Path) -> None:
    """Their whole ids stand there."""
    shown = run("report", "--ledger", str(odd), "--by", "model").stdout
    assert "\none.same-v1:0 " in shown
    assert "\ntwo.same-v1:0 " in shown


def test_a_report_by_unit_as_json_counts_calls_once(run: Run, odd: Path) -> None:
    """In its total, as one call uses several units."""
    asked = ("report", "--ledger", str(odd), "--json", "--by")
    by_unit = json.loads(run(*asked, "unit").stdout)
    by_team = json.loads(run(*asked, "team").stdout)
    names = ("calls", "failed_calls", "abandoned_calls", "unpriced_calls")
    assert [by_unit["total"][name] for name in names] == [6, 1, 0, 3]
    assert [by_team["total"][name] for name in names] == [6, 1, 0, 3]
    assert "calls" not in by_unit["rows"][0]


def test_a_total_of_units_has_no_price_for_a_thousand(run: Run, tmp_path: Path) -> None:
    """A thousand of what would be asked."""
    path = tmp_path / "units.db"
    with closing(Ledger(path)) as ledger:
        ledger.write(make_record())
    shown = run("report", "--ledger", str(path), "--by", "unit").stdout
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines()[2:7]}
    assert rows["output_token"] == ["50", "$0.000825", "71.4%", "$0.0165"]
    assert rows["total"] == ["$0.00116", "100.0%"]


def test_units_without_a_price_as_json(run: Run, odd: Path) -> None:
    """Only those that lack one are named."""
    rows = json.loads(run("report", "unpriced", "--ledger", str(odd), "--json").stdout)[
        "rows"
    ]
    (partial,) = (row for row in rows if row["status"] == "partial")
    assert partial["unpriced_units"] == ["output_image"]


def test_charges(run: Run, ledger: Path) -> None:
    """Every amount is a count times a list price, exact, the dearest model first."""
    done = run("report", "charges", "--ledger", str(ledger))
    assert (done.returncode, done.stderr) == (0, "")
    times = "\N{MULTIPLICATION SIGN}"
    assert [" ".join(line.split()) for line in done.stdout.splitlines()] == [
        "Charges, 2026-11-24 12:00 to 2026-11-25 13:00 (UTC)",
        f"model and unit count {times} list price = amount",
        RULE * 59,
        "claude-sonnet-4-5 $0.004620",
        "input_token 400 $3.30 per 1,000,000, geo $0.001320",
        "output_token 200 $16.50 per 1,000,000, geo $0.003300",
        "nova-lite $0.000018",
        "input_token 100 $0.06 per 1,000,000, geo $0.000006",
        "output_token 50 $0.24 per 1,000,000, geo $0.000012",
        RULE * 59,
        "total $0.004638",
    ]


def test_charges_as_data(run: Run, ledger: Path) -> None:
    """Count times price divided by per is the amount, in JSON and in CSV."""
    asked = ("report", "charges", "--ledger", str(ledger), "--where", "team=search")
    found = json.loads(run(*asked, "--json").stdout)
    assert [
        Decimal(row["price"]) * row["count"] / row["per"] == Decimal(row["amount"])
        for row in found["rows"]
    ] == [True, True]
    assert Decimal(found["total"]["USD"]) == Decimal("0.003465")
    (row, _) = csv.DictReader(io.StringIO(run(*asked, "--format", "csv").stdout))
    assert row == {
        "model": "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "unit": "input_token",
        "scope": "geo",
        "region": "default",
        "tier": "default",
        "count": "300",
        "price": "3.3",
        "per": "1000000",
        "amount": "0.0009900",
        "currency": "USD",
        "list_price": "3.3",
    }


def test_charges_at_a_discount(run: Run, tmp_path: Path) -> None:
    """List prices have a column of their own where the price is another."""
    path = tmp_path / "discount.db"
    prices = PriceTable.bundled().with_overrides(
        discounts=[Discount(Decimal(10), vendor="anthropic")]
    )
    record = make_record()
    quote = prices.quote(
        record.model,
        record.usage or Usage({}),
        region="us-east-1",
        at=record.started_at,
    )
    with closing(Ledger(path)) as kept:
        kept.write(record._replace(cost=quote.cost))
    done = run("report", "charges", "--ledger", str(path))
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    times = "\N{MULTIPLICATION SIGN}"
    assert lines[1] == f"model and unit list price count {times} price = amount"
    assert lines[4:6] == [
        "input_token $3.30 per 1,000,000 100 $2.97 per 1,000,000, geo $0.0002970",
        "output_token $16.50 per 1,000,000 50 $14.85 per 1,000,000, geo $0.0007425",
    ]


def test_charges_that_were_given_have_no_price(run: Run, tmp_path: Path) -> None:
    """An amount of whole calls is counted by the call, in its own currency."""
    path = tmp_path / "given.db"
    with closing(Ledger(path)) as kept:
        kept.write(make_record())
        kept.write(make_record(cost=Cost(Decimal("1.5"), "CHF", {}, {})))
    shown = run("report", "charges", "--ledger", str(path)).stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "given amounts, calls 1 1.500000 CHF" in lines
    nothing = run("report", "charges", "--ledger", str(path), "--where", "team=x")
    assert nothing.stdout.endswith("\n  no amounts\n")


def test_lists_have_formats_too(run: Run, ledger: Path) -> None:
    """As a report of spend: by name, or by the suffix of a file."""
    asked = ("report", "unattributed", "--ledger", str(ledger), "--by", "region")
    assert run(*asked, "--format", "csv").stdout.startswith("missing,region,")
    both = run(*asked, "--json", "--format", "csv")
    assert (both.returncode, "exclude each other" in both.stderr) == (2, True)


@pytest.mark.parametrize(
    "command", [(), ("unpriced",), ("unattributed",), ("charges",)], ids=str
)
def test_no_report_replaces_a_ledger(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """A ledger named as output, directly or by a link, stays what it is."""
    path, link, other = (tmp_path / name for name in ("calls.db", "link", "other.db"))
    for each in (path, other):
        made = Ledger(each)
        made.write(make_record())
        made.close()
    link.symlink_to(path)
    for output in (path, link, other):
        before = output.read_bytes()
        done = run(
            *("report", *command, "--format", "csv", "-o", str(output)),
            BEDROCK_ATTRIB_LEDGER=str(path),
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert f"--output {output} is a SQLite file" in done.stderr
        assert output.read_bytes() == before


def test_no_output_replaces_the_log_of_a_ledger_or_a_price_file(
    run: Run, ledger: Path, tmp_path: Path
) -> None:
    """What SQLite stores beside a ledger, and files that settings name, stay too."""
    own = tmp_path / "calls.db"
    log = tmp_path / "calls.db-wal"
    own.write_bytes(ledger.read_bytes())
    log.write_bytes(b"log")
    overrides = tmp_path / "own.json"
    overrides.write_text('{"rows": []}', encoding="utf-8")
    for output, content in ((log, "log"), (overrides, '{"rows": []}')):
        done = run(
            *("report", "--ledger", str(ledger), "--format", "csv", "-o", str(output)),
            BEDROCK_ATTRIB_PRICE_OVERRIDES=str(overrides),
        )
        assert done.returncode == 2
        assert "was not replaced: name another file" in " ".join(done.stderr.split())
        assert output.read_text(encoding="utf-8") == content


def test_a_suffix_without_a_format_is_refused(
    run: Run, ledger: Path, tmp_path: Path
) -> None:
    """A spreadsheet program would call a text table in such a file corrupt."""
    for name in ("spend.xlsx", "spend.md"):
        done = run("report", "--ledger", str(ledger), "-o", str(tmp_path / name))
        assert done.returncode == 2
        assert f"has the suffix {Path(name).suffix}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_names_of_servers_and_applications_do_not_steer_the_terminal(
    run: Run, tmp_path: Path
) -> None:
    """Control and bidirectional characters of any field are replaced in any table."""
    escape = "\x1b]0;owned\x07\u202e\u200f\r"
    path = tmp_path / "calls.db"
    made = Ledger(path)
    made.write(
        make_record(
            None,
            tags={"team": escape},
            model=f"acme.{escape}-v1:0",
            tier=escape,
            region=escape,
            price_status=PriceStatus.UNPRICED,
            price_reason=escape,
        )
    )
    made.close()
    for command in (
        ("report", "--by", "team,model,region,tier"),
        ("report", "unpriced"),
        ("report", "unattributed", "--by", "region,tier"),
        ("ledger", "info"),
        ("prices", "show", f"acme.{escape}"),
    ):
        done = run(*command, BEDROCK_ATTRIB_LEDGER=str(path))
        shown = done.stdout + done.stderr
        assert not set(escape) & set("\x1b\x07\u202e\u200f\r") & set(shown), command
