"""Price file writer: rows as a price file or an overrides file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from .._model.usage import is_token_unit
from .._runtime.atomic_file import write_atomically
from ..errors import ConfigError, MissingExtraError
from ._price_list import COLUMNS, SCHEMA_VERSION, RawRow
from ._rows import DEFAULT_REGION, PriceRow

_MILLION = 1_000_000

JsonObject = dict[str, Any]


def make_price_file(
    rows: Iterable[PriceRow], *, generated: date, sources: Mapping[str, str]
) -> JsonObject:
    """Return the content of a price file with *rows*.

    Args:
        rows: Rows in USD, each key and first day once.
        generated: Day on which they were gathered.
        sources: Description of each source of the rows.
    """
    return {
        "schema": SCHEMA_VERSION,
        "generated": generated.isoformat(),
        "currency": "USD",
        "columns": list(COLUMNS),
        "sources": {
            name: {"id": name, "about": about, "seen": generated.isoformat()}
            for name, about in sources.items()
        },
        "rows": [list(_raw(row)) for row in rows],
    }


def _raw(row: PriceRow) -> RawRow:
    return (
        row.model_id,
        row.region,
        row.scope,
        row.tier,
        row.latency_mode,
        row.context_band,
        row.unit.value,
        _plain(row.price),
        row.per,
        row.valid_from.isoformat() if row.valid_from else None,
        row.valid_to.isoformat() if row.valid_to else None,
        " ".join(row.sources),
        row.independent_sources,
        {},
    )


def _plain(price: Decimal) -> str:
    return f"{price:f}"


def render_price_file(content: Mapping[str, Any]) -> str:
    """Return *content*, a price file, as text with a line per source and row."""
    lines = ["{"]
    head = ("schema", "generated", "currency", "columns")
    lines += [f"{json.dumps(key)}: {json.dumps(content[key])}," for key in head]
    lines += ['"sources": {', *_comma(_pairs(content["sources"])), "},"]
    if content.get("aliases"):
        lines += ['"aliases": {', *_comma(_pairs(content["aliases"])), "},"]
    if content.get("free"):
        lines += ['"free": [', *_comma(map(_compact, content["free"])), "],"]
    lines += ['"rows": [', *_comma(_compact(row) for row in content["rows"]), "]", "}"]
    return "\n".join(lines) + "\n"


def _pairs(content: Mapping[str, Any]) -> Iterator[str]:
    for key, value in content.items():
        yield f"{json.dumps(key)}: {json.dumps(value)}"


def _compact(row: object) -> str:
    return json.dumps(row, separators=(",", ":"))


def _comma(lines: Iterable[str]) -> list[str]:
    return ",\n".join(lines).split("\n")


def render_list_prices(rows: Iterable[PriceRow], *, heading: str) -> str:
    """Return *rows* as the ``[[list_prices]]`` of an overrides file.

    Args:
        rows: Rows in USD, each key and first day once.
        heading: One line that describes them.

    Raises:
        MissingExtraError: If tomli-w is not installed.
    """
    try:
        # Not at the top: only this function needs the extra.
        import tomli_w  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtraError("cli", "tomli-w") from error
    content = {"list_prices": [_table(row) for row in rows]}
    return f"# {heading}\n\n{tomli_w.dumps(content)}"


def _table(row: PriceRow) -> dict[str, object]:
    """Return what *row* states, without what is usual."""
    usual = {
        "region": DEFAULT_REGION,
        "tier": "default",
        "latency_mode": "standard",
        "context_band": "",
        "per": _MILLION if is_token_unit(row.unit) else 1,
    }
    values: dict[str, object] = {
        "model": row.model_id,
        "unit": row.unit.value,
        "price": row.price,
        "per": row.per,
        "region": row.region,
        "scope": row.scope,
        "tier": row.tier,
        "latency_mode": row.latency_mode,
        "context_band": row.context_band,
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "source": " ".join(row.sources),
    }
    return {
        key: value
        for key, value in values.items()
        if value is not None and value != usual.get(key)
    }


def write_text(path: Path, text: str) -> None:
    """Write *text* to *path*, whole or not at all.

    Raises:
        ConfigError: If it cannot be written.
    """
    try:
        write_atomically(path, text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error}") from error
