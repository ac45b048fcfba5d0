"""The command ``bedrock-attrib`` itself: help, version, wrong use, missing extras."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

pytest.importorskip("click", reason="needs the extra cli")

import boto3
import click
from clicking import command_runner
from waiting import HANG_S

from bedrock_attrib import __version__
from bedrock_attrib._run import option_parser
from bedrock_attrib.cli import commands
from bedrock_attrib.testing import bedrock_simulator

Run = Callable[..., CompletedProcess[str]]


def test_the_version_is_that_of_the_package(run: Run) -> None:
    """``--version`` tells which distribution is installed."""
    assert run("--version").stdout == f"bedrock-attrib {__version__}\n"


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_commands_and_examples(run: Run, option: str) -> None:
    """A newcomer finds the demo and how to call it."""
    done = run(option)
    assert done.returncode == 0
    assert "Usage: bedrock-attrib [OPTIONS] COMMAND [ARGS]..." in done.stdout
    assert re.search(r"\n  demo +Watch three teams' spend on Bedrock grow", done.stdout)
    assert (
        "\n    bedrock-attrib report --ledger demo.db --by team,app,model\n"
        in done.stdout
    )


def test_help_of_the_demo_has_examples(run: Run) -> None:
    """Each way to use the demo is shown."""
    examples = run("demo", "--help").stdout.partition("Examples:")[2]
    assert re.findall(r"--[a-z]+", examples) == [
        "--duration",
        "--json",
        "--prometheus",
        "--keep",
        "--recordings",
        "--ledger",
    ]


def test_the_script_is_the_module(root: Path) -> None:
    """``bedrock-attrib`` and ``python -m bedrock_attrib`` run the same function."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["scripts"] == {"bedrock-attrib": "bedrock_attrib.__main__:main"}


SCRIPT = Path(sys.executable).parent / "bedrock-attrib"


def errors_of(command: str, folder: Path, **changes: str) -> str:
    """Standard error of *command*, run by a shell in *folder*."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        capture_output=True,
        check=False,
        cwd=folder,
        encoding="utf-8",
        env=os.environ | changes,
        timeout=HANG_S,
    )
    return done.stderr


@pytest.mark.skipif(not SCRIPT.exists(), reason="the package is not installed")
@pytest.mark.parametrize("is_on_path", [False, True])
def test_suggested_commands_can_be_pasted(*, tmp_path: Path, is_on_path: bool) -> None:
    """A suggested command has the path of the script, unless the PATH has it."""
    path = str(SCRIPT.parent) if is_on_path else os.defpath
    stderr = errors_of(f"{SCRIPT} watch --ledger none.db", tmp_path, PATH=path)

    suggested = re.search(r"create one: (\S+) demo --ledger", stderr)
    assert suggested is not None
    assert suggested[1] == ("bedrock-attrib" if is_on_path else str(SCRIPT))


@pytest.mark.skipif(not SCRIPT.exists(), reason="the package is not installed")
def test_a_suggested_command_is_relative_to_the_folder(tmp_path: Path) -> None:
    """In a checkout it reads `.venv/bin/bedrock-attrib`, as you would type it."""
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    (folder / SCRIPT.name).chmod(0o755)
    command = ".venv/bin/bedrock-attrib watch --ledger none.db"
    stderr = errors_of(command, tmp_path, PATH=os.defpath)

    assert "create one: .venv/bin/bedrock-attrib demo --ledger" in stderr


@pytest.mark.parametrize("package", ["click", "rich"])
def test_a_missing_extra_is_named(run_without: Run, package: str) -> None:
    """Without the extra ``cli`` there is a message, no traceback, and exit code 2."""
    done = run_without(package, "demo")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"Error: {package} is not installed; it comes with the extra 'cli': "
        f"pip install 'bedrock-attrib[cli]'\n"
    )


def test_another_missing_module_is_not_hidden(run_without: Run) -> None:
    """What no extra brings is a broken install, and shows as one."""
    done = run_without("http.server", "demo")
    assert done.returncode == 1
    assert "ModuleNotFoundError: import of http.server halted" in done.stderr


def test_ctrl_c_while_the_command_is_loaded_is_quiet(run: Run, tmp_path: Path) -> None:
    """An interrupt before there is anything to report ends with code 130."""
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt", "utf-8")
    done = run("--version", PYTHONPATH=f"{tmp_path}:{':'.join(sys.path[1:])}")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demos"], "No such command 'demos'."),
        (["demo", "--duration", "31"], "31.0 is not in the range 1<=x<=30."),
        (["demo", "--duration", "0.5"], "0.5 is not in the range 1<=x<=30."),
        (["demo", "--keep"], "--keep needs --prometheus PORT"),
        (["demo", "--prometheus", "65536"], "65536 is not in the range 0<=x<=65535."),
        (
            ["demo", "--recordings", "here", "--prometheus", "0"],
            "--recordings and --prometheus exclude each other",
        ),
    ],
)
def test_wrong_use_is_told(run: Run, arguments: list[str], message: str) -> None:
    """Wrong arguments end with a message on stderr and exit code 2."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def leaves(
    group: click.Group, name: str = "bedrock-attrib"
) -> Iterator[tuple[str, click.Command]]:
    """Commands that do something, each with all its names."""
    for part, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{name} {part}")
        else:
            yield f"{name} {part}", command


@pytest.mark.parametrize("arguments", [[], ["analyze"], ["ledger"], ["prices"]])
def test_a_group_without_arguments_shows_its_help(arguments: list[str]) -> None:
    """Its commands and examples, with exit code 0."""
    done = command_runner().invoke(commands, arguments, prog_name="bedrock-attrib")
    asked = command_runner().invoke(
        commands, [*arguments, "--help"], prog_name="bedrock-attrib"
    )
    assert (done.exit_code, done.stdout) == (0, asked.stdout)
    assert "Examples:" in done.stdout


