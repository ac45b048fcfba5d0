"""Price table: the list price of a call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from .._model.cost import ZERO, Cost
from .._model.model_id import ModelRef, parse_model_id
from .._model.record import Quote
from .._model.usage import Unit, Usage
from .._runtime.contained_errors import logger
from ..errors import ConfigError, PriceNotFoundError
from ._commitments import Commitment
from ._compare import PriceChange, compare_lists, rows_in_region
from ._discounts import Discount
from ._explain import Explanation, explain
from ._load import LoadedPrices, load_bundled, load_prices
from ._overrides import Overrides, read_overrides
from ._price_sources import PriceSources
from ._rate_sheet import ModelPricer, Pricer, RateSheets
from ._resolved_rates import ResolvedRates
from ._rows import PriceRow


class PriceTable:
    """Dated list prices, and the cost of a call by them.

    It is immutable and may be used from many threads at once.

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

    def __init__(
        self, loaded: LoadedPrices, sources: PriceSources | None = None
    ) -> None:
        """Wrap a price file that was read; use `bundled` or `load` to get a table."""
        self._loaded = loaded
        self._sources = sources or PriceSources((loaded.prices,))
        self._sheets = RateSheets(self._sources)

    @classmethod
    def bundled(cls) -> PriceTable:
        """Return the table of this version; read on first use, then shared."""
        return _bundled()

    @classmethod
    def load(cls, path: Path | str) -> PriceTable:
        """Read a table from a price file.

        Raises:
            ConfigError: If the file cannot be read or is not as documented. It names
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
        """Return another table, in which these prices come before those of this one.

        Args:
            file: Overrides file (TOML), or a price file (JSON) such as an imported
                price list. The other arguments come before it.
            rows: The user's own prices. Discounts do not apply to them.
            discounts: Percentages off list prices.
            commitments: Capacity paid by the hour.
            models: Model or profile id by the ARN of an application inference
                profile or a prompt.
            base_models: Model or profile id by the ARN of a custom model or of
                provisioned throughput that AWS bills as that model.

        Raises:
            ConfigError: If the file or an argument is not as documented, or if they
                contradict each other.
        """
        mappings = {**(models or {}), **(base_models or {})}
        given = Overrides(
            rows=tuple(rows),
            discounts=tuple(discounts),
            commitments=tuple(commitments),
            priced_as=mappings,
        )
        sources = self._sources
        if file is not None:
            sources, doubts = self._sources_with(file)
            _warn(doubts)
        _warn(sources.doubts_of(given))
        return PriceTable(self._loaded, sources.with_overrides(given))

    def with_list(self, newer: PriceTable) -> PriceTable:
        """Return another table, in which the lists of *newer* come before these.

        The user's own prices stay first. It is as old as the newer of the two.

        Raises:
            ConfigError: If the currencies differ.
        """
        lists = tuple(each for each in newer._sources.lists if not each.is_own)
        generated_on = max(self.generated_on, newer.generated_on)
        return PriceTable(
            replace(self._loaded, generated_on=generated_on),
            self._sources.with_overrides(Overrides(lists=lists)),
        )

    def checked_overrides(self, file: Path | str) -> tuple[PriceTable, list[str]]:
        """Return another table as `with_overrides` does, and doubts about *file*.

        Doubts are what is valid, but may not do what was meant, in sentences.

        Raises:
            ConfigError: As `with_overrides`.
        """
        sources, doubts = self._sources_with(file)
        return PriceTable(self._loaded, sources), doubts

    def _sources_with(self, file: Path | str) -> tuple[PriceSources, list[str]]:
        more = read_overrides(file)
        try:
            doubts = [f"{file}: {each}" for each in self._sources.doubts_of(more)]
            return self._sources.with_overrides(more), doubts
        except ConfigError as error:
            raise ConfigError(f"{file}: {error}") from error

    @property
    def generated_on(self) -> date:
        """Day on which the prices were gathered."""
        return self._loaded.generated_on

    def age(self, at: datetime) -> timedelta:
        """Return the time between the gathering of the prices and *at*."""
        return _aware(at) - datetime.combine(self.generated_on, time.min, tzinfo=UTC)

    @property
    def sources(self) -> Mapping[str, str]:
        """Description of each source of the price files, by the name that rows use."""
        lists = reversed(self._sources.lists)
        return {name: about for each in lists for name, about in each.sources.items()}

    @property
    def model_ids(self) -> tuple[str, ...]:
        """Base ids of all models that have a row, in order."""
        lists = self._sources.lists
        return tuple(sorted({name for each in lists for name in each.model_ids}))

    def listed_id(self, model_id: str) -> str | None:
        """Return the id under which the model of *model_id* has prices, or None.

        AWS serves some models under several ids, for example
        ``moonshot.kimi-k2-thinking`` and ``moonshotai.kimi-k2-thinking``.

        Args:
            model_id: A model id, inference profile id or ARN, as given to Bedrock.
        """
        base = parse_model_id(model_id).model_id or model_id
        found = self._sources.listed_id(base)
        return None if found is None else found.model_id

    @property
    def commitments(self) -> tuple[Commitment, ...]:
        """Capacity paid by the hour, as the user stated it."""
        return self._sources.commitments

    def quote(
        self,
        model: ModelRef,
        usage: Usage,
        *,
        region: str,
        tier: str = "default",
        latency_mode: str = "standard",
        at: datetime,
        assumed_cache_unit: Unit | None = None,
    ) -> Quote:
        """Price one call; never raises.

        Args:
            model: The model that served the call.
            usage: Disjoint counts; an absent unit was not reported.
            region: Calling region, which decides the price.
            tier: Tier that served the call.
            latency_mode: ``standard`` or ``optimized``, as it was served.
            at: When the call was made; a time without a zone is taken as UTC.
            assumed_cache_unit: Cache-write unit of *usage* whose lifetime is assumed.
                Its price is ``estimated`` if the model sells several lifetimes.
        """
        at = _aware(at)
        sheet = self._sheets.sheet_at(model, region, tier, latency_mode, at)
        resolved = sheet.resolve(usage, assumed_cache_unit)
        return resolved.quote(usage, self._loaded.currency)

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
            The amount. Units without a price are named in ``unpriced_units`` and are
            excluded from all figures.

        Raises:
            PriceNotFoundError: If no unit has a price.
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
        assumed_cache_unit: Unit | None = None,
    ) -> Explanation:
        """Explain for people how `quote` prices a call; slow.

        It takes the same arguments, though the model may be an id or ARN.
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
            assumed_cache_unit=assumed_cache_unit,
        )
        sheet = self._sheets.sheet_at(ref, region, tier, latency_mode, at)
        day = at.astimezone(UTC).date()
        return explain(
            sheet, ref, usage, quote, day=day, assumed_cache_unit=assumed_cache_unit
        )

    def hourly_cost(self, commitment: Commitment, *, at: datetime) -> Decimal:
        """Return the cost of one hour of *commitment*, used or not.

        Args:
            commitment: Capacity; outside its days it costs zero.
            at: The hour.

        Raises:
            PriceNotFoundError: If it is billed at list prices and a unit has none.
        """
        if not commitment.holds_on(_aware(at).astimezone(UTC).date()):
            return ZERO
        if commitment.usd_per_hour is not None:
            return commitment.usd_per_hour
        return self._hourly_list_cost(commitment, _aware(at))

    def _hourly_list_cost(self, commitment: Commitment, at: datetime) -> Decimal:
        model, region = parse_model_id(commitment.priced_as), commitment.region
        usage = commitment.hourly_usage or Usage({})
        sheet = self._sheets.sheet_at(model, region, commitment.tier, "standard", at)
        # Units of an hour are no prompt, so no long-context price applies to them.
        resolved = sheet.ordinary.resolve(usage, None)
        quote = resolved.quote(usage, self._loaded.currency)
        if quote.cost is None or quote.cost.unpriced_units:
            raise PriceNotFoundError(
                quote.reason, model_id=model.model_id, region=region, at=at
            )
        return quote.cost.total

    def compare(self, other: PriceTable, *, on: date) -> tuple[PriceChange, ...]:
        """Return the prices of *other* on a day that differ from those of this table.

        Args:
            other: The table to compare with. Models that it does not list are left
                out; where it states prices by region, those regions are compared.
            on: The day, UTC.
        """
        return tuple(compare_lists(self._sources.lists, other._sources.lists, on))

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
        """Search the rows by their values, the user's own first.

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
        values = {name: value for name, value in wanted.items() if value is not None}
        listed = None if model is None else self.listed_id(model) or model
        yield from self._sources.search(listed, values, on)

    def rows_in(
        self, region: str, *, model: str | None = None, on: date
    ) -> Iterator[PriceRow]:
        """Yield the rows that price calls from *region*, those of ``default`` included.

        Args:
            region: Calling region.
            model: Model id; None for all.
            on: Day of the calls, UTC.
        """
        known = self.model_ids if model is None else (self.listed_id(model),)
        for model_id in filter(None, known):
            yield from rows_in_region(self._sources.lists, model_id, region, on)


class UpdatingPriceTable(PriceTable):
    """Price table whose prices may be replaced by newer ones.

    Calls of a kind that was priced before get new prices from the next day on, UTC.
    """

    def __init__(self, table: PriceTable) -> None:
        """Start with the prices of *table*."""
        loaded, sources = table._loaded, table._sources  # noqa: SLF001 -- of this module
        super().__init__(loaded, sources)
        self._sheets = RateSheets(self._sources, is_daily=True)

    def replace(self, newer: PriceTable) -> None:
        """Take the prices of *newer* from now on."""
        loaded, sources = newer._loaded, newer._sources  # noqa: SLF001 -- of this module
        self._loaded, self._sources = loaded, sources
        self._sheets.replace(sources)


class _TablePricer:
    """Pricer that calls `PriceTable.quote` of a user's subclass for every call."""

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
        assumed_cache_unit: Unit | None = None,
    ) -> Quote:
        """Price one call."""
        return self._table.quote(
            self.model,
            usage,
            region=self._region,
            tier=tier,
            latency_mode=latency_mode,
            at=at,
            assumed_cache_unit=assumed_cache_unit,
        )

    def resolved(self, *_call: object) -> ResolvedRates | None:
        """Return None: only the subclass can price a call."""
        return None


def pricer_of(table: PriceTable, model: ModelRef, region: str) -> Pricer:
    """Return the pricer by *table* of calls of *model* that are made from *region*."""
    if type(table).quote is not PriceTable.quote:
        return _TablePricer(table, model, region)
    sheets, currency = table._sheets, table._loaded.currency  # noqa: SLF001 -- of this module; no part of the public table
    return ModelPricer(sheets, model, region, currency)


def _warn(doubts: Iterable[str]) -> None:
    for doubt in doubts:
        logger.warning("price overrides: %s", doubt)


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


@lru_cache(maxsize=1)
def _bundled() -> PriceTable:
    return PriceTable(load_bundled())
