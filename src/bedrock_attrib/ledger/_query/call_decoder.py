"""Decoding of stored rows into call records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from ..._model.record import CallRecord
from ..._model.tags import Tags
from ..._model.usage import Usage
from .._call_rows import joined_counts, joined_id
from .._dimensions import RECORD_DIMENSIONS, CallDimensions, cost_of
from .._field_table import CALL_COLUMNS, CALL_FIELDS, Row, columns_of
from .._time_buckets import time_of_key
from .interned_texts import InternedTexts


class CallDecoder:
    """Makes records of rows of ``calls``."""

    def __init__(self, texts: InternedTexts) -> None:
        """Decode rows of the ledger with these *texts*."""
        self._texts = texts
        self._reasons = dict(texts.texts("price_reasons"))
        self._origins = dict(texts.texts("origins"))

    def records(
        self,
        rows: Iterable[Row],
        tags: Callable[[Tags], bool] | None = None,
        dimensions: Callable[[CallDimensions], bool] | None = None,
    ) -> Iterator[CallRecord]:
        """Yield the records of *rows* whose tags and dimensions are wanted."""
        wanted: dict[tuple[int, int], bool] = {}
        texts = self._texts
        for row in rows:
            group = _group(row)
            is_wanted = wanted.get(group)
            if is_wanted is None:
                is_wanted = wanted[group] = (
                    tags is None or tags(texts.tags(group[0]))
                ) and (dimensions is None or dimensions(texts.dimensions(group[1])))
            if is_wanted:
                yield self._record(row)

    def _record(self, row: Row) -> CallRecord:
        columns = dict(zip(CALL_COLUMNS, row, strict=True))
        dimensions = self._texts.dimensions(columns["dimension_set"])
        usage, given = None, columns["given_cost"]
        if dimensions.usage_source:
            usage = Usage.of(joined_counts(columns))
        rates = self._texts.rates_of(dimensions)
        fields = {name: getattr(dimensions, name) for name in RECORD_DIMENSIONS}
        for each in CALL_FIELDS:
            value, load = columns[each.column], each.load
            fields[each.name] = value if load is None or value is None else load(value)
        return CallRecord(
            id=joined_id(self._origins[columns["origin"]], columns["number"]),
            started_at=time_of_key(columns["key"]),
            tags=self._texts.tags(columns["tag_set"]),
            usage=usage,
            cost=cost_of(
                dimensions, rates, usage, None if given is None else Decimal(given)
            ),
            price_reason=self._reasons.get(columns["price_reason"], ""),
            **fields,
        )


_group = columns_of("tag_set", "dimension_set")
