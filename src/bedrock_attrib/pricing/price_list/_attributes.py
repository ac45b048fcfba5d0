"""What an offer calls its attributes, and how dates of it are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime

# Field of a line by the name of an attribute or column, without signs and capitals:
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
    """*name* without signs and capitals.

    Example:
        >>> plain_name("Region Code"), plain_name("service_tier")
        ('regioncode', 'servicetier')
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def known_fields(attributes: Mapping[str, object]) -> dict[str, str]:
    """Fields of a line by their name here, of what *attributes* say in text."""
    found: dict[str, str] = {}
    for name, value in attributes.items():
        field = FIELDS.get(plain_name(name))
        if field is None or not isinstance(value, str):
            continue
        # Two spellings of one attribute that differ make a value that nothing knows.
        before = found.get(field, value)
        found[field] = value if before == value else f"{before} | {value}"
    return found


def read_publication(text: object) -> date | None:
    """The UTC day of a time of publication, or None when it is none."""
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
