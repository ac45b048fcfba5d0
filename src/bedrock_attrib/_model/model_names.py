"""Short names of models, as tables show them."""

from __future__ import annotations

import re
from collections.abc import Collection

from .model_id import parse_model_id

# Release date and first version of a model id, as AWS writes them.
_RELEASE = re.compile(r"(-\d{8})?(-v1)?(:0)?$|-1:0$")


def short_model(model: str) -> str:
    """Shorten a model id to its name without vendor and release, an ARN to its end.

    Example:
        >>> short_model("anthropic.claude-sonnet-4-5-20250929-v1:0")
        'claude-sonnet-4-5'
    """
    if model.startswith("arn:"):
        return f"…/{model.rpartition('/')[2]}"
    return _RELEASE.sub("", model.partition(".")[2] or model)


def names_of_model(model: str) -> tuple[str, ...]:
    """Return other names by which people ask for *model*.

    The name that tables show; of a profile id, the base id and its short name.

    Example:
        >>> names_of_model("us.amazon.nova-micro-v1:0")
        ('amazon.nova-micro-v1:0', 'nova-micro')
    """
    if model.startswith("arn:"):
        return (short_model(model), model.rpartition("/")[2])
    base = parse_model_id(model).model_id or model
    names = {base: None, short_model(base): None}
    return tuple(name for name in names if name != model)


def model_named(name: str, known: Collection[str]) -> str:
    """Return the one id of *known* that tables show as *name*, else *name* itself.

    Example:
        >>> model_named("nova-micro", ["amazon.nova-micro-v1:0"])
        'amazon.nova-micro-v1:0'
    """
    if name in known:
        return name
    found = [each for each in known if short_model(each) == name]
    return found[0] if len(found) == 1 else name
