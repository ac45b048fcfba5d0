"""Tag policy: rules on tags and models, applied to calls before they are sent."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .._model.call_start import CallStart
from .._model.patterns import matches
from .._model.tags import Tags, check_tags
from .._readers import OPERATIONS
from .._runtime.bounded_cache import BoundedCache
from .._runtime.contained_errors import logger
from .._runtime.fork import ResetOrder, after_fork
from ..errors import ConfigError
from .decision import Decision, Violation
from .rules import ModelRule, PolicyFile, TagRule, template_keys

_MOST_DECISIONS = 4096
_MOST_LOGGED = 1000


class TagPolicy:
    """Rules on the tags of calls, and on the models that calls with them may use.

    Attributes:
        violations: Calls that broke a rule, by rule, key and action.

    Example:
        >>> policy = TagPolicy(
        ...     tags={"team": {"required": True, "allowed": ["search", "ads-*"]}},
        ...     models=[
        ...         {"name": "ads", "tags": {"team": "ads-*"}, "vendors": ["amazon"]}
        ...     ],
        ... )
    """

    def __init__(
        self,
        *,
        tags: Mapping[str, Mapping[str, Any]] | None = None,
        models: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Check the rules.

        Args:
            tags: Rule by the key of a tag: ``required``, ``allowed``, ``pattern``,
                ``default``, ``from`` and ``values``, ``template``, ``action``,
                ``replace_with``, ``remedy``.
            models: Rules: ``name``, ``tags``, ``models``, ``vendors``, ``scopes``,
                ``tiers``, ``regions``, ``action``, ``remedy``.

        Raises:
            ConfigError: If a rule is not as documented; names it and its key.
        """
        try:
            rules = PolicyFile.model_validate({"tags": tags or {}, "models": models})
        except ValidationError as error:
            raise ConfigError(_explain(error)) from error
        self.violations: Counter[tuple[str, str, str]] = Counter()
        self._tags = rules.tags
        self._models = rules.models
        self._decisions: BoundedCache[object, Decision]
        self._decisions = BoundedCache(_MOST_DECISIONS)
        self._logged: BoundedCache[tuple[str, str, str | None], bool]
        self._logged = BoundedCache(_MOST_LOGGED)
        after_fork(self._leave_to_parent, ResetOrder.FIGURES)

    def _leave_to_parent(self) -> None:
        self.violations = Counter()

    @classmethod
    def load(cls, path: Path | str) -> TagPolicy:
        """Load a policy from the tables ``[tags.KEY]`` and ``[[models]]`` of a file.

        Raises:
            ConfigError: If the file cannot be read, or is not as documented.
        """
        try:
            content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"cannot read the policy {path}: {error}") from error
        unknown = content.keys() - {"tags", "models"}
        if unknown:
            raise ConfigError(
                f"{path} has {', '.join(sorted(unknown))}; expected only tables "
                f"[tags.KEY] and [[models]]"
            )
        try:
            return cls(**content)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    def apply(self, start: CallStart, *, may_refuse: bool = True) -> Tags:
        """Return the tags of a call as the policy leaves them.

        Args:
            start: The call.
            may_refuse: False for a call that was made already. Operations that cost
                nothing are never refused.

        Raises:
            TagPolicyError: If a rule refuses the call.
        """
        decision = self._decision(start)
        if decision.violations:
            self._note(decision.violations)
            refusal = decision.refusal
            row = OPERATIONS.get(start.operation)
            is_free = row is not None and row.is_free
            if refusal is not None and may_refuse and not is_free:
                raise refusal.error()
        return decision.tags

    def judge(self, start: CallStart) -> tuple[Tags, bool]:
        """Return the tags of a call, and whether it may be sent; count nothing."""
        decision = self._decision(start)
        return decision.tags, decision.refusal is None

    def _decision(self, start: CallStart) -> Decision:
        key = (start.tags.key, start.model, start.region, start.terms.tier)
        decision = self._decisions.get(key)
        if decision is None:
            decision = self._decisions[key] = self.decide(start)
        return decision

    def decide(self, start: CallStart, *, has_model: bool = True) -> Decision:
        """Decide about a call, and count nothing.

        Args:
            start: The call.
            has_model: False to ask the rules for tags alone.
        """
        tags = dict(start.tags)
        found: list[Violation] = []
        for key, rule in self._tags.items():
            if key not in tags:
                value = _derived(rule, tags)
                if value is not None:
                    tags[key] = value
            violation = _check_tag(key, rule, tags.get(key))
            if violation is None:
                continue
            found.append(violation)
            if rule.action == "replace" and rule.substitute is not None:
                tags[key] = rule.substitute
        for model_rule in self._models if has_model else ():
            found += _check_model(model_rule, tags, start)
        return Decision(start.tags if tags == start.tags else Tags(tags), tuple(found))

    def _note(self, violations: Sequence[Violation]) -> None:
        for each in violations:
            self.violations[each.rule, each.key, each.action] += 1
            kind = (each.rule, each.key, each.value)
            if each.action != "refuse" and kind not in self._logged:
                self._logged[kind] = True
                logger.warning("tag policy: %s: %s", each, each.remedy)


