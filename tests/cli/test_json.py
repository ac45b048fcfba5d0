"""The JSON of each command is what its schema in the reference says."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("click", reason="needs the extra cli")
pytest.importorskip("jinja2", reason="needs the extra reports")
pytest.importorskip("pyarrow", reason="needs the extra reports")
pytest.importorskip("opentelemetry.exporter.prometheus", reason="needs the extra demo")

import click
from json_samples import samples

from bedrock_attrib.cli import commands

ROOT = Path(__file__).parent.parent.parent
SCRIPT = runpy.run_path(str(ROOT / "scripts/write_json_reference.py"))
SCHEMAS: dict[str, Any] = json.loads(
    (ROOT / "docs/reference/json-schema.json").read_text("utf-8")
)["$defs"]


def leaves(group: click.Group, before: str = "") -> Iterator[str]:
    """Names of the commands that do something."""
    for part, command in group.commands.items():
        name = f"{before} {part}".strip()
        if isinstance(command, click.Group):
            yield from leaves(command, name)
        else:
            yield name


@pytest.mark.slow
def test_every_command_prints_what_its_schema_says(tmp_path: Path) -> None:
    """Full and empty ledgers, known and unknown models: no member is undocumented."""
    found = {
        (name, problem)
        for name, value in samples(tmp_path)
        for problem in SCRIPT["problems"](value, SCHEMAS[name], "")
    }
    assert sorted(found) == []


def test_every_command_has_an_example_and_a_schema() -> None:
    """The page shows both."""
    page = (ROOT / "docs/reference/json.md").read_text("utf-8")
    names = sorted(leaves(commands))
    assert sorted(SCHEMAS) == names
    for name in names:
        section = page.partition(f"## `bedrock-attrib {name}`\n")[2].partition("\n## ")[
            0
        ]
        assert section.count("```json") == 1, name
        for member in SCHEMAS[name]["properties"]:
            assert f"| `{member}" in section, (name, member)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"a": 1}, []),
        ({"a": "x"}, [".a: string, expected integer or null"]),
        ({}, [".a: missing"]),
        ({"a": None, "b": 1}, [".b: not in the schema"]),
        ([], [": array, expected object"]),
    ],
)
def test_the_check_finds_what_is_wrong(value: Any, problem: list[str]) -> None:
    """A wrong kind, a missing and an unknown member are found."""
    schema = SCRIPT["infer"]([{"a": 1}, {"a": None}])
    assert SCRIPT["problems"](value, schema) == problem
