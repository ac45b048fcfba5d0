"""One dated list price, and lists of them compiled model by model on demand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Protocol, TypedDict

from .._errors import ConfigError
from .._usage import Unit

COLUMNS = (
    "model",
    "region",
    "scope",
    "tier",
    "latency_mode",
    "context_band",
    "unit",
    "price",
    "per",
    "valid_from",
    "valid_to",
    "sources",
    "independent_sources",
    "remarks",
)
"""Order of the values of a row in a price file."""

DEFAULT_REGION = "default"

# Division must come out even, or it is refused: a rate is never rounded.
_EVEN = Context(prec=1000, traps=[InvalidOperation, Inexact])

RowKey = tuple[str, str, str, str, str, str]


class Remarks(TypedDict, total=False):
    """What is known about a row besides its price; keys are absent when empty."""

    same_price_regions: list[str]
    priced_in: str
    disputed: list[tuple[str, str]]
    unconfirmed: bool


RawRow = tuple[
    str, str, str, str, str, str, str,
    str, int, str | None, str | None, str, int, Remarks,
]  # fmt: skip
"""A row as a price file writes it, its values in the order of `COLUMNS`."""


class Dated(Protocol):
    """Something that holds for some days."""

    @property
    def valid_from(self) -> date | None:
        """First day it holds."""

    @property
    def valid_to(self) -> date | None:
        """Last day it holds."""


def divide_evenly(price: Decimal, per: int) -> Decimal:
    """Divide *price* by *per*, exactly.

    Raises:
        ConfigError: If the quotient has no end, as for a price per 3 units.
    """
    try:
        return _EVEN.divide(price, Decimal(per))
    except Inexact:
        raise ConfigError(
            f"{price} per {per} units is no exact price for one; state it per 1, "
            f"1000 or 1000000 units"
        ) from None


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One dated list price.

    Attributes:
        model_id: Base model id, without profile prefix.
        region: AWS region, or ``default`` for the price of the main US regions.
        scope: ``regional``, ``geo`` or ``global``.
        tier: Service tier (``default``, ``flex``, ``batch``, …).
        latency_mode: ``standard`` or ``optimized``.
        context_band: Long-context band such as ``over-200k``, empty for none.
        unit: What it prices.
        price: Amount for ``per`` units.
        per: How many units ``price`` buys.
        valid_from: First day it holds, UTC; None when not known.
        valid_to: Last day it held, UTC; None while it holds.
        sources: Where the figure was read.
        independent_sources: How many of these observed it independently.
        same_price_regions: Regions where this very price was seen too.
        priced_in: Region whose price a ``default`` row is when it is not a US one.
        disputed: Other values seen, each with the source that holds it.
        is_unconfirmed: True when no source of AWS shows that it is billed.
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
    currency: str = "USD"

    @property
    def key(self) -> RowKey:
        """Everything that a look-up names besides model and date."""
        return (
            self.region,
            self.scope,
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
    def is_single_source(self) -> bool:
        """True when one source alone shows it."""
        return self.independent_sources < 2  # noqa: PLR2004 - two is more than one

    def holds_on(self, day: date) -> bool:
        """Tell whether the price holds on *day* (UTC), both ends included."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )


@dataclass(slots=True)
class ModelRows:
    """All rows of one model in one list, ready to be looked up.

    Attributes:
        rows: Every row.
        by_key: Rows of a key, the newest first.
        bands: Long-context bands with their thresholds, the highest first.
        change_days: Days on which some price starts or has ended, ascending.
    """

    rows: tuple[PriceRow, ...]
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
        self.change_days = change_days(self.rows)

    def row_on(self, key: RowKey, day: date) -> PriceRow | None:
        """The newest row of *key* that holds on *day*."""
        rows = self.by_key.get(key, ())
        return next((row for row in rows if row.holds_on(day)), None)


def _newest_first(row: PriceRow) -> int:
    return 0 if row.valid_from is None else -row.valid_from.toordinal()


def band_threshold(band: str) -> int:
    """Prompt tokens that a long-context band begins above: ``over-200k`` → 200000."""
    return int(band.removeprefix("over-").removesuffix("k")) * 1000


