"""The command ``doctor``: it tells how things are, and works when they are broken."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from importlib.metadata import Distribution, PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoRegionError
from kept_records import make_record
from waiting import HANG_S

pytest.importorskip("click", reason="needs the extra cli")

from clicking import command_runner

from bedrock_attrib import Ledger
from bedrock_attrib.cli import commands

STATES = {"ok", "note", "warning", "problem"}


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder of its own, and no settings."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("BEDROCK_ATTRIB_", "OTEL_", "AWS_", "COLUMNS")):
            monkeypatch.delenv(name)


class Told:
    """What the command found."""

    def __init__(self, *arguments: str) -> None:
        done = command_runner().invoke(commands, ["doctor", "--json", *arguments])
        self.code = done.exit_code
        self.stderr = done.stderr
        self.all: dict[str, Any] = json.loads(done.stdout)
        self.findings: list[dict[str, Any]] = self.all["findings"]

    def of(self, area: str) -> list[tuple[str, str]]:
        """State and text of what was found in an area."""
        return [(f["state"], f["what"]) for f in self.findings if f["area"] == area]

    def step(self, area: str) -> str | None:
        """The first next step of an area."""
        steps = (f["next_step"] for f in self.findings if f["area"] == area)
        return next(filter(None, steps), None)


def keep(path: str = "calls.db", age: timedelta = timedelta(0)) -> None:
    """Make a ledger with one call."""
    ledger = Ledger(path)
    ledger.write(make_record(at=datetime.now(UTC) - age))
    ledger.close()


def test_a_newcomer_is_told_what_is_there_and_what_to_do() -> None:
    """Nothing is broken, and the next step is to keep a ledger."""
    told = Told()
    assert told.code == 0
    assert told.all["ok"] is True
    assert ("ok", f"boto3 {version('boto3')}") in told.of("packages")
    assert told.of("ledger") == [
        ("note", "no ledger is configured: calls are reported as metrics only")
    ]
    assert told.all["next_step"] == (
        "Set BEDROCK_ATTRIB_LEDGER=calls.db where your application runs, or try the "
        "demo: bedrock-attrib demo --ledger demo.db"
    )
    assert told.stderr == ""


def test_whatever_is_not_well_has_a_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each finding has a state, and what to do where it is not ok."""
    monkeypatch.setenv("BEDROCK_ATTRIB_LEGDER", "x")
    told = Told("--ledger", "no/folder/calls.db")
    assert {finding["state"] for finding in told.findings} <= STATES
    lacking = [f for f in told.findings if f["state"] != "ok" and not f["next_step"]]
    assert lacking == []


def test_each_setting_says_where_it_came_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """File and environment are told apart."""
    (tmp_path / "bedrock_attrib.toml").write_text("immediate = true\nspan_cost = true")
    monkeypatch.setenv("BEDROCK_ATTRIB_SPAN_COST", "false")
    assert Told().of("settings") == [
        ("ok", "immediate = True (from immediate in bedrock_attrib.toml)"),
        ("ok", "span_cost = False (from BEDROCK_ATTRIB_SPAN_COST)"),
    ]


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """That it is set and where is told, and what it is is not."""
    monkeypatch.setenv("BEDROCK_ATTRIB_REQUEST_HASH_KEY", "s3cret" * 6)
    told = Told()
    from_where = "(from BEDROCK_ATTRIB_REQUEST_HASH_KEY)"
    assert told.of("settings") == [
        ("ok", f"request_hash_key = ********** {from_where}")
    ]
    monkeypatch.setenv("BEDROCK_ATTRIB_REQUEST_HASH_KEY", "s3cret")
    short = Told()
    assert short.of("settings")[0][0] == "problem"
    assert "s3cret" not in repr((told.all, short.all, told.stderr, short.stderr))


