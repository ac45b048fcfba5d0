"""Commands about prices take the names that tables show."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("click", reason="needs the extra cli")

from clicking import command_runner

from bedrock_attrib.cli import commands

MICRO = "amazon.nova-micro-v1:0"


@pytest.mark.parametrize(
    "command", ["quote {} --region us-east-1 --input 1000", "show {}"]
)
def test_a_short_name_is_its_id(command: str) -> None:
    """The price of ``nova-micro`` is that of the one id with this name."""
    found = [
        command_runner().invoke(
            commands, ["prices", *command.format(model).split(), "--json"]
        )
        for model in ("nova-micro", MICRO)
    ]
    short, whole = (json.loads(each.stdout) for each in found)
    assert [each.exit_code for each in found] == [0, 0]
    assert short == whole
