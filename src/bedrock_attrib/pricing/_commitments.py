"""Commitments: capacity that is billed by the hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from .._model.model_id import ModelKind, parse_model_id
from .._model.usage import Usage
from ..errors import ConfigError

IMPORTED_MODEL_PRICES = "custom-model-import"
"""Model id under which price lists have the units of imported models."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """Capacity that is billed by the hour, used or not.

    Provisioned throughput, reserved tokens per minute, and custom model units of an
    imported model. Its calls have no price per token; `PriceTable.hourly_cost` returns
    the cost of an hour.

    Attributes:
        name: Name that the user gives it.
        model: Model id or ARN in its calls.
        region: Region in which it runs.
        usd_per_hour: Price of all of it for one hour; None to use list prices.
        hourly_usage: Units billed for each hour, such as
            ``{Unit.INPUT_TPM_HOUR: 200_000}``; None when ``usd_per_hour`` is given.
        tier: Tier whose list prices apply to ``hourly_usage``.
        valid_from: First day, UTC; None when not known.
        valid_to: Last day, UTC; None for no end.

    Raises:
        ConfigError: If both or neither of ``usd_per_hour`` and ``hourly_usage`` are
            given, or the amount is not a non-negative Decimal.
    """

    name: str
    model: str
    region: str
    usd_per_hour: Decimal | None = None
    hourly_usage: Usage | None = None
    tier: str = "default"
    valid_from: date | None = None
    valid_to: date | None = None

    def __post_init__(self) -> None:
        if (self.usd_per_hour is None) == (self.hourly_usage is None):
            raise ConfigError(
                f"commitment {self.name!r}: give either usd_per_hour or hourly_usage"
            )
        if self.usd_per_hour is not None:
            check_amount(self.usd_per_hour, f"commitment {self.name!r}: usd_per_hour")

    @property
    def priced_as(self) -> str:
        """Model id whose list prices apply to ``hourly_usage``."""
        is_imported = parse_model_id(self.model).kind is ModelKind.IMPORTED
        return IMPORTED_MODEL_PRICES if is_imported else self.model

    def holds_on(self, day: date) -> bool:
        """Return whether it is billed on *day* (UTC), both ends included."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )


def check_amount(amount: Decimal, where: str) -> None:
    """Reject an amount that is not a non-negative Decimal.

    Raises:
        ConfigError: If it is none; the message begins with *where*.
    """
    if type(amount) is not Decimal or not amount.is_finite() or amount < 0:
        raise ConfigError(f"{where} is {amount!r}; expected a non-negative Decimal")
