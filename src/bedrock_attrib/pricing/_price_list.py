"""Price list: the rows of one origin, by model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple, TypedDict

from .._model.usage import Unit, is_token_unit
from ._rows import DEFAULT_REGION, ModelRows, PriceRow

SCHEMA_VERSION = 1
"""Version of the format of price files."""

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


class Remarks(TypedDict, total=False):
    """Remarks on a row; keys are absent when empty."""

    same_price_regions: list[str]
    priced_in: str
    disputed: list[tuple[str, str]]
    unconfirmed: bool
    until: tuple[str, str]


RawRow = tuple[
    str, str, str, str, str, str, str,
    str, int, str | None, str | None, str, int, Remarks,
]  # fmt: skip
"""Row of a price file, its values in the order of `COLUMNS`."""


class FreeUnit(NamedTuple):
    """A unit that AWS lists at zero for a model, under all on-demand terms.

    Attributes:
        model: Base model id.
        unit: What is free.
        sources: Codes of the sources, separated by spaces.
        is_confirmed: Whether a source of AWS says so.
    """

    model: str
    unit: str
    sources: str
    is_confirmed: bool


class PriceList:
    """Rows of one origin, compiled per model at its first look-up.

    Attributes:
        is_own: True for the user's own rows, which no discount touches.
        sources: Description of each source, by its id.
        currency: ISO 4217 code of every price.
        aliases: Base model id by another id under which AWS serves the model.
    """

    def __init__(
        self,
        raw_by_model: Mapping[str, Sequence[RawRow]],
        *,
        source_ids: Mapping[str, str],
        sources: Mapping[str, str],
        currency: str,
        aliases: Mapping[str, str] | None = None,
        free: Iterable[FreeUnit] = (),
    ) -> None:
        self.is_own = False
        self.sources = sources
        self.aliases = aliases or {}
        self._free: dict[str, list[FreeUnit]] = {}
        for each in free:
            self._free.setdefault(each.model, []).append(each)
        self._raw_by_model = raw_by_model
        self._source_ids = source_ids
        self.currency = currency
        self._compiled: dict[str, ModelRows] = {}

    @classmethod
    def from_rows(
        cls, rows: Iterable[PriceRow], currency: str, *, is_own: bool = True
    ) -> PriceList:
        """Return a list of checked rows, by default the user's own."""
        by_model: dict[str, list[PriceRow]] = {}
        for row in rows:
            by_model.setdefault(row.model_id, []).append(row)
        own = cls({}, source_ids={}, sources={}, currency=currency)
        own.is_own = is_own
        for model_id, model_rows in by_model.items():
            own._compiled[model_id] = ModelRows(tuple(model_rows))
        return own

    @property
    def model_ids(self) -> list[str]:
        """Ids of all models that have a row, in order."""
        return sorted({*self._raw_by_model, *self._compiled})

    def has(self, model_id: str) -> bool:
        """Return whether *model_id* has a row."""
        return model_id in self._compiled or model_id in self._raw_by_model

    def of(self, model_id: str) -> ModelRows | None:
        """Return the rows of *model_id*, or None when the list has none."""
        compiled = self._compiled.get(model_id)
        if compiled is None and model_id in self._raw_by_model:
            raw_rows = self._raw_by_model[model_id]
            compiled = ModelRows(
                tuple(self._read_row(raw) for raw in raw_rows),
                free=self._free_rows(model_id),
            )
            self._compiled[model_id] = compiled
        return compiled

    def _free_rows(self, model_id: str) -> dict[Unit, PriceRow]:
        found = self._free.get(model_id, ())
        return {Unit(each.unit): self._free_row(each) for each in found}

    def _free_row(self, free: FreeUnit) -> PriceRow:
        sources = tuple(map(self._source_id, free.sources.split()))
        return PriceRow(
            free.model,
            DEFAULT_REGION,
            "regional",
            "default",
            "standard",
            "",
            Unit(free.unit),
            Decimal(0),
            1_000_000 if is_token_unit(Unit(free.unit)) else 1,
            sources=sources,
            independent_sources=len(sources),
            is_unconfirmed=not free.is_confirmed,
            currency=self.currency,
        )

    def __iter__(self) -> Iterator[PriceRow]:
        for model_id in self.model_ids:
            found = self.of(model_id)
            yield from found.rows if found else ()

    def _read_row(self, raw: RawRow) -> PriceRow:
        # The file was checked when it was built or loaded, so values are trusted.
        (model, region, scope, tier, latency_mode, band, unit), rest = raw[:7], raw[7:]
        price, per, valid_from, valid_to, codes, independent, remarks = rest
        until, until_source = remarks.get("until", (None, ""))
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
            until=_read_day(until),
            until_source=self._source_id(until_source),
            currency=self.currency,
        )

    def _source_id(self, code: str) -> str:
        name, colon, profile = code.partition(":")
        return f"{self._source_ids.get(name, name)}{colon}{profile}"


def _read_day(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)
