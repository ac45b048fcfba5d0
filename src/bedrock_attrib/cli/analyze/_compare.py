"""The command ``compare``: experiments or models side by side."""

from __future__ import annotations

from decimal import Decimal

import click
from rich.table import Table

from ..._model.formatting import counted, level, money, share, signed_share
from ..._model.usage import Usage
from ...reports import ComparedGroup, Comparison, compare
from .._console import print_remarks, results, shortened
from .._numbers import Within
from .._price_table import print_block, print_json
from .._tables import Column, fitting, new_table
from ._asked import Asked, asks
from ._output import as_json, heading_span, interval_text, named

_EPILOG = """
\b
Examples:
  bedrock-attrib analyze compare experiment prompt-v6 prompt-v7 --ledger calls.db
  bedrock-attrib analyze compare model --where team=search --since 7d --ledger calls.db
  bedrock-attrib analyze compare experiment --baseline control --ledger calls.db --json
"""
_THOUSAND = 1_000
_NOT_KNOWN = "n.a."
# Left out one after the other where a terminal is too narrow.
_COSTS = ("wasted", "cost", "per 1,000\nsuccesses", "calls")
_CALLS = ("first chunk\np50 s", "output", "input", "p99 s", "abandoned", "unpriced")


@click.command("compare", epilog=_EPILOG, short_help="Compare groups by cost per call.")
@click.argument("by")
@click.argument("values", nargs=-1)
@click.option(
    "--baseline", metavar="VALUE", help="Value to compare to (default: the first)."
)
@click.option(
    "--confidence",
    type=Within(0.5, 0.999),
    default=0.95,
    show_default=True,
    metavar="SHARE",
    help="Confidence level of the intervals.",
)
@asks
def compare_command(
    *,
    asked: Asked,
    by: str,
    values: tuple[str, ...],
    baseline: str | None,
    confidence: float,
) -> None:
    """Compare the cost per call of VALUES of BY, with intervals and tests.

    BY is a tag, for example experiment, or a dimension, for example model. Without
    VALUES, all values that have calls are compared.
    """
    with asked.ledger() as ledger:
        found = compare(
            ledger,
            by,
            values,
            asked.selection,
            baseline=baseline,
            confidence=confidence,
        )
    if asked.as_json:
        print_json(as_json(found))
        return
    _show(found)
    print_remarks(found.remarks)


def _show(found: Comparison) -> None:
    out = results()
    print_block(fitting(lambda is_short: _costs(found, is_short=is_short), _COSTS))
    out.print()
    print_block(fitting(lambda is_short: _calls(found, is_short=is_short), _CALLS))
    out.print()
    for group in found.groups:
        line = _difference(found, group)
        if line:
            out.print(line, soft_wrap=True)
    out.print(
        f"\n{heading_span(found.since, found.until)}. Intervals hold the true mean "
        f"{level(found.confidence)} of the time (bootstrap-t). Differences are tested "
        f"against {shortened(found.baseline)} at {level(1 - found.confidence)}, "
        f"corrected for their number (Holm).",
        soft_wrap=True,
    )


def _costs(found: Comparison, *, is_short: bool) -> Table:
    columns = (
        Column(found.by),
        Column("calls", is_number=True),
        Column("cost", is_number=True),
        Column("per 1,000\ncalls", is_number=True),
        Column(f"{level(found.confidence)} interval", is_number=True),
        Column("per 1,000\nsuccesses", is_number=True),
        Column("wasted", is_number=True),
        Column("verdict"),
    )
    table = new_table("Cost", columns)
    for group in found.groups:
        table.add_row(
            *named([group.value], [found.by], is_short=is_short),
            f"{group.calls:,}",
            money(group.cost, found.currency),
            _per_thousand(group.cost_per_call, found),
            _interval(found, group),
            _per_thousand(group.cost_per_success, found),
            money(group.wasted, found.currency),
            group.verdict.value,
        )
    return table


def _per_thousand(amount: Decimal | None, found: Comparison) -> str:
    return _NOT_KNOWN if amount is None else money(amount * _THOUSAND, found.currency)


def _interval(found: Comparison, group: ComparedGroup) -> str:
    if group.cost is None:
        return _NOT_KNOWN
    return interval_text(group.interval, found.currency, _THOUSAND)


def _calls(found: Comparison, *, is_short: bool) -> Table:
    columns = (
        Column(found.by),
        *(
            Column(heading, is_number=True)
            for heading in (
                "failed",
                "abandoned",
                "unpriced",
                "input",
                "output",
                "cached",
                "p50 s",
                "p95 s",
                "p99 s",
                "first chunk\np50 s",
            )
        ),
    )
    table = new_table("Calls", columns)
    for group in found.groups:
        names = named([group.value], [found.by], is_short=is_short)
        table.add_row(*names, *_row(group))
    return table


def _row(group: ComparedGroup) -> tuple[str, ...]:
    latency = group.latency
    times = (
        (None,) * 4
        if latency is None
        else (latency.p50, latency.p95, latency.p99, latency.first_chunk_p50)
    )
    usage = Usage.of(group.usage)
    return (
        f"{group.failed:,}",
        f"{group.abandoned:,}",
        f"{group.unpriced:,}",
        f"{usage.input_tokens or 0:,}",
        f"{usage.output_tokens or 0:,}",
        share(group.cache_share),
        *("" if each is None else f"{each:.2f}" for each in times),
    )


def _difference(found: Comparison, group: ComparedGroup) -> str:
    """Describe the difference of *side* to the baseline in a sentence."""
    difference = group.difference
    if difference is None:
        is_baseline = group.value == found.baseline
        return "" if is_baseline else f"{shortened(group.value)}: {group.verdict}."
    relative = signed_share(difference.share)
    between = interval_text(difference.interval, found.currency, _THOUSAND)
    unpriced = counted(group.unpriced, "call")
    lacking = f"; {unpriced} without a price" if group.unpriced else ""
    sure = _p_value(group.p_value)
    name, baseline = shortened(group.value), shortened(found.baseline)
    return (
        f"{name}: {group.verdict} than {baseline}"
        if group.verdict in ("cheaper", "more expensive")
        else f"{name}: {group.verdict}"
    ) + f", {relative} per call ({between} for 1,000; {sure}){lacking}."


def _p_value(value: float | None) -> str:
    is_tiny = value is not None and value < _LEAST_P
    return f"p<{_LEAST_P}" if is_tiny else f"p={value:.3f}"


_LEAST_P = 0.001
