"""The command ``budget explain``: which budgets hold for a call, and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from time import time

import click

from ..._model.call_start import CallStart, RequestSize
from ..._model.formatting import digits
from ..._model.model_id import parse_model_id
from ..._model.tags import Tags, check_tags
from ...budgets import Budget
from ...budgets.bounds import Bound, Bounds
from ...budgets.measures import Measure
from ...budgets.plan import Match, limits_of, matches_of
from ...budgets.status import BudgetStatus, status_of
from ...budgets.stores import Store
from .._console import printable, results
from .._json import JsonObject, amount_json
from .._price_table import json_option, price_table, print_json
from .._tag_options import tags_option
from ._options import budgets_option, store_option
from ._status import print_statuses, status_json

_EPILOG = """
\b
Examples:
  bedrock-attrib budget explain --tags team=search --model amazon.nova-micro-v1:0
  bedrock-attrib budget explain --tags team=search --model amazon.nova-micro-v1:0
    --input-bytes 8000 --max-tokens 500
"""


@click.command(epilog=_EPILOG)
@tags_option
@click.option("--model", required=True, metavar="MODEL", help="Model of the call.")
@click.option(
    "--region",
    default="us-east-1",
    show_default=True,
    metavar="REGION",
    help="Calling Region.",
)
@click.option(
    "--operation",
    default="Converse",
    show_default=True,
    metavar="NAME",
    help="Operation, as AWS spells it.",
)
@click.option(
    "--input-bytes", type=click.IntRange(0), default=0, help="Bytes of text sent."
)
@click.option(
    "--max-tokens", type=click.IntRange(0), help="Most output tokens, as maxTokens."
)
@json_option
@store_option
@budgets_option
def explain(  # noqa: PLR0913 -- each is an option of the command
    *,
    tags: Mapping[str, str],
    model: str,
    region: str,
    operation: str,
    input_bytes: int,
    max_tokens: int | None,
    budgets: Sequence[Budget],
    store: Store,
    as_json: bool,
) -> None:
    """Show which budgets hold for a call, and what it would reserve."""
    check_tags(tags)
    size = RequestSize(max_tokens=max_tokens, text_bytes=input_bytes)
    start = CallStart(
        operation,
        parse_model_id(model),
        region,
        Tags(tags),
        datetime.now(UTC),
        lambda: size,
    )
    bound = Bounds(lambda: price_table(())).of(start)
    matches = matches_of(limits_of(budgets), start.tags, start.model, region, operation)
    found = [(match, _status(match, store)) for match in matches]
    if as_json:
        print_json(
            {
                "most_usd": None if bound.usd is None else amount_json(bound.usd),
                "most_tokens": bound.tokens,
                "reason": bound.reason,
                "budgets": [
                    _json(match, each, bound, start.started_at) for match, each in found
                ],
            }
        )
        return
    out = results()
    out.print(printable(_bound_text(bound)), soft_wrap=True)
    if not found:
        out.print("No budget holds for this call.")
        return
    print_statuses((each for _, each in found), start.started_at)
    for match, each in found:
        out.print(printable(_verdict(match, each, bound)), soft_wrap=True)


def _status(match: Match, store: Store) -> BudgetStatus:
    span = match.limit.window.at(time())
    state = store.read([(match.account, span.first)])[0]
    return status_of(match.limit, match.account, state, span.bucket)


def _json(match: Match, status: BudgetStatus, bound: Bound, at: datetime) -> JsonObject:
    return {**status_json(status, at), "verdict": _verdict(match, status, bound)}


def _bound_text(bound: Bound) -> str:
    if bound.usd is None or bound.tokens is None:
        return f"The call has no upper bound: {bound.reason}"
    return (
        f"The call may use up to {bound.tokens:,} tokens and {digits(bound.usd)} USD."
    )


def _verdict(match: Match, status: BudgetStatus, bound: Bound) -> str:
    asked = {
        Measure.USD: bound.usd,
        Measure.TOKENS: bound.tokens,
        Measure.CALLS: 1,
    }[match.limit.measure]
    budget = match.limit.budget
    if match.limit.counts_only:
        return f"{budget.name}: counts the call, and refuses none"
    if status.is_frozen:
        return f"{budget.name}: refuses the call, as it is frozen"
    if asked is None:
        return f"{budget.name}: no upper bound; when_unknown is {budget.when_unknown}"
    if budget.mode == "estimate":
        return f"{budget.name}: reserves what such calls have cost, at most {asked}"
    fits = asked <= status.remaining
    verdict = "lets the call pass" if fits else "refuses the call"
    amount = digits(asked) if isinstance(asked, Decimal) else asked
    return f"{budget.name}: {verdict}; it asks for {amount} of {status.remaining}"
