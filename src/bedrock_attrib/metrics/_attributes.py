"""Which tags become attributes, under which name, and which values are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .._model.tags import Tags
from ..errors import ConfigError
from . import names

Pairs = tuple[tuple[str, str], ...]
"""An attribute set as a key: names and values, always in the same order."""

# Label names of Prometheus' own that an attribute would overwrite: `le` holds the
# bounds of a histogram, otel_scope_* come from the exporter
# (opentelemetry-exporter-prometheus 0.66b2, checked 2026-11-23).
_PROMETHEUS_LABELS = frozenset(
    {"le", "otel_scope_name", "otel_scope_version", "otel_scope_schema_url"}
)
# As that exporter does it: two names that differ in these only share one label, and
# one of the two values is lost.
_NOT_IN_A_LABEL = re.compile(r"[^a-zA-Z0-9]+")


class TagLabels:
    """The allow-list of tags, with a cap on the values kept of each.

    Not safe to call from two threads at once: its owner holds a lock.

    Attributes:
        names: Attribute name by tag.
    """

    def __init__(
        self,
        tags: Sequence[str] | Mapping[str, str],
        *,
        prefix: str,
        max_values: int,
    ) -> None:
        """Check the allow-list.

        Args:
            tags: Tags whose attribute is *prefix* and the tag, or a mapping from tag
                to the whole attribute name.
            prefix: What comes before a tag in its attribute name.
            max_values: Distinct values kept of each tag.

        Raises:
            ConfigError: If an attribute name is taken.
        """
        self.names = _attribute_names(tags, prefix)
        self._max_values = max_values
        self._kept: dict[str, set[str]] = {tag: set() for tag in self.names}

    def read(self, tags: Tags) -> tuple[Pairs, tuple[str, ...]]:
        """The attributes of *tags*, and the tags whose value was not kept."""
        pairs = []
        folded = []
        for tag, name in self.names.items():
            if tag in tags:
                value = clean(tags[tag])
                if not self._keeps(tag, value):
                    folded.append(tag)
                    value = names.OTHER
                pairs.append((name, value))
        return tuple(pairs), tuple(folded)

    def _keeps(self, tag: str, value: str) -> bool:
        kept = self._kept[tag]
        if value in kept or value == names.OTHER:
            return True
        if len(kept) >= self._max_values:
            return False
        kept.add(value)
        return True


def clean(value: str) -> str:
    """*value* as every exporter can carry it.

    A lone surrogate cannot be written as UTF-8: it would cost the whole scrape or
    export, the application's own metrics included, so it becomes a question mark.
    """
    if value.isascii():
        return value
    return value.encode("utf-8", "replace").decode()


def _attribute_names(
    tags: Sequence[str] | Mapping[str, str], prefix: str
) -> dict[str, str]:
    if isinstance(tags, str):
        raise ConfigError(
            f"tags is the text {tags!r}; expected a list of tags: tags=[{tags!r}]"
        )
    if isinstance(tags, Mapping):
        by_tag = dict(tags)
    else:
        by_tag = {tag: prefix + tag for tag in tags}
    taken = {_label(name): name for name in names.TAGGED_ATTRIBUTES}
    taken |= {label: label for label in _PROMETHEUS_LABELS}
    for tag, name in by_tag.items():
        label = _label(name)
        if not label.strip("_") or label in taken:
            raise ConfigError(_collision(tag, name, taken.get(label)))
        taken[label] = name
    return by_tag


def _label(name: str) -> str:
    return _NOT_IN_A_LABEL.sub("_", name)


def _collision(tag: str, name: str, owner: str | None) -> str:
    problem = f"is the same label as {owner}" if owner else "is no attribute name"
    return (
        f"tag {tag!r} would become the attribute {name!r}, which {problem}; name "
        f"another with tags={{{tag!r}: 'my_company.{tag}', ...}}"
    )