def test_a_variable_that_sets_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt name is found, on stdout like the rest."""
    monkeypatch.setenv("BEDROCK_ATTRIB_LEGDER", "calls.db")
    told = Told()
    what = "BEDROCK_ATTRIB_LEGDER: unknown setting; did you mean BEDROCK_ATTRIB_LEDGER?"
    assert ("warning", what) in told.of("settings")
    assert told.all["next_step"].startswith("Correct the name")
    assert (told.code, told.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bedrock_attrib.toml", b"no toml [", "cannot read bedrock_attrib.toml"),
        ("bedrock_attrib.toml", b"\xff\xfe", "cannot read bedrock_attrib.toml"),
        ("bedrock_attrib.toml", b"ledgr = 'x'", "no such setting"),
        ("bedrock_attrib.toml", b"metric_tag_values = 0", "greater than or equal to 1"),
    ],
)
def test_broken_settings_are_told_and_the_rest_is_examined(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    """Code 1, what is wrong, and everything else all the same."""
    (tmp_path / name).write_bytes(content)
    keep()
    told = Told("--ledger", "calls.db")
    ((state, what),) = told.of("settings")
    assert (told.code, state) == (1, "problem")
    assert message in what
    assert told.of("ledger")[0][1].startswith("calls.db: 1 single call since")
    assert told.all["next_step"].startswith("Correct it;")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ledger:hidden@db.example/spend",
        "postgresql://ledger:hid@den@db.example/spend",
        "postgresql://db.example/spend?password=hidden",
    ],
)
def test_no_password_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """URLs are told without them, and are not tried."""
    monkeypatch.setenv("BEDROCK_ATTRIB_LEDGER", url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    told = Told()
    assert "hid" not in json.dumps(told.all).replace("which", "")
    assert "db.example/spend" in told.of("ledger")[0][1]


def test_a_ledger_in_use_is_well() -> None:
    """How much it holds, and when the last call came."""
    keep()
    told = Told("--ledger", "calls.db")
    state, what = told.of("ledger")[0]
    today = datetime.now(UTC).date()
    assert state == "ok"
    assert what.startswith(
        f"calls.db: 1 single call since {today}, the last at {today}"
    )
    assert what.endswith("readable and writable")
    assert told.all["next_step"] == (
        "No problems found. To see spend: bedrock-attrib report"
    )


def test_a_ledger_to_which_nothing_comes_is_told() -> None:
    """An application that stopped to write is noticed."""
    keep(age=timedelta(days=3, hours=1))
    state, what = Told("--ledger", "calls.db").of("ledger")[0]
    assert state == "note"
    assert what.endswith("No calls for 3 days")


def _corrupt(path: Path) -> None:
    path.write_bytes(b"no database at all" * 400)


def _torn(path: Path) -> None:
    keep()
    content = bytearray(path.read_bytes())
    content[100:8192] = b"\xff" * 8092
    path.write_bytes(content)


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _empty(path: Path) -> None:
    path.touch(mode=0o600)


def _no_call(path: Path) -> None:
    Ledger(path).close()


def _of_all(path: Path) -> None:
    keep()
    path.chmod(0o644)


@pytest.mark.parametrize(
    ("make", "state", "message"),
    [
        (_corrupt, "problem", "file is not a database"),
        (_torn, "problem", "calls.db"),
        (_folder, "problem", "calls.db is not a file"),
        (_loop, "problem", "calls.db cannot be accessed: Too many levels of symbolic"),
        (_empty, "note", "calls.db is empty"),
        (_no_call, "note", "calls.db has no calls yet"),
        (_of_all, "warning", "has mode 0644: other users may read"),
    ],
)
def test_a_ledger_that_is_not_well_is_told(
    make: Any, state: str, message: str, tmp_path: Path
) -> None:
    """Whatever is in its place, there is a message and no traceback."""
    make(tmp_path / "calls.db")
    told = Told("--ledger", "calls.db")
    assert [w for s, w in told.of("ledger") if s == state and message in w] != []
    assert told.code == (1 if state == "problem" else 0)
    assert told.step("ledger") is not None


@pytest.mark.parametrize(
    ("name", "state", "message"),
    [
        ("calls.db", "note", "does not exist yet"),
        ("no/calls.db", "problem", "does not exist, and neither does the folder"),
    ],
)
def test_a_ledger_that_is_missing_is_not_made(
    name: str, state: str, message: str, tmp_path: Path
) -> None:
    """An examination changes nothing."""
    ((found, what),) = Told("--ledger", name).of("ledger")
    assert found == state
    assert message in what
    assert list(tmp_path.iterdir()) == []


def test_what_this_user_may_not_do_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file or folder that cannot be written is found before a call is lost."""
    keep()
    # Root, as whom tests may run, may do everything.
    monkeypatch.setattr(os, "access", lambda _, right: right == os.R_OK)
    assert Told("--ledger", "calls.db").of("ledger") == [
        ("problem", "calls.db is not writable for this user")
    ]
    ((state, what),) = Told("--ledger", "new.db").of("ledger")
    assert state == "problem"
    assert what.endswith(f"and {tmp_path} is not writable for this user")