def change_days(spans: Iterable[Dated]) -> tuple[date, ...]:
    """Days on which one of *spans* starts to hold or holds no more, ascending."""
    days: set[date] = set()
    for span in spans:
        if span.valid_from is not None:
            days.add(span.valid_from)
        if span.valid_to is not None and span.valid_to < date.max:
            days.add(span.valid_to + timedelta(days=1))
    return tuple(sorted(days))


class PriceList:
    """Rows of one origin, compiled per model when first asked for.

    Attributes:
        is_own: True for the user's own rows, which no discount touches.
        sources: What each source is, by its id.
    """

    def __init__(
        self,
        raw_by_model: Mapping[str, Sequence[RawRow]],
        *,
        source_ids: Mapping[str, str],
        sources: Mapping[str, str],
        currency: str,
    ) -> None:
        self.is_own = False
        self.sources = sources
        self._raw_by_model = raw_by_model
        self._source_ids = source_ids
        self._currency = currency
        self._compiled: dict[str, ModelRows] = {}

    @classmethod
    def from_rows(cls, rows: Iterable[PriceRow]) -> PriceList:
        """A list of the user's own rows.

        Raises:
            ConfigError: If two rows price the same thing from the same day.
        """
        by_model: dict[str, list[PriceRow]] = {}
        for row in rows:
            by_model.setdefault(row.model_id, []).append(row)
        own = cls({}, source_ids={}, sources={}, currency="USD")
        own.is_own = True
        for model_id, model_rows in by_model.items():
            _refuse_doubles(model_rows)
            own._compiled[model_id] = ModelRows(tuple(model_rows))
        return own

    @property
    def model_ids(self) -> list[str]:
        """Every model that has a row."""
        return sorted({*self._raw_by_model, *self._compiled})

    def of(self, model_id: str) -> ModelRows | None:
        """Rows of *model_id*, or None when the list does not know it."""
        compiled = self._compiled.get(model_id)
        if compiled is None and model_id in self._raw_by_model:
            raw_rows = self._raw_by_model[model_id]
            compiled = ModelRows(tuple(self._read_row(raw) for raw in raw_rows))
            self._compiled[model_id] = compiled
        return compiled

    def __iter__(self) -> Iterator[PriceRow]:
        for model_id in self.model_ids:
            found = self.of(model_id)
            yield from found.rows if found else ()

    def _read_row(self, raw: RawRow) -> PriceRow:
        # The file was checked when it was built or loaded, so values are trusted.
        (model, region, scope, tier, latency_mode, band, unit), rest = raw[:7], raw[7:]
        price, per, valid_from, valid_to, codes, independent, remarks = rest
        return PriceRow(
            model,
            region,
            scope,
            tier,
            latency_mode,
            band,
            unit=Unit(unit),
            price=Decimal(price),
            per=per,
            valid_from=_read_day(valid_from),
            valid_to=_read_day(valid_to),
            sources=tuple(self._source_id(code) for code in codes.split()),
            independent_sources=independent,
            same_price_regions=tuple(remarks.get("same_price_regions", ())),
            priced_in=remarks.get("priced_in", ""),
            disputed=tuple(
                (Decimal(other), self._source_id(code))
                for other, code in remarks.get("disputed", ())
            ),
            is_unconfirmed=remarks.get("unconfirmed", False),
            currency=self._currency,
        )

    def _source_id(self, code: str) -> str:
        name, colon, profile = code.partition(":")
        return f"{self._source_ids.get(name, name)}{colon}{profile}"


def _read_day(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)


def _refuse_doubles(rows: Iterable[PriceRow]) -> None:
    seen: set[tuple[RowKey, date | None]] = set()
    for row in rows:
        if (row.key, row.valid_from) in seen:
            raise ConfigError(
                f"two prices for {row.model_id} {' '.join(filter(None, row.key))} "
                f"from {row.valid_from or 'the beginning'}; keep one, or give the "
                f"later one its own valid_from"
            )
        seen.add((row.key, row.valid_from))
