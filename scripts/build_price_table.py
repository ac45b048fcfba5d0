"""Build the bundled price table from a table of price facts.

    python scripts/build_price_table.py FACTS.csv --generated 2026-11-30
    python scripts/build_price_table.py FACTS.csv --check

The facts have one row per price, with the columns model_id, region, geography,
service_tier, dimension, unit, price_usd, effective_from, effective_to, sources,
n_independent and note. `price_notes.toml` adds what facts cannot say: aliases, units at
zero, announced ends, disputes. The same facts and notes always give the same file.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bedrock_attrib.pricing._price_file import render_price_file
from bedrock_attrib.pricing._price_list import COLUMNS, SCHEMA_VERSION
from bedrock_attrib.pricing._schema import check_price_file

TARGET = Path(__file__).parents[1] / "src/bedrock_attrib/pricing/prices.json"
NOTES = Path(__file__).with_name("price_notes.toml")

Row = list[Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Source of figures.

    Attributes:
        code: Short name used by rows.
        id: Full name.
        about: Description.
        seen: Day or month of the copy that was read.
    """

    code: str
    id: str
    about: str
    seen: str


def _price_list(day: str) -> Source:
    dashed = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    about = f"AWS Price List as of {dashed}"
    return Source(f"pl{day[2:]}", f"aws-pricelist-{day}", about, dashed)


# The same figures under several sources are counted once where the sources copy one
# another: every copy of the Price List counts as one, both pricing pages as one.
SOURCES = (
    *(
        _price_list(day)
        for day in (
            "20251028",
            "20260707",
            "20260723",
            "20260726",
            "20260728",
            "20260729",
            "20260809",
            "20260814",
            "20260820",
            "20260911",
            "20261003",
            "20261006",
            "20261007",
            "20261008",
        )
    ),
    Source("pl261001", "aws-pricelist-late2026", "AWS Price List", "2026-10-01"),
    Source(
        "pl2610qr", "aws-pricelist-202610qr", "AWS Price List, some rows", "2026-10"
    ),
    Source("pl-rows26", "aws-pricelist-rows-2026", "AWS Price List, some rows", "2026"),
    Source(
        "mp261008",
        "aws-pricelist-marketplace-20261008",
        "AWS Marketplace rate cards",
        "2026-10-08",
    ),
    Source("page250720", "aws-page-20250720", "AWS Bedrock pricing page", "2025-07-20"),
    Source("page260724", "aws-page-20260724", "AWS Bedrock pricing page", "2026-07-24"),
    Source(
        "page-agentcore", "aws-page-agentcore-2026", "AgentCore pricing page", "2026"
    ),
    Source("page-quoted", "aws-page-quoted", "AWS pages, as others quote them", "2026"),
    Source("card260914", "aws-model-card-20260914", "AWS model card", "2026-09-14"),
    Source(
        "litellm",
        "litellm",
        "litellm 1.109.1 and 1.110.2, model price table",
        "2026-11",
    ),
    Source(
        "litellm-m",
        "litellm-mantle",
        "litellm 1.109.1 and 1.110.2, mantle endpoint",
        "2026-11",
    ),
    Source("genai", "genai-prices", "genai-prices 0.2.3, provider aws", "2026-11"),
    Source("modelsdev", "models.dev", "models.dev, amazon-bedrock", "2026-10"),
    Source("portkey", "portkey", "Portkey model pricing, bedrock", "2026-08-21"),
    Source(
        "portkey-m",
        "portkey-mantle",
        "Portkey model pricing, bedrock-mantle",
        "2026-08-21",
    ),
    Source("langfuse", "langfuse", "Langfuse default model prices", "2026-08-22"),
    Source("llmprices", "llm-prices", "llm-prices", "2026-08-05"),
)
_CODES = {source.id: source.code for source in SOURCES}

_UNITS = {"input_text_token": "input_token", "output_text_token": "output_token"}
# How many units the price of a fact buys, by the unit of the fact.
_PER = {
    "1M tokens": 1_000_000,
    "1K TPM-hour": 1_000,
    **dict.fromkeys(
        (
            "1 CMU-minute",
            "1 CMU-month",
            "1 GB",
            "1 GB-hour",
            "1 GB-month",
            "1 evaluation",
            "1 event",
            "1 hour",
            "1 image",
            "1 invocation",
            "1 model-month",
            "1 model-unit-hour",
            "1 node transition",
            "1 page",
            "1 query",
            "1 record retrieved",
            "1 record-hour",
            "1 record-month",
            "1 request",
            "1 second",
            "1 task",
            "1 text unit (1000 characters)",
            "1 tool-month",
            "1 vCPU-hour",
        ),
        1,
    ),
}
_LONG_CONTEXT = "long-context-"

