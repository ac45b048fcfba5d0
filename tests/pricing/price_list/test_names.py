"""The table of names, held to the bundled prices."""

from __future__ import annotations

from collections import Counter

from bedrock_attrib.pricing import PriceTable
from bedrock_attrib.pricing.price_list._models import MODELS
from bedrock_attrib.pricing.price_list._names import (
    IMAGES_CREATED,
    LONG_CONTEXT,
    OTHER_IDS,
    REGION_CODES,
)


def test_names_are_of_priced_models(bundled: PriceTable):
    """Every name leads to a model that the bundled table prices."""
    ids = {known.model_id for known in MODELS}
    ids |= {*OTHER_IDS.values(), *IMAGES_CREATED.values(), *LONG_CONTEXT}
    assert sorted(ids - {*bundled.model_ids}) == []


def test_each_name_has_one_meaning():
    """One name alone stands for two models; the usage type tells them apart."""
    names = Counter(
        name.casefold() for known in MODELS for name in known.names.split("|")
    )
    stems = Counter(stem for known in MODELS for stem in known.stems.split("|") if stem)
    assert [name for name, count in names.items() if count > 1] == [
        "qwen3 next 80b a3b"
    ]
    assert [stem for stem, count in stems.items() if count > 1] == []
    assert len({known.model_id for known in MODELS}) == len(MODELS)


def test_long_context_bands_are_those_of_the_table(bundled: PriceTable):
    """Where the bundled table knows a threshold, it is the same one."""
    known = {
        row.model_id: row.context_band for row in bundled.rows() if row.context_band
    }
    # Its long price is that of GPT-5.6 Sol; no price list names it.
    del known["openai.gpt-daybreak-blue-5.6-sol"]
    assert known == LONG_CONTEXT


def test_region_codes_lead_to_regions_of_the_table(bundled: PriceTable):
    """Regions are those that prices are known of, but for the newest."""
    regions = {row.region for row in bundled.rows()}
    unpriced = {"ap-east-1"}
    same = {each for row in bundled.rows() for each in row.same_price_regions}
    assert sorted({*REGION_CODES.values()} - regions - same - unpriced) == []
