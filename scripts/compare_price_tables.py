"""Compare our price table with those of LiteLLM and genai-prices.

    pip install genai-prices && pip install --no-deps litellm
    python scripts/compare_price_tables.py --at 2026-11-30
    python scripts/compare_price_tables.py --at 2026-11-30 --all

Each table prices a call for the ids that the others have. Without ``--all``,
differences of one model with the same reason are one line. Nothing else here needs
the packages.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bedrock_attrib import PriceTable, Unit, Usage
from bedrock_attrib._model.cost import Rate
from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib.pricing.price_list._names import OTHER_IDS

_MILLION = 1_000_000
# A region that each kind of profile can be called from.
_HOMES = {
    "us": "us-east-1",
    "us-gov": "us-gov-west-1",
    "eu": "eu-central-1",
    "apac": "ap-northeast-1",
    "jp": "ap-northeast-1",
    "au": "ap-southeast-2",
    "in": "ap-south-1",
    "ca": "ca-central-1",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """Price of one unit in another table.

    Attributes:
        table: Name of the table.
        entry: Name of its entry.
        model: Model or profile id, as given to Bedrock.
        region: Calling region.
        tier: Service tier.
        threshold: Prompt tokens above which it holds; zero for ordinary prompts.
        units: Our units that it may mean: a cache write does not state its lifetime.
        amount: USD for one unit.
    """

    table: str
    entry: str
    model: str
    region: str
    tier: str
    threshold: int
    units: tuple[Unit, ...]
    amount: Decimal


_WRITES = (Unit.CACHE_WRITE_5M_TOKEN, Unit.CACHE_WRITE_30M_TOKEN)
_LITELLM_UNITS = {
    "input_cost_per_token": (Unit.INPUT_TOKEN,),
    "output_cost_per_token": (Unit.OUTPUT_TOKEN,),
    "cache_read_input_token_cost": (Unit.CACHE_READ_TOKEN,),
    "cache_creation_input_token_cost": _WRITES,
    "cache_creation_input_token_cost_above_1hr": (Unit.CACHE_WRITE_1H_TOKEN,),
    "input_cost_per_audio_token": (Unit.INPUT_SPEECH_TOKEN,),
    "output_cost_per_audio_token": (Unit.OUTPUT_SPEECH_TOKEN,),
    "input_cost_per_image_token": (Unit.INPUT_IMAGE_TOKEN,),
    "input_cost_per_image": (Unit.INPUT_IMAGE, Unit.INPUT_IMAGE_STANDARD),
    "output_cost_per_image": (Unit.OUTPUT_IMAGE,),
    "input_cost_per_query": (Unit.SEARCH_UNIT, Unit.TEXT_REQUEST),
    "input_cost_per_video_per_second": (Unit.INPUT_VIDEO_SECOND,),
    "input_cost_per_audio_per_second": (Unit.INPUT_AUDIO_SECOND,),
}
_LITELLM_FIELD = re.compile(
    r"(?P<what>.+?)(?:_above_(?P<k>\d+)k_tokens)?"
    r"(?:_(?P<tier>batches|flex|priority|ultrafast))?"
)
_LITELLM_ENTRY = re.compile(
    r"(?:bedrock(?:_mantle)?/)?(?:(?P<region>[a-z]{2}(?:-gov)?-[a-z]+-\d)/)?"
    r"(?P<model>[^/@]+)"
)


def litellm_claims() -> Iterator[Claim]:
    """Yield the prices of LiteLLM's table, read without importing LiteLLM."""
    spec = find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("litellm is not installed: pip install --no-deps litellm")
    folder = Path(spec.submodule_search_locations[0])
    text = (folder / "model_prices_and_context_window_backup.json").read_text("utf-8")
    for entry, fields in json.loads(text, parse_float=Decimal).items():
        named = _LITELLM_ENTRY.fullmatch(entry)
        if "bedrock" in str(fields.get("litellm_provider")) and named:
            # The mantle endpoint has other ids with the same prices.
            model = OTHER_IDS.get(named["model"], named["model"])
            region = named["region"] or home_of(model)
            for field, amount in fields.items():
                yield from _litellm_claim(entry, model, region, field, amount)


def _litellm_claim(
    entry: str, model: str, region: str, field: str, amount: object
) -> Iterator[Claim]:
    parts = _LITELLM_FIELD.fullmatch(field)
    units = _LITELLM_UNITS.get(parts["what"]) if parts else None
    if parts is None or units is None or not isinstance(amount, Decimal | int):
        return
    if not amount:
        return  # It has zeros for units that are not sold, such as embedding output.
    tier = {None: "default", "batches": "batch"}.get(parts["tier"], parts["tier"])
    threshold = int(parts["k"] or 0) * 1000
    price = Decimal(amount)
    yield Claim("litellm", entry, model, region, tier or "", threshold, units, price)


_GENAI_UNITS = {
    "input_mtok": (Unit.INPUT_TOKEN,),
    "output_mtok": (Unit.OUTPUT_TOKEN,),
    "cache_read_mtok": (Unit.CACHE_READ_TOKEN,),
    "cache_write_mtok": _WRITES,
    "cache_write_1h_mtok": (Unit.CACHE_WRITE_1H_TOKEN,),
    "input_audio_mtok": (Unit.INPUT_SPEECH_TOKEN,),
    "output_audio_mtok": (Unit.OUTPUT_SPEECH_TOKEN,),
}