_SAME_PRICE = re.compile(r"same price in \d+ price-list regions: ([a-z0-9 -]+)")
_SAME_FIGURE = re.compile(r"same figure read for ([a-z0-9-]+)")
_DISPUTES = re.compile(r"other sources say ([^;]+)")
_DISPUTE = re.compile(r"([\d.]+) \(([^()]+)\)")
_PRICED_IN = re.compile(r"default is the price of ([a-z0-9-]+)")
_UNCONFIRMED = re.compile(r"^unconfirmed\b|\bis unresolved\b")


def build(
    facts: Iterable[Mapping[str, str]], notes: Mapping[str, Any], *, generated: str
) -> dict[str, Any]:
    """Return the content of a price file made from *facts* and *notes*.

    Notes on models that no fact has are left out.

    Raises:
        ConfigError: If the content does not match the schema.
    """
    rows = sorted((_row(fact) for fact in facts), key=_order)
    models = {row[0] for row in rows}
    _note_disputes(rows, notes)
    ends = _note_ends(rows, notes)
    aliases, free = _aliases(models, notes), _free(models, notes)
    used = {code.partition(":")[0] for row in rows for code in row[11].split()}
    used |= {
        code.partition(":")[0]
        for row in rows
        for _, code in row[13].get("disputed", ())
    }
    used |= {code for _, code in aliases.values()} | {each[2] for each in free} | ends
    sources = (*SOURCES, *_noted_sources(notes))
    content: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "generated": generated,
        "currency": "USD",
        "sources": {
            source.code: {"id": source.id, "about": source.about, "seen": source.seen}
            for source in sources
            if source.code in used
        },
        "columns": list(COLUMNS),
        "rows": rows,
    }
    if aliases:
        content["aliases"] = aliases
    if free:
        content["free"] = free
    check_price_file(content, path="facts")
    return content


def _noted_sources(notes: Mapping[str, Any]) -> list[Source]:
    return [Source(code, **known) for code, known in notes.get("sources", {}).items()]


