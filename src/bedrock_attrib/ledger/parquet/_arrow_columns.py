"""Arrow columns of stored calls, with amounts exact to the last digit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa

from ..._model.cost import multiply
from ..._model.usage import Usage
from .._call_rows import joined_counts, joined_id
from .._dimensions import cost_of
from .._field_table import CALL_COLUMNS, COLUMN_UNITS, UNIT_COLUMNS, Row
from .._query.reader import Reader
from .._time_buckets import microseconds_of_key
from ._schema import (
    AMOUNT,
    CALL_FIELD_COLUMNS,
    DECIMALS,
    DIMENSION_COLUMNS,
    TAGS,
    TEXT,
    schema_of,
    tag_column,
)

_SCALE = Decimal(10**DECIMALS)
_MAX_UNSCALED = 10**38 - 1
_MAX_COUNT = (1 << 63) - 1
_WORD_BYTES = 16

_HAS_COLUMN = frozenset(COLUMN_UNITS)
Columns = dict[str, Sequence[Any]]


class ScaledRate(NamedTuple):
    """Rate of a unit for calls with some dimensions.

    Attributes:
        unit: The unit, which has a column of this name.
        amount: Amount for one of it, as a whole number of 10 to the -18.
    """

    unit: str
    amount: int


class ArrowColumns:
    """Builds columns of rows, some ten thousand at a time."""

    def __init__(self, reader: Reader, tag_columns: Sequence[str]) -> None:
        """Build them of rows that *reader* returned."""
        self._reader = reader
        self._tag_columns = tag_columns
        self._schema = schema_of(tag_columns)
        self._reasons = reader.texts("price_reasons")
        self._origins = reader.texts("origins")
        self._scaled_rates: dict[int, list[ScaledRate] | None] = {}

    def batch(self, rows: Sequence[Row]) -> Any:  # noqa: ANN401 -- untyped package
        """Return the columns of *rows*."""
        of: Columns = dict(zip(CALL_COLUMNS, zip(*rows, strict=True), strict=True))
        found: dict[str, Any] = {
            "id": [
                joined_id(self._origins[origin], number)
                for origin, number in zip(of["origin"], of["number"], strict=True)
            ],
            "started_at": [*map(microseconds_of_key, of["key"])],
            "price_reason": [*map(self._reasons.get, of["price_reason"])],
        }
        for name, field in CALL_FIELD_COLUMNS.items():
            stored, load = of[field.column], field.load
            if load is None or field.scale:
                found[name] = stored
            else:
                found[name] = [None if each is None else load(each) for each in stored]
        found |= self._of_tag_sets(of["tag_set"])
        found |= self._of_dimension_sets(of["dimension_set"])
        found |= self._counts(rows, of)
        found |= self._amounts(rows, of)
        columns = [
            value
            if isinstance(value := found[field.name], pa.Array)
            else pa.array(value, field.type)
            for field in self._schema
        ]
        return pa.record_batch(columns, schema=self._schema)

    def _of_tag_sets(self, ids: Sequence[int]) -> dict[str, Any]:
        distinct, places = _numbered(ids)
        sets = [self._reader.tags_of(tag_set) for tag_set in distinct]
        pairs = [list(tags.items()) for tags in sets]
        found = {"tags": pa.array(pairs, TAGS).take(places)}
        for tag in self._tag_columns:
            values = pa.array([tags.get(tag) for tags in sets], TEXT)
            found[tag_column(tag)] = values.take(places)
        return found

    def _of_dimension_sets(self, ids: Sequence[int]) -> dict[str, Any]:
        distinct, places = _numbered(ids)
        sets = [self._reader.dimensions_of(each) for each in distinct]
        return {
            name: pa.array([value(*each) for each in sets], type_).take(places)
            for name, (type_, value) in DIMENSION_COLUMNS.items()
        }

    def _counts(self, rows: Sequence[Row], of: Columns) -> dict[str, Any]:
        columns: dict[str, Any] = {name: of[name] for name in UNIT_COLUMNS}
        exact: list[str | None] = [None] * len(rows)
        others: list[list[tuple[str, int]] | None] = [None] * len(rows)
        unusual = [n for n, text in enumerate(of["other_units"]) if text is not None]
        if unusual:
            columns = {name: list(column) for name, column in columns.items()}
        for n in unusual:
            counts: dict[str, int] = json.loads(of["other_units"][n])
            fitting = {u: count for u, count in counts.items() if count <= _MAX_COUNT}
            for unit in fitting.keys() & columns.keys():
                columns[unit][n] = fitting.pop(unit)
            others[n] = list(fitting.items()) or None
            if max(counts.values(), default=0) > _MAX_COUNT:
                exact[n] = json.dumps(joined_counts(_named(rows[n])), sort_keys=True)
        return {**columns, "other_usage": others, "usage_exact": exact}

    def _amounts(self, rows: Sequence[Row], of: Columns) -> dict[str, Any]:
        totals, by_unit = _Amounts(), _Amounts()
        exact: list[str | None] = [None] * len(rows)
        offsets: list[int | None] = []
        units: list[str] = []
        groups = zip(
            of["dimension_set"], of["other_units"], of["given_cost"], strict=True
        )
        for n, (dimension_set, other_units, given_cost) in enumerate(groups):
            if dimension_set not in self._scaled_rates:
                self._scaled_rates[dimension_set] = self._scaled(dimension_set)
            rates = self._scaled_rates[dimension_set]
            offsets.append(len(units))
            if rates is None or other_units is not None or given_cost is not None:
                exact[n] = self._add_unusual(_named(rows[n]), totals, by_unit, units)
                if len(units) == offsets[n]:
                    offsets[n] = None
                continue
            total = 0
            for unit, rate in rates:
                amount = of[unit][n] * rate
                total += amount
                units.append(unit)
                by_unit.add(amount)
            totals.add(total)
        keys = pa.array(units, TEXT)
        places = pa.array([*offsets, len(units)], pa.int32())
        return {
            "cost": totals.array(),
            "cost_exact": exact,
            "cost_by_unit": pa.MapArray.from_arrays(places, keys, by_unit.array()),
        }

    def _scaled(self, dimension_set: int) -> list[ScaledRate] | None:
        """Return the rates of calls with these dimensions.

        None where amounts do not follow from columns, or have too many decimals.
        """
        dimensions, rates = self._reader.dimensions_of(dimension_set)
        if dimensions.currency is None or rates is None or not dimensions.usage_source:
            return None
        found = []
        for unit, amount in rates.amounts.items():
            scaled = multiply(amount, _SCALE)
            if unit not in _HAS_COLUMN or scaled != int(scaled):
                return None
            found.append(ScaledRate(unit.value, int(scaled)))
        return found

    def _add_unusual(
        self,
        columns: dict[str, Any],
        totals: _Amounts,
        by_unit: _Amounts,
        units: list[str],
    ) -> str | None:
        """Add the amounts of a call; return its total as text if that was rounded."""
        dimensions, rates = self._reader.dimensions_of(columns["dimension_set"])
        usage = None
        if dimensions.usage_source:
            usage = Usage.of(joined_counts(columns))
        given = columns["given_cost"]
        cost = cost_of(
            dimensions, rates, usage, None if given is None else Decimal(given)
        )
        if cost is None:
            totals.add(None)
            return None
        for unit, amount in cost.by_unit.items():
            units.append(unit.value)
            by_unit.add(_unscaled(amount)[0])
        unscaled, is_exact = _unscaled(cost.total)
        totals.add(unscaled)
        return None if is_exact else format(cost.total, "f")


class _Amounts:
    """Column of amounts, as whole numbers of 10 to the -18, never as floats."""

    def __init__(self) -> None:
        self._values: list[int | None] = []
        self.add = self._values.append

    def array(self) -> Any:  # noqa: ANN401 -- untyped package
        """Return the column."""
        words = b"".join(
            (value or 0).to_bytes(_WORD_BYTES, "little", signed=True)
            for value in self._values
        )
        known = pa.array([value is not None for value in self._values], pa.bool_())
        buffers = [known.buffers()[1], pa.py_buffer(words)]
        return pa.Array.from_buffers(AMOUNT, len(self._values), buffers)


def _unscaled(amount: Decimal) -> tuple[int | None, bool]:
    """Return *amount* as a whole number of 10 to the -18, and whether that is exact."""
    scaled = multiply(amount, _SCALE)
    if abs(scaled) > _MAX_UNSCALED:
        return None, False
    whole = int(scaled.to_integral_value())
    return whole, whole == scaled


def _named(row: Row) -> dict[str, Any]:
    return dict(zip(CALL_COLUMNS, row, strict=True))


def _numbered(ids: Iterable[int]) -> tuple[list[int], Any]:
    """Return the distinct *ids*, and the place of each among them."""
    places: dict[int, int] = {}
    found = [places.setdefault(number, len(places)) for number in ids]
    return list(places), pa.array(found, pa.int32())


def batched(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    """Yield *rows* in lists of at most *size*."""
    some: list[Row] = []
    for row in rows:
        some.append(row)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some
