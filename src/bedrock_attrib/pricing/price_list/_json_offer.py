"""Offer files in AWS's JSON format, ``aws_v1``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, cast

from ...errors import ConfigError
from .._load import read_bounded
from ._attributes import FIELDS, known_fields, plain_name, read_publication
from ._sku import Sku

JsonObject = dict[str, Any]

# All regions of the largest offer are about 20 MB, as of 2026-11.
_MAX_BYTES = 512 << 20


def read_json_offer(path: Path) -> Iterator[Sku]:
    """Yield the priced lines of an offer file.

    Raises:
        ConfigError: If the file is not an offer; names it and the problem.
        OSError: If it cannot be read.
    """
    content = parse_object(_text_of(path), path)
    offer, published = content.get("offerCode"), content.get("publicationDate")
    day = read_publication(published)
    if not isinstance(offer, str) or day is None:
        raise ConfigError(
            f"{path}: has no offerCode and publicationDate; expected an offer file of "
            f"AWS's price list"
        )
    products = _mapping(content, "products", path)
    on_demand = _mapping(_mapping(content, "terms", path), "OnDemand", path)
    for sku, terms in on_demand.items():
        product = products.get(sku)
        attributes = product.get("attributes") if isinstance(product, dict) else None
        for priced in read_terms(terms):
            yield make_sku(sku, offer, day, attributes, priced)


def read_product(text: str) -> Iterator[Sku]:
    """Yield the priced lines of one product, as returned by the API ``GetProducts``.

    Raises:
        ConfigError: If *text* is not a product.
    """
    where = "product of the Price List API"
    content = parse_object(text, where)
    product, terms = content.get("product"), content.get("terms")
    offer, day = (
        content.get("serviceCode"),
        read_publication(content.get("publicationDate")),
    )
    if not (isinstance(product, dict) and isinstance(terms, dict) and day):
        raise ConfigError(f"{where}: has no product, terms and publicationDate")
    for priced in read_terms(terms.get("OnDemand")):
        sku, attributes = _text(product.get("sku")), product.get("attributes")
        yield make_sku(sku, _text(offer), day, attributes, priced)


def _text_of(path: Path) -> str:
    try:
        return read_bounded(path, _MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8: {error}") from error


def parse_object(text: str, where: object) -> JsonObject:
    """Parse *text*, which holds one JSON object; numbers remain text.

    Raises:
        ConfigError: If it does not, or one of its objects has a key twice; the
            message begins with *where*.
    """
    try:
        content = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=str,
            parse_int=str,
            parse_constant=str,
        )
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{where}: is not a JSON object")
    return content


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    """Return what a price needs of an object, to save memory with large files."""
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice!r:.60} occurs twice")
    if "usagetype" in content:
        return {k: v for k, v in content.items() if plain_name(k) in FIELDS}
    return content


def _mapping(content: JsonObject, key: str, path: Path) -> JsonObject:
    value = content.get(key)
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: {key} is not an object of AWS's price list")
    return cast("JsonObject", value)


def read_terms(terms: object) -> Iterator[dict[str, str]]:
    """Yield the fields of a line for each price in the terms of a product."""
    for term in _values(terms):
        for dimension in _values(term.get("priceDimensions")):
            prices = dimension.get("pricePerUnit")
            prices = prices if isinstance(prices, dict) else {}
            currency = "USD" if "USD" in prices else next(iter(prices), "")
            yield {
                "effective": _text(term.get("effectiveDate")),
                "unit": _text(dimension.get("unit")),
                "price": _text(prices.get(currency)),
                "currency": currency,
                "begins": _text(dimension.get("beginRange")),
                "ends": _text(dimension.get("endRange")),
                "description": _text(dimension.get("description")),
            }


def make_sku(
    sku: str,
    offer: str,
    published: date,
    attributes: object,
    priced: Mapping[str, str],
) -> Sku:
    """Build a line from its product and its price."""
    known = known_fields(attributes) if isinstance(attributes, dict) else {}
    return Sku(sku, offer, published, **known, **priced)


def _values(content: object) -> Iterator[JsonObject]:
    if isinstance(content, dict):
        yield from (value for value in content.values() if isinstance(value, dict))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
