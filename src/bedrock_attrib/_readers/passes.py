"""Usage of an answer that took several passes of a model, such as a compaction.

Anthropic's usage states the passes that wrote the answer; ``iterations`` lists every
pass, and the sum over all of them is billed (Anthropic, "Compaction", checked
2026-12-01).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .._model.model_id import ModelRef
from .gate import is_count, plain_name
from .served_model import other_model

Fields = Mapping[str, Any]

PASSES = "iterations"
_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)
_LIFETIMES = "cache_creation"
_ANSWERING = "message"
_OF_KNOWN_KIND = frozenset({_ANSWERING, "compaction", "fallback_message"})


class Passes(NamedTuple):
    """Sum over the passes of an answer.

    Attributes:
        fields: The usage object with the sums in the place of its own counts.
        uncounted: Passes that another model made, with their tokens; else empty.
        note: Why the sums may differ from what is billed; else empty.
    """

    fields: Fields
    uncounted: str
    note: str


def read_passes(fields: Fields, model: ModelRef) -> Passes | None:
    """Add up the passes of a usage object.

    Args:
        fields: The usage object.
        model: The model that was asked for, at whose price a pass counts that names
            no other.

    Returns:
        The sums; None where no pass is listed.
    """
    stated = fields.get(PASSES)
    if not isinstance(stated, list):
        return None
    passes = [each for each in stated if isinstance(each, Mapping)]
    if not passes:
        return None
    own, foreign = [], []
    for each in passes:
        name = other_model(each.get("model"), model)
        if name is not None:
            foreign.append(_named(each, name))
        elif each.get("type") in _OF_KNOWN_KIND:
            own.append(each)
        else:
            kind = plain_name(each.get("type")) or "of an unknown kind"
            foreign.append(_named(each, kind))
    return Passes(
        {**fields, **_sums(own), **_lifetimes(own)},
        ", ".join(foreign[:3]),
        _difference(fields, own),
    )


def _named(each: Fields, name: str) -> str:
    counts = "/".join(plain_name(each.get(count)) or "?" for count in _COUNTS[:2])
    return f"{PASSES}: {counts} tokens of {name}"


def _sums(passes: list[Fields]) -> dict[str, int]:
    """Sums of the counts that any of *passes* states."""
    sums: dict[str, int] = {}
    for name in _COUNTS:
        counts = [each[name] for each in passes if is_count(each.get(name))]
        if counts:
            sums[name] = sum(counts)
    return sums


def _lifetimes(passes: list[Fields]) -> dict[str, dict[str, int]]:
    """Cache writes by lifetime over *passes*; empty where none states them."""
    sums: dict[str, int] = {}
    for each in passes:
        split = each.get(_LIFETIMES)
        for name, count in split.items() if isinstance(split, Mapping) else ():
            if is_count(count):
                sums[name] = sums.get(name, 0) + count
    return {_LIFETIMES: sums} if sums else {}


def _difference(fields: Fields, passes: list[Fields]) -> str:
    """Say how the counts beside the passes differ from those of the passes."""
    answering = [each for each in passes if each.get("type") != "compaction"]
    names = [name for name in _COUNTS[:2] if fields.get(name) is not None]
    stated = [fields[name] for name in names]
    summed = [_sums(answering).get(name, 0) for name in names]
    last = [answering[-1].get(name) for name in names] if answering else summed
    if stated in (summed, last, [_sums(passes).get(name, 0) for name in names]):
        return ""
    told = "/".join(plain_name(count) or "?" for count in stated)
    return (
        f"usage states {told} tokens, and the passes that wrote the answer add up to "
        f"{'/'.join(map(str, summed))}"
    )
