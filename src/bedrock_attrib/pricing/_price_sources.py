"""Price sources of one table: lists, discounts, commitments and mappings."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from .._model.model_id import ModelRef, parse_model_id
from .._model.record import PriceReason, Reason
from ..errors import ConfigError
from ._commitments import Commitment
from ._discounts import Discount
from ._listed_ids import ListedId, find_listed_id
from ._override_checks import KnownPrices, find_doubts, with_listed_ids
from ._overrides import Overrides
from ._price_list import PriceList
from ._query import unpriceable_reason
from ._rows import PriceRow


@dataclass(frozen=True, slots=True)
class PriceSources:
    """Everything that one price table takes prices from.

    Attributes:
        lists: Price lists in the order in which they are searched, own ones first.
        discounts: Negotiated percentages, the newest first.
        commitments: Capacity paid by the hour.
        priced_as: Model or profile id, by the ARN that is priced as that model.
    """

    lists: tuple[PriceList, ...]
    discounts: tuple[Discount, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    priced_as: Mapping[str, str] = field(default_factory=dict)

    def with_overrides(self, more: Overrides) -> PriceSources:
        """Return these sources with *more* before them, in the same currency.

        The user's own rows come before every list, whichever was added last.

        Raises:
            ConfigError: If a price list of *more* is in another currency, a discount
                can have no effect, or a price contradicts the profile that it names.
        """
        currency = self.lists[-1].currency
        for each in more.lists:
            if each.currency != currency:
                raise ConfigError(
                    f"a price list in {each.currency} cannot come before one in "
                    f"{currency}"
                )
        more = with_listed_ids(more, self.known_prices(more))
        own = PriceList.from_rows(more.rows, currency)
        listed = PriceList.from_rows(more.list_rows, currency, is_own=False)
        given = [each for each in (own, listed) if each.model_ids]
        lists = (*given, *more.lists, *self.lists)
        return PriceSources(
            lists=tuple(sorted(lists, key=lambda each: not each.is_own)),
            discounts=(*more.discounts, *self.discounts),
            commitments=(*more.commitments, *self.commitments),
            priced_as={**self.priced_as, **more.priced_as},
        )

    def doubts_of(self, more: Overrides) -> list[str]:
        """Return what is valid in *more* but may not do what was meant."""
        known = self.known_prices(more)
        return list(find_doubts(with_listed_ids(more, known), known))

    def known_prices(self, more: Overrides) -> KnownPrices:
        """Return what has prices here, list prices of *more* included."""
        listed = PriceList.from_rows(more.list_rows, "", is_own=False)
        both = replace(self, lists=(listed, *more.lists, *self.lists))
        return KnownPrices(both.lists, both.listed_id)

    def listed_id(self, model_id: str | None) -> ListedId | None:
        """Return the id under which *model_id* has prices, or None."""
        if model_id is None:
            return None
        if any(each.has(model_id) for each in self.lists):
            return ListedId(model_id)
        known = {name for each in self.lists for name in each.model_ids}
        aliases = ChainMap(*(dict(each.aliases) for each in self.lists))
        return find_listed_id(model_id, known, aliases)

    def priced_model(self, model: ModelRef) -> tuple[ModelRef, Reason | None]:
        """Return the model whose rows price *model*, and why no row can.

        The reason is None when rows can price it.
        """
        target = self.priced_as.get(model.requested)
        if target is not None:
            return parse_model_id(target), None
        reason = unpriceable_reason(model)
        names = [
            each.name for each in self.commitments if each.model == model.requested
        ]
        if reason and names:
            text = f"paid by the hour under commitment {names[0]!r}"
            return model, Reason(PriceReason.CAPACITY, text)
        return model, reason

    def search(
        self, model_id: str | None, values: Mapping[str, object], on: date | None
    ) -> Iterator[PriceRow]:
        """Yield rows that have *values* and hold on a day, the user's own first."""
        for row in self._rows_of(model_id):
            if on is not None and not row.holds_on(on):
                continue
            if all(getattr(row, name) == value for name, value in values.items()):
                yield row

    def _rows_of(self, model_id: str | None) -> Iterator[PriceRow]:
        for price_list in self.lists:
            if model_id is None:
                yield from price_list
            elif found := price_list.of(model_id):
                yield from found.rows
