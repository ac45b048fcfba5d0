"""Checks of overrides against the prices that they are laid over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property

from .._model.model_id import ModelKind, Scope, parse_model_id
from ..errors import ConfigError
from ._discounts import Discount
from ._listed_ids import ListedId
from ._overrides import Overrides, check_overrides
from ._price_list import PriceList
from ._rows import DEFAULT_REGION, PriceRow
from ._suggest import similar_model_ids

_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]{2,12}){1,2}-[0-9]{1,2}")
_SIMILAR = 0.6
_ONE_PERCENT = 1
_DEFAULT_TIER = "default"
# Prices of `default` and `geo` are those of this profile.
_US = "us"


class KnownPrices:
    """What a table has prices of."""

    def __init__(
        self,
        lists: Sequence[PriceList],
        find_listed: Callable[[str], ListedId | None],
    ) -> None:
        """Describe *lists*.

        Args:
            lists: Price lists, the user's own among them.
            find_listed: Returns the id under which a model has prices, or None.
        """
        self._lists = lists
        self._find_listed = find_listed

    def listed_id(self, model_id: str) -> str | None:
        """Return the id under which a model has prices, or None."""
        found = self._find_listed(model_id)
        return None if found is None else found.model_id

    @cached_property
    def list_models(self) -> list[str]:
        """Base ids that have a list price, in order."""
        lists = (each for each in self._lists if not each.is_own)
        return sorted({name for each in lists for name in each.model_ids})

    @cached_property
    def regions(self) -> list[str]:
        """Regions that some price names, in order."""
        return sorted({row.region for each in self._lists for row in each})

    @cached_property
    def tiers(self) -> list[str]:
        """Service tiers that some price names, in order."""
        return sorted({row.tier for each in self._lists for row in each})


def with_listed_ids(overrides: Overrides, known: KnownPrices) -> Overrides:
    """Return *overrides* with the ids under which the table has the models.

    A price of an inference profile becomes a price of its model for calls through
    that profile alone.

    Raises:
        ConfigError: If a discount can have no effect, a price contradicts the profile
            that it names, or two entries are for the same thing.
    """
    named = replace(
        overrides,
        rows=tuple(_listed_row(row, known) for row in overrides.rows),
        list_rows=tuple(_listed_list_row(row, known) for row in overrides.list_rows),
        discounts=tuple(_listed_discount(each, known) for each in overrides.discounts),
    )
    return check_overrides(named)


def _listed_row(row: PriceRow, known: KnownPrices) -> PriceRow:
    model = parse_model_id(row.model_id)
    base = model.model_id or row.model_id
    listed = known.listed_id(base) or base
    if model.kind is not ModelKind.INFERENCE_PROFILE or model.scope is None:
        return row if listed == row.model_id else replace(row, model_id=listed)
    if row.scope != model.scope:
        raise ConfigError(
            f"price of {row.model_id}: the id is that of a {model.scope} profile, and "
            f"the scope is {row.scope!r}; leave scope out, or name the model {base!r}"
        )
    profile = "" if model.scope is Scope.GLOBAL else model.geography or ""
    return replace(row, model_id=listed, profile=profile)


def _listed_list_row(row: PriceRow, known: KnownPrices) -> PriceRow:
    """Return a list price with the listed id; a list has no price of one profile."""
    listed = _listed_row(row, known)
    if listed.profile and listed.profile != _US:
        raise ConfigError(
            f"list price of {row.model_id}: expected a model id; name the region whose "
            "calls have this price instead of the profile"
        )
    return replace(listed, profile="")


def _listed_discount(discount: Discount, known: KnownPrices) -> Discount:
    if discount.vendor is not None:
        vendors = {name.partition(".")[0] for name in known.list_models}
        if discount.vendor not in vendors:
            near = get_close_matches(discount.vendor.lower(), vendors, 1, _SIMILAR)
            raise ConfigError(
                f"discount of {discount.percent}% has no effect: no model of vendor "
                f"{discount.vendor!r} has a list price{_did_you_mean(near)}"
            )
    if discount.model is None:
        return discount
    model = parse_model_id(discount.model)
    base = model.model_id or discount.model
    listed = known.listed_id(base)
    if listed is None or listed not in known.list_models:
        alike = similar_model_ids(base, known.list_models, limit=1)
        raise ConfigError(
            f"discount of {discount.percent}% has no effect: model {discount.model!r} "
            f"has no list price{_did_you_mean(alike)}"
        )
    if model.kind is not ModelKind.INFERENCE_PROFILE:
        return replace(discount, model=listed)
    prefix = "global" if model.scope is Scope.GLOBAL else model.geography
    return replace(discount, model=f"{prefix}.{listed}")


def find_doubts(overrides: Overrides, known: KnownPrices) -> Iterator[str]:
    """Yield what is valid in *overrides* but may not do what was meant.

    Args:
        overrides: Overrides with listed ids.
        known: The prices that they are laid over, *overrides* left out.
    """
    yield from _doubts_of_discounts(overrides.discounts)
    for row in overrides.rows:
        yield from _doubts_of_row(row, known)
    for arn, target in overrides.priced_as.items():
        base = parse_model_id(target).model_id or target
        own = {row.model_id for row in overrides.rows}
        if base not in own and known.listed_id(base) is None:
            alike = similar_model_ids(base, known.list_models, limit=1)
            yield (
                f"{arn} is mapped to {target!r}, which is not in the price table"
                f"{_did_you_mean(alike)}"
            )


def _doubts_of_discounts(discounts: Iterable[Discount]) -> Iterator[str]:
    for each in discounts:
        whose = each.model or each.vendor or "everything"
        if 0 < each.percent < _ONE_PERCENT:
            meant = f"{each.percent * 100:f}".rstrip("0").rstrip(".")
            yield (
                f"discount for {whose} is {each.percent} percent, less than one; "
                f"write {meant} if {meant} % is meant"
            )
        if not each.percent and each.model is None and each.vendor is None:
            yield "discount of 0 percent for everything has no effect"


def _doubts_of_row(row: PriceRow, known: KnownPrices) -> Iterator[str]:
    where = f"price of {row.model_id} {row.unit}"
    if row.region != DEFAULT_REGION and row.region not in known.regions:
        near = similar_regions(row.region, known.regions)
        if near or not _REGION.fullmatch(row.region):
            yield f"{where}: unknown region {row.region!r}{_did_you_mean(near)}"
    if row.tier != _DEFAULT_TIER and row.tier not in known.tiers:
        near = get_close_matches(row.tier, known.tiers, 1, _SIMILAR)
        yield f"{where}: unknown tier {row.tier!r}{_did_you_mean(near)}"
    if known.listed_id(row.model_id) is None:
        alike = similar_model_ids(row.model_id, known.list_models, limit=1)
        if alike and _digits(alike[0]) == _digits(row.model_id):
            yield f"{where}: the model is not in the price table{_did_you_mean(alike)}"


def similar_regions(region: str, known: Iterable[str]) -> list[str]:
    """Return the region of *known* that *region* may be a slip of, if any.

    It is one of the same continent and number: AWS opens new regions.
    """
    alike = [each for each in known if _ends(each) == _ends(region)]
    return get_close_matches(region, alike, 1, _SIMILAR)


def _ends(region: str) -> tuple[str, str]:
    return region[:2], region[-1:]


def _digits(model_id: str) -> str:
    """Return the digits of an id, which differ between the models of a family."""
    return re.sub(r"\D", "", model_id)


def _did_you_mean(near: Iterable[str]) -> str:
    return "".join(f"; did you mean {name!r}?" for name in near)
