"""The command ``prices quote``: price of a call, and how it was chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click
from rich.text import Text

from ..._model.cost import Rate
from ..._model.formatting import (
    decimals_of,
    digits,
    exact_money,
    list_price,
)
from ..._model.model_names import model_named
from ..._model.record import PriceStatus
from ..._model.usage import Unit, Usage
from ...pricing import Explanation, LookupStep, PriceTable, UnitExplanation
from ...pricing._suggest import similar_model_ids
from .._console import remarks, results
from .._json import JsonObject
from .._price_table import (
    DAY,
    age_days,
    age_line,
    day_of,
    day_text,
    json_option,
    moment_of,
    overrides_option,
    price_table,
    print_block,
    print_json,
    row_json,
)
from .._tables import Column, new_list, new_table

_UNPRICED = 1

_EPILOG = """
\b
Examples:
  bedrock-attrib prices quote us.amazon.nova-pro-v1:0 --region us-east-1 \\
      --input 1200 --output 540
  bedrock-attrib prices quote amazon.rerank-v1:0 --region us-west-2 --unit search_unit=3
  bedrock-attrib prices quote global.anthropic.claude-sonnet-5 --region eu-west-1 \\
      --input 900 --cache-read 20000 --cache-write-5m 400 --output 700 --json

Exit code 1 means that there is no price.
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


