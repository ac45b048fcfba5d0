"""The documentation and the examples do what they say."""

from __future__ import annotations

import doctest
import importlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from pages import read_blocks
from warm_python import WarmPython

import bedrock_attrib
from bedrock_attrib.errors import MissingExtraError
from bedrock_attrib.testing import Reply, bedrock_simulator, tokens

ROOT = Path(__file__).parent.parent
SUPPORT = ROOT / "tests" / "support"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SOURCES = sorted(
    path
    for path in (ROOT / "src/bedrock_attrib").rglob("*.py")
    if re.search(r"^\s+>>> ", path.read_text("utf-8"), re.MULTILINE)
)
RUNNABLE = {"bash", "console", "python"}


def page_id(page: Path) -> str:
    """Path of *page* below the checkout."""
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def endpoint_url() -> Iterator[str]:
    """A Bedrock whose every answer says 1,200 tokens in and 540 out."""
    usage = tokens(input_tokens=1200, output_tokens=540)
    with bedrock_simulator() as simulator:
        simulator.reply(Reply(usage=usage))
        yield simulator.endpoint_url


def newcomers_shell() -> dict[str, str]:
    """Environment with dummy credentials, which keeps to this machine."""
    return os.environ | {
        "AWS_ACCESS_KEY_ID": "simulated",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")]),
        "PYTHONWARNINGS": "error",
    }


@pytest.fixture
def run(
    endpoint_url: str, tmp_path: Path, warm_python: WarmPython
) -> Callable[..., str]:
    """Run a script with arguments in a newcomer's shell; return what it printed."""
    environment = newcomers_shell() | {
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": endpoint_url,
        "HOME": str(tmp_path),
    }

    def run(*arguments: str | Path, cwd: Path) -> str:
        done = warm_python.run(arguments, cwd, environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def warm_python() -> Iterator[WarmPython]:
    """A process that forks for each page, as importing boto3 takes half its time."""
    python = WarmPython(newcomers_shell())
    yield python
    python.close()


# What a block that uses an extra says, the extra, and a module that comes with it.
USES = (
    ("from aiobotocore", "aio", "aiobotocore"),
    ("opentelemetry.exporter.otlp", "otlp", "opentelemetry.exporter.otlp"),
    ("opentelemetry.exporter.prometheus", "prometheus", "prometheus_client"),
    ("bedrock-attrib ", "cli", "click"),
    (
        "bedrock_attrib.instrumentor",
        "instrumentor",
        "opentelemetry.instrumentation.instrumentor",
    ),
    ("bedrock_attrib.ledger.parquet", "reports", "pyarrow"),
    ("import duckdb", "test", "duckdb"),
)


def missing_extras(codes: Iterable[str]) -> list[str]:
    """Extras that *codes* use and that are not installed."""
    text = "\n".join(codes)
    return [
        extra for sign, extra, module in USES if sign in text and not has_module(module)
    ]


def has_module(name: str) -> bool:
    """Whether *name* can be imported."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # not even its parent is there
        return False


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_a_page_runs_and_prints_what_it_shows(
    page: Path, run: Callable[..., str], tmp_path: Path
) -> None:
    """Every block of a page runs, in order, and output that is shown is exact."""
    blocks = read_blocks(page)
    runnable = [b.code for b in blocks if b.language in RUNNABLE and not b.not_run]
    if not runnable:
        return
    if missing := missing_extras(runnable):
        pytest.skip(f"{page_id(page)} needs the extra {', '.join(missing)}")
    results = tmp_path / "results.json"
    work = tmp_path / "work"
    work.mkdir()
    run(SUPPORT / "run_page.py", page, results, cwd=work)
    outputs = json.loads(results.read_text("utf-8"))
    shown = [
        (before.line, output.code)
        for before, output in pairwise(blocks)
        if output.is_output and not before.not_run
    ]
    assert shown == [(line, outputs[str(line)]) for line, _ in shown]


def test_shown_output_is_compared() -> None:
    """Text right below a block that runs is marked as its output."""
    unmarked = [
        f"{page_id(page)}:{shown.line}"
        for page in PAGES
        for before, shown in pairwise(read_blocks(page))
        if before.language in RUNNABLE
        and not before.not_run
        and shown.language in {"text", "json", "csv"}
        and not (shown.is_output or shown.not_run or shown.title)
        # Closing fence, empty line, opening fence.
        and shown.line == before.line + before.code.count("\n") + 3
    ]
    assert unmarked == []


NOT_RUN = [
    pytest.param(block.not_run, id=f"{page_id(page)}:{block.line}")
    for page in PAGES
    for block in read_blocks(page)
    if block.not_run
]


@pytest.mark.parametrize("reason", NOT_RUN)
def test_a_block_that_is_not_run_says_why(reason: str) -> None:
    """A block that can't run here is a skip that everybody sees."""
    pytest.skip(reason)


@pytest.mark.parametrize("example", EXAMPLES, ids=page_id)
def test_an_example_runs(
    example: Path, run: Callable[..., str], tmp_path: Path
) -> None:
    """An example needs no account, and prints what its last comment says."""
    if missing := missing_extras([example.read_text("utf-8")]):
        pytest.skip(f"{page_id(example)} needs the extra {', '.join(missing)}")
    printed = run(example, cwd=tmp_path)
    shown = example.read_text("utf-8").partition("\n# Prints:\n")[2]
    assert re.sub(r"^# ?", "", shown, flags=re.MULTILINE) == printed


@pytest.mark.parametrize("path", SOURCES, ids=page_id)
def test_an_example_in_a_docstring_is_true(path: Path) -> None:
    """What the docstrings of a module show is what happens."""
    name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    try:
        module = importlib.import_module(name.removesuffix(".__init__"))
    except MissingExtraError as error:
        pytest.skip(str(error))
    names = vars(bedrock_attrib) | vars(module)
    assert doctest.testmod(module, globs=names, report=False).failed == 0


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_a_link_outside_the_site_leads_somewhere(name: str) -> None:
    """Files that are read in the checkout link to files that are there."""
    text = (ROOT / name).read_text("utf-8")
    links = re.findall(r"\]\(([^)#]+)", text)
    local = [link for link in links if not link.startswith("https://")]
    assert [link for link in local if not (ROOT / link).exists()] == []


def test_the_readme_is_short_and_soon_shows_its_use() -> None:
    """A reader sees code and its output on the first screen."""
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    outputs = [number for number, line in enumerate(lines) if "<!-- output" in line]
    assert len(lines) <= 120
    assert outputs[0] < 35
