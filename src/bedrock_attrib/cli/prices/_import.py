"""The command ``prices import``: prices from AWS's price list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..._model.formatting import counted
from .._console import remarks, results
from .._json import JsonObject
from .._output_files import refuse_input_as_output
from .._price_table import json_option, print_block, print_json
from .._tables import new_list

if TYPE_CHECKING:
    from ...pricing.price_list import ImportedPrices, SkippedLines, Sku

_NOTHING = 1
_RATE_CARD_REGION = "us-east-1"

_EPILOG = """
\b
Offer files, which need no credentials (OFFER is AmazonBedrock, AmazonBedrockService or
AmazonBedrockFoundationModels; leave REGION/ out for all regions):
  https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/OFFER/current/REGION/index.json

\b
Examples:
  bedrock-attrib prices import index.json --report
  bedrock-attrib prices import *.json --region eu-central-1 --output aws.json
  bedrock-attrib prices import --from-api --region us-east-1 --output aws.toml
  bedrock-attrib prices import --rate-cards anthropic.claude-opus-5 --output cards.toml

Exit code 1 means that no line gave a price.
"""


@click.command("import", epilog=_EPILOG)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--from-api", is_flag=True, help="Read from AWS's Price List API.")
@click.option(
    "--rate-cards",
    "models",
    multiple=True,
    metavar="MODEL",
    help="Read what this account pays for a Marketplace model; may be repeated.",
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="REGION",
    help="Only this region; may be repeated (default: all; for --rate-cards: "
    "us-east-1).",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a price file (.json) or overrides (.toml) (default: write nothing).",
)
@click.option(
    "--report",
    is_flag=True,
    help="Show all lines that gave no price.",
)
@json_option
@click.pass_context
def import_prices(
    ctx: click.Context,
    *,
    files: tuple[Path, ...],
    from_api: bool,
    models: tuple[str, ...],
    regions: tuple[str, ...],
    output: Path | None,
    report: bool,
    as_json: bool,
) -> None:
    """Import prices from AWS's price list.

    FILE is an offer file of AWS's price list, JSON or CSV. Lines that are not certain
    in every part are left out and counted.
    """
    if bool(files) + from_api + bool(models) != 1:
        raise click.UsageError("expected offer files, --from-api or --rate-cards")
    if output is not None and output.suffix.lower() not in {".json", ".toml"}:
        raise click.UsageError(f"--output {output}: expected the suffix .json or .toml")
    if output is not None:
        refuse_input_as_output(output, files)
    found = (
        _from_rate_cards(models, regions)
        if models
        else _from_lists(
            _from_api(regions) if from_api else _from_files(files), regions
        )
    )
    if output is not None and found.rows:
        from ...pricing.price_list import write_prices  # noqa: PLC0415 - as below

        write_prices(found, output)
    if as_json:
        print_json(_as_json(found, output))
    else:
        _print(found, output, is_whole=report)
    if not found.rows:
        ctx.exit(_NOTHING)


def _from_lists(skus: Iterator[Sku], regions: Sequence[str]) -> ImportedPrices:
    # Only this command needs the reader of price lists, with its tables of names.
    from ...pricing.price_list import collect  # noqa: PLC0415

    return collect(skus, regions=regions)


def _from_files(files: Sequence[Path]) -> Iterator[Sku]:
    from ...pricing.price_list import read_offer_file  # noqa: PLC0415 - as above

    return chain.from_iterable(map(read_offer_file, files))


def _from_api(regions: Sequence[str]) -> Iterator[Sku]:
    # boto3 takes 200 ms to import, and files need none of it.
    from ...aws.prices import pricing_client, read_price_list  # noqa: PLC0415

    return read_price_list(pricing_client(), regions=regions)


def _from_rate_cards(models: Sequence[str], regions: Sequence[str]) -> ImportedPrices:
    from ...aws.prices import bedrock_client, read_rate_cards  # noqa: PLC0415 - as above
    from ...pricing.price_list import collect, map_rate_card_line  # noqa: PLC0415

    today = datetime.now(UTC).date()
    lines = chain.from_iterable(
        read_rate_cards(bedrock_client(region), models, region=region)
        for region in regions or (_RATE_CARD_REGION,)
    )
    skus = (line.as_sku(today) for line in lines)
    return collect(skus, map_line=map_rate_card_line)


def _print(found: ImportedPrices, output: Path | None, *, is_whole: bool) -> None:
    out = results()
    regions = {row.region for row in found.rows}
    models = {row.model_id for row in found.rows}
    print_block(
        new_list(
            f"{counted(len(found.rows), 'price')} of {counted(len(models), 'model')} "
            f"in {counted(len(regions), 'region')}",
            [f"{offer}, published {day}" for offer, day in found.published],
        )
    )
    out.print(
        f"{counted(found.lines, 'line')} read: {found.mapped:,} gave a price or "
        "confirmed one, "
        f"{found.lines - found.mapped - found.unmapped:,} left out on purpose, "
        f"{found.unmapped:,} not understood.",
        soft_wrap=True,
    )
    for title, groups in _sections(found.skipped):
        out.print()
        items = list(_group_lines(groups, is_whole=is_whole))
        print_block(new_list(title, items))
    if output is not None and found.rows:
        remarks().print(f"Written to {output}.", soft_wrap=True)
    elif found.rows:
        remarks().print("Nothing is written without --output.", soft_wrap=True)


def _sections(
    skipped: Sequence[SkippedLines],
) -> Iterator[tuple[str, list[SkippedLines]]]:
    for title, is_by_design in (
        ("Left out on purpose", True),
        ("Not understood", False),
    ):
        groups = [each for each in skipped if each.reason.is_by_design is is_by_design]
        if groups:
            yield title, groups


def _group_lines(groups: Sequence[SkippedLines], *, is_whole: bool) -> Iterator[str]:
    for reason in dict.fromkeys(each.reason for each in groups):
        of_reason = [each for each in groups if each.reason is reason]
        count = sum(each.count for each in of_reason)
        example = of_reason[0].examples[0] if of_reason[0].examples else ""
        if not is_whole:
            yield f"{count:,} x {reason}, for example {example}"
            continue
        yield f"{count:,} x {reason}"
        for each in of_reason:
            detail = f"{each.detail}: " if each.detail else ""
            yield f"    {each.count:,} x {detail}{', '.join(each.examples)}"


def _as_json(found: ImportedPrices, output: Path | None) -> JsonObject:
    return {
        "lists": [
            {"offer": offer, "published": day.isoformat()}
            for offer, day in found.published
        ],
        "lines": found.lines,
        "mapped": found.mapped,
        "unmapped": found.unmapped,
        "prices": len(found.rows),
        "models": len({row.model_id for row in found.rows}),
        "regions": sorted({row.region for row in found.rows}),
        "output": str(output) if output is not None and found.rows else None,
        "skipped": [
            {
                "reason": each.reason.value,
                "by_design": each.reason.is_by_design,
                "detail": each.detail,
                "count": each.count,
                "examples": each.examples,
            }
            for each in found.skipped
        ],
    }
