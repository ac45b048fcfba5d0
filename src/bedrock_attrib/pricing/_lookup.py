"""Which row prices a unit of a call, and why others are passed over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

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


class Band(NamedTuple):
    """How prompts above a threshold are priced.

    Attributes:
        threshold: Tokens that such a prompt is longer than.
        name: Band whose rows price it; empty for the ordinary rows.
        doubt: Why these rows may not be the ones that AWS bills; empty for none.
    """

    threshold: int
    name: str
    doubt: str


def find_bands(lists: Sequence[PriceList], question: Question) -> list[Band]:
    """Long-context bands of a model on a day, the highest threshold first.

    Where rows of a band price other calls of the model but not this one, the rows
    below the threshold price it, and that is a doubt.
    """
    if question.obstacle or question.model_id is None:
        return []
    units: dict[tuple[int, str], set[Unit]] = {}
    for price_list in lists:
        rows = price_list.of(question.model_id)
        if rows is None:
            continue
        for threshold, name in rows.bands:
            sold = {row.unit for row in rows.rows if _is_of(row, name, question.day)}
            units.setdefault((threshold, name), set()).update(sold)
    found: list[Band] = []
    below = ""
    for (threshold, name), sold in sorted(units.items()):
        if not sold:
            continue
        if _is_confirmed(lists, question, sold, name):
            below = name
            found.append(Band(threshold, name, ""))
        else:
            doubt = _no_long_rate(question, threshold, below)
            found.append(Band(threshold, below, doubt))
    return found[::-1]


def _is_of(row: PriceRow, band: str, day: date) -> bool:
    return row.context_band == band and row.holds_on(day)


def _is_confirmed(
    lists: Sequence[PriceList], question: Question, units: Iterable[Unit], band: str
) -> bool:
    """Return whether *band* has a row for the call that some source confirms.

    One unconfirmed claim does not make a call dearer, though it casts a doubt.
    """
    rows = (find_row(lists, question, unit, band).row for unit in units)
    return any(row is not None and not row.is_unconfirmed for row in rows)


def _no_long_rate(question: Question, threshold: int, below: str) -> str:
    latency = "" if question.latency_mode == "standard" else ", optimized latency"
    taken = f"the price of prompts {below}" if below else "the ordinary price"
    return (
        f"the prompt is longer than {threshold} tokens, and no source confirms a "
        f"long-context price for {question.scope}, tier {question.tier}{latency}, in "
        f"{question.region}; {taken} is taken"
    )