@pytest.mark.parametrize("word", ["top", "html", "price", "unpriced", "unattributed"])
def test_the_tree_has_no_other_words(word: str) -> None:
    """Every command has one name."""
    assert command_runner().invoke(commands, [word]).exit_code == 2


@pytest.mark.parametrize(
    "group",
    [[], ["report"], ["analyze"], ["ledger"], ["prices"], ["budget"], ["policy"]],
)
def test_summaries_of_commands_are_whole_sentences(group: list[str]) -> None:
    """None is cut in a terminal of 80 columns."""
    shown = command_runner().invoke(commands, [*group, "--help"]).stdout
    listed = shown.partition("Commands:")[2].partition("Examples:")[0].splitlines()
    assert [line for line in listed if line.endswith("...")] == []


def test_the_tree() -> None:
    """Groups and commands are these."""
    names = [name.removeprefix("bedrock-attrib ") for name, _ in leaves(commands)]
    assert sorted(names) == [
        "analyze anomalies",
        "analyze compare",
        "analyze forecast",
        "analyze savings",
        "analyze what-if",
        "budget explain",
        "budget freeze",
        "budget grant",
        "budget replay",
        "budget reset",
        "budget status",
        "budget thaw",
        "completion",
        "demo",
        "doctor",
        "ledger check",
        "ledger compact",
        "ledger export",
        "ledger info",
        "ledger prune",
        "policy check",
        "prices check",
        "prices diff",
        "prices import",
        "prices list",
        "prices quote",
        "prices show",
        "prices update",
        "report charges",
        "report spend",
        "report unattributed",
        "report unpriced",
        "run",
        "simulate",
        "watch",
    ]


@pytest.mark.parametrize(("name", "command"), [*leaves(commands)])
def test_every_option_has_a_help_text(name: str, command: click.Command) -> None:
    """A sentence that ends with a full stop."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert (parameter.help or "").endswith((".", ".)")), (name, parameter.name)


def test_a_program_is_run_from_within_the_group() -> None:
    """Whoever calls the group finds ``run`` in it, with its own codes."""
    with pytest.raises(SystemExit) as end:
        commands.main(["run", "nosuch", "--help"])
    assert end.value.code == 127


@pytest.mark.parametrize(("name", "command"), [*leaves(commands)])
def test_every_option_is_documented(
    root: Path, name: str, command: click.Command
) -> None:
    """Each command and each option has its place in the reference."""
    page = (root / "docs/reference/cli.md").read_text("utf-8")
    section = page.partition(f"\n## `{name}`\n")[2].partition("\n## ")[0]
    assert section
    rows = re.findall(r"^\| `(--[a-z0-9-]+)", section, re.MULTILINE)
    options = [p.opts[0] for p in command.params if isinstance(p, click.Option)]
    if name == "bedrock-attrib run":  # it reads its arguments itself
        own = option_parser().format_help().partition("Options:")[2]
        own = own.partition("Settings:")[0]
        options = re.findall(r"^  (?:-\w.*, )?(--[a-z-]+)", own, re.MULTILINE)
        assert len(options) == 6
    assert rows == options


@pytest.mark.parametrize(("name", "command"), [*leaves(commands)])
def test_every_command_can_be_asked_for_json(name: str, command: click.Command) -> None:
    """A program that reads what a command says needs no exception."""
    options = [opt for p in command.params for opt in p.opts]
    if name == "bedrock-attrib run":  # it reads its arguments itself
        options = re.findall(r"--[a-z]+", option_parser().format_help())
    assert "--json" in options


def test_simulate_serves_boto3(running: Callable[..., Any]) -> None:
    """What the command prints makes boto3 use it, and each request is shown."""
    options = ["--port", "0", "--text", "Yes.", "--output-tokens", "3", "--json"]
    with running("simulate", *options) as process:
        found = json.loads(process.stdout.readline())["environment"]
        client = boto3.client(
            "bedrock-runtime",
            endpoint_url=found["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"],
            region_name=found["AWS_DEFAULT_REGION"],
            aws_access_key_id=found["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=found["AWS_SECRET_ACCESS_KEY"],
        )
        answer = client.converse(modelId="amazon.nova-lite-v1:0", messages=[])
        client.close()
        seen = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(HANG_S) == 0
    assert answer["output"]["message"]["content"] == [{"text": "Yes."}]
    assert answer["usage"]["outputTokens"] == 3
    assert (seen["operation"], seen["model_id"]) == (
        "Converse",
        "amazon.nova-lite-v1:0",
    )


def test_simulate_prints_lines_for_a_shell(running: Callable[..., Any]) -> None:
    """The lines can be pasted into the shell of an application."""
    with running("simulate", "--port", "0") as process:
        lines = [process.stdout.readline() for _ in range(5)]
    assert lines[0] == "export AWS_ACCESS_KEY_ID=simulated\n"
    assert re.fullmatch(
        r"export AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:\d+\n", lines[4]
    )


def test_simulate_needs_a_free_port(run: Run) -> None:
    """A port that is taken is named, without a traceback."""
    with bedrock_simulator() as simulator:
        port = simulator.endpoint_url.rpartition(":")[2]
        done = run("simulate", "--port", port)
    assert done.returncode == 2
    assert f"Error: cannot listen on port {port} of 127.0.0.1" in done.stderr


def test_completion_as_json(run: Run) -> None:
    """The object has the script and its shell."""
    told = json.loads(run("completion", "fish", "--json").stdout)
    assert told["shell"] == "fish"
    assert told["script"] + "\n" == run("completion", "fish").stdout
