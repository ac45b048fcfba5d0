"""Projection of tag sets to some of their tags."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from ..._model.tags import Tags
from .._time_buckets import BucketRange, Level
from .interned_texts import missing_tag_set, parsed


class TagProjection:
    """Numbers for tag sets, the same for all that agree in some tags.

    Attributes:
        numbers: Number by id of the tag set.
    """

    def __init__(
        self, names: Sequence[str], tag_sets: Iterable[tuple[int, str]]
    ) -> None:
        self._tags: list[Tags] = []
        self.numbers: dict[int, int] = {}
        known: dict[tuple[str | None, ...], int] = {}
        for tag_set, tags in parsed(tag_sets):
            values = tuple(map(tags.get, names))
            number = known.get(values)
            if number is None:
                number = known[values] = len(self._tags)
                some = {name: tags[name] for name in names if name in tags}
                self._tags.append(Tags(some))
            self.numbers[tag_set] = number

    def number(self, tag_set: int) -> int:
        """Return the number of a tag set."""
        found = self.numbers.get(tag_set)
        if found is None:
            raise missing_tag_set(tag_set)
        return found

    def tags_of(self, number: int) -> Tags:
        """Return the tags that the tag sets with this number agree in."""
        return self._tags[number]

    def query_values(
        self, level: Level, buckets: BucketRange
    ) -> Iterator[tuple[str, int, int]]:
        """Yield the values of `stored_sums`' query for each bucket of a range."""
        numbers = map(self.numbers.get, range(max(self.numbers, default=0) + 1))
        as_json = json.dumps(list(numbers))
        for bucket in range(buckets.first, buckets.last + 1):
            yield as_json, int(level), bucket
