"""Names of instruments and attributes, as users find them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bedrock_attrib.metrics import names

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
INSTRUMENTS = (
    *names.COUNTERS,
    *names.GAUGES,
    *names.HISTOGRAMS[names.SemConv.V1_44],
    *names.HISTOGRAMS[names.SemConv.INFERENCE],
    *names.INFERENCE_COUNTERS,
)


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda each: each.name)
def test_an_instrument_is_documented_with_its_unit(
    instrument: names.Instrument,
) -> None:
    """Each has its row in the reference."""
    rows = [
        row.split("|")[3].strip()
        for row in PAGE.read_text("utf-8").splitlines()
        if row.startswith(f"| `{instrument.name}` |")
    ]
    assert rows == [f"`{instrument.unit}`"]


@pytest.mark.parametrize("attribute", sorted(names.TAGGED_ATTRIBUTES))
def test_an_attribute_is_documented(attribute: str) -> None:
    """Each is explained in the reference."""
    assert f"`{attribute}`" in PAGE.read_text("utf-8")


def test_the_rooms_between_buckets_are_the_conventions() -> None:
    """Powers of four for tokens, of two for hundredths of a second."""
    assert names.TOKEN_BOUNDARIES[:4] == (1, 4, 16, 64)
    assert names.SECONDS_BOUNDARIES[:4] == (0.01, 0.02, 0.04, 0.08)
