"""Dimensions of reports: tags and other properties of calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .._model.model_names import names_of_model
from .._model.tags import Tags
from ..errors import ConfigError
from ..ledger import CallDimensions


def _no_names(_value: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Dimension:
    """Property by which calls are grouped.

    Attributes:
        name: Name in requests and reports.
        read: Returns its value; None for a call without one.
        tag: Key of the tag; None for other properties.
        names_of: Returns other names of a value, such as those that tables show.
    """

    name: str
    read: Callable[[Tags, CallDimensions], str | None]
    tag: str | None = None
    names_of: Callable[[str], tuple[str, ...]] = _no_names


_OF_KIND: dict[str, Callable[[CallDimensions], str | None]] = {
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
DIMENSION_NAMES = tuple(_OF_KIND)
"""Names of the dimensions that are not tags."""
TIME_AND_UNIT_NAMES = ("unit", "hour", "day", "week", "month")
"""Names that are not properties of a call: its units and its time."""
DEFAULT_PAGE_BY = ("team", "app", "experiment", "model")
"""Dimensions of a page by default."""
_TAG = "tag:"
_MODELS = frozenset({"model", "requested_model"})


def dimension_named(name: str) -> Dimension:
    """Return the dimension *name*: one of `DIMENSION_NAMES`, or a tag.

    A tag with the name of another dimension or of a period is named ``tag:model``.

    Raises:
        ConfigError: If *name* is empty.
    """
    if not name or name == _TAG:
        raise ConfigError(
            f"unknown dimension {name!r}; expected a tag or one of "
            f"{', '.join(DIMENSION_NAMES)}"
        )
    if name.startswith(_TAG):
        return _of_tag(name, name.removeprefix(_TAG))
    read = _OF_KIND.get(name)
    if read is None:
        return _of_tag(name, name)
    names_of = names_of_model if name in _MODELS else _no_names
    return Dimension(name, lambda _, kind: read(kind), names_of=names_of)


def dimensions_of(report: str, by: Sequence[str], instead: str = "") -> list[Dimension]:
    """Return the dimensions of a *report* that groups by neither time nor units.

    Args:
        report: Name of the report, such as ``compare``.
        by: Names as requested.
        instead: Where time or units are available, as a sentence.

    Raises:
        ConfigError: If one is named twice, or is not a property of a call.
    """
    for name in by:
        if name in TIME_AND_UNIT_NAMES:
            raise ConfigError(
                f"{report} cannot be grouped by {name}; expected a tag, or one of "
                f"{', '.join(DIMENSION_NAMES)} (a tag of that name: tag:{name}). "
                f"{instead or _INSTEAD.format(name)}"
            )
    if len(set(by)) < len(by):
        raise ConfigError(
            f"{report} by {', '.join(by)} names a dimension twice; expected each once"
        )
    return [dimension_named(name) for name in by]


_INSTEAD = "For spend by {0}: bedrock-attrib report --by {0}"


def tag_named(report: str, name: str) -> str:
    """Return the key of the tag *name*, which may be written ``tag:model``.

    Raises:
        ConfigError: If *name* is empty, or is another dimension, a unit or a period.
    """
    if name in TIME_AND_UNIT_NAMES or name in _OF_KIND:
        raise ConfigError(
            f"{report} expects tags such as team, and {name} is not one (for a tag "
            f"of that name: tag:{name})"
        )
    return dimension_named(name).tag or name


def _of_tag(name: str, tag: str) -> Dimension:
    return Dimension(name, lambda tags, _: tags.get(tag), tag)
