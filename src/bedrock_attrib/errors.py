"""Exceptions of this library, as one tree."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial


class BedrockAttribError(Exception):
    """Base of every exception that this library raises."""


class ConfigError(BedrockAttribError, ValueError):
    """A setting, tag, file or argument is not what was expected.

    The message says what came, what was expected and what to do.
    """


class MissingExtraError(BedrockAttribError, ImportError):
    """An optional dependency is not installed.

    Attributes:
        extra: Name of the extra that brings it.
    """

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(
            f"{package} is not installed; it comes with the extra {extra!r}: "
            f"pip install 'bedrock-attrib[{extra}]'"
        )
        self.extra = extra
        self._package = package

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is made anew from its arguments where it crosses processes.
        return type(self), (self.extra, self._package)


class PriceNotFoundError(BedrockAttribError, LookupError):
    """The price table knows no price for a call.

    Attributes:
        model_id: Base model id that was looked for.
        region: Calling region.
        at: Moment whose price was asked for.
        reason: Why there is no price.
    """

    def __init__(
        self, reason: str, *, model_id: str | None, region: str, at: datetime
    ) -> None:
        super().__init__(
            f"no price for {model_id or 'an opaque model'} called from {region} "
            f"on {at:%Y-%m-%d}: {reason}; add rows with PriceTable.with_overrides()"
        )
        self.model_id = model_id
        self.region = region
        self.at = at
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        again = partial(
            type(self), model_id=self.model_id, region=self.region, at=self.at
        )
        return again, (self.reason,)


class RefusedError(BedrockAttribError):
    """A guard refused the call before it was sent.

    The only kind of error that the library raises into a Bedrock call.
    """


class BudgetExceededError(RefusedError):
    """A limit would be passed, so the call was not sent.

    Amounts are in USD, tokens or calls, as ``measure`` says; None where they are not
    known, as of a store that was not reached.

    Attributes:
        budget: Name of the budget; ``attribution`` for the limit of a block.
        key: Values that the budget keeps apart, such as ``search``; None without any.
        measure: ``usd``, ``tokens`` or ``calls``.
        limit: Limit in force, grants included.
        spent: Amount that was spent in the window.
        reserved: Amount that is reserved for calls on their way.
        asked: Amount that the call asked for; None where it has no bound.
        resets_at: When the window ends, aware UTC; None where it does not end.
        reason: ``limit``, ``frozen``, ``unknown`` (the call has no bound) or
            ``unavailable`` (the store of the budget was not reached).
    """

    def __init__(  # noqa: PLR0913 -- the facts of a refusal, each by its name
        self,
        message: str,
        *,
        budget: str = "",
        key: str | None = None,
        measure: str = "usd",
        limit: Decimal | None = None,
        spent: Decimal | None = None,
        reserved: Decimal | None = None,
        asked: Decimal | None = None,
        resets_at: datetime | None = None,
        reason: str = "limit",
    ) -> None:
        super().__init__(message)
        self.budget = budget
        self.key = key
        self.measure = measure
        self.limit = limit
        self.spent = spent
        self.reserved = reserved
        self.asked = asked
        self.resets_at = resets_at
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is made anew from its arguments where it crosses processes.
        return partial(type(self), **vars(self)), self.args


class TagPolicyError(RefusedError, ValueError):
    """The call breaks a policy that the user set to refuse, so it was not sent.

    Attributes:
        key: Tag, or property of the call, that breaks it.
        value: Its value; None where it has none.
        rule: Name of the rule.
        remedy: What to do.
    """

    def __init__(
        self,
        message: str,
        *,
        key: str = "",
        value: str | None = None,
        rule: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self.key = key
        self.value = value
        self.rule = rule
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is made anew from its arguments where it crosses processes.
        return partial(type(self), **vars(self)), self.args


class LedgerError(BedrockAttribError, RuntimeError):
    """The ledger cannot be opened, read or written."""
