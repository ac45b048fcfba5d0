"""Attribute names and dates of offers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime

# Field of a line by attribute or column name, lower case and without punctuation:
# JSON has regionCode and service_tier, CSV has Region Code.
FIELDS = {
    "regioncode": "region",
    "usagetype": "usage_type",
    "model": "model",
    "titanmodel": "titan_model",
    "servicename": "service_name",
    "inferencetype": "inference_type",
    "feature": "feature",
    "servicetier": "service_tier",
}


def plain_name(name: str) -> str:
    """Return *name* in lower case and without punctuation.

    Example:
        >>> plain_name("Region Code"), plain_name("service_tier")
        ('regioncode', 'servicetier')
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def known_fields(attributes: Mapping[str, object]) -> dict[str, str]:
    """Return the known text fields among *attributes*, by our name."""
    found: dict[str, str] = {}
    for name, value in attributes.items():
        field = FIELDS.get(plain_name(name))
        if field is None or not isinstance(value, str):
            continue
        # Two spellings of one attribute with different values make an unknown value.
        before = found.get(field, value)
        found[field] = value if before == value else f"{before} | {value}"
    return found


def read_publication(text: object) -> date | None:
    """Return the UTC day of a publication time, or None if it is not a time."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is not None:
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:
            return None
    return moment.date()
