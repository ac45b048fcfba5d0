"""Which row prices a unit of a call, and why others are passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from .._model.model_id import GUARDRAIL_CHECKS_MODEL, GUARDRAIL_MODEL, Scope
from .._model.usage import GUARDRAIL_CHECKS_UNITS, GUARDRAIL_UNITS, Unit
from ._price_list import PriceList
from ._query import Question
from ._rows import DEFAULT_REGION, ModelRows, PriceRow

# Regions of the partition "aws": botocore 1.44.5, partitions.json. Only these may
# take a price of the default region: GovCloud, China, the European Sovereign Cloud
# and the isolated partitions have price lists of their own.
_COMMERCIAL = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+")

# Regions that default rows are read from, so that they hold there as they stand.
_HOME_REGIONS = frozenset({"us-east-1", "us-west-2", "us-east-2"})


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


def find_row(
    lists: Sequence[PriceList], question: Question, unit: Unit, band: str
) -> Found:
    """Look *unit* up, in the first list whole before the second."""
    question, band = asked_of(question, unit, band)
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


def asked_of(question: Question, unit: Unit, band: str) -> tuple[Question, str]:
    """What is really asked for *unit*, and in which band.

    Guardrail units have prices of their own, whatever the model of the call.
    """
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
        obstacle=None,
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
