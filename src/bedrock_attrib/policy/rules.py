"""Rules of a policy, as its file states them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from .._model.patterns import matches
from .._model.tags import check_tags

Action = Literal["warn", "replace", "refuse"]
_SCOPES = frozenset({"regional", "geo", "global"})
_TIERS = frozenset({"default", "flex", "priority", "reserved"})


class _Strict(BaseModel):
    """A table of the file, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TagRule(_Strict):
    """What holds for one tag.

    Attributes:
        required: Whether every call must have it.
        allowed: Patterns of its values; without any, all values are allowed.
        pattern: Regular expression that the whole value must match.
        default: Value of calls that do not have it.
        derived_from: Tag that it is derived from where a call does not have it.
        values: Values by patterns of that tag.
        template: Text with tags in braces, ``{team}-{environment}``, that it is derived
            from instead.
        action: What to do with a call that breaks the rule.
        replace_with: Value that takes the place of one that is not allowed; without
            it, the default.
        remedy: What to do, for people.
    """

    required: bool = False
    allowed: tuple[str, ...] = ()
    pattern: str | None = None
    default: str | None = None
    derived_from: str | None = Field(default=None, alias="from")
    values: dict[str, str] = Field(default_factory=dict)
    template: str | None = None
    action: Action = "refuse"
    replace_with: str | None = None
    remedy: str | None = None

    @field_validator("allowed", mode="before")
    @classmethod
    def _as_list(cls, allowed: object) -> object:
        return (allowed,) if isinstance(allowed, str) else allowed

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    @field_validator("default", "replace_with")
    @classmethod
    def _is_value(cls, value: str | None) -> str | None:
        if value is not None:
            check_tags({"tag": value})
        return value

    @field_validator("values")
    @classmethod
    def _are_values(cls, values: dict[str, str]) -> dict[str, str]:
        for value in values.values():
            check_tags({"tag": value})
        return values

    @field_validator("template")
    @classmethod
    def _names_tags(cls, template: str | None) -> str | None:
        if template is not None and not template_keys(template):
            raise ValueError("expected tags in braces, such as '{team}-{environment}'")
        return template

    @model_validator(mode="after")
    def _allows_its_own(self) -> Self:
        if self.default is not None and not self.allows(self.default):
            raise ValueError(
                f"default is {self.default!r}, which the rule does not allow"
            )
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.values and self.derived_from is None:
            raise ValueError("values needs from, the tag whose values they are by")
        if self.action == "replace" and self.substitute is None:
            raise ValueError("action 'replace' needs replace_with or default")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """Tags that it is derived from."""
        named = () if self.derived_from is None else (self.derived_from,)
        return (*named, *template_keys(self.template or ""))

    def allows(self, value: str) -> bool:
        """Return whether *value* is allowed, and matches the pattern."""
        if self.allowed and not matches(self.allowed, value):
            return False
        return self.pattern is None or re.fullmatch(self.pattern, value) is not None

    @property
    def substitute(self) -> str | None:
        """What takes the place of a value that is not allowed."""
        return self.default if self.replace_with is None else self.replace_with


class ModelRule(_Strict):
    """Which models the calls with some tags may use.

    Attributes:
        name: Name of the rule.
        tags: Patterns of the tags of the calls that it is for; all calls without any.
        models: Patterns of base model ids, or of ids as the caller wrote them.
        vendors: Patterns of vendors.
        scopes: Scopes: ``regional``, ``geo``, ``global``.
        tiers: Service tiers that may be asked for.
        regions: Patterns of calling Regions.
        action: ``warn`` or ``refuse``.
        remedy: What to do, for people.
    """

    name: str = Field(min_length=1)
    tags: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    models: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    action: Literal["warn", "refuse"] = "refuse"
    remedy: str | None = None

    @field_validator("models", "vendors", "scopes", "tiers", "regions", mode="before")
    @classmethod
    def _as_list(cls, texts: object) -> object:
        return (texts,) if isinstance(texts, str) else texts

    @field_validator("tags", mode="before")
    @classmethod
    def _as_lists(cls, tags: object) -> object:
        if not isinstance(tags, Mapping):
            return tags
        return {
            key: (texts,) if isinstance(texts, str) else texts
            for key, texts in tags.items()
        }

    @field_validator("scopes")
    @classmethod
    def _are_scopes(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        return _known("scope", scopes, _SCOPES)

    @field_validator("tiers")
    @classmethod
    def _are_tiers(cls, tiers: tuple[str, ...]) -> tuple[str, ...]:
        return _known("tier", tiers, _TIERS)

    @model_validator(mode="after")
    def _restricts(self) -> Self:
        if not any((self.models, self.vendors, self.scopes, self.tiers, self.regions)):
            raise ValueError(
                "restricts nothing; expected models, vendors, scopes, tiers or regions"
            )
        return self


class PolicyFile(_Strict):
    """A whole policy.

    Attributes:
        tags: Rules by the key of a tag.
        models: Rules on models, in order.
    """

    tags: dict[str, TagRule] = Field(default_factory=dict)
    models: tuple[ModelRule, ...] = ()

    @field_validator("tags")
    @classmethod
    def _are_keys(cls, tags: dict[str, TagRule]) -> dict[str, TagRule]:
        check_tags(dict.fromkeys(tags))
        before: set[str] = set()
        for key, rule in tags.items():
            for source in rule.sources:
                if source == key or (source in tags and source not in before):
                    raise ValueError(
                        f"{key} is derived from {source}; state the rule of {source} "
                        f"before that of {key}"
                    )
            before.add(key)
        return tags


def template_keys(template: str) -> tuple[str, ...]:
    """Return the tags that *template* names.

    Raises:
        ValueError: If it has anything in braces but the key of a tag.
    """
    keys: list[str] = []
    for _, name, form, conversion in Formatter().parse(template):
        if name is None:
            continue
        if form or conversion or not _KEY.fullmatch(name):
            raise ValueError(
                f"{{{name}}} is no tag; expected keys in braces, such as "
                f"'{{team}}-{{environment}}'"
            )
        keys.append(name)
    return tuple(keys)


# Letters, digits and what no format gives a meaning.
_KEY = re.compile(r"[^\W\d][\w-]*")


def _known(what: str, given: tuple[str, ...], known: frozenset[str]) -> tuple[str, ...]:
    for each in given:
        if each not in known:
            raise ValueError(
                f"{each!r} is no {what}; expected {', '.join(sorted(known))}"
            )
    return given
