"""How the calls of a ledger become columns with types, amounts to the last digit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ..._model.cost import Rates, multiply
from ..._model.tags import Tags
from ..._model.usage import Unit, Usage
from ...errors import ConfigError
from .._clock import microseconds_of
from .._codec import Kind, cost_of, write_rates
from .._query.reader import Reader
from .._rows import CALL_COLUMNS, Row, long_hash, long_request_id
from .._schema import UNIT_COLUMNS

DECIMALS = 18
# Athena's decimals, and Arrow's of 128 bits, have at most 38 digits.
# https://docs.aws.amazon.com/athena/latest/ug/data-types.html, checked 2026-11-25
AMOUNT = pa.decimal128(38, DECIMALS)
_SCALE = Decimal(10**DECIMALS)
_MOST_UNSCALED = 10**38 - 1
_MOST_COUNT = (1 << 63) - 1
_WORD_BYTES = 16

_TEXT, _COUNT = pa.string(), pa.int64()
_UNITS = tuple(Unit(column) for column in UNIT_COLUMNS)
_UNIT_AT = {unit: CALL_COLUMNS.index(unit.value) for unit in _UNITS}
_MORE, _AMOUNT = CALL_COLUMNS.index("more"), CALL_COLUMNS.index("amount")
_KIND = CALL_COLUMNS.index("kind")

# How calls of one kind are priced: each unit, its place in a row, its scaled rate.
_Plan = list[tuple[str, int, int]]

# Columns that calls of one kind share.
_OF_KINDS: dict[str, tuple[Any, Callable[[Kind, Rates | None], Any]]] = {
    "operation": (_TEXT, lambda kind, _: kind.operation),
    "requested_model": (_TEXT, lambda kind, _: kind.model.requested),
    "model_id": (_TEXT, lambda kind, _: kind.model.model_id),
    "vendor": (_TEXT, lambda kind, _: kind.model.vendor),
    "scope": (_TEXT, lambda kind, _: kind.model.scope),
    "model_kind": (_TEXT, lambda kind, _: kind.model.kind),
    "geography": (_TEXT, lambda kind, _: kind.model.geography),
    "region": (_TEXT, lambda kind, _: kind.region),
    "tier": (_TEXT, lambda kind, _: kind.tier),
    "latency_mode": (_TEXT, lambda kind, _: kind.latency_mode),
    "usage_source": (_TEXT, lambda kind, _: kind.usage_source or None),
    "currency": (_TEXT, lambda kind, _: kind.currency),
    "rates": (_TEXT, lambda _, rates: None if rates is None else write_rates(rates)),
    "unpriced_units": (pa.list_(_TEXT), lambda kind, _: list(kind.unpriced_units)),
    "price_status": (_TEXT, lambda kind, _: kind.price_status),
    "outcome": (_TEXT, lambda kind, _: kind.outcome),
    "error": (_TEXT, lambda kind, _: kind.error),
}


def tag_column(tag: str) -> str:
    """Name of the column of a tag: what Athena allows in one."""
    return "tag_" + re.sub(r"[^a-z0-9_]", "_", tag.lower())


def schema_of(tag_columns: Sequence[str]) -> Any:  # noqa: ANN401 -- untyped package
    """The columns of every file.

    Args:
        tag_columns: Tags that get a column of their own, beside ``tags``.

    Raises:
        ConfigError: If two of them would be the same column.
    """
    own = [tag_column(tag) for tag in tag_columns]
    if len(set(own)) < len(own):
        raise ConfigError(
            f"tag columns must differ in more than case and punctuation: "
            f"{', '.join(tag_columns)} become {', '.join(own)}"
        )
    shared = {name: kind for name, (kind, _) in _OF_KINDS.items()}
    before, after = list(shared)[:10], list(shared)[13:]
    return pa.schema(
        [
            pa.field("id", _TEXT, nullable=False),
            pa.field("started_at", pa.timestamp("us", tz="UTC"), nullable=False),
            *((name, shared[name]) for name in before),
            ("tags", pa.map_(_TEXT, _TEXT)),
            *((name, _TEXT) for name in own),
            ("usage_source", _TEXT),
            *((column, _COUNT) for column in UNIT_COLUMNS),
            ("other_usage", pa.map_(_TEXT, _COUNT)),
            ("usage_exact", _TEXT),
            ("cost", AMOUNT),
            ("currency", _TEXT),
            ("cost_by_unit", pa.map_(_TEXT, AMOUNT)),
            ("cost_exact", _TEXT),
            ("rates", _TEXT),
            *((name, shared[name]) for name in after[:2]),
            ("price_reason", _TEXT),
            ("duration_us", _COUNT),
            ("first_chunk_us", _COUNT),
            *((name, shared[name]) for name in after[2:]),
            ("attempts", _COUNT),
            ("request_id", _TEXT),
            ("request_hash", _TEXT),
        ],
        metadata={"bedrock_attrib.export": "1"},
    )


class ColumnMaker:
    """Makes columns of rows, some ten thousand at a time."""

    def __init__(self, reader: Reader, tag_columns: Sequence[str]) -> None:
        """Make them of rows that *reader* gave."""
        self._reader = reader
        self._tag_columns = tag_columns
        self._schema = schema_of(tag_columns)
        self._reasons = reader.texts("reasons")
        self._origins = reader.texts("origins")
        self._plans: dict[int, _Plan | None] = {}

    def batch(self, rows: Sequence[Row]) -> Any:  # noqa: ANN401 -- untyped package
        """The columns of *rows*."""
        of = dict(zip(CALL_COLUMNS, zip(*rows, strict=True), strict=True))
        found: dict[str, Any] = {
            "id": [*map(self._id, of["origin"], of["number"])],
            "started_at": [*map(microseconds_of, of["key"])],
            "price_reason": [*map(self._reasons.get, of["reason"])],
            "duration_us": of["duration_us"],
            "first_chunk_us": of["first_chunk_us"],
            "attempts": of["attempts"],
            "request_id": [*map(long_request_id, of["request_id"])],
            "request_hash": [*map(long_hash, of["request_hash"])],
        }
        found |= self._of_tag_sets(of["tag_set"])
        found |= self._of_kinds(of["kind"])
        found |= self._counts(rows, of)
        found |= self._amounts(rows)
        columns = [
            value
            if isinstance(value := found[field.name], pa.Array)
            else pa.array(value, field.type)
            for field in self._schema
        ]
        return pa.record_batch(columns, schema=self._schema)

    def _id(self, origin: int, number: int) -> str:
        text = self._origins[origin]
        return text if number < 0 else f"{text}{number:012x}"

    def _of_tag_sets(self, ids: Sequence[int]) -> dict[str, Any]:
        distinct, places = _numbered(ids)
        sets: list[Tags] = [self._reader.tags_of(tag_set) for tag_set in distinct]
        pairs = [list(tags.items()) for tags in sets]
        found = {"tags": pa.array(pairs, pa.map_(_TEXT, _TEXT)).take(places)}
        for tag in self._tag_columns:
            values = pa.array([tags.get(tag) for tags in sets], _TEXT)
            found[tag_column(tag)] = values.take(places)
        return found

    def _of_kinds(self, ids: Sequence[int]) -> dict[str, Any]:
        distinct, places = _numbered(ids)
        kinds = [self._reader.kind_of(kind) for kind in distinct]
        return {
            name: pa.array([value(*kind) for kind in kinds], type_).take(places)
            for name, (type_, value) in _OF_KINDS.items()
        }

    def _counts(
        self, rows: Sequence[Row], of: Mapping[str, Sequence[Any]]
    ) -> dict[str, Any]:
        columns: dict[str, Any] = {name: of[name] for name in UNIT_COLUMNS}
        exact: list[str | None] = [None] * len(rows)
        others: list[list[tuple[str, int]] | None] = [None] * len(rows)
        unusual = [n for n, more in enumerate(of["more"]) if more is not None]
        if unusual:
            columns = {name: list(column) for name, column in columns.items()}
        for n in unusual:
            more: dict[str, int] = json.loads(of["more"][n])
            fitting = {u: count for u, count in more.items() if count <= _MOST_COUNT}
            for unit in fitting.keys() & columns.keys():
                columns[unit][n] = fitting.pop(unit)
            others[n] = list(fitting.items()) or None
            if max(more.values(), default=0) > _MOST_COUNT:
                exact[n] = json.dumps(_usage_of(rows[n]), sort_keys=True)
        return {**columns, "other_usage": others, "usage_exact": exact}

    def _amounts(self, rows: Sequence[Row]) -> dict[str, Any]:
        totals = _Amounts()
        texts: list[str | None] = [None] * len(rows)
        ends: list[int | None] = []
        units: list[str] = []
        by_unit = _Amounts()
        for n, row in enumerate(rows):
            kind_id = row[_KIND]
            if kind_id not in self._plans:
                self._plans[kind_id] = self._plan(kind_id)
            plan = self._plans[kind_id]
            ends.append(len(units))
            if plan is None or row[_MORE] is not None or row[_AMOUNT] is not None:
                texts[n] = self._add_unusual(row, totals, by_unit, units)
                if len(units) == ends[n]:
                    ends[n] = None
                continue
            total = 0
            for unit, place, rate in plan:
                amount = row[place] * rate
                total += amount
                units.append(unit)
                by_unit.add(amount)
            totals.add(total)
        keys = pa.array(units, _TEXT)
        offsets = pa.array([*ends, len(units)], pa.int32())
        return {
            "cost": totals.array(),
            "cost_exact": texts,
            "cost_by_unit": pa.MapArray.from_arrays(offsets, keys, by_unit.array()),
        }

    def _plan(self, kind_id: int) -> _Plan | None:
        """How calls of a kind are priced.

        None where amounts do not follow from columns, or have too many decimals.
        """
        kind, rates = self._reader.kind_of(kind_id)
        if kind.currency is None or rates is None or not kind.usage_source:
            return None
        plan: _Plan = []
        for unit, amount in rates.amounts.items():
            scaled = multiply(amount, _SCALE)
            if unit not in _UNIT_AT or scaled != int(scaled):
                return None
            plan.append((unit.value, _UNIT_AT[unit], int(scaled)))
        return plan

    def _add_unusual(
        self, row: Row, totals: _Amounts, by_unit: _Amounts, units: list[str]
    ) -> str | None:
        """Add the amounts of *row*; its total as text where the column rounds it."""
        kind, rates = self._reader.kind_of(row[_KIND])
        usage = Usage.of(_usage_of(row)) if kind.usage_source else None
        given = None if row[_AMOUNT] is None else Decimal(row[_AMOUNT])
        cost = cost_of(kind, rates, usage, given)
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
    """Amounts as a column: whole numbers of 10 to the -18, without a float between."""

    def __init__(self) -> None:
        self._values: list[int | None] = []
        self.add = self._values.append

    def array(self) -> Any:  # noqa: ANN401 -- untyped package
        """The column."""
        words = b"".join(
            (value or 0).to_bytes(_WORD_BYTES, "little", signed=True)
            for value in self._values
        )
        known = pa.array([value is not None for value in self._values], pa.bool_())
        buffers = [known.buffers()[1], pa.py_buffer(words)]
        return pa.Array.from_buffers(AMOUNT, len(self._values), buffers)


def _unscaled(amount: Decimal) -> tuple[int | None, bool]:
    """*amount* as a whole number of 10 to the -18, and whether it is that exactly."""
    scaled = multiply(amount, _SCALE)
    if abs(scaled) > _MOST_UNSCALED:
        return None, False
    whole = int(scaled.to_integral_value())
    return whole, whole == scaled


def _usage_of(row: Row) -> dict[Unit, int]:
    counts = {unit: row[place] for unit, place in _UNIT_AT.items()}
    known = {unit: count for unit, count in counts.items() if count is not None}
    more = json.loads(row[_MORE] or "{}")
    return known | {Unit(unit): count for unit, count in more.items()}


def _numbered(ids: Iterable[int]) -> tuple[list[int], Any]:
    """The distinct *ids*, and the place of each among them."""
    places: dict[int, int] = {}
    found = [places.setdefault(number, len(places)) for number in ids]
    return list(places), pa.array(found, pa.int32())


def batched(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    """*rows* in lists of at most *size*."""
    some: list[Row] = []
    for row in rows:
        some.append(row)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some
