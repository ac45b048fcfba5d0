"""Decisions of a policy about calls of one kind."""

from __future__ import annotations

from dataclasses import dataclass

from .._model.tags import Tags
from ..errors import TagPolicyError


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that calls break.

    Attributes:
        rule: Name of the rule.
        key: Tag, or property of the call (``model``, ``vendor``, ``scope``, ``tier``,
            ``region``), that breaks it.
        value: Its value; None where it has none.
        action: ``warn``, ``replace`` or ``refuse``.
        expected: What was expected.
        remedy: What to do.
    """

    rule: str
    key: str
    value: str | None
    action: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        came = "is missing" if self.value is None else f"is {self.value!r}"
        return f"{self.key} {came}; expected {self.expected} ({self.rule})"

    def error(self) -> TagPolicyError:
        """Return the error with which a call is refused."""
        return TagPolicyError(
            f"{self}, so the call was not sent: {self.remedy}",
            key=self.key,
            value=self.value,
            rule=self.rule,
            remedy=self.remedy,
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy makes of calls of one kind.

    Attributes:
        tags: Their tags, with defaults, derived and replaced values.
        violations: Rules that they break, in the order of the policy.
    """

    tags: Tags
    violations: tuple[Violation, ...]

    @property
    def refusal(self) -> Violation | None:
        """The first violation that refuses; None where none does."""
        return next((each for each in self.violations if each.action == "refuse"), None)
