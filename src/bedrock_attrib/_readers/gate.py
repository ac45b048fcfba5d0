"""Gate for everything that a server states: plausible counts and plain names.

Gateways, stand-ins and hosted models answer in the place of AWS. What passes here may
go into records, metrics, ledgers and terminals without further care.
"""

from __future__ import annotations

import re
from typing import Any, TypeGuard

from .._model.record import UsageReading

MOST_COUNTED = 10**12
"""Largest count that is believed: the longest context takes a millionth of it."""

# Codes, ids, tiers and model ids of AWS consist of these. A sentence does not.
_NAME = re.compile(r"[A-Za-z0-9_.:/@+-]{1,128}")


def is_count(value: object) -> TypeGuard[int]:
    """Return whether *value* is a whole number from 0 to `MOST_COUNTED`."""
    return type(value) is int and 0 <= value <= MOST_COUNTED


def plain_name(value: object) -> str | None:
    """Return *value* where it is a short plain name, or a number; None for all else."""
    if is_count(value):
        return str(value)
    if isinstance(value, str) and _NAME.fullmatch(value) is not None:
        return value
    return None


def number_in(text: Any) -> Any:
    """Return the number that the digits of *text* make; *text* where it is none."""
    if isinstance(text, str) and len(text) <= _MOST_DIGITS and text.isascii():
        return int(text) if text.isdecimal() else text
    return text


_MOST_DIGITS = 15


def gate_names(reading: UsageReading) -> UsageReading:
    """Take names that are not plain out of *reading*, which then is an estimate.

    Args:
        reading: What an answer states; changed in place.
    """
    for member, what in _NAMES:
        name = getattr(reading, member)
        if name is not None and (type(name) is not str or not _NAME.fullmatch(name)):
            setattr(reading, member, None)
            reading.estimated = True
            reading.note = reading.note or f"the {what} in the answer is not a name"
    return reading


_NAMES = (
    ("tier", "service tier"),
    ("latency_mode", "latency mode"),
    ("invoked_model", "invoked model"),
)
