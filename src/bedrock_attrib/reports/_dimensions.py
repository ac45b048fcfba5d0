"""What a report can go by: tags, and what else is known of calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .._model.tags import Tags
from ..errors import ConfigError
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
OTHER_NAMES = ("unit", "hour", "day", "week", "month")
"""Names that say no property of a call: what is counted in it, and when it was."""
PAGE_BY = ("team", "app", "experiment", "model")
"""What a page goes by, unless it is told otherwise."""
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


def dimensions_of(report: str, by: Sequence[str], instead: str = "") -> list[Dimension]:
    """The dimensions that *report* goes by, which knows neither time nor units.

    Args:
        report: What it is called, such as ``compare``.
        by: Names as they were asked for.
        instead: How to ask for time or units instead, as the end of a sentence.

    Raises:
        ConfigError: If one is named twice, or is no property of a call.
    """
    for name in by:
        if name in OTHER_NAMES:
            raise ConfigError(
                f"{report} does not go by {name}; expected a tag, or one of "
                f"{', '.join(NAMES)} (a tag of that name: tag:{name}). "
                f"{instead or _INSTEAD.format(name)}"
            )
    if len(set(by)) < len(by):
        raise ConfigError(
            f"{report} by {', '.join(by)} names a dimension twice; expected each once"
        )
    return [dimension_named(name) for name in by]


_INSTEAD = "For spend by {0}: bedrock-attrib report --by {0}"


def tag_named(report: str, name: str) -> str:
    """The key of the tag *name*, which may be written ``tag:model``.

    Raises:
        ConfigError: If *name* is empty, or means another dimension, a unit or time.
    """
    if name in OTHER_NAMES or name in _OF_KIND:
        raise ConfigError(
            f"{report} looks for tags, and {name} is none; expected such as team (a "
            f"tag of that name: tag:{name})"
        )
    return dimension_named(name).tag or name


def _of_tag(name: str, tag: str) -> Dimension:
    return Dimension(name, lambda tags, _: tags.get(tag), tag)
