"""Price rows: dated list prices, and the index of those of one model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

from .._model.cost import divide_evenly
from .._model.usage import Unit

DEFAULT_REGION = "default"

RowKey = tuple[str, str, str, str, str, str]


class Dated(Protocol):
    """Something that is valid for some days."""

    @property
    def valid_from(self) -> date | None:
        """First day it holds."""

    @property
    def valid_to(self) -> date | None:
        """Last day it holds."""


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One dated list price.

    Attributes:
        model_id: Base model id, without profile prefix.
        region: AWS region, or ``default`` for the price of the main US regions.
        scope: ``regional``, ``geo`` or ``global``.
        tier: Service tier (``default``, ``flex``, ``batch``, …).
        latency_mode: ``standard`` or ``optimized``.
        context_band: Context band such as ``over-200k``, empty for none.
        unit: Unit that it prices.
        price: Amount for ``per`` units.
        per: Number of units that ``price`` is for.
        valid_from: First day it holds, UTC; None when not known.
        valid_to: Last day it held, UTC; None while it holds.
        sources: Sources of the price.
        independent_sources: Number of sources that observed it independently.
        same_price_regions: Regions where the same price was seen.
        priced_in: Region of the price of a ``default`` row when it is not a US price.
        disputed: Other values, each with its source.
        is_unconfirmed: True when no source of AWS confirms it.
        until: Day until which the price was announced, such as the end of a
            promotion; None when none was. It may hold longer.
        until_source: Source of ``until``; empty without one.
        profile: Profile prefix (``us``, ``eu``) when it prices calls through that
            profile alone; empty for all calls of its scope.
        currency: ISO 4217 code.
    """

    model_id: str
    region: str
    scope: str
    tier: str
    latency_mode: str
    context_band: str
    unit: Unit
    price: Decimal
    per: int
    valid_from: date | None = None
    valid_to: date | None = None
    sources: tuple[str, ...] = ()
    independent_sources: int = 1
    same_price_regions: tuple[str, ...] = ()
    priced_in: str = ""
    disputed: tuple[tuple[Decimal, str], ...] = ()
    is_unconfirmed: bool = False
    until: date | None = None
    until_source: str = ""
    profile: str = ""
    currency: str = "USD"

    @property
    def key(self) -> RowKey:
        """Terms of a look-up besides model and date."""
        return (
            self.region,
            self.profile or self.scope,
            self.tier,
            self.latency_mode,
            self.context_band,
            self.unit,
        )

    @property
    def amount(self) -> Decimal:
        """Price of one unit, exact."""
        return divide_evenly(self.price, self.per)

    @property
    def open_disputes(self) -> tuple[tuple[Decimal, str], ...]:
        """Other values that no newer or better source has refuted.

        A dispute is open if the other value is AWS's own, or if a single source that
        is not AWS's states the price.
        """
        if self.is_single_source and not any(map(_is_of_aws, self.sources)):
            return self.disputed
        return tuple(each for each in self.disputed if _is_of_aws(each[1]))

    @property
    def is_single_source(self) -> bool:
        """True when it has one independent source only."""
        return self.independent_sources < 2  # noqa: PLR2004 - two is more than one

    def holds_on(self, day: date) -> bool:
        """Return whether the price holds on *day* (UTC), both ends included."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )


def _is_of_aws(source: str) -> bool:
    return source.startswith("aws-")


@dataclass(slots=True)
class ModelRows:
    """All rows of one model in one list, indexed for look-up.

    Attributes:
        rows: Every row.
        free: Row of each unit that AWS lists at zero under all on-demand terms.
        by_key: Rows of a key, the newest first.
        bands: Long-context bands with their thresholds, the highest first.
        change_days: Days on which some price starts or has ended, ascending.
    """

    rows: tuple[PriceRow, ...]
    free: Mapping[Unit, PriceRow] = field(default_factory=dict)
    by_key: dict[RowKey, list[PriceRow]] = field(default_factory=dict)
    bands: tuple[tuple[int, str], ...] = ()
    change_days: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        for row in sorted(self.rows, key=_newest_first):
            self.by_key.setdefault(row.key, []).append(row)
        names = {row.context_band for row in self.rows if row.context_band}
        self.bands = tuple(
            sorted(((band_threshold(name), name) for name in names), reverse=True)
        )
        after_ends = {
            row.until + timedelta(days=1)
            for row in self.rows
            if row.until is not None and row.until < date.max
        }
        self.change_days = tuple(sorted({*change_days(self.rows), *after_ends}))

    def row_on(self, key: RowKey, day: date) -> PriceRow | None:
        """Return the newest row of *key* that holds on *day*."""
        rows = self.by_key.get(key, ())
        return next((row for row in rows if row.holds_on(day)), None)


def _newest_first(row: PriceRow) -> int:
    return 0 if row.valid_from is None else -row.valid_from.toordinal()


def band_threshold(band: str) -> int:
    """Return the prompt tokens above which a band begins: ``over-200k`` → 200000."""
    return int(band.removeprefix("over-").removesuffix("k")) * 1000


def change_days(spans: Iterable[Dated]) -> tuple[date, ...]:
    """Return the days on which one of *spans* starts or has ended, ascending."""
    days: set[date] = set()
    for span in spans:
        if span.valid_from is not None:
            days.add(span.valid_from)
        if span.valid_to is not None and span.valid_to < date.max:
            days.add(span.valid_to + timedelta(days=1))
    return tuple(sorted(days))
