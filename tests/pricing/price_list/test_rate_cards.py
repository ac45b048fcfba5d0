"""What an account pays for models of the Marketplace."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bedrock_attrib.pricing.price_list import (
    ImportedPrices,
    RateCardLine,
    collect,
    map_rate_card_line,
)

OPUS = "anthropic.claude-opus-5"


def imported(dimension: str, price: str = "5.5", **changes: Any) -> ImportedPrices:
    """What one line of the rate card of Claude Opus 5, asked in us-east-1, gives."""
    values = {
        "model_id": OPUS,
        "region": "us-east-1",
        "dimension": dimension,
        "price": price,
        "unit": "Units",
        "description": "",
        **changes,
    }
    line = RateCardLine(**values)
    return collect([line.as_sku(date(2026, 11, 20))], map_line=map_rate_card_line)


LINES = [
    ("input_tokens_standard", "5.5", "regional default input_token 5.5 1000000"),
    (
        "USE1_output_tokens_global_standard",
        "25",
        "global default output_token 25 1000000",
    ),
    (
        "cached_input_tokens_standard",
        "0.55",
        "regional default cache_read_token 0.55 1000000",
    ),
    (
        "cache_writes_tokens_global_standard",
        "6.25",
        "global default cache_write_5m_token 6.25 1000000",
    ),
    ("input_tokens_batch", "2.75", "regional batch input_token 2.75 1000000"),
]


@pytest.mark.parametrize(("dimension", "price", "expected"), LINES)
def test_line(dimension: str, price: str, expected: str):
    """A line holds in the region that was asked, from the day on which it was."""
    (row,) = imported(dimension, price).rows
    short = f"{row.scope} {row.tier} {row.unit} {row.price} {row.per}"
    assert (row.model_id, row.region, short) == (OPUS, "us-east-1", expected)
    assert (row.valid_from, row.sources) == (
        date(2026, 11, 20),
        ("aws-rate-card-20261120",),
    )


def test_image_service():
    """A rate card that several models share gives the price of the one asked for."""
    asked = "stability.stable-image-remove-background-v1:0"
    (row,) = imported("USE1_CreatedImageRemoveBg", "0.07", model_id=asked).rows
    assert (row.model_id, row.unit.value) == (asked, "output_image")


SKIPPED = [
    ("USW2_input_tokens_standard", {}, "region was not requested", ""),
    ("XYZ1_input_tokens_standard", {}, "region is not known", "XYZ1"),
    (
        "CreatedImageInpaint",
        {},
        "names belong to different models",
        f"{OPUS} and stability.stable-image-inpaint-v1:0",
    ),
    (
        "x" * 400,
        {},
        "usage type is not understood",
        "x" * 40 + "\N{HORIZONTAL ELLIPSIS}",
    ),
    ("something_else", {}, "usage type is not understood", "the word 'something'"),
    (
        # No price of it is known that could confirm the scale.
        "input_tokens_standard",
        {"model_id": "anthropic.claude-opus-6"},
        "unit does not fit what is counted",
        "Units of anthropic.claude-opus-6, input_token",
    ),
    (
        "input_tokens_standard",
        {"price": "0.0055"},
        "price is far from every known one",
        f"{OPUS} input_token: 0.0055 per 1000000",
    ),
]


@pytest.mark.parametrize(("dimension", "changes", "reason", "detail"), SKIPPED)
def test_line_without_a_row(
    dimension: str, changes: dict[str, Any], reason: str, detail: str
):
    """A line of elsewhere, or one that is not certain, is told."""
    found = imported(dimension, **changes)
    assert [(str(e.reason), e.detail) for e in found.skipped] == [(reason, detail)]
    assert found.rows == ()
