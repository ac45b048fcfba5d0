"""Groups of single calls by units used and length of the prompt."""

from __future__ import annotations

from collections.abc import Sequence

from ..._model.usage import PROMPT_UNITS, Unit
from .._call_rows import other_figures
from .._field_table import CALL_GROUP, COLUMN_UNITS, FIGURES, UNIT_COLUMNS, Row
from .._sql import select
from .._store import Readable
from .call_groups import HAS_OTHERS, IN_SPAN, Span, add_calls
from .grouped_figures import GroupedFigures

WIDTH = 4
"""Values of a key: tag set, dimension set, length of the prompt, and units used."""

_PROMPT = " + ".join(
    f"coalesce({unit.value}, 0)" for unit in COLUMN_UNITS if unit in PROMPT_UNITS
)
_USED = " + ".join(
    f"CASE WHEN {column} > 0 THEN {1 << place} ELSE 0 END"
    for place, column in enumerate(UNIT_COLUMNS)
)
_CALLS_WITH_OTHERS = select(
    (*CALL_GROUP, "other_units", "given_cost", *(each.of_call for each in FIGURES)),
    "calls",
    f"WHERE {IN_SPAN} AND {HAS_OTHERS}",
)


def group_by_use(
    store: Readable, span: Span, lengths: Sequence[int], condition: str
) -> GroupedFigures:
    """Add up calls by tag set, dimension set, prompt length and units used.

    Args:
        store: What is read.
        span: First and last key.
        lengths: Limits of prompts, in tokens; the length of a prompt is the highest
            that it exceeds, or 0.
        condition: SQL that chooses calls.
    """
    limits = sorted(lengths)
    groups = GroupedFigures()
    key = (*CALL_GROUP, _length(limits), _USED)
    add_calls(groups, store, key, [span], f"{condition} AND NOT {HAS_OTHERS}")
    # Few calls have other units, which may be part of a prompt.
    for row in store.rows(f"{_CALLS_WITH_OTHERS} AND {condition}", span):
        _add_call(groups, row, limits)
    return groups


def _length(limits: Sequence[int]) -> str:
    cases = " ".join(f"WHEN {_PROMPT} > {limit} THEN {limit}" for limit in limits[::-1])
    return f"CASE {cases} ELSE 0 END" if limits else "0"


def _add_call(groups: GroupedFigures, row: Row, limits: Sequence[int]) -> None:
    tag_set, dimension_set, other_units, given_cost, *figures = row
    others = list(other_figures(other_units, given_cost))
    counts = dict(zip(COLUMN_UNITS, figures[-len(COLUMN_UNITS) :], strict=True))
    for unit, total in others:
        if unit:
            counts[Unit(unit)] = counts.get(Unit(unit), 0) + int(total)
    prompt = sum(count for unit, count in counts.items() if unit in PROMPT_UNITS)
    length = max((limit for limit in limits if prompt > limit), default=0)
    used = ",".join(sorted(unit for unit, count in counts.items() if count))
    key = (tag_set, dimension_set, length, used)
    groups.add_rows([(*key, *figures)], WIDTH)
    for unit, total in others:
        groups.add_other(key, unit, total)
