"""The command ``price``: what a call costs, and how its price was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import click
from rich.text import Text

from .._model.cost import Rate
from .._model.record import PriceStatus
from .._model.usage import Unit, Usage
from ..pricing import Explanation, PriceTable, UnitExplanation
from ..pricing._suggest import similar_model_ids
from ._console import remarks, results
from ._figures import decimals_of, dollars
from ._json import JsonObject
from ._price_table import (
    DAY,
    age_days,
    age_line,
    day_of,
    day_text,
    json_option,
    moment_of,
    overrides_option,
    plain,
    price_table,
    print_block,
    print_json,
    row_json,
)
from ._tables import Column, new_list, new_table

_UNPRICED = 1

_EPILOG = """
\b
Examples:
  bedrock-attrib price us.amazon.nova-pro-v1:0 --region us-east-1 \\
      --input 1200 --output 540
  bedrock-attrib price amazon.rerank-v1:0 --region us-west-2 --unit search_unit=3
  bedrock-attrib price global.anthropic.claude-sonnet-5 --region eu-west-1 \\
      --input 900 --cache-read 20000 --cache-write-5m 400 --output 700 --json

Exit code 1 when there is no price.
"""

Command = TypeVar("Command", bound=Callable[..., object])

_TOKENS = {
    "input": Unit.INPUT_TOKEN,
    "output": Unit.OUTPUT_TOKEN,
    "cache_read": Unit.CACHE_READ_TOKEN,
    "cache_write_5m": Unit.CACHE_WRITE_5M_TOKEN,
    "cache_write_30m": Unit.CACHE_WRITE_30M_TOKEN,
    "cache_write_1h": Unit.CACHE_WRITE_1H_TOKEN,
}


def _count(flag: str, text: str) -> Callable[[Command], Command]:
    return click.option(flag, type=click.IntRange(0), metavar="N", help=text)


@click.command(epilog=_EPILOG)
@click.argument("model")
@click.option("--region", required=True, metavar="REGION", help="Calling region.")
@_count("--input", "Input tokens, cached ones not among them.")
@_count("--output", "Output tokens.")
@_count("--cache-read", "Tokens read from the prompt cache.")
@_count("--cache-write-5m", "Tokens written to the cache for 5 minutes.")
@_count("--cache-write-30m", "Tokens written to the cache for 30 minutes.")
@_count("--cache-write-1h", "Tokens written to the cache for an hour.")
@click.option(
    "--unit",
    "others",
    multiple=True,
    metavar="NAME=COUNT",
    help="Any other unit, such as search_unit=3.",
)
@click.option("--tier", default="default", show_default=True, help="Service tier.")
@click.option(
    "--latency-mode",
    type=click.Choice(["standard", "optimized"]),
    default="standard",
    show_default=True,
    help="Latency mode.",
)
@click.option("--at", type=DAY, metavar="DATE", help="Day of the call; today if not.")
@overrides_option
@json_option
@click.pass_context
def price(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    /,
    *,
    model: str,
    region: str,
    others: tuple[str, ...],
    tier: str,
    latency_mode: str,
    at: datetime | None,
    overrides: tuple[Path, ...],
    as_json: bool,
    **counts: int | None,
) -> None:
    """Tell what a call of MODEL costs, and how its price was found.

    MODEL is an id, profile id or ARN, as given to Bedrock.
    """
    table = price_table(overrides)
    explanation = table.explain(
        model,
        _usage(counts, others),
        region=region,
        tier=tier,
        latency_mode=latency_mode,
        at=moment_of(day_of(at)),
    )
    if as_json:
        print_json(_as_json(explanation, table))
    else:
        _show(explanation, table)
    if explanation.quote.status is PriceStatus.UNPRICED:
        ctx.exit(_UNPRICED)


def _usage(counts: dict[str, int | None], others: tuple[str, ...]) -> Usage:
    found: dict[str, int] = {
        _TOKENS[name].value: count
        for name, count in counts.items()
        if count is not None
    }
    for each in others:
        name, _, count = each.partition("=")
        if not (count.isascii() and count.isdigit()):
            raise click.UsageError(f"--unit {each}: expected NAME=COUNT")
        found[name] = found.get(name, 0) + int(count)
    if not found:
        raise click.UsageError("say what was used, such as --input 1200 --output 540")
    return Usage(found)


def _show(explanation: Explanation, table: PriceTable) -> None:
    out = results()
    quote = explanation.quote
    asked = f"{explanation.requested} from {explanation.region} on {explanation.day}"
    if quote.cost is None:
        remarks().print(f"{asked}: no price", soft_wrap=True)
        for line in _what_to_do(explanation, table):
            remarks().print(line, soft_wrap=True)
        return
    decimals = decimals_of([quote.cost.total, *quote.cost.by_unit.values()])
    total = _money(quote.cost.total, decimals, quote.cost.currency)
    out.print(Text.assemble((total, "bold"), f"  {asked}"), soft_wrap=True)
    reason = f": {quote.reason}" if quote.reason else ""
    out.print(f"{quote.status}{reason}\n", soft_wrap=True)
    _print_units(explanation, decimals)
    for unit in explanation.units:
        out.print()
        print_block(new_list(unit.unit.value, _story(unit)))
    out.print(f"\n{age_line(table)} Costs are estimates.", soft_wrap=True)


def _print_units(explanation: Explanation, decimals: int) -> None:
    cost = explanation.quote.cost
    currency = cost.currency if cost else ""
    columns = (
        Column("unit"),
        Column("count", is_number=True),
        Column("× list price", is_number=True),  # noqa: RUF001 - a sign
        Column("= amount", is_number=True),
        Column("price of"),
    )
    total = _money(cost.total, decimals, currency) if cost else ""
    shown = new_table("", columns, ("total", "", "", total, ""))
    for each in explanation.units:
        count = f"{each.count:,}"
        if each.rate is None or each.amount is None:
            shown.add_row(each.unit.value, count, "", "no price", "")
            continue
        rate = each.rate
        listed = _money(rate.price, decimals_of([rate.price]), currency)
        shown.add_row(
            each.unit.value,
            count,
            f"{listed} per {rate.per:,}",
            _money(each.amount, decimals, currency),
            " ".join(_terms(rate)),
        )
    print_block(shown)


def _terms(rate: Rate) -> Iterator[str]:
    yield from (rate.region, rate.scope)
    yield from (rate.tier,) if rate.tier != "default" else ()
    yield from (rate.latency_mode,) if rate.latency_mode != "standard" else ()
    yield from (rate.context_band,) if rate.context_band else ()


def _story(unit: UnitExplanation) -> Iterator[str]:
    """How the price of a unit was found, line by line."""
    rate = unit.rate
    if rate is not None:
        since, until = day_text(rate.valid_from), day_text(rate.valid_to)
        days = " ".join(
            filter(None, (since and f"from {since}", until and f"to {until}"))
        )
        yield f"valid {days or 'on all days: no change is known'}"
        yield f"read in {', '.join(rate.sources)}"
    if unit.row is not None:
        yield f"independent sources: {unit.row.independent_sources}"
        for other, source in unit.row.disputed:
            yield f"disputed: {plain(other)} in {source}"
    for tried in unit.steps:
        whose = "own prices, " if tried.is_own else ""
        outcome = tried.passed_over or "taken"
        yield f"looked for {whose}{tried.region} {tried.scope}: {outcome}"
    if unit.remark:
        yield unit.remark


def _what_to_do(explanation: Explanation, table: PriceTable) -> Iterator[str]:
    yield f"  {explanation.quote.reason}"
    similar = _similar(explanation, table)
    if similar:
        yield f"  Did you mean {' or '.join(similar)}?"
    yield (
        "  A price of your own is stated under [[prices]] in a file that "
        "--overrides or BEDROCK_ATTRIB_PRICE_OVERRIDES names."
    )


def _similar(explanation: Explanation, table: PriceTable) -> tuple[str, ...]:
    known = table.model_ids
    wanted = explanation.model_id
    if wanted is None or wanted in known:
        return ()
    return similar_model_ids(wanted, known)


def _money(amount: Decimal, decimals: int, currency: str) -> str:
    shown = dollars(amount, decimals)
    return shown if currency == "USD" else f"{shown.removeprefix('$')} {currency}"


def _as_json(explanation: Explanation, table: PriceTable) -> JsonObject:
    quote = explanation.quote
    cost = quote.cost
    return {
        "model": explanation.requested,
        "model_id": explanation.model_id,
        "scope": explanation.scope,
        "region": explanation.region,
        "tier": explanation.tier,
        "latency_mode": explanation.latency_mode,
        "context_band": explanation.context_band,
        "day": explanation.day.isoformat(),
        "price_status": quote.status.value,
        "price_reason": quote.reason,
        "currency": cost.currency if cost else None,
        "total": plain(cost.total) if cost else None,
        "units": [_unit_json(unit) for unit in explanation.units],
        "similar_models": list(_similar(explanation, table)),
        "prices_of": table.generated_on.isoformat(),
        "age_days": age_days(table),
    }


def _unit_json(unit: UnitExplanation) -> JsonObject:
    return {
        "unit": unit.unit.value,
        "count": unit.count,
        "amount": plain(unit.amount) if unit.amount is not None else None,
        "price": plain(unit.rate.price) if unit.rate else None,
        "per": unit.rate.per if unit.rate else None,
        "sources": list(unit.rate.sources) if unit.rate else [],
        "row": row_json(unit.row) if unit.row else None,
        "looked_for": [
            {
                "region": tried.region,
                "scope": tried.scope,
                "own": tried.is_own,
                "outcome": tried.passed_over or "taken",
            }
            for tried in unit.steps
        ],
        "remark": unit.remark,
    }
