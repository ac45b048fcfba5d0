"""Suggestions: model ids similar to an unknown one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from .._model.model_id import parse_model_id
from ._listed_ids import name_of

_LIKE = 0.7
_VERY_LIKE = 0.85
_SHORTEST = 3


def similar_model_ids(
    wanted: str, known: Sequence[str], *, limit: int = 5
) -> tuple[str, ...]:
    """Return ids of *known* that are similar to *wanted*, the most similar first.

    Args:
        wanted: An id, a part of one, or a name such as ``Claude Sonnet 4.5``.
        known: Base model ids.
        limit: Number of ids at most.

    Example:
        >>> similar_model_ids("Nova Lite", ["amazon.nova-lite-v1:0", "xai.grok-4.3"])
        ('amazon.nova-lite-v1:0',)
    """
    plain = _plain(parse_model_id(wanted).model_id or wanted)
    if len(plain) < _SHORTEST:
        return ()
    ids = {_plain(model_id): model_id for model_id in known}
    inside = sorted((each for each in ids if plain in each), key=lambda x: (len(x), x))
    # An id without its release is compared too, or the shortest id would be closest.
    names = {
        _plain(name): model_id
        for model_id in reversed(known)
        for name in (name_of(model_id), name_of(model_id).partition(".")[2])
    }
    named = get_close_matches(plain, names, n=1, cutoff=_VERY_LIKE)
    close = get_close_matches(plain, ids, n=limit, cutoff=_LIKE)
    found = [ids[each] for each in inside] + [names[each] for each in named]
    return tuple(dict.fromkeys([*found, *(ids[each] for each in close)]))[:limit]


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
