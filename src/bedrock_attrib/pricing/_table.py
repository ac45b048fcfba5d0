"""What a call costs at list price."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from .._model.cost import ZERO, Cost
from .._model.model_id import ModelRef, parse_model_id
from .._model.record import Quote
from .._model.usage import Unit, Usage
from ..errors import PriceNotFoundError
from ._commitments import Commitment
from ._compare import PriceChange, compare_lists
from ._discounts import Discount
from ._explain import Explanation, explain
from ._load import LoadedPrices, load_bundled, load_prices
from ._model_pricer import AnyTill, Till
from ._overrides import Overrides, check_overrides, read_overrides
from ._prices import Prices
from ._rate_sheet import settle
from ._rate_sheets import CardBox
from ._rows import PriceRow

_MAX_TILLS = 4096


class PriceTable:
    """Dated list prices, and what a call costs by them.

    It never changes, and may be used from many threads at once.

    Example:
        >>> cost = PriceTable.bundled().price(
        ...     "amazon.nova-micro-v1:0",
        ...     Usage({Unit.INPUT_TOKEN: 2_000_000}),
        ...     region="us-east-1",
        ...     at=datetime(2026, 11, 15, tzinfo=UTC),
        ... )
        >>> print(f"{cost.total:.3f}")
        0.070
    """

    def __init__(self, loaded: LoadedPrices, prices: Prices | None = None) -> None:
        """Wrap what was read from a file; use `bundled` or `load` to get a table."""
        self._loaded = loaded
        self._prices = prices or Prices((loaded.prices,))
        self._currency = loaded.currency
        self._box = CardBox(self._prices)
        self._tills: dict[tuple[ModelRef, str], Till] = {}

    @classmethod
    def bundled(cls) -> PriceTable:
        """The table that comes with this version; read on first use, then shared."""
        return _bundled()

    @classmethod
    def load(cls, path: Path | str) -> PriceTable:
        """Read a table from a price file.

        Raises:
            ConfigError: If the file cannot be read or is not as documented; names
                the file and the key.
        """
        return cls(load_prices(path))

    def with_overrides(
        self,
        *,
        file: Path | str | None = None,
        rows: Iterable[PriceRow] = (),
        discounts: Iterable[Discount] = (),
        commitments: Iterable[Commitment] = (),
        models: Mapping[str, str] | None = None,
        base_models: Mapping[str, str] | None = None,
    ) -> PriceTable:
        """Another table, in which these prices come before those of this one.

        Args:
            file: Overrides file (TOML), or a price file (JSON) such as an imported
                price list; what the other arguments say comes before it.
            rows: The user's own prices. Discounts leave them alone.
            discounts: Percentages off list prices.
            commitments: Capacity paid by the hour.
            models: Model or profile id by the ARN of an application inference
                profile or a prompt.
            base_models: Model or profile id by the ARN of a custom model or of
                provisioned throughput that AWS bills like it.

        Raises:
            ConfigError: If the file or an argument is not as documented, or they
                contradict one another.
        """
        mappings = {**(models or {}), **(base_models or {})}
        given = Overrides(
            rows=tuple(rows),
            discounts=tuple(discounts),
            commitments=tuple(commitments),
            stands_for=mappings,
        )
        prices = self._prices
        if file is not None:
            prices = prices.with_overrides(read_overrides(file))
        prices = prices.with_overrides(check_overrides(given))
        return PriceTable(self._loaded, prices)

    @property
    def generated_on(self) -> date:
        """Day on which the prices were gathered."""
        return self._loaded.generated_on

    def age(self, at: datetime) -> timedelta:
        """How long before *at* the prices were gathered."""
        return _aware(at) - datetime.combine(self.generated_on, time.min, tzinfo=UTC)

    @property
    def sources(self) -> Mapping[str, str]:
        """What each source of the price files is, by the name that rows use."""
        lists = reversed(self._prices.lists)
        return {name: about for each in lists for name, about in each.sources.items()}

    @property
    def model_ids(self) -> tuple[str, ...]:
        """Base ids of all models that have a row, in order."""
        lists = self._prices.lists
        return tuple(sorted({name for each in lists for name in each.model_ids}))

    @property
    def commitments(self) -> tuple[Commitment, ...]:
        """Capacity paid by the hour, as the user stated it."""
        return self._prices.commitments

    def quote(
        self,
        model: ModelRef,
        usage: Usage,
        *,
        region: str,
        tier: str = "default",
        latency_mode: str = "standard",
        at: datetime,
        assumed: Unit | None = None,
    ) -> Quote:
        """Price one call; never raises.

        Args:
            model: The model that served the call.
            usage: Disjoint counts; an absent unit was not reported.
            region: Calling region, which decides the price.
            tier: Tier that served the call.
            latency_mode: ``standard`` or ``optimized``, as it was served.
            at: When the call was made; a time without a zone is taken as UTC.
            assumed: Cache-write unit of *usage* whose lifetime nobody stated. It is
                priced as stated, and ``estimated`` if the model sells several.
        """
        till = _till_of(self, model, region)
        return till.quote(usage, tier, latency_mode, _aware(at), assumed)

    def price(
        self,
        model: ModelRef | str,
        usage: Usage,
        *,
        region: str,
        tier: str = "default",
        latency_mode: str = "standard",
        at: datetime,
    ) -> Cost:
        """Price one call.

        Args:
            model: A model, or a model id or ARN as given to Bedrock.
            usage: Disjoint counts; an absent unit was not reported.
            region: Calling region, which decides the price.
            tier: Tier that served the call.
            latency_mode: ``standard`` or ``optimized``, as it was served.
            at: When the call was made; a time without a zone is taken as UTC.

        Returns:
            The amount. Units that have no price are named in ``unpriced_units`` and
            are in no figure.

        Raises:
            PriceNotFoundError: If nothing of it has a price.
        """
        ref = parse_model_id(model) if isinstance(model, str) else model
        quote = self.quote(
            ref, usage, region=region, tier=tier, latency_mode=latency_mode, at=at
        )
        if quote.cost is None:
            raise PriceNotFoundError(
                quote.reason, model_id=ref.model_id, region=region, at=at
            )
        return quote.cost

    def explain(
        self,
        model: ModelRef | str,
        usage: Usage,
        *,
        region: str,
        tier: str = "default",
        latency_mode: str = "standard",
        at: datetime,
        assumed: Unit | None = None,
    ) -> Explanation:
        """Tell how `quote` comes to its answer; slow, and meant to be read.

        Takes the same arguments, though the model may be an id or ARN.
        """
        at = _aware(at)
        ref = parse_model_id(model) if isinstance(model, str) else model
        quote = self.quote(
            ref,
            usage,
            region=region,
            tier=tier,
            latency_mode=latency_mode,
            at=at,
            assumed=assumed,
        )
        card = self._box.card_at((ref, region, tier, latency_mode), ref, at)
        day = at.astimezone(UTC).date()
        return explain(card, ref, usage, quote, day=day, assumed=assumed)

    def hourly_cost(self, commitment: Commitment, *, at: datetime) -> Decimal:
        """What one hour of *commitment* costs, used or not.

        Args:
            commitment: Capacity that holds at *at*; outside its days it costs zero.
            at: The hour.

        Raises:
            PriceNotFoundError: If it takes list prices and one of its units has none.
        """
        if not commitment.holds_on(_aware(at).astimezone(UTC).date()):
            return ZERO
        if commitment.usd_per_hour is not None:
            return commitment.usd_per_hour
        return self._hourly_list_cost(commitment, _aware(at))

    def _hourly_list_cost(self, commitment: Commitment, at: datetime) -> Decimal:
        model, region = parse_model_id(commitment.priced_as), commitment.region
        usage = commitment.hourly_usage or Usage({})
        card = self._box.card_at(
            (model, region, commitment.tier, "standard"), model, at
        )
        # What an hour counts is no prompt, so no long-context price applies to it.
        quote = settle(card.plans.plan((None, *usage)), usage, self._currency)
        if quote.cost is None or quote.cost.unpriced_units:
            raise PriceNotFoundError(
                quote.reason, model_id=model.model_id, region=region, at=at
            )
        return quote.cost.total

    def compare(self, other: PriceTable, *, on: date) -> tuple[PriceChange, ...]:
        """What *other* charges on a day and this table does not, or not the same.

        Args:
            other: The table to compare with. Models that it does not know are left
                out; where it states prices by region, those regions are compared.
            on: The day, UTC.
        """
        return tuple(compare_lists(self._prices.lists, other._prices.lists, on))

    def rows(
        self,
        *,
        model: str | None = None,
        region: str | None = None,
        scope: str | None = None,
        tier: str | None = None,
        unit: Unit | None = None,
        on: date | None = None,
    ) -> Iterator[PriceRow]:
        """Search the rows by what they state, the user's own first.

        Args:
            model: Base model id; None for all, as for each of the others.
            region: AWS region or ``default``.
            scope: Scope as the row states it.
            tier: Service tier.
            unit: What is priced.
            on: Day on which the price holds.

        Example:
            >>> rows = PriceTable.bundled().rows(model="amazon.nova-pro-v1:0")
            >>> any(row.is_single_source or row.disputed for row in rows)
            True
        """
        wanted = {"region": region, "scope": scope, "tier": tier, "unit": unit}
        asked = {name: value for name, value in wanted.items() if value is not None}
        yield from self._prices.search(model, asked, on)


class _OwnTill:
    """Asks a table that somebody has derived for every price."""

    def __init__(self, table: PriceTable, model: ModelRef, region: str) -> None:
        self.model = model
        self._table = table
        self._region = region

    def quote(
        self,
        usage: Usage,
        tier: str,
        latency_mode: str,
        at: datetime,
        assumed: Unit | None = None,
    ) -> Quote:
        """Price one call."""
        return self._table.quote(
            self.model,
            usage,
            region=self._region,
            tier=tier,
            latency_mode=latency_mode,
            at=at,
            assumed=assumed,
        )

    def known(self, *_call: object) -> None:
        """Nothing: somebody has derived the table to be asked."""


def till_of(table: PriceTable, model: ModelRef, region: str) -> AnyTill:
    """Where *table* prices the calls of *model* that are made from *region*."""
    if type(table).quote is not PriceTable.quote:
        return _OwnTill(table, model, region)
    return _till_of(table, model, region)


def _till_of(table: PriceTable, model: ModelRef, region: str) -> Till:
    tills = table._tills  # noqa: SLF001 -- of this module; no part of the public table
    till = tills.get((model, region))
    if till is None:
        if len(tills) >= _MAX_TILLS:
            tills.clear()
        till = Till(table._box, model, region, table._currency)  # noqa: SLF001 -- same
        tills[model, region] = till
    return till


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


@lru_cache(maxsize=1)
def _bundled() -> PriceTable:
    return PriceTable(load_bundled())