def _aliases(models: set[str], notes: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return model and source by the other ids of a model."""
    return {
        alias: [note["model"], note["source"]]
        for note in notes.get("aliases", ())
        if note["model"] in models
        for alias in note["ids"]
    }


def _free(models: set[str], notes: Mapping[str, Any]) -> list[Row]:
    """Return model, unit and source of what is free, and whether AWS confirms it."""
    return [
        [model, unit, note["source"], not note.get("unconfirmed", False)]
        for note in notes.get("free", ())
        for model in note["models"]
        if model in models
        for unit in note["units"]
    ]


def _note_ends(rows: list[Row], notes: Mapping[str, Any]) -> set[str]:
    """Add announced ends to the remarks of *rows*; return the sources in use."""
    used: set[str] = set()
    for note in notes.get("until", ()):
        start = note["valid_from"].isoformat()
        for row in rows:
            if (row[0], row[9]) == (note["model"], start):
                row[13]["until"] = [note["until"].isoformat(), note["source"]]
                used.add(note["source"])
    return used


def _note_disputes(rows: list[Row], notes: Mapping[str, Any]) -> None:
    """Add the prices of other tiers to the remarks of *rows* that they dispute."""
    by_terms = {(*row[:2], row[3], row[6]): row for row in rows}
    for note in notes.get("disputed", ()):
        for row in rows:
            other_tier = note["other_tiers"].get(row[3])
            if row[0] not in note["models"] or row[1] != note["region"]:
                continue
            other = by_terms.get((*row[:2], other_tier, row[6]))
            if other is not None:
                disputed = [[other[7], code] for code in other[11].split()]
                row[13].setdefault("disputed", []).extend(disputed)


def _row(fact: Mapping[str, str]) -> Row:
    tier, latency_mode, band = _split_tier(fact["service_tier"])
    return [
        fact["model_id"],
        fact["region"],
        fact["geography"],
        tier,
        latency_mode,
        band,
        _UNITS.get(fact["dimension"], fact["dimension"]),
        fact["price_usd"],
        _PER[fact["unit"]],
        fact["effective_from"] or None,
        fact["effective_to"] or None,
        " ".join(_code(source) for source in fact["sources"].split("|")),
        int(fact["n_independent"]),
        _remarks(fact["note"]),
    ]


def _split_tier(service_tier: str) -> tuple[str, str, str]:
    """Split a service tier into tier, latency mode and context band."""
    parts = service_tier.split("+")
    bands = [part for part in parts if part.startswith(_LONG_CONTEXT)]
    band = bands[0].removeprefix(_LONG_CONTEXT) if bands else ""
    latency_mode = "optimized" if "latency-optimized" in parts else "standard"
    tiers = [part for part in parts if part not in {*bands, "latency-optimized"}]
    return "+".join(tiers) or "default", latency_mode, band


def _code(source: str) -> str:
    """Return the short name of *source*; ``litellm(eu.)`` becomes ``litellm:eu``."""
    name, _, profile = source.partition("(")
    code = _CODES[name]
    return f"{code}:{profile.rstrip('.)')}" if profile else code


def _remarks(note: str) -> dict[str, Any]:
    remarks: dict[str, Any] = {}
    if same := _SAME_PRICE.search(note):
        remarks["same_price_regions"] = sorted(same[1].split())
    if figure := _SAME_FIGURE.search(note):
        remarks["same_price_regions"] = [figure[1]]
    if elsewhere := _PRICED_IN.search(note):
        remarks["priced_in"] = elsewhere[1]
    if disputes := _DISPUTES.search(note):
        found = _DISPUTE.findall(disputes[1])
        remarks["disputed"] = [[price, _code(source)] for price, source in found]
    if _UNCONFIRMED.search(note):
        remarks["unconfirmed"] = True
    return remarks


def _order(row: Row) -> tuple[str, ...]:
    region = "" if row[1] == "default" else row[1]
    return (row[0], region, *row[2:7], row[9] or "")


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return lines that list added, removed and changed rows by model."""
    before, after = _by_key(old), _by_key(new)
    lines: list[str] = []
    heading = ""
    for key in sorted({*before, *after}):
        if before.get(key) == after.get(key):
            continue
        if key[0] != heading:
            heading = key[0]
            lines.append(heading)
        lines.append("  " + _difference(key, before.get(key), after.get(key)))
    return lines


def _differences_of_notes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    keys = ("aliases", "free")
    return [f"{key} changed" for key in keys if old.get(key) != new.get(key)]


def _by_key(content: Mapping[str, Any]) -> dict[tuple[str, ...], Row]:
    return {(*row[:7], row[9] or ""): row for row in content.get("rows", ())}


def _difference(key: tuple[str, ...], old: Row | None, new: Row | None) -> str:
    name = " ".join(filter(None, key[1:]))
    if old is None and new is not None:
        return f"added    {name}: {new[7]} per {new[8]}"
    if new is None and old is not None:
        return f"removed  {name}: {old[7]} per {old[8]}"
    assert old is not None  # noqa: S101 - for the type checker
    assert new is not None  # noqa: S101 - for the type checker
    changes = ", ".join(
        f"{column} {before!r} -> {after!r}"
        for column, before, after in zip(COLUMNS, old, new, strict=True)
        if before != after
    )
    return f"changed  {name}: {changes}"


def main(arguments: list[str] | None = None) -> int:
    """Build, compare and write; with ``--check`` only compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("facts", type=Path, help="table of price facts, CSV")
    parser.add_argument("--notes", type=Path, default=NOTES, help="notes, TOML")
    parser.add_argument("--target", type=Path, default=TARGET, help="file to write")
    parser.add_argument("--generated", help="day of the facts, YYYY-MM-DD")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)

    committed = options.target.read_text() if options.target.exists() else "{}"
    old = json.loads(committed)
    generated = options.generated or old.get("generated")
    if generated is None:
        parser.error("--generated is needed for a first build")
    date.fromisoformat(generated)
    notes = tomllib.loads(options.notes.read_text(encoding="utf-8"))
    with options.facts.open(newline="", encoding="utf-8") as file:
        new = build(csv.DictReader(file), notes, generated=generated)
    text = render_price_file(new)

    changes = [*differences(old, new), *_differences_of_notes(old, new)]
    print(*changes, f"{len(new['rows'])} rows", sep="\n")
    if options.check:
        return int(text != committed)
    if changes and options.generated is None and "generated" in old:
        parser.error("rows changed: state their day with --generated")
    options.target.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
