"""Suggestions of model ids."""

from __future__ import annotations

import pytest

from bedrock_attrib.pricing import PriceTable
from bedrock_attrib.pricing._suggest import similar_model_ids

CASES = [
    ("claude-sonnet-4-6", "anthropic.claude-sonnet-4-6"),
    ("us.anthropic.claude-sonet-4-6", "anthropic.claude-sonnet-4-6"),
    ("Claude Sonnet 4.5", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("anthropic.claude-haiku-4-5", "anthropic.claude-haiku-4-5-20251001-v1:0"),
    ("anthropic.claude-sonet-4-5", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("nova lite", "amazon.nova-lite-v1:0"),
    ("openai.gpt-oss-120b", "openai.gpt-oss-120b-1:0"),
    ("amazon.titan-embed-text-v2", "amazon.titan-embed-text-v2:0"),
]


@pytest.mark.parametrize(("wanted", "expected"), CASES)
def test_likeliest(bundled: PriceTable, wanted: str, expected: str):
    """The most similar model comes first."""
    assert similar_model_ids(wanted, bundled.model_ids)[0] == expected


@pytest.mark.parametrize("wanted", ["", "x", "::", "completely different", "é" * 50])
def test_nothing_like_it(bundled: PriceTable, wanted: str):
    """A text that is similar to no model has no suggestion."""
    assert similar_model_ids(wanted, bundled.model_ids) == ()


def test_no_more_than_asked_for(bundled: PriceTable):
    """A part of many ids gives a few of them."""
    assert len(similar_model_ids("claude", bundled.model_ids, limit=3)) == 3
