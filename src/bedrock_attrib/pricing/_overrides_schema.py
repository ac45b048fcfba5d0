"""Schema of overrides files; imported only to check one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from .._model.model_id import Scope, parse_model_id
from .._model.usage import Unit, Usage, is_token_unit
from ..errors import ConfigError
from ._commitments import Commitment
from ._discounts import Discount
from ._rows import DEFAULT_REGION, PriceRow
from ._schema import (
    Band,
    LatencyMode,
    Name,
    Per,
    Price,
    Strict,
    Text,
    days_in_order,
    describe_problems,
)


def _text_of(value: object) -> object:
    """Return a TOML number as text; it comes as Decimal or int, never as float."""
    if type(value) is not int and not isinstance(value, Decimal):
        return value
    number = Decimal(value)
    # Written out, 1e999999999 would fill the memory.
    is_writable = number.is_finite() and abs(number.adjusted()) <= _MOST_DIGITS
    return format(number, "f") if is_writable else str(number)


_MOST_DIGITS = 40
PriceText = Annotated[Price, BeforeValidator(_text_of)]


class OwnPrice(Strict):
    """One ``[[prices]]`` or ``[[list_prices]]`` table of an overrides file."""

    model: Name
    unit: Unit
    price: PriceText
    per: Per | None = None
    region: Name = DEFAULT_REGION
    scope: Scope | None = None
    tier: Name = "default"
    latency_mode: LatencyMode = "standard"
    context_band: Band = ""
    valid_from: date | None = None
    valid_to: date | None = None
    source: Text = ""

    @model_validator(mode="after")
    def _check_days(self) -> OwnPrice:
        return days_in_order(self)

    def to_row(self, source: str) -> PriceRow:
        """Return its row, with *source* unless it states another."""
        per = self.per or (1_000_000 if is_token_unit(self.unit) else 1)
        scope = self.scope or parse_model_id(self.model).scope or Scope.REGIONAL
        return PriceRow(
            self.model,
            self.region,
            scope.value,
            self.tier,
            self.latency_mode,
            self.context_band,
            self.unit,
            Decimal(self.price),
            per,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            sources=(self.source or source,),
        )


class OwnDiscount(Strict):
    """One ``[[discounts]]`` table."""

    percent: PriceText
    model: Name | None = None
    vendor: Name | None = None
    valid_from: date | None = None
    valid_to: date | None = None

    @model_validator(mode="after")
    def _check(self) -> OwnDiscount:
        self.to_discount()
        return days_in_order(self)

    def to_discount(self) -> Discount:
        """Return it as a discount."""
        return Discount(
            Decimal(self.percent),
            model=self.model,
            vendor=self.vendor,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
        )


class OwnCommitment(Strict):
    """One ``[[commitments]]`` table."""

    name: str
    model: Name
    region: Name
    usd_per_hour: PriceText | None = None
    hourly_usage: dict[Unit, Annotated[int, Field(ge=0, le=10**15)]] | None = None
    tier: Name = "default"
    valid_from: date | None = None
    valid_to: date | None = None

    @model_validator(mode="after")
    def _check(self) -> OwnCommitment:
        self.to_commitment()
        return days_in_order(self)

    def to_commitment(self) -> Commitment:
        """Return it as a commitment."""
        amount, usage = self.usd_per_hour, self.hourly_usage
        return Commitment(
            self.name,
            self.model,
            self.region,
            usd_per_hour=None if amount is None else Decimal(amount),
            hourly_usage=None if usage is None else Usage(usage),
            tier=self.tier,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
        )


class OverridesFile(Strict):
    """A whole overrides file."""

    models: dict[Name, Name] = Field(default_factory=dict)
    base_models: dict[Name, Name] = Field(default_factory=dict)
    prices: list[OwnPrice] = Field(default_factory=list)
    list_prices: list[OwnPrice] = Field(default_factory=list)
    discounts: list[OwnDiscount] = Field(default_factory=list)
    commitments: list[OwnCommitment] = Field(default_factory=list)


def check_overrides_file(content: object, *, path: Path | str) -> OverridesFile:
    """Check the parsed TOML of an overrides file.

    Raises:
        ConfigError: If it is not as documented; names the file and each key.
    """
    try:
        return OverridesFile.model_validate(content)
    except ValidationError as error:
        raise ConfigError(describe_problems(error, OverridesFile, path=path)) from error
