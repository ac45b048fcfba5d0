"""What the ids of a ledger stand for: tags, kinds, rates and other texts."""

from __future__ import annotations

import json
import operator
from collections.abc import Iterable, Iterator, Sequence

from ..._model.cost import Rates
from ..._model.tags import Tags
from ...errors import LedgerError
from .._clock import (
    Level,
    Stretch,
)
from .._codec import Kind, read_kind, read_rates
from .._roll_ups import Groups
from .._rows import (
    Row,
)
from .._schema import TEXT_OF
from .._store import Readable


class Names:
    """What ids stand for, as it is asked for."""

    def __init__(self, store: Readable) -> None:
        """Read from *store*, which stands still."""
        self._store = store
        self._tags: dict[int, Tags] = {}
        self._kinds: dict[int, Kind] = {}
        self._rates: dict[int, Rates] = {}

    def tags(self, tag_set: int) -> Tags:
        """The tags of a tag set."""
        known = self._tags
        if tag_set not in known:
            texts = self.texts("tag_sets")
            known.update((number, Tags(tags)) for number, tags in parsed(texts))
        if tag_set not in known:
            raise tags_are_lost(tag_set)
        return known[tag_set]

    def kind(self, kind: int) -> Kind:
        """What the calls of a kind share."""
        if kind not in self._kinds:
            kinds, rates = self.texts("kinds"), self.texts("rates")
            self._kinds.update((number, read_kind(text)) for number, text in kinds)
            self._rates.update((number, read_rates(text)) for number, text in rates)
        return self._kinds[kind]

    def rates_of(self, kind: Kind) -> Rates | None:
        """The rates by which calls of *kind* are priced."""
        return None if kind.rates_id is None else self._rates[kind.rates_id]

    def texts(self, table: str) -> Iterator[tuple[int, str]]:
        """The texts of a table, each with its id."""
        sql = f"SELECT id, {TEXT_OF[table]} FROM {table}"  # noqa: S608 -- names are ours
        return ((int(number), str(text)) for number, text in self._store.rows(sql))


class FewTags:
    """Numbers for tag sets of which only some tags matter.

    Attributes:
        tags: What is left of them, by number.
        numbers: Number by id of the tag set; equal ones share it.
    """

    def __init__(
        self, names: Sequence[str], tag_sets: Iterable[tuple[int, str]]
    ) -> None:
        self.tags: list[Tags] = []
        self.numbers: dict[int, int] = {}
        known: dict[tuple[str | None, ...], int] = {}
        for tag_set, tags in parsed(tag_sets):
            values = tuple(map(tags.get, names))
            number = known.get(values)
            if number is None:
                number = known[values] = len(self.tags)
                few = {name: tags[name] for name in names if name in tags}
                self.tags.append(Tags(few))
            self.numbers[tag_set] = number

    def number(self, tag_set: int) -> int:
        """The number of a tag set."""
        found = self.numbers.get(tag_set)
        if found is None:
            raise tags_are_lost(tag_set)
        return found

    def values(self, level: Level, stretch: Stretch) -> Iterator[tuple[str, int, int]]:
        """Values of the question for each bucket of a stretch."""
        numbers = map(self.numbers.get, range(max(self.numbers, default=0) + 1))
        as_json = json.dumps(list(numbers))
        for bucket in range(stretch.first, stretch.last + 1):
            yield as_json, int(level), bucket

    def add_rows(self, rows: Iterable[Row], groups: Groups) -> None:
        """Add rows to *groups* by these numbers in the place of tag sets."""
        number, figures, plus = self.number, groups.figures, operator.add
        for row in rows:
            key = (number(row[0]), row[1])
            known, figure = figures.get(key), row[2:]
            figures[key] = figure if known is None else tuple(map(plus, known, figure))


def tags_are_lost(tag_set: int) -> LedgerError:
    """The error that calls or sums are of a tag set which is not there."""
    return LedgerError(
        f"the ledger has calls of a tag set that is not there ({tag_set}): whose they "
        f"are is not known. A process with an older version of bedrock_attrib wrote "
        f"them after tag sets were pruned: update it. All such ids are told by: "
        f"bedrock-attrib ledger check; what to do: docs/reference/ledger.md#retention"
    )


def parsed(
    texts: Iterable[tuple[int, str]],
) -> Iterator[tuple[int, dict[str, str]]]:
    """Texts that are JSON, parsed at once, which is faster by far than one by one."""
    pairs = list(texts)
    parsed = json.loads(f"[{','.join(text for _, text in pairs)}]")
    return zip((number for number, _ in pairs), parsed, strict=True)
