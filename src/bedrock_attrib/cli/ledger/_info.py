"""The command ``ledger info``: content of a ledger."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import click

from ...ledger import Ledger
from ...reports import spend_by
from .._console import printable, results
from .._json import JsonObject, amount_json
from .._ledgers import ledger_option
from .._price_table import json_option, print_json

_EPILOG = """
\b
Examples:
  bedrock-attrib ledger info --ledger calls.db
  bedrock-attrib ledger info --ledger calls.db --json | jq .calls
"""


@click.command(epilog=_EPILOG)
@json_option
@ledger_option
def info(*, ledger: Ledger, as_json: bool) -> None:
    """Show the content of a ledger: calls, span, cost and tags."""
    found = _facts(ledger)
    if as_json:
        print_json(found)
        return
    out = results()
    for name, value in found.items():
        out.print(f"{name.replace('_', ' '):<16} {_text(value)}", soft_wrap=True)


def _facts(ledger: Ledger) -> JsonObject:
    with ledger.reading() as reader:
        span, single_since = reader.span(), reader.calls_since()
        single_calls = reader.count_calls()
        values: defaultdict[str, set[str]] = defaultdict(set)
        tag_sets = reader.tag_sets()
        for tags in tag_sets:
            for key, value in tags.items():
                values[key].add(value)
    total = spend_by(ledger, ()).total
    size = file_bytes(ledger)
    return {
        "path": str(getattr(ledger.store, "path", "")),
        "bytes": size,
        "calls": total.calls,
        "first_hour": _time(span[0] if span else None),
        "end": _time(span[1] if span else None),
        "single_calls": single_calls,
        "single_since": _time(single_since),
        "unpriced_calls": total.unpriced,
        "cost": {
            currency: amount_json(amount) for currency, amount in total.cost.items()
        },
        "tag_sets": len(tag_sets),
        "tags": {key: len(found) for key, found in sorted(values.items())},
    }


def file_bytes(ledger: Ledger) -> int | None:
    """Return the bytes of a ledger's files; None if it is not a file."""
    path = getattr(ledger.store, "path", None)
    if not isinstance(path, Path):
        return None
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(map(_bytes_of, files))


def _bytes_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # there is no log, or it has just been removed
        return 0


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        pairs = (f"{key} {each}" for key, each in value.items())
        return printable(", ".join(pairs)) or "-"
    return printable(str(value))
