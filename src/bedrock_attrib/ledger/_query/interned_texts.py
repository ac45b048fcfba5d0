"""Texts of the ledger's ids: tags, dimensions, rates and others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

from ..._model.cost import Rates
from ..._model.tags import Tags
from ...errors import LedgerError
from .._codec import read_rates
from .._dimensions import CallDimensions, read_dimensions
from .._field_table import TEXT_COLUMNS
from .._sql import select
from .._store import Readable


class InternedTexts:
    """Values of ids, read when they are first needed."""

    def __init__(self, store: Readable) -> None:
        """Read from *store*, which does not change."""
        self._store = store
        self._tags: dict[int, Tags] = {}
        self._dimensions: dict[int, CallDimensions] = {}
        self._rates: dict[int, Rates] = {}

    def tags(self, tag_set: int) -> Tags:
        """Return the tags of a tag set."""
        known = self._tags
        if tag_set not in known:
            texts = self.texts("tag_sets")
            known.update((number, Tags(tags)) for number, tags in parsed(texts))
        if tag_set not in known:
            raise missing_tag_set(tag_set)
        return known[tag_set]

    def dimensions(self, dimension_set: int) -> CallDimensions:
        """Return the dimensions of a dimension set."""
        if dimension_set not in self._dimensions:
            sets, rates = self.texts("dimension_sets"), self.texts("rates")
            self._dimensions.update((id_, read_dimensions(text)) for id_, text in sets)
            self._rates.update((id_, read_rates(text)) for id_, text in rates)
        return self._dimensions[dimension_set]

    def dimension_sets(
        self, wanted: Callable[[CallDimensions], bool] | None
    ) -> list[int]:
        """Return the ids of the dimension sets that *wanted* accepts; None for all."""
        return [
            id_
            for id_, _ in self.texts("dimension_sets")
            if wanted is None or wanted(self.dimensions(id_))
        ]

    def rates_of(self, dimensions: CallDimensions) -> Rates | None:
        """Return the rates that priced calls with these dimensions."""
        id_ = dimensions.rates_id
        return None if id_ is None else self._rates[id_]

    def texts(self, table: str) -> Iterator[tuple[int, str]]:
        """Yield the texts of a table, each with its id."""
        sql = select(["id", TEXT_COLUMNS[table]], table)
        return ((int(id_), str(text)) for id_, text in self._store.rows(sql))


def missing_tag_set(tag_set: int) -> LedgerError:
    """Return the error that calls or sums refer to a tag set that does not exist."""
    return LedgerError(
        f"the ledger has calls of a tag set that does not exist ({tag_set}), so that "
        f"their tags are unknown. List all such ids: bedrock-attrib ledger check; what "
        f"to do: docs/reference/ledger.md#retention"
    )


def parsed(texts: Iterable[tuple[int, str]]) -> Iterator[tuple[int, dict[str, str]]]:
    """Parse JSON texts all at once, which is much faster than one by one."""
    pairs = list(texts)
    values = json.loads(f"[{','.join(text for _, text in pairs)}]")
    return zip((number for number, _ in pairs), values, strict=True)
