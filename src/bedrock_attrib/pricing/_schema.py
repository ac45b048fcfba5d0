"""Schema of price files; imported only to build or check one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from .._model.model_id import Scope
from .._model.usage import Unit
from ..errors import ConfigError
from ._price_list import COLUMNS
from ._rows import Dated

Span = TypeVar("Span", bound=Dated)

Price = Annotated[str, StringConstraints(pattern=r"^\d{1,12}(\.\d{1,18})?$")]
Name = Annotated[str, StringConstraints(pattern=r"^\S+$", max_length=256)]
Codes = Annotated[str, StringConstraints(min_length=1)]
Band = Annotated[str, StringConstraints(pattern=r"^(over-[1-9]\d{0,6}k)?$")]
LatencyMode = Literal["standard", "optimized"]
# Powers of ten alone divide any decimal price without a remainder.
Per = Literal[1, 1_000, 1_000_000]


class Strict(BaseModel):
    """Base of schemas: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def days_in_order(span: Span) -> Span:
    """Return *span* if it ends after it starts.

    Raises:
        ValueError: If it does not.
    """
    starts, ends = span.valid_from, span.valid_to
    if starts is not None and ends is not None and ends < starts:
        raise ValueError(f"valid_to {ends} comes before valid_from {starts}")
    return span


class SourceFile(Strict):
    """Description of one source."""

    id: Name
    about: str
    seen: str


class RemarksFile(Strict):
    """Remarks on a row."""

    same_price_regions: tuple[Name, ...] = ()
    priced_in: str = ""
    disputed: tuple[tuple[Price, Name], ...] = ()
    unconfirmed: bool = False
    until: tuple[date, Name] | None = None


class RowFile(Strict):
    """One row, its values named."""

    model: Name
    region: Name
    scope: Scope
    tier: Name
    latency_mode: LatencyMode
    context_band: Band
    unit: Unit
    price: Price
    per: Per
    valid_from: date | None
    valid_to: date | None
    sources: Codes
    independent_sources: Annotated[int, Field(ge=1)]
    remarks: RemarksFile

    @model_validator(mode="after")
    def _check_days(self) -> RowFile:
        return days_in_order(self)

    @property
    def key(self) -> tuple[str, ...]:
        """Terms of a look-up, without the date."""
        return (
            self.model,
            self.region,
            self.scope,
            self.tier,
            self.latency_mode,
            self.context_band,
            self.unit,
        )


def _name_values(value: object) -> object:
    """Turn a row, a list of values, into a mapping by column."""
    if not isinstance(value, list):
        return value
    if len(value) != len(COLUMNS):
        raise ValueError(f"has {len(value)} values, expected {len(COLUMNS)}")
    return dict(zip(COLUMNS, value, strict=True))


class PriceFile(Strict):
    """A whole price file."""

    schema_version: Literal[1] = Field(alias="schema")
    generated: date
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    sources: dict[Name, SourceFile]
    columns: tuple[str, ...]
    aliases: dict[Name, tuple[Name, Codes]] = Field(default_factory=dict)
    free: tuple[tuple[Name, Unit, Codes], ...] = ()
    rows: list[Annotated[RowFile, BeforeValidator(_name_values)]]

    @model_validator(mode="after")
    def _check_whole(self) -> PriceFile:
        if self.columns != COLUMNS:
            raise ValueError(f"columns must be {', '.join(COLUMNS)}")
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        models = {row.model for row in self.rows}
        for alias, (model, codes) in self.aliases.items():
            if alias in models or model not in models:
                yield f"aliases.{alias}: expected another id of a model with rows"
            yield from self._unknown_codes(f"aliases.{alias}", codes)
        for model, unit, codes in self.free:
            if model not in models:
                yield f"free: {model} has no rows"
            yield from self._unknown_codes(f"free: {model} {unit}", codes)
        seen: set[tuple[object, ...]] = set()
        for number, row in enumerate(self.rows):
            yield from self._unknown_codes(f"rows[{number}].sources", row.sources)
            if (*row.key, row.valid_from) in seen:
                yield f"rows[{number}]: prices {' '.join(row.key)} a second time"
            seen.add((*row.key, row.valid_from))

    def _unknown_codes(self, where: str, codes: str) -> Iterator[str]:
        for code in codes.split():
            if code.partition(":")[0] not in self.sources:
                yield f"{where}: {code!r} is not under sources"


def check_price_file(content: object, *, path: Path | str) -> PriceFile:
    """Check the parsed JSON of a price file.

    Raises:
        ConfigError: If it is not as documented; names the file and each key.
    """
    try:
        return PriceFile.model_validate(content)
    except ValidationError as error:
        raise ConfigError(describe_problems(error, path=path)) from error


def describe_problems(error: ValidationError, *, path: Path | str) -> str:
    """Describe the first few problems in *error* by file, key, problem and value."""
    problems = [
        f"{path}: {_dotted(problem['loc'])}: {problem['msg']}"
        + (f", not {problem['input']!r:.60}" if problem["loc"] else "")
        for problem in error.errors(include_url=False)
    ]
    more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""  # noqa: PLR2004
    return "; ".join(problems[:5]) + more


def _dotted(location: tuple[int | str, ...]) -> str:
    text = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in location
    )
    return re.sub(r"^\.", "", text) or "whole file"
