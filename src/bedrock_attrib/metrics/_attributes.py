"""Tags as metric attributes: allow-list, names, and a cap on values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .._model.tags import Tags
from ..errors import ConfigError
from . import names

Pairs = tuple[tuple[str, str], ...]
"""An attribute set as a dictionary key: names and values in a fixed order."""

# Prometheus' own label names, which an attribute would overwrite: `le` is the bound
# of a bucket, otel_scope_* come from the exporter
# (opentelemetry-exporter-prometheus 0.66b2, checked 2026-11-23).
_PROMETHEUS_LABELS = frozenset(
    {"le", "otel_scope_name", "otel_scope_version", "otel_scope_schema_url"}
)
# As in that exporter: two names that differ only in these characters share one label,
# and one of the two values is lost.
_NOT_IN_A_LABEL = re.compile(r"[^a-zA-Z0-9]+")


_MOST_OTHERS = 50


class TagLabels:
    """Allow-list of tags, with a cap on the distinct values of each.

    Not thread-safe: its owner holds a lock.

    Attributes:
        names: Attribute name by tag.
        others: Tags of calls that are not on the list, in the order of their arrival;
            a bounded number.
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
            tags: Tags that get the attribute name *prefix* plus tag, or a mapping from
                tag to full attribute name.
            prefix: Prefix of the attribute names.
            max_values: Distinct values of each tag.

        Raises:
            ConfigError: If an attribute name is already in use.
        """
        self.names = _attribute_names(tags, prefix)
        self._max_values = max_values
        self._values: dict[str, set[str]] = {tag: set() for tag in self.names}
        self.others: dict[str, None] = {}

    def read(self, tags: Tags) -> tuple[Pairs, tuple[str, ...]]:
        """Return the attributes of *tags*, and the tags whose value was folded."""
        pairs = []
        folded = []
        for tag, name in self.names.items():
            if tag in tags:
                value = clean(tags[tag])
                if not self._admits(tag, value):
                    folded.append(tag)
                    value = names.OTHER
                pairs.append((name, value))
        if len(self.others) < _MOST_OTHERS:
            self.others |= {tag: None for tag in tags if tag not in self.names}
        return tuple(pairs), tuple(folded)

    def _admits(self, tag: str, value: str) -> bool:
        values = self._values[tag]
        if value in values or value == names.OTHER:
            return True
        if len(values) >= self._max_values:
            return False
        values.add(value)
        return True


def clean(value: str) -> str:
    """Return *value* in a form that every exporter can encode.

    A lone surrogate cannot be encoded as UTF-8 and would fail the whole scrape or
    export, including the application's own metrics, so it becomes a question mark.
    """
    if value.isascii():
        return value
    return value.encode("utf-8", "replace").decode()


def _attribute_names(
    tags: Sequence[str] | Mapping[str, str], prefix: str
) -> dict[str, str]:
    if isinstance(tags, str):
        raise ConfigError(
            f"tags is the string {tags!r}; expected a list of tags: tags=[{tags!r}]"
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
    problem = (
        f"is the same label as {owner}" if owner else "is not a valid attribute name"
    )
    return (
        f"tag {tag!r} would become the attribute {name!r}, which {problem}; "
        f"rename the tag, or set another metric_tag_prefix, such as 'my_company.'"
    )
