"""The command ``run``: a program started with metering switched on."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from waiting import HANG_S

pytest.importorskip(
    "opentelemetry.exporter.otlp.proto.http", reason="needs the extra otlp"
)

from programs import BIN, PLAIN, Stage
from programs import stage as open_stage

from bedrock_attrib.__main__ import main
from bedrock_attrib._config import Config

RUN = (BIN / "bedrock-attrib", "run")
ONE_CALL = PLAIN + "make_client().converse(**CALL)\n"
TOLD = re.compile(r"^bedrock-attrib: (.*) \(process (\d+)\)$", re.MULTILINE)

RESTORED = [
    getattr(signal, name)
    for name in ("SIGPIPE", "SIGXFSZ", "SIGXFZ")
    if hasattr(signal, name)
]

posix = pytest.mark.skipif(os.name != "posix", reason="no exec on this system")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A Bedrock and a collector, for programs of one test."""
    with open_stage(tmp_path) as stage:
        yield stage


Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Command:
    """Runs the command where it starts no program: its exit code and remarks."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["bedrock-attrib", "run", *arguments])
        kept = {number: signal.getsignal(number) for number in RESTORED}
        with pytest.raises(SystemExit) as end:
            main()
        for number, handler in kept.items():
            signal.signal(number, handler)
        out, err = capfd.readouterr()
        return end.value.code, out + err

    return run


# A program is run.


@posix
def test_the_program_takes_the_place_of_the_command(stage: Stage) -> None:
    """Its exit code, arguments, input, output and process id are its own."""
    program = stage.write(
        ONE_CALL
        + """
print(os.getpid(), sys.argv[1:], sys.stdin.read(), file=sys.stdout)
print("its own", file=sys.stderr)
sys.exit(7)
"""
    )
    command = [*RUN, "--tag", "team=search", "--summary", "--", "python", program]
    with stage.running(*command, "--help", "--", "-x") as process:
        out, err = process.communicate("typed")
    assert out == f"{process.pid} ['--help', '--', '-x'] typed\n"
    assert process.returncode == 7
    # 21 input tokens at 0.035 and 7 output tokens at 0.14 USD per million.
    line = f"1 call, $0.00000154, 0 without a price (process {process.pid})"
    assert err == f"its own\nbedrock-attrib: {line}\n"


@posix
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 3), (signal.SIGINT, 4), (signal.SIGKILL, -9)]
)
def test_signals_reach_the_program(
    stage: Stage, number: signal.Signals, code: int
) -> None:
    """They are sent to the process that was started, and that is the program."""
    program = stage.write("""
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
signal.signal(signal.SIGINT, lambda *_: sys.exit(4))
print("ready", flush=True)
signal.pause()
""")
    with stage.running(*RUN, "python", program) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(HANG_S) == code


@posix
def test_signals_are_as_a_shell_leaves_them(stage: Stage) -> None:
    """A program that is no Python does not inherit what Python ignores."""
    raised = "kill -s PIPE $$; echo it is ignored"
    done = stage.run(*RUN, "sh", "-c", raised, code=-signal.SIGPIPE)
    assert done.stdout == ""


@posix
def test_a_terminal_is_passed_on(stage: Stage) -> None:
    """A program at a terminal still is at one."""
    ours, theirs = os.openpty()
    code = "import sys; sys.exit(sys.stdin.isatty() + 2 * sys.stdout.isatty())"
    done = subprocess.run(
        [*RUN, "python", "-c", code],
        check=False,
        env=stage.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        timeout=HANG_S,
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 3


@pytest.mark.slow
def test_every_python_that_it_starts_is_metered(stage: Stage) -> None:
    """Children and children of children are, and modules, scripts and shells."""
    stage.write(ONE_CALL, "called.py")
    script = stage.write(f"#!{sys.executable}\n{ONE_CALL}", "called-script")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    program = stage.write(
        ONE_CALL
        + f"""
