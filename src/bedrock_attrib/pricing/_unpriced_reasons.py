"""Why a unit of a call has no price."""

from __future__ import annotations

from collections.abc import Sequence

from .._model.record import PriceReason, Reason
from .._model.usage import Unit
from ._lookup import asked_of, find_row, has_default_price
from ._price_list import PriceList
from ._query import Question
from ._rows import ModelRows


def why_missing(
    lists: Sequence[PriceList], question: Question, unit: Unit, band: str
) -> Reason:
    """Say why there is no price for *unit*."""
    asked, band = asked_of(question, unit, band)
    if asked.obstacle:
        return asked.obstacle
    held = [rows for each in lists if (rows := each.of(asked.model_id or ""))]
    if not held:
        text = f"model {asked.model_id!r} is not in the price table"
        return Reason(PriceReason.MODEL_NOT_LISTED, text)
    over = [
        tried.passed_over
        for tried in find_row(lists, question, unit, band).tries
        if tried.row is not None
    ]
    if over:
        return Reason(PriceReason.REGION_NOT_LISTED, f"{unit}: {over[0]}")
    code, text = _closest_lack(held, asked, band)
    return Reason(code, f"{unit}: {text}")


def _closest_lack(held: list[ModelRows], asked: Question, band: str) -> Reason:
    rows = [row for model_rows in held for row in model_rows.rows]
    tiers = sorted({row.tier for row in rows})
    if asked.tier.startswith("reserved") and asked.tier not in tiers:
        text = "reserved capacity is billed by the hour, not per token"
        return Reason(PriceReason.CAPACITY, text)
    if asked.tier not in tiers:
        text = f"no price for tier {asked.tier!r}; known: {', '.join(tiers)}"
        return Reason(PriceReason.TIER_NOT_LISTED, text)
    modes = sorted({row.latency_mode for row in rows})
    if asked.latency_mode not in modes:
        text = f"no price for latency mode {asked.latency_mode!r}"
        return Reason(PriceReason.LATENCY_MODE_NOT_LISTED, text)
    if not has_default_price(asked):
        text = f"no price for {asked.region}, which default prices do not cover"
        return Reason(PriceReason.REGION_NOT_LISTED, text)
    where = f"{asked.scope}, tier {asked.tier}"
    long = f", prompts {band}" if band else ""
    return Reason(PriceReason.RATE_NOT_LISTED, f"no price for {where}{long}")
