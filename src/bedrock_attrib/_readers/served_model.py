"""Comparison of the model that an answer names with the one that was asked for."""

from __future__ import annotations

import re
from typing import Any

from .._model.model_id import ModelRef, parse_model_id
from .gate import plain_name

# Vendors whose answers name the model that served them, as recorded ones of 2024 to
# 2026 do. Others write a name of the weights, or of a deployment.
_NAMING_VENDORS = frozenset({"anthropic", "openai"})

# What differs between the id of a request and the name in its answer: the date and the
# version. ``claude-sonnet-4-20250514-v1:0`` answers as ``claude-sonnet-4-20250514``.
_VERSION = re.compile(r"(-v\d+(:\d+)*|-\d+:\d+)$")
# The oldest ids end in their version: ``claude-v2`` answers as ``claude-2.0``.
_DIGIT = re.compile(r"\d")
_DATE = re.compile(r"-(20\d{6}|20\d\d-\d\d-\d\d)$")


def other_model(stated: Any, model: ModelRef) -> str | None:
    """Return the name of the model that an answer states, where it is another one.

    Args:
        stated: What the answer states as its model, of any type.
        model: The model that was asked for.

    Returns:
        The name; None where it is the same model or cannot be compared.
    """
    if model.vendor not in _NAMING_VENDORS or model.model_id is None:
        return None
    name, asked = plain_name(stated), _family(model.model_id)
    if name is None or _family(name) == asked or not _DIGIT.search(asked):
        return None
    return name


def _family(name: str) -> str:
    """*name* without scope, vendor, date and version: ``claude-sonnet-4-5``."""
    bare = parse_model_id(name).model_id or name
    for vendor in _NAMING_VENDORS:
        bare = bare.removeprefix(f"{vendor}.")
    return _DATE.sub("", _VERSION.sub("", bare.lower())).replace(".", "-")
