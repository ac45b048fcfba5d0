"""Run the test suites of frameworks with and without metering, and compare.

Suites are those that a framework's source distribution on PyPI carries. Each is run
twice, plain and with everything instrumented, and has to end alike, test by test. Run
by ``nox -s upstream``, in an environment that holds the project and pip.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

PLUGINS = Path(__file__).parent / "upstream"
# No settings of this machine, dummy credentials, and no look for better ones.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith("AWS_")
} | {"AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(PLUGINS)}
SIMULATED = {
    "AWS_ACCESS_KEY_ID": "simulated",
    "AWS_SECRET_ACCESS_KEY": "simulated",
    "AWS_REGION": "us-east-1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of pytest.

    Attributes:
        name: What it is called in the table.
        arguments: For pytest, besides those that all runs have.
        environment: Further variables.
    """

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """What a source distribution carries, and how its tests are run.

    Attributes:
        version: The version that was tried, for the counts in the documentation.
        install: Requirements; ``{source}`` is the unpacked distribution.
        runs: Runs of pytest, inside the unpacked distribution.
    """

    version: str
    install: tuple[str, ...]
    runs: tuple[Run, ...]


_CONVERSE = "tests/integration_tests/chat_models/test_bedrock_converse.py"

SUITES = {
    "langchain-aws": Suite(
        version="1.9.1",
        install=("{source}", "--group", "{source}/pyproject.toml:test"),
        runs=(
            Run(name="unit tests", arguments=("tests/unit_tests", "-n", "2")),
            Run(
                name="recorded answers",
                # Answers of AWS that come with the tests. One needs a file that it
                # downloads.
                arguments=(
                    _CONVERSE,
                    "-m",
                    "vcr",
                    "--record-mode=none",
                    "-p",
                    "no_downloads",
                    "--deselect",
                    f"{_CONVERSE}::test_pdf_citations",
                ),
                environment=SIMULATED,
            ),
        ),
    ),
    "strands-agents": Suite(
        version="1.62.0",
        install=(
            "strands-agents[all]=={version}",
            "pytest>=9,<10",
            "pytest-asyncio>=1,<1.5",
            "pytest-cov>=7,<8",
            "pytest-rerunfailures>=15,<16",
            "pytest-timeout>=2,<3",
            "pytest-xdist>=3,<4",
            "moto>=5.1,<6",
        ),
        runs=(Run(name="unit tests", arguments=("tests/strands", "-n", "2")),),
    ),
}


def main() -> int:
    """Run the suites that are named, or all; 1 where a test ended differently."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], metavar="SUITE")
    named = parser.parse_args().suites or list(SUITES)
    differences = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in named:
            differences += _compare(name, SUITES[name], Path(folder))
    return 1 if differences else 0


def _compare(name: str, suite: Suite, folder: Path) -> int:
    source = _source(name, suite, folder)
    requirements = [
        text.format(source=source, version=suite.version) for text in suite.install
    ]
    _pip("install", "--quiet", *requirements)
    differences = 0
    for run in suite.runs:
        plain, _ = _outcomes(run, source, folder, is_metered=False)
        metered, told = _outcomes(run, source, folder, is_metered=True)
        changed = {
            test: (plain.get(test), metered.get(test))
            for test in plain.keys() | metered.keys()
            if plain.get(test) != metered.get(test)
        }
        differences += len(changed)
        print(f"{name} {suite.version}, {run.name}: plain {_counted(plain)}")
        print(
            f"{name} {suite.version}, {run.name}: metered {_counted(metered)}; {told}"
        )
        for test, (before, after) in sorted(changed.items()):
            print(f"  {test}: {before} became {after}")
    return differences


def _source(name: str, suite: Suite, folder: Path) -> Path:
    """Download the source distribution and unpack it."""
    target = f"{name}=={suite.version}"
    _pip("download", "--quiet", "--no-deps", "--no-binary=:all:", f"-d{folder}", target)
    stem = f"{name.replace('-', '_')}-{suite.version}"
    with tarfile.open(folder / f"{stem}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / stem


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True)


def _outcomes(
    run: Run, source: Path, folder: Path, *, is_metered: bool
) -> tuple[dict[str, str], str]:
    """How each test ended, and what was metered."""
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    counts = Path(tempfile.mkdtemp(dir=folder))
    plugin = ("-p", "metered") if is_metered else ()
    command = [sys.executable, "-m", "pytest", *run.arguments, *plugin, "-q"]
    started = time.monotonic()
    subprocess.run(
        [*command, f"--junitxml={report}", "-pno:cacheprovider"],
        check=False,  # what counts is that both runs end alike
        cwd=source,
        env=ENVIRONMENT | run.environment | {"METERED_COUNTS": str(counts)},
        stdout=subprocess.DEVNULL,
    )
    took_s = time.monotonic() - started
    told = [path.read_text("utf-8").split() for path in counts.glob("*.txt")]
    calls, faults = (sum(int(each[place]) for each in told) for place in (0, 1))
    return _read(report), f"{calls} calls, {faults} faults, {took_s:.0f} s"


def _read(report: Path) -> dict[str, str]:
    """Outcome by test, from pytest's own report of this machine."""
    outcomes = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 -- see above
        ended = next((child.tag for child in case if child.tag in _ENDED), "passed")
        outcomes[f"{case.get('classname')}::{case.get('name')}"] = ended
    return outcomes


_ENDED = frozenset({"failure", "error", "skipped"})


def _counted(outcomes: dict[str, str]) -> str:
    counts = Counter(outcomes.values())
    return ", ".join(f"{count} {ended}" for ended, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
