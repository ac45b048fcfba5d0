"""The command ``policy check``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from ..._model.call_start import CallStart, RequestTerms
from ..._model.model_id import parse_model_id
from ..._model.tags import Tags, check_tags
from ...policy import TagPolicy, Violation
from ...policy.decision import Decision
from .._console import printable, results
from .._json import JsonObject
from .._price_table import json_option, print_json
from .._tag_options import tags_option

_BROKEN = 1
_EPILOG = """
\b
Examples:
  bedrock-attrib policy check policy.toml
  bedrock-attrib policy check policy.toml --tags team=ads --model amazon.nova-lite-v1:0

Without --tags and --model, only the file is checked, and without --model the rules for
tags alone. Exit code 1 means that the policy
refuses the call.
"""


@click.command(epilog=_EPILOG)
@click.argument("file", type=click.Path(path_type=Path))
@tags_option
@click.option("--model", metavar="MODEL", help="Model of the call.")
@click.option(
    "--region",
    default="us-east-1",
    show_default=True,
    metavar="REGION",
    help="Calling Region.",
)
@click.option(
    "--tier",
    type=click.Choice(["default", "flex", "priority", "reserved"]),
    help="Service tier that is asked for.",
)
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    /,
    *,
    file: Path,
    tags: Mapping[str, str],
    model: str | None,
    region: str,
    tier: str | None,
    as_json: bool,
) -> None:
    """Check the policy in FILE, and what it makes of a call."""
    policy = TagPolicy.load(file)
    decision = None
    if tags or model is not None:
        check_tags(tags)
        start = _start(tags, model, region, tier)
        decision = policy.decide(start, has_model=model is not None)
    elif tier is not None:
        raise click.UsageError("--tier is of a call; name its --model too")
    if as_json:
        print_json(_json(decision))
    else:
        _show(tags, decision)
    if decision is not None and decision.refusal is not None:
        ctx.exit(_BROKEN)


def _start(
    tags: Mapping[str, str], model: str | None, region: str, tier: str | None
) -> CallStart:
    return CallStart(
        "Converse",
        parse_model_id(model or ""),
        region,
        Tags(tags),
        datetime.now(UTC),
        terms=RequestTerms(tier=tier),
    )


def _json(decision: Decision | None) -> JsonObject:
    if decision is None:
        return {"refused": False, "tags": {}, "violations": []}
    return {
        "refused": decision.refusal is not None,
        "tags": dict(decision.tags),
        "violations": [_violation_json(each) for each in decision.violations],
    }


def _violation_json(violation: Violation) -> JsonObject:
    return {
        "rule": violation.rule,
        "key": violation.key,
        "value": violation.value,
        "action": violation.action,
        "expected": violation.expected,
        "remedy": violation.remedy,
    }


def _show(tags: Mapping[str, str], decision: Decision | None) -> None:
    out = results()
    if decision is None:
        out.print("the policy is valid")
        return
    for violation in decision.violations:
        text = f"{violation.action}: {violation}: {violation.remedy}"
        out.print(printable(text), soft_wrap=True)
    for key, value in decision.tags.items():
        before = tags.get(key)
        came = "" if before == value else f" (was {before or 'missing'})"
        out.print(printable(f"{key} = {value}{came}"), soft_wrap=True)
    refused = decision.refusal is not None
    out.print("the call is refused" if refused else "the call may be sent")