@click.command("quote", epilog=_EPILOG)
@click.argument("model")
@click.option(
    "--region", required=True, metavar="REGION", help="Calling region (required)."
)
@_count("--input", "Input tokens, without cached ones.")
@_count("--output", "Output tokens.")
@_count("--cache-read", "Tokens read from the prompt cache.")
@_count("--cache-write-5m", "Tokens written to the cache for 5 minutes.")
@_count("--cache-write-30m", "Tokens written to the cache for 30 minutes.")
@_count("--cache-write-1h", "Tokens written to the cache for 1 hour.")
@click.option(
    "--unit",
    "others",
    multiple=True,
    metavar="NAME=COUNT",
    help="Count of any other unit, for example search_unit=3; may be repeated.",
)
@click.option("--tier", default="default", show_default=True, help="Service tier.")
@click.option(
    "--latency-mode",
    type=click.Choice(["standard", "optimized"]),
    default="standard",
    show_default=True,
    help="Latency mode.",
)
@click.option("--at", type=DAY, metavar="DATE", help="Day, UTC (default: today).")
@overrides_option
@json_option
@click.pass_context
def quote(  # noqa: PLR0913 - one for each option
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
    """Price a call to MODEL and explain how the price was chosen.

    MODEL is a model id, profile id or ARN, as passed to Bedrock.
    """
    table = price_table(overrides)
    model = model_named(model, table.model_ids)
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
        raise click.UsageError("specify usage, for example --input 1200 --output 540")
    return Usage(found)


def _show(explanation: Explanation, table: PriceTable) -> None:
    out = results()
    quoted = explanation.quote
    call = f"{explanation.requested} from {explanation.region} on {explanation.day}"
    if quoted.cost is None:
        remarks().print(f"{call}: no price", soft_wrap=True)
        for line in _what_to_do(explanation, table):
            remarks().print(line, soft_wrap=True)
        return
    decimals = decimals_of([quoted.cost.total, *quoted.cost.by_unit.values()])
    total = exact_money(quoted.cost.total, quoted.cost.currency, decimals)
    out.print(Text.assemble((total, "bold"), f"  {call}"), soft_wrap=True)
    reason = f": {quoted.reason}" if quoted.reason else ""
    out.print(f"{quoted.status}{reason}\n", soft_wrap=True)
    _print_units(explanation, decimals)
    for unit in explanation.units:
        out.print()
        print_block(new_list(unit.unit.value, _story(unit)))
    out.print(f"\n{age_line(table)} Costs are estimates.", soft_wrap=True)


def _print_units(explanation: Explanation, decimals: int) -> None:
    cost = explanation.quote.cost
    currency = cost.currency if cost else ""
    rates = [each.rate for each in explanation.units if each.rate is not None]
    is_at_list_prices = all(rate.price == rate.list_price for rate in rates)
    listed = [] if is_at_list_prices else [Column("list price", is_number=True)]
    price = "list price" if is_at_list_prices else "price"
    columns = (
        Column("unit"),
        *listed,
        Column("count", is_number=True),
        Column(f"× {price}", is_number=True),  # noqa: RUF001 - a sign
        Column("= amount", is_number=True),
        Column("price of"),
    )
    total = exact_money(cost.total, currency, decimals) if cost else ""
    blanks = [""] * len(listed)
    shown = new_table("", columns, ("total", *blanks, "", "", total, ""))
    for each in explanation.units:
        count = f"{each.count:,}"
        if each.rate is None or each.amount is None:
            shown.add_row(each.unit.value, *blanks, count, "", "no price", "")
            continue
        rate = each.rate
        shown.add_row(
            each.unit.value,
            *(_list_price(rate, currency) for _ in listed),
            count,
            list_price(rate.price, rate.per, currency),
            exact_money(each.amount, currency, decimals),
            " ".join(_terms(rate)),
        )
    print_block(shown)


def _list_price(rate: Rate, currency: str) -> str:
    if rate.list_price is None:
        return ""
    return list_price(rate.list_price, rate.per, currency)


def _terms(rate: Rate | LookupStep) -> Iterator[str]:
    yield from (rate.region, rate.scope)
    yield from (rate.tier,) if rate.tier != "default" else ()
    yield from (rate.latency_mode,) if rate.latency_mode != "standard" else ()
    yield from (rate.context_band,) if rate.context_band else ()


def _story(unit: UnitExplanation) -> Iterator[str]:
    """Explain line by line how the price of a unit was chosen."""
    rate = unit.rate
    if rate is not None:
        since, until = day_text(rate.valid_from), day_text(rate.valid_to)
        days = " ".join(
            filter(None, (since and f"from {since}", until and f"to {until}"))
        )
        yield f"valid {days or 'on all days'}"
        yield f"sources: {', '.join(rate.sources)}"
    if unit.row is not None:
        yield f"independent sources: {unit.row.independent_sources}"
        for other, source in unit.row.disputed:
            yield f"disputed: {digits(other)} in {source}"
        if unit.row.until is not None:
            yield f"announced until {unit.row.until} ({unit.row.until_source})"
    for tried in unit.steps:
        whose = "own prices, " if tried.is_own else ""
        outcome = tried.passed_over or "used"
        yield f"looked up {whose}{' '.join(_terms(tried))}: {outcome}"
    if unit.remark:
        yield unit.remark


def _what_to_do(explanation: Explanation, table: PriceTable) -> Iterator[str]:
    yield f"  {explanation.quote.reason}"
    similar = _similar(explanation, table)
    if similar:
        yield f"  Did you mean {' or '.join(similar)}?"
    yield (
        "  To set a price yourself, add it under [[prices]] to a file of "
        "--price-overrides or BEDROCK_ATTRIB_PRICE_OVERRIDES."
    )


def _similar(explanation: Explanation, table: PriceTable) -> tuple[str, ...]:
    known = table.model_ids
    wanted = explanation.model_id
    if wanted is None or wanted in known:
        return ()
    return similar_model_ids(wanted, known)


def _as_json(explanation: Explanation, table: PriceTable) -> JsonObject:
    quoted = explanation.quote
    cost = quoted.cost
    return {
        "model": explanation.requested,
        "model_id": explanation.model_id,
        "scope": explanation.scope,
        "region": explanation.region,
        "tier": explanation.tier,
        "latency_mode": explanation.latency_mode,
        "context_band": explanation.context_band,
        "day": explanation.day.isoformat(),
        "price_status": quoted.status.value,
        "price_reason": quoted.reason,
        "currency": cost.currency if cost else None,
        "total": digits(cost.total) if cost else None,
        "units": [_unit_json(unit) for unit in explanation.units],
        "similar_models": list(_similar(explanation, table)),
        "prices_of": table.generated_on.isoformat(),
        "age_days": age_days(table),
    }


def _unit_json(unit: UnitExplanation) -> JsonObject:
    return {
        "unit": unit.unit.value,
        "count": unit.count,
        "amount": digits(unit.amount) if unit.amount is not None else None,
        "price": digits(unit.rate.price) if unit.rate else None,
        "per": unit.rate.per if unit.rate else None,
        "list_price": digits(unit.rate.list_price)
        if unit.rate and unit.rate.list_price is not None
        else None,
        "sources": list(unit.rate.sources) if unit.rate else [],
        "row": row_json(unit.row) if unit.row else None,
        "looked_for": [
            {
                "region": tried.region,
                "scope": tried.scope,
                "tier": tried.tier,
                "latency_mode": tried.latency_mode,
                "context_band": tried.context_band,
                "own": tried.is_own,
                "outcome": tried.passed_over or "used",
            }
            for tried in unit.steps
        ],
        "remark": unit.remark,
    }