def test_a_folder_that_may_not_be_written_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file alone is not enough: SQLite keeps its log beside it."""
    keep()
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name == "calls.db")
    ((state, what),) = Told("--ledger", "calls.db").of("ledger")
    assert state == "problem"
    assert f"calls.db is in {tmp_path}, which is not writable for this user" in what


def test_prices_that_cannot_be_read_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A price file and overrides that are not as documented are problems."""
    (tmp_path / "prices.json").write_text("{}")
    (tmp_path / "own.toml").write_text("x = 1")
    monkeypatch.setenv("BEDROCK_ATTRIB_PRICE_OVERRIDES", "own.toml")
    assert Told().of("prices")[1][0] == "problem"
    monkeypatch.setenv("BEDROCK_ATTRIB_PRICES", "prices.json")
    told = Told()
    assert told.of("prices")[0][0] == "problem"
    assert told.code == 1


def test_whether_metrics_go_anywhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off here or there, or without a provider."""
    assert Told().of("metrics")[0][0] == "note"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    assert ("ok", "OTEL_SERVICE_NAME = shop") in Told().of("metrics")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert Told().of("metrics") == [
        ("warning", "OTEL_SDK_DISABLED is true: OpenTelemetry emits nothing")
    ]
    monkeypatch.setenv("BEDROCK_ATTRIB_METRICS", "false")
    assert Told().of("metrics") == [("note", "disabled by the settings")]


def test_a_provider_that_is_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under opentelemetry-instrument."""
    code = (
        "from opentelemetry.metrics import set_meter_provider; "
        "from opentelemetry.sdk.metrics import MeterProvider; "
        "set_meter_provider(MeterProvider()); "
        "from bedrock_attrib.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "doctor", "--json"],
        capture_output=True,
        check=True,
        timeout=HANG_S,
    )
    found = json.loads(done.stdout)["findings"]
    assert "a meter provider is set: MeterProvider" in {each["what"] for each in found}


def test_prices_of_ones_own_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Overrides that are as documented come before the table."""
    (tmp_path / "own.toml").write_text("")
    monkeypatch.setenv("BEDROCK_ATTRIB_PRICE_OVERRIDES", "own.toml")
    assert ("ok", "overrides from own.toml take precedence") in Told().of("prices")


def test_overrides_in_doubt_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Overrides that may not do what was meant are a warning."""
    (tmp_path / "own.toml").write_text("[[discounts]]\npercent = 0.15\n")
    monkeypatch.setenv("BEDROCK_ATTRIB_PRICE_OVERRIDES", "own.toml")
    ((state, what),) = Told().of("prices")[1:]
    assert (state, what.count("write 15 if 15 % is meant")) == ("warning", 1)


