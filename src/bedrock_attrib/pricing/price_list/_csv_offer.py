"""Offer files in AWS's CSV format: five lines about the file, then a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from ...errors import ConfigError
from ._attributes import FIELDS, plain_name, read_publication
from ._sku import Sku

# Columns of every offer: "Using the price list bulk API", AWS Billing user guide.
_COLUMNS = {
    "sku": "sku",
    "effectivedate": "effective",
    "startingrange": "begins",
    "endingrange": "ends",
    "unit": "unit",
    "priceperunit": "price",
    "currency": "currency",
    "pricedescription": "description",
    **FIELDS,
}
_NEEDED = ("sku", "termtype", "unit", "priceperunit", "usagetype", "regioncode")
# Five as of 2026-11-23.
_LONGEST_PREAMBLE = 12


def read_csv_offer(path: Path) -> Iterator[Sku]:
    """Yield the priced lines of an offer file.

    Raises:
        ConfigError: If the file is not an offer; names it and the problem.
        OSError: If it cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _read_table(csv.reader(file, strict=True), path)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8: {error}") from error
    except csv.Error as error:
        raise ConfigError(f"{path}: cannot be read as CSV: {error}") from error


def _read_table(lines: Iterator[list[str]], path: Path) -> Iterator[Sku]:
    facts, header = _read_preamble(lines, path)
    offer, published = facts.get("offercode"), facts.get("publicationdate")
    day = read_publication(published)
    if not offer or day is None:
        raise ConfigError(
            f"{path}: does not say its OfferCode and Publication Date before the table"
        )
    names = [plain_name(name) for name in header]
    missing = [name for name in _NEEDED if name not in names]
    twice = [name for name in {*_NEEDED, *_COLUMNS} if names.count(name) > 1]
    if missing or twice:
        problem = "lacks" if missing else "has twice"
        raise ConfigError(f"{path}: its table {problem} {', '.join(missing or twice)}")
    for number, values in enumerate(lines, start=1):
        if not values:
            continue
        if len(values) != len(names):
            raise ConfigError(
                f"{path}: row {number} of its table has {len(values)} values for "
                f"{len(names)} columns"
            )
        row = dict(zip(names, values, strict=True))
        if row["termtype"] == "OnDemand":
            yield _make_sku(row, offer, day)


def _read_preamble(
    lines: Iterator[list[str]], path: Path
) -> tuple[Mapping[str, str], list[str]]:
    """Return the facts before the table, by name, and the header of the table."""
    facts: dict[str, str] = {}
    for _ in range(_LONGEST_PREAMBLE):
        values = next(lines, None)
        if values is None:
            break
        if values and plain_name(values[0]) == "sku":
            return facts, values
        facts[plain_name("".join(values[:1]))] = "".join(values[1:2])
    raise ConfigError(
        f"{path}: has no table of prices; expected an offer file of AWS's price list, "
        f"JSON or CSV"
    )


def _make_sku(row: Mapping[str, str], offer: str, published: date) -> Sku:
    known = {field: row[column] for column, field in _COLUMNS.items() if column in row}
    return Sku(**{"offer": offer, "published": published, **known})  # type: ignore[arg-type] # all others are text
