"""The bundled table against its facts and worked bills."""

# ruff: noqa: SIM300 - the expected value stands first

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.pricing import PriceRow, PriceTable

_UNITS = {"input_text_token": "input_token", "output_text_token": "output_token"}


def _read(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def test_worked_bills(bundled: PriceTable, price_facts: Path):
    """Every worked bill is exact, context band included."""
    wrong = []
    for bill in _read(price_facts / "golden.csv"):
        is_optimized = bill["service_tier"] == "latency-optimized"
        counts = {
            _UNITS.get(unit, unit): count
            for unit, count in json.loads(bill["usage_json"]).items()
        }
        cost = bundled.price(
            bill["invoked_id"],
            Usage(counts),
            region=bill["region"],
            tier="default" if is_optimized else bill["service_tier"],
            latency_mode="optimized" if is_optimized else "standard",
            at=datetime.fromisoformat(bill["as_of"]).replace(tzinfo=UTC),
        )
        bands = {rate.context_band for rate in cost.rates.values()}
        band = {bill["context_band"].removeprefix("long-context-")}
        if cost.total != Decimal(bill["total_usd"]) or band != bands:
            wrong.append((bill["case_id"], bill["total_usd"], cost.total))
    assert [] == wrong


def test_every_fact_is_priced(bundled: PriceTable, price_facts: Path):
    """Each fact prices a call of its terms on its first day."""
    wrong = []
    for fact in _read(price_facts / "facts.csv"):
        parts = fact["service_tier"].split("+")
        unit = _UNITS.get(fact["dimension"], fact["dimension"])
        band = any(part.startswith("long-context-") for part in parts)
        tiers = [
            part
            for part in parts
            if not part.startswith(("long-context-", "latency-optimized"))
        ]
        day = fact["effective_from"] or fact["effective_to"] or "2026-11-30"
        prefix = {"regional": "", "geo": "us.", "global": "global."}[fact["geography"]]
        # A prompt is long by its input; what else is asked for is counted once.
        counts = {"input_token": 1_000_000} if band else {}
        counts[unit] = counts.get(unit, 0) + 1
        quote = bundled.quote(
            parse_model_id(prefix + fact["model_id"]),
            Usage(counts),
            region="us-east-1" if fact["region"] == "default" else fact["region"],
            tier="+".join(tiers) or "default",
            latency_mode="optimized" if "latency-optimized" in parts else "standard",
            at=datetime.fromisoformat(day).replace(tzinfo=UTC),
        )
        rate = quote.cost.rates.get(Unit(unit)) if quote.cost else None
        is_unconfirmed = "confirms" in quote.reason  # and so no long rate applies
        if not is_unconfirmed and (
            rate is None or rate.price != Decimal(fact["price_usd"])
        ):
            wrong.append((fact, quote))
    assert [] == wrong


def _as_fact(row: PriceRow) -> tuple[str, ...]:
    band = f"long-context-{row.context_band}" if row.context_band else ""
    mode = "latency-optimized" if row.latency_mode == "optimized" else ""
    parts = [part for part in (row.tier, mode, band) if part]
    tier = "+".join(part for part in parts if part != "default") or "default"
    return (
        row.model_id,
        row.region,
        row.scope,
        tier,
        row.unit,
        f"{row.price:f}",
        str(row.valid_from or ""),
        str(row.valid_to or ""),
        "|".join(_as_written(source) for source in row.sources),
        str(row.independent_sources),
    )


def _as_written(source: str) -> str:
    name, _, profile = source.partition(":")
    return f"{name}({profile}.)" if profile else name


def test_every_fact_is_in_the_table(bundled: PriceTable, price_facts: Path):
    """The table holds each fact once, with its dates and sources, and no other."""
    facts = sorted(
        (
            fact["model_id"],
            fact["region"],
            fact["geography"],
            fact["service_tier"],
            _UNITS.get(fact["dimension"], fact["dimension"]),
            fact["price_usd"],
            fact["effective_from"],
            fact["effective_to"],
            fact["sources"],
            fact["n_independent"],
        )
        for fact in _read(price_facts / "facts.csv")
    )
    assert facts == sorted(_as_fact(row) for row in bundled.rows())
