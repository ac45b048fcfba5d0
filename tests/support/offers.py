"""Price lists in the forms that AWS publishes, with figures of the tests' own."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

JsonObject = dict[str, Any]

PUBLISHED = "2026-10-08T09:30:00Z"
EFFECTIVE = "2026-10-01T00:00:00Z"
_COLUMNS = {
    "usagetype": "usageType",
    "regionCode": "Region Code",
    "servicename": "serviceName",
    "inferenceType": "Inference Type",
    "service_tier": "Service Tier",
}


def product(usage_type: str, price: str, **changes: Any) -> JsonObject:
    """A priced product of the offer ``AmazonBedrock``.

    Args:
        usage_type: What is billed.
        price: USD for ``unit``.
        changes: ``sku``, ``unit``, ``effective``, ``begins``, ``ends``,
            ``description`` and ``currency``; all others are attributes.
    """
    attributes = {
        "servicecode": "AmazonBedrock",
        "location": "somewhere",
        "usagetype": usage_type,
        "operation": "",
        "regionCode": "us-east-1",
        "servicename": "Amazon Bedrock",
    }
    found: JsonObject = {
        "sku": f"SKU{abs(hash(usage_type))}",
        "unit": "1K tokens",
        "effective": EFFECTIVE,
        "begins": "0",
        "ends": "Inf",
        "description": "",
        "currency": "USD",
        "price": price,
    }
    for name, value in changes.items():
        (found if name in found else attributes)[name] = value
    return {**found, "attributes": attributes}


def sold(name: str, dimension: str, price: str, **changes: Any) -> JsonObject:
    """A priced product of the Marketplace offer."""
    return product(
        f"USE1-MP:USE1_{dimension}-Units",
        price,
        servicename=f"{name} (Amazon Bedrock Edition)",
        **{"sku": f"{name} {dimension}", "unit": "1M tokens", **changes},
    )


def offer(
    products: Iterable[JsonObject],
    code: str = "AmazonBedrock",
    published: str = PUBLISHED,
) -> JsonObject:
    """An offer file of *products*."""
    products = list(products)
    return {
        "formatVersion": "v1.0",
        "disclaimer": "made for tests",
        "offerCode": code,
        "version": "20261008093000",
        "publicationDate": published,
        "products": {
            each["sku"]: {
                "sku": each["sku"],
                "productFamily": "Amazon Bedrock",
                "attributes": each["attributes"],
            }
            for each in products
        },
        "terms": {"OnDemand": {each["sku"]: _terms(each) for each in products}},
    }


def _terms(each: JsonObject) -> JsonObject:
    term = f"{each['sku']}.JRTCKXETXF"
    rate = f"{term}.6YS6EN2CT7"
    return {
        term: {
            "offerTermCode": "JRTCKXETXF",
            "sku": each["sku"],
            "effectiveDate": each["effective"],
            "priceDimensions": {
                rate: {
                    "rateCode": rate,
                    "description": each["description"],
                    "beginRange": each["begins"],
                    "endRange": each["ends"],
                    "unit": each["unit"],
                    "pricePerUnit": {each["currency"]: each["price"]},
                    "appliesTo": [],
                }
            },
            "termAttributes": {},
        }
    }


def as_json(products: Iterable[JsonObject], **changes: Any) -> str:
    """An offer file in JSON."""
    return json.dumps(offer(products, **changes))


def as_api(products: Iterable[JsonObject], **changes: Any) -> list[str]:
    """The same, as the Price List API gives it."""
    whole = offer(products, **changes)
    return [
        json.dumps(
            {
                "product": each,
                "serviceCode": whole["offerCode"],
                "terms": {"OnDemand": whole["terms"]["OnDemand"][sku]},
                "version": whole["version"],
                "publicationDate": whole["publicationDate"],
            }
        )
        for sku, each in whole["products"].items()
    ]


def as_csv(
    products: Iterable[JsonObject],
    code: str = "AmazonBedrock",
    published: str = PUBLISHED,
) -> str:
    """An offer file in CSV."""
    products = list(products)
    names = sorted({name for each in products for name in each["attributes"]})
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows(
        [
            ["FormatVersion", "v1.0"],
            ["Disclaimer", "made for tests, with a comma"],
            ["Publication Date", published],
            ["Version", "20261008093000"],
            ["OfferCode", code],
        ]
    )
    head = "SKU OfferTermCode RateCode TermType PriceDescription EffectiveDate".split()
    head += "StartingRange EndingRange Unit PricePerUnit Currency".split()
    writer.writerow([*head, *(_COLUMNS.get(name, name) for name in names)])
    for each in products:
        writer.writerow(
            [
                each["sku"],
                "JRTCKXETXF",
                f"{each['sku']}.JRTCKXETXF.6YS6EN2CT7",
                "OnDemand",
                each["description"],
                each["effective"][:10],
                each["begins"],
                each["ends"],
                each["unit"],
                each["price"],
                each["currency"],
                *(each["attributes"].get(name, "") for name in names),
            ]
        )
    return text.getvalue()
