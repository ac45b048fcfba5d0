"""Single calls added up by what they used: which units, and how long a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from ..._model.usage import PROMPT_UNITS, Unit
from .._clock import first_key, microseconds
from .._codec import Kind, read_kind
from .._roll_ups import Groups, rest_of
from .._rows import Row
from .._schema import UNIT_COLUMNS
from .._store import Readable
from .aggregate import COUNTED_SQL, UNITS, Sum, sum_of
from .names import Names


def sums_by_use(
    store: Readable,
    names: Names,
    span: tuple[datetime, datetime],
    lengths: Sequence[int],
    kinds: Callable[[Kind], bool] | None,
) -> list[tuple[int, Sum]]:
    """What `Reader.sums_by_use` answers.

    Args:
        store: What is read.
        names: What its ids stand for.
        span: First moment and the one after the last.
        lengths: Tokens of prompts that are told apart.
        kinds: Which kinds to keep; None for all.
    """
    texts = names.texts("kinds")
    ids = [n for n, text in texts if kinds is None or kinds(read_kind(text))]
    if not ids or span[0] >= span[1]:
        return []
    # Numbers of our own making, and perhaps more than a database takes as values.
    chosen = f"kind IN ({', '.join(map(str, ids))})"
    values = tuple(first_key(microseconds(each)) for each in span)
    limits = sorted(lengths)
    groups = Groups()
    groups.add_rows(store.rows(_grouped(limits, chosen), values), _WIDTH)
    # What stands in no column is few calls' and may be part of a prompt.
    for row in store.rows(f"{_WITH_MORE} AND {chosen}", values):
        _add_call(groups, row, limits)
    return [
        (
            length,
            sum_of(names, names.tags(tags), kind, figures, groups.rest.get(key)),
        )
        for key, figures in groups.figures.items()
        for tags, kind, length, _ in [key]
    ]


def _grouped(limits: Sequence[int], chosen: str) -> str:
    prompt = " + ".join(f"coalesce({column}, 0)" for column in _PROMPT_COLUMNS)
    length = " ".join(f"WHEN {prompt} > {limit} THEN {limit}" for limit in limits[::-1])
    length = f"CASE {length} ELSE 0 END" if limits else "0"
    places = ", ".join(map(str, range(1, _WIDTH + 1)))
    return (
        f"SELECT tag_set, kind, {length}, {_USED}, {COUNTED_SQL} FROM calls "  # noqa: S608
        f"{_IN_SPAN} AND more IS NULL AND amount IS NULL AND {chosen} GROUP BY {places}"
    )


def _add_call(groups: Groups, row: Row, limits: Sequence[int]) -> None:
    """Add a call that has something beside its columns."""
    tag_set, kind, more, amount, *figures = row
    rest = list(rest_of(more, amount))
    counts = dict(zip(UNITS, figures[-len(UNITS) :], strict=True))
    for unit, total in rest:
        if unit:
            counts[Unit(unit)] = counts.get(Unit(unit), 0) + int(total)
    prompt = sum(count for unit, count in counts.items() if unit in PROMPT_UNITS)
    length = max((limit for limit in limits if prompt > limit), default=0)
    used = ",".join(sorted(unit for unit, count in counts.items() if count))
    key = (tag_set, kind, length, used)
    groups.add_rows([(*key, *figures)], _WIDTH)
    for unit, total in rest:
        groups.add_rest(key, unit, total)


# Every name in these is ours.
_WIDTH = 4  # of a key: tag set, kind, length of the prompt, and what was used
_PROMPT_COLUMNS = [unit.value for unit in UNITS if unit in PROMPT_UNITS]
_USED = " + ".join(
    f"CASE WHEN {column} > 0 THEN {1 << place} ELSE 0 END"
    for place, column in enumerate(UNIT_COLUMNS)
)
_IN_SPAN = "WHERE key >= ? AND key < ?"
# The figures of one call, in the order of `COUNTED_SQL`.
_ONE = ", ".join(
    (
        "1",
        "attempts",
        "coalesce(duration_us, 0)",
        "CASE WHEN first_chunk_us IS NULL THEN 0 ELSE 1 END",
        "coalesce(first_chunk_us, 0)",
        *(f"coalesce({column}, 0)" for column in UNIT_COLUMNS),
    )
)
_WITH_MORE = (
    f"SELECT tag_set, kind, more, amount, {_ONE} FROM calls {_IN_SPAN} "  # noqa: S608
    "AND (more IS NOT NULL OR amount IS NOT NULL)"
)
