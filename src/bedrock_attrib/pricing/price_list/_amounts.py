"""Exact amounts of list prices, scaled by the unit that the list states."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from ..._model.cost import EXACT
from ._phrases import Measure, Piece
from ._sku import Reason, Sku, UnmappedError

# What price files allow.
_PRICE = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,18})?")
_LONGEST_NUMBER = 40
_LONGEST_TEXT = 400
_BRACKET = re.compile(r"\s*\(.*\)$")
_SCALED = re.compile(
    r"(?:(1[ ,]?000[ ,]?000|1m|million|1[ ,]?000|1k|thousand|1|per) ?)?(.+)"
)
_EXPONENTS = {"1000000": 6, "1m": 6, "million": 6, "1000": 3, "1k": 3, "thousand": 3}

# Units of the AWS Price List, 2026-07 to 2026-10, without their multiple.
_PIECES = {
    "token": Piece.TOKEN,
    "tokens": Piece.TOKEN,
    "image": Piece.IMAGE,
    "images": Piece.IMAGE,
    "images processed": Piece.IMAGE,
    "input images": Piece.IMAGE,
    "created_image": Piece.IMAGE,
    "second": Piece.SECOND,
    "seconds": Piece.SECOND,
    "video": Piece.VIDEO,
    "search unit": Piece.SEARCH_UNIT,
    "search units": Piece.SEARCH_UNIT,
    "request": Piece.REQUEST,
    "requests": Piece.REQUEST,
    "text request": Piece.REQUEST,
    "text requests": Piece.REQUEST,
    "textunit": Piece.TEXT_UNIT,
    "textunits": Piece.TEXT_UNIT,
    "text unit": Piece.TEXT_UNIT,
    "text units": Piece.TEXT_UNIT,
    "tpm hour": Piece.TPM_HOUR,
    "tpm hours": Piece.TPM_HOUR,
    "tpm-hour": Piece.TPM_HOUR,
}
_MILLIONS = frozenset({"millionbatchinputtokens", "millionbatchoutputtokens"})
_UNSTATED = frozenset({"unit", "units"})
# "AWS Marketplace software usage|us-east-1|Million Input Tokens Regional"
_MILLION_TOKENS = re.compile(r"\b(?:million|1m|1,?000,?000)\b.*\btokens?\b")
_THOUSAND_TOKENS = re.compile(r"\b(?:thousand|1k|1,?000)\b.*\btokens?\b")
_PER_THOUSAND_TPM = re.compile(r"\b1k\b.*\btpm\b")
_PER_MILLION_TPM = re.compile(r"\b1m\b.*\btpm\b")

# Exponent of ``per`` in our rows, where it is not zero.
_OUR_EXPONENT = {Piece.TOKEN: 6, Piece.TPM_HOUR: 3}


class Amount(NamedTuple):
    """A price as our rows state it.

    Attributes:
        price: Amount for ``per`` units.
        per: 1, 1,000 or 1,000,000.
        is_stated: False when nothing in the line says how many units the price buys,
            so that a known price has to confirm it.
    """

    price: Decimal
    per: int
    is_stated: bool


def read_amount(sku: Sku, measure: Measure) -> Amount:
    """Return the price of *sku* for what it counts.

    Raises:
        UnmappedError: If the price is no amount of USD, its unit does not fit, or it
            depends on how much is used.
    """
    price = _price_of(sku)
    exponent, is_stated = _exponent(sku, measure)
    ours = _OUR_EXPONENT.get(measure.pieces[0], 0)
    amount = EXACT.scaleb(price, ours - exponent)
    text = f"{EXACT.normalize(amount):f}"
    if not _PRICE.fullmatch(text):
        raise UnmappedError(Reason.PRICE, f"{sku.price:.40} per {sku.unit:.40}")
    return Amount(Decimal(text), int(10**ours), is_stated)


def _price_of(sku: Sku) -> Decimal:
    if sku.currency != "USD":
        raise UnmappedError(Reason.PRICE, f"currency {sku.currency:.10}")
    if not _PRICE.fullmatch(sku.price):
        raise UnmappedError(Reason.PRICE, repr(sku.price[:40]))
    if _as_number(sku.begins) != "0" or sku.ends.lower() not in {"inf", ""}:
        raise UnmappedError(Reason.VOLUME, f"from {sku.begins:.20} to {sku.ends:.20}")
    return Decimal(sku.price)


def _as_number(text: str) -> str:
    """Return *text* as an integer where it is one; empty text is zero."""
    if len(text) > _LONGEST_NUMBER:
        return text
    whole = re.fullmatch(r"0*([0-9]*)(?:\.0*)?", text)
    return (whole[1] or "0") if whole else text


def _exponent(sku: Sku, measure: Measure) -> tuple[int, bool]:
    """Return the power of ten that the price buys, and whether the line states it."""
    unit = _BRACKET.sub("", " ".join(sku.unit[:_LONGEST_TEXT].lower().split()))
    if Piece.TPM_HOUR in measure.pieces:
        return _tpm_exponent(sku, unit), True
    if unit in _UNSTATED:
        return _described_exponent(sku, measure)
    if unit in _MILLIONS and Piece.TOKEN in measure.pieces:
        return 6, True
    scaled = _SCALED.fullmatch(unit)
    piece = _PIECES.get(scaled[2]) if scaled else None
    if scaled and scaled[2] in _UNSTATED and Piece.TEXT_UNIT in measure.pieces:
        piece = Piece.TEXT_UNIT
    if scaled is None or piece not in measure.pieces:
        raise UnmappedError(Reason.UNIT, f"{sku.unit:.40} for {measure.unit}")
    multiple = re.sub(r"[ ,]", "", scaled[1] or "")
    return _EXPONENTS.get(multiple, 0), True


def _tpm_exponent(sku: Sku, unit: str) -> int:
    """Return the exponent of reserved capacity: 1,000 tokens a minute in any unit text.

    The list's unit reads "1M TPM Hour" where the description, the price page and
    bills say 1,000 (Price List of 2026-07-28).
    """
    described = sku.description[:_LONGEST_TEXT].lower()
    is_known = unit in {"1k tpm hour", "1m tpm hour", "units"}
    if not is_known or _PER_MILLION_TPM.search(described):
        raise UnmappedError(Reason.UNIT, f"{sku.unit:.40}, {sku.description:.60}")
    if unit == "units" and not _PER_THOUSAND_TPM.search(described):
        raise UnmappedError(Reason.UNIT, f"{sku.unit:.40}, {sku.description:.60}")
    return 3


def _described_exponent(sku: Sku, measure: Measure) -> tuple[int, bool]:
    """Read from the description how many tokens "Units" are.

    Where it does not say, they are a million, as in all other Marketplace lines
    (Price List and rate cards, 2026-10). A known price has to confirm that.
    """
    if Piece.TOKEN not in measure.pieces:
        return 0, False
    described = sku.description[:_LONGEST_TEXT].rpartition("|")[2].lower()
    if _MILLION_TOKENS.search(described):
        return 6, True
    if _THOUSAND_TOKENS.search(described):
        return 3, True
    return 6, False
