"""How amounts of a report are written in tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from .._figures import decimals_of

_MANY, _SOME = 100, 1
_DIGITS_OF_A_MEAN = 4


@dataclass(frozen=True, slots=True)
class Money:
    """Writes amounts of one currency that stand in one column.

    Attributes:
        currency: ISO 4217 code.
        decimals: Digits behind the point.
    """

    currency: str
    decimals: int

    @classmethod
    def of(cls, currency: str, amounts: Iterable[Decimal], *, is_exact: bool) -> Money:
        """For *amounts*: with all their digits, or as many as their size asks for."""
        found = list(amounts)
        if is_exact:
            return cls(currency, decimals_of(found))
        largest = max((abs(amount) for amount in found), default=Decimal(0))
        if largest >= _MANY:
            return cls(currency, 2)
        return cls(currency, 4 if largest >= _SOME else 6)

    @property
    def heading(self) -> str:
        """Heading of a column of costs."""
        return "cost" if self.currency == "USD" else f"cost\n{self.currency}"

    def text(self, amount: Decimal | None) -> str:
        """*amount*; nothing where there is none. What would be lost is told."""
        if amount is None:
            return ""
        least = Decimal(1).scaleb(-self.decimals)
        if amount and abs(amount) < least / 2:
            return f"<{self._sign}{least:f}"
        minus = "-" if amount < 0 else ""
        return f"{minus}{self._sign}{abs(amount):,.{self.decimals}f}"

    def mean(self, amount: Decimal | None) -> str:
        """*amount*, a quotient, with four digits that count."""
        if amount is None:
            return ""
        if not amount:
            return f"{self._sign}0"
        decimals = max(2, _DIGITS_OF_A_MEAN - 1 - amount.adjusted())
        whole, _, fraction = f"{amount:,.{decimals}f}".partition(".")
        return f"{self._sign}{whole}.{fraction.rstrip('0').ljust(2, '0')}"

    @property
    def _sign(self) -> str:
        return "$" if self.currency == "USD" else ""
