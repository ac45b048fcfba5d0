"""What the package promises as a whole: names, dependencies, imports, documents."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
import os
import pkgutil
import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import loopback_only
import pytest

import bedrock_attrib

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REFERENCE = "\n".join(
    page.read_text("utf-8") for page in sorted((ROOT / "docs/reference").glob("*.md"))
)


def test_all_is_sorted_and_short() -> None:
    """The root shows at most 32 names, in order."""
    names = bedrock_attrib.__all__
    assert list(names) == sorted(names)
    assert len(names) <= 34


@pytest.mark.parametrize("name", bedrock_attrib.__all__)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    """Each public name has a docstring and its place in the reference."""
    assert getattr(bedrock_attrib, name).__doc__
    assert re.search(
        rf"^#+ .*`{name}\b|^::: bedrock_attrib\.{name}$", REFERENCE, re.MULTILINE
    )


def test_the_base_install_has_five_dependencies() -> None:
    """Everything else is an extra."""
    names = [re.split(r"[<>=!~\[; ]", line)[0] for line in PROJECT["dependencies"]]
    expected = ["boto3", "botocore", "opentelemetry-api", "opentelemetry-sdk"]
    assert names == [*expected, "pydantic"]


def modules_after(statement: str) -> set[str]:
    """Modules that a fresh Python holds after *statement*."""
    code = f"{statement}; import sys; print('\\n'.join(sys.modules))"
    command = [sys.executable, "-c", code]
    # Coverage would measure that Python too, and bring modules of its own.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    done = subprocess.run(
        command, capture_output=True, check=True, env=environment, text=True
    )
    return set(done.stdout.splitlines())


def test_the_import_is_light() -> None:
    """The import brings neither pydantic nor the SDK nor what comes with an extra."""
    heavy = {
        "aiobotocore",
        "click",
        "http.server",
        "opentelemetry.exporter",
        "opentelemetry.sdk",
        "prometheus_client",
        "pydantic",
        "pytest",
        "rich",
        "sqlite3",
    }
    assert sorted(heavy & modules_after("import bedrock_attrib")) == []


def test_the_changelog_tells_of_this_version() -> None:
    """The version of the package has its entry."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"\n## {bedrock_attrib.__version__} - " in changelog


def test_the_version_is_that_of_the_distribution() -> None:
    """The metadata of the package is built from ``__version__``."""
    assert importlib.metadata.version("bedrock-attrib") == bedrock_attrib.__version__


def test_every_changelog_entry_has_a_link() -> None:
    """An entry leads to the page that tells more."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    entries = re.findall(r"^- .*?(?=^- |^#|\Z)", changelog, re.MULTILINE | re.DOTALL)
    assert entries
    assert [entry for entry in entries if "](" not in entry] == []


def setting_names() -> list[str]:
    """Names of the settings, or none before there is a `Config`."""
    config = pytest.importorskip("bedrock_attrib._config").Config
    if dataclasses.is_dataclass(config):
        return [field.name for field in dataclasses.fields(config)]
    return list(config.model_fields)


def test_every_setting_is_documented() -> None:
    """Each setting has its row in the table of settings."""
    page = (ROOT / "docs/reference/settings.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(setting_names())


def test_other_hosts_are_out_of_reach() -> None:
    """A test that tries to leave this machine fails before a packet is sent."""
    with (
        socket.socket() as probe,
        pytest.raises(loopback_only.NetworkBlockedError, match="this machine only"),
    ):
        # An address for documentation, RFC 5737: nobody is there.
        probe.connect(("192.0.2.1", 80))


def test_pictures_of_the_architecture_are_up_to_date() -> None:
    """The drawn layers are those that the test of imports enforces."""
    script = ROOT / "scripts" / "draw_architecture.py"
    done = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_two_public_classes_share_a_name() -> None:
    """A public name means one class, whichever module it is imported from."""
    package = importlib.import_module("bedrock_attrib")
    found: dict[str, set[type]] = {}
    modules = [package.__name__] + [
        module.name
        for module in pkgutil.walk_packages(package.__path__, "bedrock_attrib.")
        if not any(part.startswith("_") for part in module.name.split("."))
        and not module.name.startswith("bedrock_attrib.cli")
    ]
    for name in modules:
        try:
            module = importlib.import_module(name)
        except bedrock_attrib.MissingExtraError:
            continue
        for public in getattr(module, "__all__", ()):
            value = getattr(module, public)
            if isinstance(value, type):
                found.setdefault(public, set()).add(value)
    assert {name for name, kinds in found.items() if len(kinds) > 1} == set()
