"""Schema of price files; imported only to build or check one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from .._model.model_id import Scope, parse_model_id
from .._model.usage import Unit
from ..errors import ConfigError
from ._price_list import COLUMNS
from ._rows import Dated

Span = TypeVar("Span", bound=Dated)


def _shaped(pattern: str, expected: str) -> AfterValidator:
    """Return a check that a text has a shape, which *expected* describes."""
    shape = re.compile(pattern)

    def check(text: str) -> str:
        if not shape.fullmatch(text):
            raise ValueError(f"expected {expected}")
        return text

    return AfterValidator(check)


Price = Annotated[
    str,
    _shaped(
        r"[0-9]{1,12}(\.[0-9]{1,18})?",
        "a number from 0 on, with at most 12 digits before and 18 after the point",
    ),
]
Name = Annotated[str, _shaped(r"\S{1,256}", "a name without spaces")]
Codes = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Text = Annotated[str, StringConstraints(max_length=1000)]
Band = Annotated[
    str, _shaped(r"(over-[1-9][0-9]{0,6}k)?", "a context band such as over-200k")
]
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
    about: Text
    seen: Text


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
    def _check_row(self) -> RowFile:
        base = parse_model_id(self.model).model_id
        if base not in {None, self.model}:
            raise ValueError(f"model {self.model!r} is a profile id; expected {base!r}")
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
    free: tuple[tuple[Name, Unit, Codes, bool], ...] = ()
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
        for model, unit, codes, _ in self.free:
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
        raise ConfigError(describe_problems(error, PriceFile, path=path)) from error


def describe_problems(
    error: ValidationError, schema: type[Strict], *, path: Path | str
) -> str:
    """Describe the first few problems in *error* by file, key, problem and value.

    Args:
        error: What pydantic found.
        schema: Schema of the whole file.
        path: The file.
    """
    problems = [
        f"{path}: {_dotted(problem['loc'])}: {_in_words(problem, schema)}"
        for problem in error.errors(include_url=False)
    ]
    more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""  # noqa: PLR2004
    return "; ".join(problems[:5]) + more


def _in_words(problem: Any, schema: type[Strict]) -> str:  # noqa: ANN401 - pydantic's own type of an error
    location, given = problem["loc"], problem["input"]
    if problem["type"] == "extra_forbidden":
        is_root = len(location) == 1
        schemas = [schema] if is_root else Strict.__subclasses__()
        names = [name for each in schemas for name in each.model_fields]
        return f"unknown key{_did_you_mean(str(location[-1]), names)}"
    if problem["type"] == "missing":
        return "is missing"
    if location and location[-1] == "unit" and problem["type"] == "enum":
        near = _did_you_mean(str(given), [unit.value for unit in Unit])
        return f"unknown unit {given!r:.60}" + (near or "; see Unit for all names")
    text = str(problem["msg"]).removeprefix("Value error, ")
    return f"{text}, not {given!r:.60}" if location else text


def _did_you_mean(given: str, known: Iterable[str]) -> str:
    near = get_close_matches(given, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _dotted(location: tuple[int | str, ...]) -> str:
    text = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in location
    )
    return re.sub(r"^\.", "", text) or "whole file"
