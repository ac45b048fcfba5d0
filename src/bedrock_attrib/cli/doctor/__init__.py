"""The command ``doctor``: check of the installation, settings and ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import click
from rich.table import Table
from rich.text import Text

from ..._config import Config
from .._command import runnable
from .._console import results
from .._json import JsonObject
from .._ledgers import bare_ledger_option
from .._price_table import json_option, print_block, print_json
from ._findings import Finding, State
from ._installed import (
    examine_extras,
    examine_neighbours,
    examine_packages,
    examine_python,
)
from ._ledger import examine_ledger
from ._settings import (
    examine_aws,
    examine_metrics,
    examine_prices,
    examine_settings,
    load_settings,
)

_PROBLEM = 1
_MARKS = {
    State.OK: ("ok", "green"),
    State.NOTE: ("-", "dim"),
    State.WARNING: ("!", "yellow"),
    State.PROBLEM: ("x", "bold red"),
}
_WORST_FIRST = (State.PROBLEM, State.WARNING)
_NOTHING_TO_DO = "No problems found. To see spend: bedrock-attrib report"

_EPILOG = """
\b
Examples:
  bedrock-attrib doctor
  bedrock-attrib doctor --ledger calls.db
  bedrock-attrib doctor --json | jq '.findings[] | select(.state != "ok")'
"""


@click.command(epilog=_EPILOG)
@bare_ledger_option
@json_option
@click.pass_context
def doctor(ctx: click.Context, *, ledger_name: str | None, as_json: bool) -> None:
    """Check the installation, settings and ledger.

    Suggests the next step. Nothing is changed, nothing is sent over the network, and
    credentials are not read. The exit code is 1 if there is a problem, else 0.
    """
    findings = list(examine(ledger_name))
    if as_json:
        print_json(_json(findings))
    else:
        _print(findings)
    if any(finding.state is State.PROBLEM for finding in findings):
        ctx.exit(_PROBLEM)


def examine(ledger_name: str | None = None) -> Iterator[Finding]:
    """Run all checks; one that fails does not stop the others."""
    config: Config | None = None
    with suppress(Exception):  # reported below, where it is done again
        config = load_settings()
    named = ledger_name
    if named is None and config is not None:
        named = config.ledger
    yield from _contained("Python", examine_python)
    yield from _contained("packages", examine_packages)
    yield from _contained("extras", examine_extras)
    yield from _contained("settings", examine_settings)
    yield from _contained("metrics", lambda: examine_metrics(config))
    yield from _contained("neighbours", examine_neighbours)
    yield from _contained("prices", lambda: examine_prices(config))
    yield from _contained("ledger", lambda: examine_ledger(named))
    yield from _contained("AWS", examine_aws)


def _contained(area: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Return the findings of *look*, or its failure as a finding."""
    try:
        yield from look()
    except Exception as error:  # noqa: BLE001 -- the other checks must run
        yield Finding(
            area,
            State.PROBLEM,
            f"check failed: {type(error).__name__}: {error}",
            "Check what the message names. If it is this library, please report it.",
        )


def next_step(findings: Iterable[Finding]) -> str:
    """Return the most important next step."""
    known = list(findings)
    for state in _WORST_FIRST:
        for finding in known:
            if finding.state is state:
                return finding.next_step
    for finding in known:
        if finding.area == "ledger" and finding.next_step:
            return finding.next_step
    return _NOTHING_TO_DO


def _json(findings: Iterable[Finding]) -> JsonObject:
    known = list(findings)
    return {
        "ok": all(finding.state is not State.PROBLEM for finding in known),
        "next_step": next_step(known),
        "findings": [
            {
                "area": finding.area,
                "state": finding.state.value,
                "what": finding.what,
                "next_step": finding.next_step or None,
            }
            for finding in known
        ],
    }


def _print(findings: Iterable[Finding]) -> None:
    known = list(findings)
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    area = ""
    for finding in known:
        mark, style = _MARKS[finding.state]
        heading = "" if finding.area == area else finding.area
        area = finding.area
        shown = Text(finding.what)
        if finding.next_step:
            shown.append(f"\n→ {runnable(finding.next_step)}", style=style)
        grid.add_row(Text(heading, style="bold"), Text(mark, style=style), shown)
    print_block(grid)
    closing = Text.assemble(("\nNext: ", "bold"), runnable(next_step(known)))
    results().print(closing, soft_wrap=True)