import subprocess
subprocess.run([sys.executable, "-m", "called"], check=True)
subprocess.run(["sh", "-c", {str(script)!r}], check=True)
subprocess.run([sys.executable, "-c", "pass"], check=True)
"""
    )
    done = stage.run(*RUN, "--summary", sys.executable, program)
    lines = TOLD.findall(done.stderr)
    assert [line for line, _ in lines] == ["1 call, $0.00000154, 0 without a price"] * 3
    assert len({process for _, process in lines}) == 3


@pytest.mark.slow
def test_a_console_script_and_a_module(stage: Stage) -> None:
    """What other packages install is run as it is."""
    stage.write(
        ONE_CALL.replace("make_client().", "def test_it():\n    make_client()."),
        "test_called.py",
    )
    for command in (["pytest"], ["python", "-m", "pytest"]):
        quiet = ["-q", "-p", "no:cacheprovider", "--override-ini=addopts="]
        done = stage.run(*RUN, "--summary", *command, *quiet, "test_called.py")
        assert "1 passed" in done.stdout
        assert TOLD.findall(done.stderr)[0][0].startswith("1 call, ")


def test_a_program_without_calls(stage: Stage) -> None:
    """The summary says so, once; a child that was forked says nothing."""
    code = "import os; os.fork(); import botocore.session as b; b.Session()"
    done = stage.run(*RUN, "--summary", "python", "-W", "ignore", "-c", code)
    assert TOLD.sub(r"\1", done.stderr) == "no Bedrock calls\n"


def test_a_program_that_calls_by_httpx(stage: Stage) -> None:
    """The summary names clients whose calls it cannot see."""
    code = "import sys; sys.modules['httpx'] = sys.modules['openai'] = sys"
    done = stage.run(*RUN, "--summary", "python", "-c", code)
    assert TOLD.sub(r"\1", done.stderr) == (
        "no Bedrock calls\n"
        "bedrock-attrib: calls of Bedrock by openai, if there were any, are not seen, "
        "as they go by httpx; bedrock_attrib.httpx meters its clients\n"
    )


@pytest.mark.slow
def test_nothing_is_imported_before_it_is_needed(stage: Stage) -> None:
    """A program without a client of bedrock-runtime pays for one small file."""
    program = stage.write("""
import sys
sys.stdout.write(f"{'botocore' in sys.modules} {'bedrock_attrib' in sys.modules} ")
import boto3
boto3.client("sts", region_name="us-east-1")
sys.stdout.write(f"{'bedrock_attrib' in sys.modules} ")
boto3.client("bedrock-runtime", region_name="us-east-1")
sys.stdout.write(f"{'bedrock_attrib' in sys.modules}")
""")
    done = stage.run(*RUN, "python", program)
    assert done.stdout == "False False False True"


@pytest.mark.slow
def test_what_was_there_before_is_still_there(stage: Stage) -> None:
    """Another sitecustomize runs, and the path is what it was."""
    folder = stage.folder / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("print('mine', end=' ')", "utf-8")
    code = "import sys, sitecustomize; print(sitecustomize.__file__, sys.path[1:])"
    path = os.pathsep.join(["", str(folder), stage.environment["PYTHONPATH"]])
    plain = stage.run("python", "-c", code, PYTHONPATH=path)
    ours = stage.run(*RUN, *RUN, "python", "-c", code, PYTHONPATH=path)
    assert plain.stdout.startswith("mine ")
    assert ours.stdout.endswith(plain.stdout)


@pytest.mark.slow
def test_a_sitecustomize_that_fails_is_told_as_ever(stage: Stage) -> None:
    """Python says that it failed, and metering is on all the same."""
    folder = stage.folder / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("raise OSError('mine')", "utf-8")
    program = stage.write(ONE_CALL)
    done = stage.run(*RUN, "--summary", "python", program, PYTHONPATH=str(folder))
    assert "Error in sitecustomize" in done.stderr
    assert "OSError: mine" in done.stderr
    assert "bedrock-attrib: 1 call, " in done.stderr


@pytest.mark.slow
def test_the_first_clients_may_be_made_by_many_threads(stage: Stage) -> None:
    """botocore may be looked for before it is imported, and imported by all at once."""
    program = stage.write(
        "import importlib.util; importlib.util.find_spec('botocore')\n"
        + PLAIN.replace("import boto3", "")
        + """
from concurrent.futures import ThreadPoolExecutor

def call(_):
    import boto3
    boto3.Session().client("bedrock-runtime").converse(**CALL)

with ThreadPoolExecutor(8) as pool:
    list(pool.map(call, range(8)))
"""
    )
    done = stage.run(*RUN, "--summary", "python", program)
    assert TOLD.findall(done.stderr)[0][0].startswith("8 calls, ")


@pytest.mark.slow
def test_the_program_may_say_otherwise(stage: Stage) -> None:
    """Its own recorder takes the calls that it says; `uninstrument` is obeyed."""
    own = stage.write(
        PLAIN
        + """
