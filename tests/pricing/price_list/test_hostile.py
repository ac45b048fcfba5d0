"""Whatever a file holds: rows that are checked, lines that are told, or one error."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from offers import as_csv, as_json, offer, product

from bedrock_attrib.errors import ConfigError
from bedrock_attrib.pricing import PriceTable
from bedrock_attrib.pricing.price_list import (
    ImportedPrices,
    Sku,
    UnmappedError,
    collect,
    map_rate_card_line,
    read_offer_file,
    read_usage_type,
    write_prices,
)
from bedrock_attrib.pricing.price_list._models import MODELS
from bedrock_attrib.pricing.price_list._phrases import MEASURES, QUALIFIERS

NAMES = [name for known in MODELS for name in known.names.split("|")]
STEMS = [stem for known in MODELS for stem in known.stems.split("|") if stem]
IDS = [known.model_id for known in MODELS]
WORDS = ["-".join(phrase) for phrase in (*MEASURES, *QUALIFIERS)]
PRICES = ["0.0005", "1.1", "-1", "1e400", "Infinity", "0", "9" * 4000, "0." + "0" * 90]
UNITS = ["1K tokens", "1M tokens", "Units", "image", "1M TPM Hour", "1K 1M tokens", ""]

words = st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=5)
tails = words.map("-".join)
usage_types = st.one_of(
    st.text(max_size=80),
    st.builds("USE1-{}-{}".format, st.sampled_from(STEMS), tails),
    st.builds("EU-{}-mantle-{}".format, st.sampled_from(IDS), tails),
    st.builds("USE1-MP:USE1_{}-Units".format, words.map("_".join)),
    st.builds("USE1-Guardrail{}".format, st.text(max_size=30)),
)
texts = st.one_of(st.text(max_size=30), st.sampled_from([*NAMES, *UNITS, *PRICES]))
hostile = st.builds(
    Sku,
    sku=st.text(max_size=3),
    offer=st.sampled_from(["AmazonBedrock", "AmazonBedrockFoundationModels"]),
    published=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    region=st.sampled_from(["us-east-1", "eu-central-1", "x", ""])
    | st.text(max_size=9),
    usage_type=usage_types,
    model=st.sampled_from(["", *NAMES, *IDS]) | texts,
    titan_model=texts,
    service_name=st.sampled_from([f"{n} (Amazon Bedrock Edition)" for n in NAMES])
    | texts,
    inference_type=st.just("") | tails | texts,
    feature=st.sampled_from(["", "On-demand Inference", "Batch Inference"]) | texts,
    service_tier=st.sampled_from(["", "standard", "flex", "global-standard"]) | texts,
    effective=st.sampled_from(["", "2026-10-01T00:00:00Z", "2026-10-01"]) | texts,
    unit=st.sampled_from(UNITS) | texts,
    price=st.sampled_from(PRICES) | st.decimals(0, 100, places=6).map(str) | texts,
    currency=st.sampled_from(["USD", "USD", "CNY", ""]),
    begins=st.sampled_from(["0", "0", "1", "x"]),
    ends=st.sampled_from(["Inf", "Inf", "5"]),
    description=texts,
)

# Lines that are right but for one or two of their values, which come from others.
FAIR = [
    Sku(
        sku=f"{tier}{scope}",
        offer="AmazonBedrock",
        published=date(2026, 10, day),
        region="us-east-1",
        usage_type=f"USE1-Nova2.0Lite-{kind}-tokens{tier}{scope}",
        model="Nova 2.0 Lite",
        effective=f"2026-10-0{day}",
        unit="1K tokens",
        price="0.0003",
    )
    for kind in ("input", "output")
    for tier in ("", "-flex")
    for scope in ("", "-cross-region-global")
    for day in (1, 2)
]
FIELDS = [field.name for field in dataclasses.fields(Sku)]


@st.composite
def nearly_fair(draw: st.DrawFn) -> Sku:
    """A fair line with at most two values of a hostile one."""
    line, other = draw(st.sampled_from(FAIR)), draw(hostile)
    names = draw(st.lists(st.sampled_from(FIELDS), max_size=2))
    return dataclasses.replace(line, **{name: getattr(other, name) for name in names})


skus = nearly_fair() | hostile


def hold_good(found: ImportedPrices) -> None:
    """What must be true of every import."""
    assert found.mapped + sum(each.count for each in found.skipped) == found.lines
    keys = [(row.model_id, row.key, row.valid_from) for row in found.rows]
    assert len(keys) == len({*keys})
    known: dict[tuple[str, str], list[Any]] = {}
    for row in PriceTable.bundled().rows():
        known.setdefault((row.model_id, row.unit), []).append(row.amount)
    for row in found.rows:
        amounts = known.get((row.model_id, row.unit))
        if amounts:
            assert min(amounts) <= row.amount * 30
            assert row.amount <= max(amounts) * 30


@given(usage_types)
@settings(max_examples=400)
def test_any_usage_type(text: str):
    """A usage type is read to its last word, or not at all."""
    try:
        found = read_usage_type(text)
    except UnmappedError:
        return
    assert found.measure.unit
    assert not found.is_id or "." in found.stem


@given(st.lists(skus, max_size=8))
@settings(max_examples=150, deadline=None)
def test_any_lines(lines: list[Sku]):
    """Whatever lines say, each gives a row that can be true, or is told."""
    found = collect(lines)
    hold_good(found)
    if found.rows:
        with tempfile.TemporaryDirectory() as folder:
            # Writing checks every row as a price file's.
            write_prices(found, Path(folder) / "aws.json")
            write_prices(found, Path(folder) / "aws.toml")
            bundled = PriceTable.bundled()
            for name in ("aws.json", "aws.toml"):
                bundled.with_overrides(file=Path(folder) / name)


@given(st.lists(skus, max_size=4))
@settings(deadline=None)
def test_any_rate_card(lines: list[Sku]):
    """The same holds for rate cards."""
    hold_good(collect(lines, map_line=map_rate_card_line))


@given(st.lists(skus, min_size=1, max_size=6), st.randoms())
@settings(deadline=None)
def test_order_does_not_matter(lines: list[Sku], random: Any):
    """The same lines give the same rows in whatever order they are read."""
    shuffled = [*lines]
    random.shuffle(shuffled)
    assert collect(shuffled).rows == collect(lines).rows


LINES = [
    product("USE1-NovaLite-input-tokens", "0.00006", sku="A", model="Nova Lite"),
    product("USE1-NovaLite-output-tokens", "0.00024", sku="B", model="Nova Lite"),
]


def import_bytes(content: bytes) -> ImportedPrices | None:
    """What a file gives; None when it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.json"
        path.write_bytes(content)
        try:
            return collect(read_offer_file(path))
        except ConfigError as error:
            problem = str(error)
    assert problem.startswith(str(path))
    return None


@given(st.sampled_from([as_json(LINES), as_csv(LINES)]), st.data())
@settings(max_examples=200, deadline=None)
def test_damaged_file(text: str, data: st.DataObject):
    """A file cut short, or with bytes changed, is refused or read; it never breaks."""
    content = bytearray(text.encode())
    places = st.integers(0, len(content) - 1)
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(places)] = data.draw(st.integers(0, 255))
    found = import_bytes(bytes(content[: data.draw(places) + 1]))
    if found is not None:
        hold_good(found)


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes):
    """No bytes make a price."""
    found = import_bytes(content)
    assert found is None or found.rows == ()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_value_anywhere(data: st.DataObject):
    """Whatever stands where a value belongs, the file is refused or its line told."""
    whole = offer(LINES)
    place: Any = whole
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            break
        place = place[key]
        if not place:
            return
    place[key] = data.draw(anything)
    found = import_bytes(json.dumps(whole).encode())
    if found is not None:
        hold_good(found)
