"""Overrides: own rows, discounts, commitments and mappings of a user."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from .._model.cost import divide_evenly
from .._model.model_id import parse_model_id
from .._model.usage import Unit
from ..errors import ConfigError
from ._commitments import Commitment, check_amount
from ._discounts import Discount
from ._load import load_prices, read_bounded
from ._price_list import PriceList
from ._rows import PriceRow


@dataclass(frozen=True, slots=True)
class Overrides:
    """Content of one overrides file or one call of `with_overrides`.

    Attributes:
        rows: The user's own prices.
        list_rows: List prices to use before those of the table.
        lists: Whole price files to use before those of the table.
        discounts: Percentages off list prices.
        commitments: Capacity paid by the hour.
        priced_as: Model or profile id, by the ARN that is priced as that model.
    """

    rows: tuple[PriceRow, ...] = ()
    list_rows: tuple[PriceRow, ...] = ()
    lists: tuple[PriceList, ...] = ()
    discounts: tuple[Discount, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    priced_as: Mapping[str, str] = field(default_factory=dict)


def read_overrides(path: Path | str) -> Overrides:
    """Read overrides from a TOML file, or a price file from a JSON file.

    Raises:
        ConfigError: If it cannot be read or is not as documented; names the file and
            the key.
    """
    if Path(path).suffix.lower() == ".json":
        return Overrides(lists=(load_prices(path).prices,))
    # Pydantic takes 150 ms to import: only users of own files need it.
    from ._overrides_schema import check_overrides_file  # noqa: PLC0415

    try:
        text = read_bounded(path).decode()
        content = tomllib.loads(text, parse_float=Decimal)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML: {error}") from error
    checked = check_overrides_file(content, path=path)
    source = f"file:{Path(path).name}"
    try:
        return check_overrides(
            Overrides(
                rows=tuple(row.to_row(source) for row in checked.prices),
                list_rows=tuple(row.to_row(source) for row in checked.list_prices),
                discounts=tuple(each.to_discount() for each in checked.discounts),
                commitments=tuple(each.to_commitment() for each in checked.commitments),
                priced_as={**checked.models, **checked.base_models},
            )
        )
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def check_overrides(overrides: Overrides) -> Overrides:
    """Check *overrides* and return them.

    Raises:
        ConfigError: If a price is not exact, two prices or discounts contradict each
            other, or a mapping leads to an id that names no model.
    """
    for rows in (overrides.rows, overrides.list_rows):
        for row in rows:
            _check_row(row)
        _refuse_same_start(rows)
    _refuse_overlaps(overrides.discounts)
    for arn, target in overrides.priced_as.items():
        if parse_model_id(target).scope is None:
            raise ConfigError(
                f"{arn!r} is mapped to {target!r}, which names no model; expected a "
                f"model id or an inference profile id"
            )
    return overrides


def _check_row(row: PriceRow) -> None:
    where = f"price of {row.model_id} {row.unit}"
    check_amount(row.price, where)
    if not isinstance(row.unit, Unit):
        raise ConfigError(f"{where}: expected one of bedrock_attrib.Unit")
    if type(row.per) is not int or row.per < 1:
        raise ConfigError(f"{where}: per is {row.per!r}, expected 1, 1000 or 1000000")
    divide_evenly(row.price, row.per)


def _refuse_same_start(rows: Iterable[PriceRow]) -> None:
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        start = (row.model_id, row.key, row.valid_from)
        if start in seen:
            raise ConfigError(
                f"two prices for {row.model_id} {' '.join(filter(None, row.key))} "
                f"from {row.valid_from or 'the beginning'}; keep one, or give the "
                f"later one its own valid_from"
            )
        seen.add(start)


def _refuse_overlaps(discounts: tuple[Discount, ...]) -> None:
    for number, one in enumerate(discounts):
        for other in discounts[number + 1 :]:
            same = (one.model, one.vendor) == (other.model, other.vendor)
            if same and _overlap(one, other):
                raise ConfigError(
                    f"discounts of {one.percent}% and {other.percent}% for "
                    f"{one.model or one.vendor or 'everything'} hold on the same days"
                )


def _overlap(one: Discount, other: Discount) -> bool:
    first, last = date.min, date.max
    return (one.valid_from or first) <= (other.valid_to or last) and (
        other.valid_from or first
    ) <= (one.valid_to or last)
