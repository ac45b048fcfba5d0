"""Which row prices a unit of a call, and why others are passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from .._model_id import (
    GUARDRAIL_CHECKS_MODEL,
    GUARDRAIL_MODEL,
    ModelKind,
    ModelRef,
    Scope,
)
from .._usage import GUARDRAIL_CHECKS_UNITS, GUARDRAIL_UNITS, Unit
from ._rows import DEFAULT_REGION, ModelRows, PriceList, PriceRow

# Regions of the partition "aws": botocore 1.44.5, partitions.json. Only these may
# take a price of the default region: GovCloud, China, the European Sovereign Cloud
# and the isolated partitions have price lists of their own.
_COMMERCIAL = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+")

# Regions that default rows are read from, so that they hold there as they stand.
_HOME_REGIONS = frozenset({"us-east-1", "us-west-2", "us-east-2"})

_BILLED_OTHERWISE = {
    ModelKind.PROVISIONED: (
        "provisioned throughput is billed by the hour, not per token; state its "
        "price under [[commitments]]"
    ),
    ModelKind.IMPORTED: (
        "an imported model is billed by custom model units and minutes, not per "
        "token; state it under [[commitments]]"
    ),
    ModelKind.MARKETPLACE_ENDPOINT: (
        "a marketplace endpoint is billed by the hour of its instances, not per token"
    ),
    ModelKind.CUSTOM: (
        "a custom model has no list price of its own; if AWS bills it as its base "
        "model, map the ARN under [base_models]"
    ),
}
_NAMES_NO_MODEL = {
    ModelKind.APPLICATION_INFERENCE_PROFILE: (
        "the ARN of an application inference profile names no model; map it to its "
        "model or profile id under [models]"
    ),
    ModelKind.PROMPT: (
        "the ARN of a prompt names no model; map it to its model id under [models]"
    ),
    ModelKind.PROMPT_ROUTER: (
        "a prompt router names no model, and the response did not say which one it "
        "invoked"
    ),
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the price lists, for one model and day.

    Attributes:
        model_id: Base model id, or None when it is not known.
        scope: Scope that the model id says; None when it says none.
        geography: Profile prefix of a geo id, or None.
        region: Calling region.
        tier: Tier that served the call.
        latency_mode: ``standard`` or ``optimized``.
        day: Day of the call, UTC.
        obstacle: Why there can be no price whatever the rows say; empty for none.
    """

    model_id: str | None
    scope: Scope | None
    geography: str | None
    region: str
    tier: str
    latency_mode: str
    day: date
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Try:
    """One look at a price list.

    Attributes:
        region: Region looked for.
        scope: Scope looked for.
        is_own: True for the user's own rows.
        row: The row that stood there, if any.
        passed_over: Why it was not taken; empty for the one that was.
    """

    region: str
    scope: str
    is_own: bool
    row: PriceRow | None
    passed_over: str


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome for one unit.

    Attributes:
        row: The row that prices it, or None.
        is_own: True when it is the user's own row.
        doubt: Why the price is likely but not certain; empty when it is certain.
        tries: Everything looked at, in order.
    """

    row: PriceRow | None
    is_own: bool
    doubt: str
    tries: tuple[Try, ...]


def obstacle_of(model: ModelRef) -> str:
    """Why calls of *model* have no price per token; empty when they have one."""
    if model.kind in _BILLED_OTHERWISE:
        return _BILLED_OTHERWISE[model.kind]
    if model.model_id is None:
        return _NAMES_NO_MODEL.get(model.kind, "the id names no model")
    return "" if model.scope else "the id does not say where calls may be served"


def find_row(
    lists: Sequence[PriceList], question: Question, unit: Unit, band: str
) -> Found:
    """Look *unit* up, in the first list whole before the second."""
    question, band = _asked_of(question, unit, band)
    tries: list[Try] = []
    for price_list in lists:
        rows = price_list.of(question.model_id) if question.model_id else None
        if rows is None:
            continue
        for region, scope in steps(question):
            key = (region, scope, question.tier, question.latency_mode, band, unit)
            row = rows.row_on(key, question.day)
            why = _passed_over(question, rows, row)
            tries.append(Try(region, scope, price_list.is_own, row, why))
            if row is not None and not why:
                doubt = "" if price_list.is_own else _doubt(question, rows, row)
                return Found(row, price_list.is_own, doubt, tuple(tries))
    return Found(None, is_own=False, doubt="", tries=tuple(tries))


def _asked_of(question: Question, unit: Unit, band: str) -> tuple[Question, str]:
    """Guardrail units have prices of their own, whatever the model of the call."""
    if unit not in GUARDRAIL_UNITS:
        return question, band
    is_check = unit in GUARDRAIL_CHECKS_UNITS
    model = GUARDRAIL_CHECKS_MODEL if is_check else GUARDRAIL_MODEL
    guardrail = replace(
        question,
        model_id=model.model_id,
        scope=Scope.REGIONAL,
        geography=None,
        tier="default",
        latency_mode="standard",
        obstacle="",
    )
    return guardrail, ""


def steps(question: Question) -> Iterator[tuple[str, str]]:
    """Regions and scopes in which a row is looked for, in order."""
    if question.obstacle or question.scope is None:
        return
    scopes = [question.scope.value]
    if question.scope is Scope.GEO:
        scopes.append(Scope.REGIONAL.value)
    regions = [question.region]
    if has_default_price(question):
        regions.append(DEFAULT_REGION)
    for region in regions:
        for scope in scopes:
            yield region, scope


def has_default_price(question: Question) -> bool:
    """Tell whether a call may take a price of the default region at all."""
    is_commercial = _COMMERCIAL.fullmatch(question.region) is not None
    return is_commercial and question.geography != "us-gov"


def _passed_over(question: Question, rows: ModelRows, row: PriceRow | None) -> str:
    if row is None:
        return "no row"
    if row.region != DEFAULT_REGION or question.scope is not Scope.GEO:
        return ""
    if question.geography == "us" or question.region in row.same_price_regions:
        return ""
    if _is_priced_by_continent(rows, question.day):
        return "a US price, and the prices of this model differ between continents"
    return ""


def _is_priced_by_continent(rows: ModelRows, day: date) -> bool:
    return any(
        row.region != DEFAULT_REGION
        and not row.region.startswith("us-")
        and row.holds_on(day)
        for row in rows.rows
    )


def _doubt(question: Question, rows: ModelRows, row: PriceRow) -> str:
    if row.is_unconfirmed:
        return "no source of AWS confirms this price"
    region = question.region
    if row.region != DEFAULT_REGION or region in row.same_price_regions:
        return ""
    if row.priced_in and row.priced_in != region:
        return f"price of {row.priced_in}; none is known for {region}"
    if region not in _HOME_REGIONS and _differs_in(rows, region, question):
        return f"US price; other prices of the model in {region} differ from the US"
    return ""


def _differs_in(rows: ModelRows, region: str, question: Question) -> bool:
    scopes = {scope for _, scope in steps(question)}
    return any(
        row.region == region and row.scope in scopes and row.holds_on(question.day)
        for row in rows.rows
    )


def find_bands(
    lists: Sequence[PriceList], question: Question
) -> list[tuple[int, str, str]]:
    """Long-context bands of a model, the highest threshold first.

    Returns:
        Threshold in prompt tokens; the band whose rows price a longer prompt, or
        empty when the model has such rows, but none for this call; and then the
        doubt that this leaves.
    """
    if question.obstacle or question.model_id is None:
        return []
    found: dict[int, tuple[str, str]] = {}
    for price_list in lists:
        rows = price_list.of(question.model_id)
        if rows is None:
            continue
        for threshold, band in rows.bands:
            sold = [row for row in rows.rows if _is_of(row, band, question.day)]
            if threshold not in found or not found[threshold][0]:
                found[threshold] = _band_of(lists, question, sold, threshold)
    return [(limit, *found[limit]) for limit in sorted(found, reverse=True)]


def _is_of(row: PriceRow, band: str, day: date) -> bool:
    return row.context_band == band and row.holds_on(day)


def _band_of(
    lists: Sequence[PriceList],
    question: Question,
    sold: list[PriceRow],
    threshold: int,
) -> tuple[str, str]:
    if not sold:
        return "", ""
    band = sold[0].context_band
    units = {row.unit for row in sold}
    rows = [find_row(lists, question, unit, band).row for unit in units]
    # One unconfirmed claim does not make a call dearer, though it casts a doubt.
    if any(row is not None and not row.is_unconfirmed for row in rows):
        return band, ""
    # The counts of a batch job are of many prompts, none of which need be long.
    return "", "" if "batch" in question.tier else _no_long_rate(threshold)


def _no_long_rate(threshold: int) -> str:
    return (
        f"the prompt is longer than {threshold} tokens, for which prices of this "
        f"model differ in some source, though none is confirmed for this scope and tier"
    )


def why_missing(
    lists: Sequence[PriceList], question: Question, unit: Unit, band: str
) -> str:
    """Say why there is no price for *unit*."""
    asked, band = _asked_of(question, unit, band)
    if asked.obstacle:
        return asked.obstacle
    held = [rows for each in lists if (rows := each.of(asked.model_id or ""))]
    if not held:
        return f"model {asked.model_id!r} is not in the price table"
    over = [
        tried.passed_over
        for tried in find_row(lists, question, unit, band).tries
        if tried.row is not None
    ]
    if over:
        return f"{unit}: {over[0]}"
    return f"{unit}: {_closest_lack(held, asked, band)}"


def _closest_lack(held: list[ModelRows], asked: Question, band: str) -> str:
    rows = [row for model_rows in held for row in model_rows.rows]
    tiers = sorted({row.tier for row in rows})
    if asked.tier.startswith("reserved") and asked.tier not in tiers:
        return "reserved capacity is billed by the hour, not per token"
    if asked.tier not in tiers:
        return f"no price for tier {asked.tier!r}; known: {', '.join(tiers)}"
    modes = sorted({row.latency_mode for row in rows})
    if asked.latency_mode not in modes:
        return f"no price for latency mode {asked.latency_mode!r}"
    if not has_default_price(asked):
        return f"no price for {asked.region}, which default prices do not cover"
    where = f"{asked.scope}, tier {asked.tier}"
    long = f", prompts {band}" if band else ""
    return f"no price for {where}{long} on {asked.day}"
