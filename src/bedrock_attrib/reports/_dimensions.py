"""What a report can go by: tags, and what else is known of calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .._errors import ConfigError
from .._record import Tags
from ..ledger import Kind


@dataclass(frozen=True, slots=True)
class Dimension:
    """One property by which calls are told apart.

    Attributes:
        name: As it is asked for and shown.
        read: Gives its value; None for a call that has none.
        tag: Key of the tag; None where it is something else.
    """

    name: str
    read: Callable[[Tags, Kind], str | None]
    tag: str | None = None


_OF_KIND: dict[str, Callable[[Kind], str | None]] = {
    "model": lambda kind: kind.model.model_id or kind.model.requested,
    "requested_model": lambda kind: kind.model.requested,
    "vendor": lambda kind: kind.model.vendor,
    "model_kind": lambda kind: kind.model.kind,
    "scope": lambda kind: kind.model.scope,
    "region": lambda kind: kind.region,
    "tier": lambda kind: kind.tier,
    "latency_mode": lambda kind: kind.latency_mode,
    "operation": lambda kind: kind.operation,
    "outcome": lambda kind: kind.outcome,
    "error": lambda kind: kind.error,
    "price_status": lambda kind: kind.price_status,
    "currency": lambda kind: kind.currency,
    "usage_source": lambda kind: kind.usage_source or None,
}
NAMES = tuple(_OF_KIND)
"""Names of the dimensions that are no tags."""
_TAG = "tag:"


def dimension_named(name: str) -> Dimension:
    """The dimension *name*: one of `NAMES`, or a tag.

    A tag that has the name of another dimension, or of a stretch of time, is asked for
    as ``tag:model``.

    Raises:
        ConfigError: If *name* is empty.
    """
    if not name or name == _TAG:
        raise ConfigError(
            f"a dimension is named {name!r}; expected a tag or one of "
            f"{', '.join(NAMES)}"
        )
    if name.startswith(_TAG):
        return _of_tag(name, name.removeprefix(_TAG))
    read = _OF_KIND.get(name)
    if read is None:
        return _of_tag(name, name)
    return Dimension(name, lambda _, kind: read(kind))


def _of_tag(name: str, tag: str) -> Dimension:
    return Dimension(name, lambda tags, _: tags.get(tag), tag)