def genai_claims(table: PriceTable, at: datetime) -> Iterator[Claim]:
    """Yield the prices of genai-prices for our ids; its own are not Bedrock's."""
    if find_spec("genai_prices") is None:
        sys.exit("genai-prices is not installed: pip install genai-prices")
    from genai_prices.data import providers  # noqa: PLC0415 - needed here alone

    provider = next(each for each in providers if each.id == "aws")
    for model_id in table.model_ids:
        for prefix in ("", "us.", "eu.", "jp.", "global."):
            found = provider.find_model(prefix + model_id)
            if found is not None and _is_sold(table, model_id, prefix):
                yield from _genai_claims(prefix + model_id, found, at)


def _is_sold(table: PriceTable, model_id: str, prefix: str) -> bool:
    scope = {"": "regional", "global.": "global"}.get(prefix, "geo")
    return any(True for _ in table.rows(model=model_id, scope=scope))


def _genai_claims(model: str, found: Any, at: datetime) -> Iterator[Claim]:
    region = home_of(model)
    for name, value in vars(found.get_prices(at)).items():
        units = _GENAI_UNITS.get(name)
        if units is None or value is None:
            continue
        tiers = getattr(value, "tiers", ())
        for start, price in [(0, getattr(value, "base", value))] + [
            (tier.start, tier.price) for tier in tiers
        ]:
            amount = price.scaleb(-6)
            yield Claim(
                "genai-prices", found.id, model, region, "default", start, units, amount
            )


def home_of(model: str) -> str:
    """Return a region in which *model* is called."""
    return _HOMES.get(parse_model_id(model).geography or "us", "us-east-1")


def our_rate(table: PriceTable, claim: Claim, at: datetime) -> Rate | None:
    """Return our rate for *claim*, for any lifetime of a cache write."""
    ref = parse_model_id(claim.model)
    for unit in claim.units:
        if claim.threshold or unit is not Unit.INPUT_TOKEN:
            usage = Usage({Unit.INPUT_TOKEN: claim.threshold + 1}) + Usage({unit: 1})
        else:
            usage = Usage({unit: 1})
        quote = table.quote(ref, usage, region=claim.region, tier=claim.tier, at=at)
        rate = quote.cost.rates.get(unit) if quote.cost else None
        if rate is not None and bool(rate.context_band) is bool(claim.threshold):
            return rate
    return None


def reason_of(table: PriceTable, claim: Claim, ours: Rate, at: datetime) -> str:
    """Return the reason for the difference, as far as our rows show it."""
    ref = parse_model_id(claim.model)
    rows = list(table.rows(model=ref.model_id, tier=claim.tier, unit=ours.unit))
    same = [row for row in rows if row.amount == claim.amount]
    if any(not row.holds_on(at.date()) for row in same):
        return "price of another day"
    if any(row.scope == "global" for row in same) and ours.scope != "global":
        return "global price, though the id is not global"
    if any(row.region == "default" for row in same) and ours.region != "default":
        return "US price, though the region has its own"
    if any(row.region != ours.region for row in same):
        return "price of another region"
    if not any(source.startswith("aws-") for source in ours.sources):
        return "no AWS source here either"
    return "AWS's price list or page has another price"


def main(arguments: list[str] | None = None) -> int:
    """Print the prices that differ between the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--at", default=f"{datetime.now(UTC):%Y-%m-%d}", help="a day")
    parser.add_argument("--all", action="store_true", help="one line for each price")
    options = parser.parse_args(arguments)
    at = datetime.fromisoformat(options.at).replace(tzinfo=UTC)
    table = PriceTable.bundled()
    print(f"bundled table of {table.generated_on}, prices of {at.date()}")
    for name, claims in (
        (f"litellm {version('litellm')}", litellm_claims()),
        (f"genai-prices {version('genai-prices')}", genai_claims(table, at)),
    ):
        _report(name, list(claims), table, at, is_whole=options.all)
    return 0


def _report(
    name: str, claims: list[Claim], table: PriceTable, at: datetime, *, is_whole: bool
) -> None:
    count: Counter[str] = Counter()
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for claim in claims:
        if parse_model_id(claim.model).model_id not in table.model_ids:
            count["of ids that are not in our table"] += 1
            continue
        ours = our_rate(table, claim, at)
        if ours is None:
            count["of what our table has no price for"] += 1
        elif ours.amount == claim.amount:
            count["equal"] += 1
        else:
            count["different"] += 1
            reason = reason_of(table, claim, ours, at)
            found[reason][claim.entry].append(_line(claim, ours))
    print(f"\n{name}: {len(claims)} prices,", *(f"{n} {k}," for k, n in count.items()))
    for reason, entries in sorted(found.items()):
        print(f"\n  {reason}: {sum(map(len, entries.values()))}")
        for entry, lines in sorted(entries.items()):
            more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
            for line in lines if is_whole else [lines[0] + more]:
                print(f"    {entry}: {line}")


def _line(claim: Claim, ours: Rate) -> str:
    long = f" over {claim.threshold}" if claim.threshold else ""
    terms = f"{claim.region} {claim.tier}{long}"
    theirs, mine = (f"{each * _MILLION:f}" for each in (claim.amount, ours.amount))
    sources = ", ".join(ours.sources)
    return f"{claim.model} {terms} {ours.unit.value}: {theirs}, ours {mine} ({sources})"


if __name__ == "__main__":
    sys.exit(main())