def _derived(rule: TagRule, tags: Mapping[str, str]) -> str | None:
    """Return the value of a tag that a call does not have; None without one."""
    if rule.template is not None:
        keys = template_keys(rule.template)
        if all(key in tags for key in keys):
            return _checked(rule.template.format_map(tags))
    source = tags.get(rule.derived_from or "")
    if source is not None:
        if not rule.values:
            return source
        for pattern, value in rule.values.items():
            if matches((pattern,), source):
                return value
    return rule.default


def _checked(value: str) -> str | None:
    try:
        check_tags({"tag": value})
    except ConfigError:
        return None  # too long, as two long values are together
    return value


def _check_tag(key: str, rule: TagRule, value: str | None) -> Violation | None:
    name = f"tags.{key}"
    if value is None:
        if not rule.required:
            return None
        remedy = rule.remedy or f"set it: attribution({key}=…)"
        return Violation(name, key, None, rule.action, _expected(rule), remedy)
    if rule.allows(value):
        return None
    near = get_close_matches(value, rule.allowed, n=1)
    meant = f"did you mean {near[0]!r}?" if near else "use one that is"
    return Violation(
        name, key, value, rule.action, _expected(rule), rule.remedy or meant
    )


def _expected(rule: TagRule) -> str:
    if rule.allowed:
        return f"one of {', '.join(rule.allowed)}"
    return "a value" if rule.pattern is None else f"a match of {rule.pattern}"


def _check_model(
    rule: ModelRule, tags: Mapping[str, str], start: CallStart
) -> Iterator[Violation]:
    for key, patterns in rule.tags.items():
        if key not in tags or not matches(patterns, tags[key]):
            return
    model = start.model
    tier = start.terms.tier or "default"
    for key, allowed, values in (
        ("model", rule.models, (model.model_id, model.requested)),
        ("vendor", rule.vendors, (model.vendor,)),
        ("scope", rule.scopes, (model.scope,)),
        ("tier", rule.tiers, (tier,)),
        ("region", rule.regions, (start.region,)),
    ):
        known = [value for value in values if value is not None]
        if not allowed or any(matches(allowed, value) for value in known):
            continue
        yield Violation(
            f"models.{rule.name}",
            key,
            known[0] if known else None,
            rule.action,
            f"one of {', '.join(allowed)}",
            rule.remedy or "use one of these, or other tags",
        )


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = f"no such key{_near(problem['loc'])}"
        lines.append(f"{where}: {message}")
    return "; ".join(lines)


def _near(place: tuple[int | str, ...]) -> str:
    rule = TagRule if place and place[0] == "tags" else ModelRule
    known = [field.alias or name for name, field in rule.model_fields.items()]
    near = get_close_matches(str(place[-1]), known, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"{meant or ';'} expected one of {', '.join(known)}"
