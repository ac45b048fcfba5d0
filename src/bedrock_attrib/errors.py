"""Exceptions of this library, as one tree."""

from __future__ import annotations

from datetime import datetime
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
    """A spending limit that the user set to refuse would be passed."""


class TagPolicyError(RefusedError, ValueError):
    """The call's tags break a policy that the user set to refuse."""


class LedgerError(BedrockAttribError, RuntimeError):
    """The ledger cannot be opened, read or written."""