def test_the_price_file_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A price file is used, missing, or broken."""
    monkeypatch.setenv("BEDROCK_ATTRIB_PRICE_FILE", "new.json")
    assert Told().of("prices")[0] == (
        "warning",
        "price file new.json is not there yet; the table is used without it",
    )
    (tmp_path / "new.json").write_text("{")
    assert Told().of("prices")[0][0] == "problem"
    bundled = files("bedrock_attrib.pricing").joinpath("prices.json").read_text("utf-8")
    (tmp_path / "new.json").write_text(bundled, "utf-8")
    assert Told().of("prices")[0] == ("ok", "price file new.json takes precedence")


def test_an_old_price_table_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever goes on with old prices is told how to get new ones."""
    bundled = files("bedrock_attrib.pricing").joinpath("prices.json").read_text("utf-8")
    old = re.sub(r'"generated": "[^"]+"', '"generated": "2025-01-02"', bundled)
    (tmp_path / "prices.json").write_text(old, "utf-8")
    monkeypatch.setenv("BEDROCK_ATTRIB_PRICES", "prices.json")
    ((state, what),) = Told().of("prices")
    assert state == "warning"
    assert "gathered 2025-01-02" in what


def test_every_extra_for_users_is_looked_for(root: Path) -> None:
    """Whatever `pyproject.toml` offers has a finding, but for what brings others."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    extras = set(project["optional-dependencies"])
    for_contributors = {"test", "docs", "dev"}
    told = {what.partition(":")[0] for _, what in Told().of("extras")}
    assert told == extras - for_contributors


def test_what_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is missing is a problem, an extra a note."""

    def refuse(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(Distribution, "from_name", refuse)
    for module in (
        "opentelemetry.exporter.otlp.proto.http",
        "opentelemetry.exporter.prometheus",
        "pyarrow",
    ):
        monkeypatch.setitem(sys.modules, module, None)
    told = Told()
    assert told.code == 1
    assert told.of("packages")[:2] == [
        ("note", "bedrock-attrib runs from a folder of sources and is not installed"),
        ("problem", "boto3 is not installed"),
    ]
    for extra, purpose in (
        ("otlp", "export with OTLP"),
        ("prometheus", "Prometheus"),
        ("reports", "Parquet files"),
    ):
        what = f"{extra}: not installed (for {purpose})"
        assert ("note", what) in told.of("extras")
    assert told.of("neighbours") == [
        ("ok", "no other instrumentation of Bedrock is installed")
    ]


def test_nothing_is_sent_and_no_credential_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No socket is opened, and keys are not among what is shown."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAHIDDEN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "HIDDEN")

    def refuse(*_: object) -> None:
        pytest.fail("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    told = Told()
    assert told.of("AWS")[0] == ("ok", "region eu-west-1, from AWS_DEFAULT_REGION")
    assert "HIDDEN" not in json.dumps(told.all)


def test_the_region_is_the_one_that_boto3_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A variable that boto3 does not read is no region, and the right one is named."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with pytest.raises(NoRegionError):
        boto3.Session().client("bedrock-runtime")
    told = Told()
    assert told.of("AWS")[0] == (
        "note",
        "AWS_REGION is eu-west-1, which boto3 does not read",
    )
    assert "set AWS_DEFAULT_REGION=eu-west-1" in json.dumps(told.all)


def test_an_examination_that_fails_is_a_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even if the working directory is gone, the rest is told."""

    def fail() -> Path:
        raise FileNotFoundError("it is gone")

    monkeypatch.setattr(Path, "cwd", fail)
    told = Told()
    assert told.code == 1
    assert told.of("settings") == [
        ("problem", "check failed: FileNotFoundError: it is gone")
    ]
    assert told.of("AWS") != []


def test_people_get_a_list_and_the_next_step() -> None:
    """Marks are words, and the first thing to do stands at the end."""
    done = command_runner().invoke(commands, ["doctor", "--ledger", "no/calls.db"])
    lines = done.stdout.splitlines()
    assert done.exit_code == 1
    assert lines[0].startswith("Python     ok CPython 3.")
    assert any(
        line.startswith("ledger     x  no/calls.db does not exist") for line in lines
    )
    assert lines[-1].startswith("Next: Create the folder: mkdir -p /")
    assert not any(line.endswith(" ") for line in lines)
