"""The commands ``ledger check``, ``prune`` and ``compact``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from ...ledger import Ledger, check_ledger
from .._console import print_remarks, results
from .._ledgers import ledger_name_option, opened, written_ledger_option
from .._price_table import json_option, print_json
from ._info import file_bytes

_UNSOUND = 1
_CHECK_EPILOG = """
\b
Examples:
  bedrock-attrib ledger check --ledger calls.db

Exit code 1 means that the ledger has problems.
"""
_PRUNE_EPILOG = """
\b
Examples:
  bedrock-attrib ledger prune --ledger calls.db --calls-older-than 90d --dry-run
  bedrock-attrib ledger prune --calls-older-than 90d --sums-older-than 400d

Reports still work from sums whose single calls were deleted, but only for whole
hours (UTC), and without the reasons of missing prices. Delete no months until every
process that writes the ledger has been updated.
"""
_COMPACT_EPILOG = """
\b
Examples:
  bedrock-attrib ledger compact --ledger calls.db
"""


@click.command(epilog=_CHECK_EPILOG)
@json_option
@ledger_name_option
@click.pass_context
def check(ctx: click.Context, /, *, ledger_name: str, as_json: bool) -> None:
    """Check that the file is intact and that its sums match its calls."""
    problems = check_ledger(ledger_name)
    if as_json:
        print_json({"sound": not problems, "problems": problems})
    elif not problems:
        results().print("no problems: the file is intact, and its sums match its calls")
    for problem in () if as_json else problems:
        results().print(problem, soft_wrap=True)
    if problems:
        ctx.exit(_UNSOUND)


_AGE = re.compile(r"(\d{1,5})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}


def _age(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> timedelta | None:
    """Read ``90d`` as a duration."""
    if value is None:
        return None
    found = _AGE.fullmatch(value.strip().lower())
    if found is None:
        raise click.BadParameter(
            f"{value!r} is not an age; expected for example 90d, 12w or 48h", ctx, param
        )
    return timedelta(hours=int(found[1]) * _HOURS[found[2]])


@click.command(epilog=_PRUNE_EPILOG, short_help="Delete old calls and sums.")
@click.option(
    "--calls-older-than",
    "calls_age",
    callback=_age,
    metavar="AGE",
    help="Delete single calls older than AGE, for example 90d, 12w or 48h; their sums "
    "remain.",
)
@click.option(
    "--sums-older-than",
    "sums_age",
    callback=_age,
    metavar="AGE",
    help="Delete months (UTC) that ended before AGE, with their sums and calls.",
)
@click.option(
    "--dry-run", is_flag=True, help="Show what would be deleted, and delete nothing."
)
@json_option
@ledger_name_option
def prune(
    *,
    ledger_name: str,
    calls_age: timedelta | None,
    sums_age: timedelta | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Delete old calls and sums; `ledger compact` then frees their space."""
    if calls_age is None and sums_age is None:
        raise click.UsageError(
            "expected --calls-older-than or --sums-older-than, for example "
            "--calls-older-than 90d"
        )
    if sums_age is not None and calls_age is not None and sums_age < calls_age:
        raise click.UsageError(
            "--sums-older-than must not be less than --calls-older-than: calls without "
            "sums would be in no report"
        )
    now = datetime.now(UTC)
    sums_before = None if sums_age is None else _month_start(now - sums_age)
    calls_before = sums_before if calls_age is None else _hour_start(now - calls_age)
    with opened(ledger_name, read_only=dry_run) as ledger:
        if dry_run:
            with ledger.reading() as reader:
                calls = reader.count_calls(before=calls_before)
        else:
            calls = ledger.prune(calls_before=calls_before, sums_before=sums_before)
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "calls": calls,
                "calls_before": _text(calls_before),
                "sums_before": _text(sums_before),
            }
        )
        return
    verb = "would be" if dry_run else "were"
    out = results()
    out.print(
        f"{calls:,} single calls before {_text(calls_before)} {verb} deleted",
        soft_wrap=True,
    )
    if sums_before is not None:
        out.print(f"sums before {_text(sums_before)} {verb} deleted", soft_wrap=True)
    if not dry_run:
        print_remarks(["To free the space: bedrock-attrib ledger compact"])


def _hour_start(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _month_start(at: datetime) -> datetime:
    return _hour_start(at).replace(day=1, hour=0)


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="minutes")


@click.command(epilog=_COMPACT_EPILOG)
@json_option
@written_ledger_option
def compact(*, ledger: Ledger, as_json: bool) -> None:
    """Free unused space in the file.

    It needs as much free disk space as the file has, and blocks other writers while it
    runs; their records wait in memory.
    """
    before = file_bytes(ledger)
    ledger.compact()
    after = file_bytes(ledger)
    if as_json:
        print_json({"bytes_before": before, "bytes_after": after})
    elif before is None or after is None:
        results().print("compacted")
    else:
        results().print(f"{before:,} bytes before, {after:,} now", soft_wrap=True)