from bedrock_attrib import Recorder, attribution, instrument
from bedrock_attrib.testing import ListSink
sink = ListSink()
recorder = Recorder(sinks=(sink,))
client = instrument(make_client(), recorder=recorder)
client.converse(**CALL)
recorder.flush()
print(len(sink.records))
with attribution(app="ranker") as spend:
    boto3.Session().client("bedrock-runtime").converse(**CALL)
print(spend.calls)
""",
        "own.py",
    )
    done = stage.run(*RUN, "--summary", "python", own)
    assert done.stdout == "1\n1\n"
    assert TOLD.findall(done.stderr)[0][0].startswith("1 call, ")
    off = stage.write(
        "import bedrock_attrib; bedrock_attrib.uninstrument()\n" + ONE_CALL, "off.py"
    )
    done = stage.run(*RUN, "--summary", "python", off)
    assert TOLD.findall(done.stderr)[0][0] == "no Bedrock calls"


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("raise ImportError('no such thing')", "no such thing"),
        pytest.param(
            "import nothing_of_that_name",
            "No module named 'nothing_of_that_name'",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_python_without_the_library_runs_the_program_all_the_same(
    stage: Stage, module: str, message: str
) -> None:
    """It is told once that calls are not metered."""
    stage.write(module, "bedrock_attrib.py")
    program = stage.write(ONE_CALL * 2)
    done = stage.run(*RUN, "python", program)
    told = f"bedrock-attrib: calls of {BIN / 'python'} are not metered: {message}\n"
    assert done.stderr == told
    assert len(stage.simulator.requests) == 2


def is_older(package: str, least: tuple[int, int]) -> bool:
    """Whether the installed *package* comes before the version *least*."""
    found = re.match(r"(\d+)\.(\d+)", version(package))
    return found is None or tuple(map(int, found.groups())) < least


@pytest.mark.slow
@pytest.mark.parametrize(
    "order",
    [
        (*RUN, "--tag", "team=search", "--", "opentelemetry-instrument"),
        ("opentelemetry-instrument", *RUN, "-t", "team=search", "--"),
    ],
    ids=["outside", "inside"],
)
def test_beside_opentelemetry_instrument(stage: Stage, order: tuple[str, ...]) -> None:
    """That one brings the provider, this one the tags; each call is counted once."""
    pytest.importorskip("opentelemetry.distro", reason="needs the extra test")
    if order[0] != RUN[0] and is_older("opentelemetry-instrumentation", (0, 66)):
        pytest.skip("this release does not get into what its program starts")
    program = stage.write(ONE_CALL)
    stage.run(*order, sys.executable, program)
    assert stage.collector.values("bedrock_attrib.calls", "team") == {"search": 1}


def test_it_needs_no_extra(stage: Stage) -> None:
    """The base install runs programs too."""
    code = (
        "import sys; sys.modules['click'] = sys.modules['rich'] = None; "
        "from bedrock_attrib.__main__ import main; main()"
    )
    done = stage.run(sys.executable, "-c", code, "run", "echo", "run")
    assert done.stdout == "run\n"


# What the program is told.


def told(stage: Stage, *options: str, **environment: str) -> dict[str, str]:
    """Our variables in the environment of a program."""
    done = stage.run(*RUN, *options, "env", **environment)
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {
        name.removeprefix("BEDROCK_ATTRIB_"): value
        for name, _, value in pairs
        if name.startswith("BEDROCK_ATTRIB_")
    }


def test_options_become_settings(stage: Stage) -> None:
    """They come before environment and file; tags are added to those of both."""
    stage.write('[tags]\napp = "ranker"\nteam = "ads"\n', "bedrock_attrib.toml")
    stage.write("", "other.toml")
    found = told(
        stage,
        *("-t", "team=search", "--tag=note=a=b c"),
        *("--metric-tags", "team,tenant", "--span-cost=true", "--histograms", "off"),
        BEDROCK_ATTRIB_SPAN_COST="false",
        BEDROCK_ATTRIB_IMMEDIATE="true",
    )
    assert found == {
        "TAGS": "app=ranker,team=search,note=a=b c",
        "METRIC_TAGS": "team,tenant",
        "SPAN_COST": "true",
        "HISTOGRAMS": "off",
        "IMMEDIATE": "true",
    }
    files = ("--config", "other.toml", "--ledger", "calls.db")
    assert told(stage, *files, "--summary", BEDROCK_ATTRIB_TAGS="") == {
        "CONFIG": str(stage.folder / "other.toml"),
        "LEDGER": str(stage.folder / "calls.db"),
        "SUMMARY": "true",
        "TAGS": "",
    }
    url = "postgresql://ledger/calls"
    assert told(stage, "--ledger", url) == {"LEDGER": url}


@posix
@pytest.mark.parametrize(
    "toml", ['"cost=center" = "7"', 'app = " ranker"', '"app " = "ranker"']
)
def test_tags_that_no_variable_can_hold(stage: Stage, toml: str) -> None:
    """They are refused beside ``--tag``, never passed on as another tag or value."""
    stage.write(f"[tags]\n{toml}\n", "bedrock_attrib.toml")
    assert told(stage) == {}
    done = stage.run(*RUN, "--tag", "team=search", "env", code=2)
    assert done.stdout == ""
    assert "cannot be combined with --tag" in done.stderr


# What is wrong is told before a program is started.

VALUES = "BEDROCK_ATTRIB_METRIC_TAG_VALUES"
HINT = "; to run it with Python: bedrock-attrib run -- python"
NO_INTERPRETER = "cannot be run: the interpreter in its first line does not exist"
WRONG = {
    "no program": ([], 2, "expected a program to run; see bedrock-attrib run --help"),
    "unknown option": (
        ["--teem=x", "true"],
        2,
        "unrecognized arguments: --teem=x; see bedrock-attrib run --help",
    ),
    "no value": (
        ["--tag"],
        2,
        "argument -t/--tag: expected one argument; see bedrock-attrib run --help",
    ),
    "no pair": (
        ["--tag", "team", "true"],
        2,
        "--tag team: expected a pair such as team=search",
    ),
    "bad tag": (
        ["--tag", "team=a,b", "true"],
        2,
        "tag 'team' contains [',']; allowed are letters, digits, spaces and _.:/=+-@",
    ),
    "bad setting": (
        ["--metric-tag-values", "0", "true"],
        2,
        f"{VALUES}: Input should be greater than or equal to 1, got '0'",
    ),
    "not there": (["nosuch"], 127, "program 'nosuch' not found"),
    "empty": ([""], 127, "program '' not found"),
    "not there, Python": (
        ["app.py"],
        127,
        f"program 'app.py' not found{HINT} app.py",
    ),
    "a folder": (["./"], 126, "./ is a folder"),
    "not executable": (
        ["./here.py"],
        126,
        f"./here.py is not executable{HINT} ./here.py",
    ),
    "no interpreter": (
        ["--summary", "--tag=team=search", "./lost"],
        127,
        f"./lost {NO_INTERPRETER}",
    ),
    "no program at all": (["./text"], 126, "./text cannot be run: Exec format error"),
}


@posix
@pytest.mark.parametrize(("arguments", "code", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told(
    command: Command, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    """Wrong use is 2, a program that cannot be run 126, one that is not there 127."""
    (tmp_path / "here.py").touch()
    for name, text in (("lost", "#!/nowhere/python\n"), ("text", "no program\n")):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        path.chmod(0o755)
    assert command(*arguments) == (code, f"bedrock-attrib: {message}\n")


def test_a_wrong_price_file_is_told(command: Command, tmp_path: Path) -> None:
    """Files that settings name are read before the program is started."""
    code, message = command("--prices", "none.json", "true")
    assert code == 2
    assert str(tmp_path / "none.json") in message


def test_what_would_be_run_is_shown(command: Command, tmp_path: Path) -> None:
    """Nothing is run; the variables and the command are those of a run."""
    asked = ("--dry-run", "--tag", "team=a b", "--ledger", "calls.db", "--summary")
    code, text = command(*asked, "--", "true", "an argument")
    assert code == 0
    *variables, line = text.splitlines()
    assert line.endswith("/true 'an argument'")
    assert variables[:-1] == [
        f"BEDROCK_ATTRIB_LEDGER={tmp_path / 'calls.db'}",
        "BEDROCK_ATTRIB_SUMMARY=true",
        "BEDROCK_ATTRIB_TAGS='team=a b'",
    ]
    assert variables[-1].startswith("PYTHONPATH=")


@pytest.mark.parametrize(
    ("option", "value", "shown"),
    [
        ("request-hash-key", "k" * 32, "***"),
        (
            "ledger",
            "postgresql://ada:s3/cr@et@db/costs",
            "postgresql://…",
        ),
        (
            "ledger",
            "postgresql://db/costs?user=ada&password=s3cret&sslmode=require",
            "postgresql://db/costs",
        ),
    ],
)
def test_secrets_are_not_shown(
    command: Command, option: str, value: str, shown: str
) -> None:
    """What would be run ends up in logs; keys and passwords must not."""
    code, text = command(f"--{option}", value, "--json", "--dry-run", "--", "true")
    variable = f"BEDROCK_ATTRIB_{option.replace('-', '_').upper()}"
    assert (code, json.loads(text)["environment"][variable]) == (0, shown)
    assert value not in text


def test_what_would_be_run_as_json(command: Command) -> None:
    """Program, arguments, variables and remarks have their names."""
    code, text = command("--json", "--dry-run", "-t", "team=x", "--", "true", "--json")
    shown = json.loads(text)
    assert code == 0
    assert shown["program"].endswith("/true")
    assert (shown["arguments"], shown["remarks"]) == (["--json"], [])
    assert shown["environment"]["BEDROCK_ATTRIB_TAGS"] == "team=x"
    python = str(Path(sys.executable))
    code, text = command("--json", "--dry-run", python, "-I", "app.py")
    assert "calls will not be metered: python -I" in json.loads(text)["remarks"][0]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--json", "nosuch"], 127),
        (["--tag", "x", "--json", "true"], 2),
        (["--unheard", "--json", "true"], 2),
        (["--prices=none.json", "--json", "--", "true"], 2),
        (["--json"], 2),
    ],
)
def test_errors_as_json(command: Command, arguments: list[str], code: int) -> None:
    """A program that reads them needs no other way to."""
    done, text = command(*arguments)
    assert (done, json.loads(text)["exit_code"]) == (code, code)
    assert json.loads(text)["error"]


def test_json_of_the_program_is_its_own(command: Command) -> None:
    """What stands behind the program is none of our options."""
    for arguments in (
        ["nosuch", "--json"],
        ["--summary", "nosuch", "--json"],
        ["--tag", "a=b", "--", "nosuch", "--json"],
    ):
        assert command(*arguments)[1].startswith("bedrock-attrib: program 'nosuch' not")


def test_help_names_every_setting(command: Command) -> None:
    """Each setting is an option, with its description."""
    code, text = command("--tag", "team=x", "--help")
    assert code == 0
    options = re.findall(r"^ +(?:-\w[^,]*, )?--([a-z-]+)", text, re.MULTILINE)
    settings = [name.replace("_", "-") for name in Config.model_fields]
    own = ["tag", "config", "summary", "dry-run", "json", "help"]
    assert options == own + [n for n in settings if n not in {"tags", "summary"}]
    assert "Whether to put the cost on the current span." in text
    assert max(map(len, text.splitlines())) <= 80


KEEPS_OUT = "ignores PYTHONPATH, which metering needs"
REMARKS = {
    "-I": (["./python3.13", "-I"], f"-I {KEEPS_OUT}"),
    "-E among others": (["./python3.13", "-bEW", "ignore"], f"-E {KEEPS_OUT}"),
    "-S": (["./python3.13", "-S"], "-S skips the site module, which metering needs"),
    "of a script": (["./isolated"], f"-I {KEEPS_OUT}"),
    "of a script, by env": (["./isolated-by-env"], f"-I {KEEPS_OUT}"),
    "of the program": (["./python3.13", "-c", "pass", "-I"], None),
    "of the module": (["./python3.13", "-Bm", "module", "-I"], None),
    "values": (["./python3.13", "-W", "I", "-X", "S", "-WS", "--I", "-v"], None),
    "after the file": (["./python3.13", "program.py", "-I"], None),
    "after -": (["./python3.13", "-", "-I"], None),
    "no Python": (["./shell", "-I"], None),
}


@posix
@pytest.mark.parametrize(("arguments", "remark"), REMARKS.values(), ids=REMARKS)
def test_what_keeps_metering_out_is_told(
    command: Command, tmp_path: Path, arguments: list[str], remark: str | None
) -> None:
    """A remark says that calls are not metered; then the program is run.

    Here it cannot be, as this very process would be gone.
    """
    scripts = {
        "python3.13": "#!/nowhere/loader\n",
        "isolated": "#!/nowhere/python -I\n",
        "isolated-by-env": "#!/nowhere/env -S python3 -I\n",
        "shell": "#!/nowhere/sh\n",
    }
    for name, text in scripts.items():
        path = tmp_path / name
        path.write_text(text, "utf-8")
        path.chmod(0o755)
    code, message = command(*arguments)
    expected = f"bedrock-attrib: {arguments[0]} {NO_INTERPRETER}\n"
    if remark is not None:
        advice = "call bedrock_attrib.instrument() in the program instead"
        told = f"calls will not be metered: python {remark}; {advice}"
        expected = f"bedrock-attrib: {told}\n{expected}"
    assert (code, message) == (127, expected)
