"""Remarks on the limits of a report's figures."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from ..._model.tags import NO_TAGS
from ...ledger import Ledger, Reader
from .._calendar import is_before
from .._dimensions import DIMENSION_NAMES, TIME_AND_UNIT_NAMES, Dimension
from .._selection import Selection

_MOST_NAMES = 10
_LONGEST = 40


def remarks_on(
    reader: Reader,
    selection: Selection,
    points: Sequence[datetime],
    dimensions: Iterable[Dimension | None],
) -> list[str]:
    """Return remarks on the request of a report.

    Args:
        reader: Reader of the ledger.
        selection: Its calls.
        points: Bounds of its periods; none for an empty ledger.
        dimensions: Its dimensions; None for units and time.
    """
    named = [each for each in dimensions if each is not None]
    named += [each.dimension for each in selection.filters]
    return [
        *_unknown_tags(reader, named),
        *_unknown_values(reader, selection),
        *_absent_tags(reader, selection, points),
        *_cut_hours(reader, points),
    ]


def remarks_of(
    ledger: Ledger, selection: Selection, dimensions: Iterable[Dimension] = ()
) -> tuple[str, ...]:
    """Return remarks on a request before its calls are read.

    Raises:
        LedgerError: If the ledger cannot be read.
    """
    with ledger.reading() as reader:
        whole = reader.span()
        points = () if whole is None else selection.span(whole)
        return tuple(remarks_on(reader, selection, points, dimensions))


def _unknown_tags(reader: Reader, dimensions: Iterable[Dimension]) -> Iterator[str]:
    """Yield names that are neither a dimension nor a tag of any call."""
    tags = [each.tag for each in dimensions if each.tag is not None]
    if not tags or reader.span() is None:
        return
    known = sorted(_all_keys(reader))
    for tag in dict.fromkeys(tags):
        if tag in known:
            continue
        others = (*DIMENSION_NAMES, *TIME_AND_UNIT_NAMES)
        similar = difflib.get_close_matches(tag, [*known, *others], n=1)
        meant = f"; did you mean {_short(similar[0])}?" if similar else ""
        names = [*map(_short, known[:_MOST_NAMES])]
        names += [f"{len(known) - _MOST_NAMES} others"] * (len(known) > _MOST_NAMES)
        there = f" (there are {', '.join(names)})" if known else ""
        yield f"No call has a tag {_short(tag)!r}{there}{meant}"


def _unknown_values(reader: Reader, selection: Selection) -> Iterator[str]:
    """Yield values of filters that no call of the ledger has."""
    for each in selection.filters:
        if not each.values:
            continue
        known = _values_of(reader, each.dimension)
        names = {name for value in known for name in each.dimension.names_of(value)}
        for value in each.values:
            if known and value not in known and value not in names:
                similar = _similar(value, {*known, *names})
                meant = f"; did you mean {_short(similar)}?" if similar else ""
                yield f"No call has {each.dimension.name}={_short(value)}{meant}"


def _values_of(reader: Reader, dimension: Dimension) -> set[str]:
    found = (
        {dimension.read(NO_TAGS, kind) for kind in reader.dimension_sets()}
        if dimension.tag is None
        else {tags.get(dimension.tag) for tags in reader.tag_sets()}
    )
    return {value for value in found if value}


def _similar(value: str, known: Iterable[str]) -> str:
    """Return the most similar of *known*, whatever its case; empty if there is none."""
    plain = {_plain(each): each for each in sorted(known)}
    found = difflib.get_close_matches(_plain(value), plain, n=1)
    return plain[found[0]] if found else ""


def _plain(value: str) -> str:
    return value.casefold().replace(" ", "-").replace("_", "-")


def _short(key: str) -> str:
    return key if len(key) <= _LONGEST else f"{key[:_LONGEST]}…"


def _absent_tags(
    reader: Reader, selection: Selection, points: Sequence[datetime]
) -> Iterator[str]:
    """Yield tags of filters that only calls outside the span have."""
    tags = [each.dimension.tag for each in selection.filters]
    sought = {tag for tag in tags if tag is not None}
    if not sought or not points:
        return
    sought &= _all_keys(reader)
    found: set[str] = set()
    for part in reader.sums(points[0], points[-1], tag_names=sorted(sought)):
        found.update(part.tags)
    for tag in sorted(sought - found):
        yield f"No call in this span has a tag {tag!r}, but calls before or after it do"


def _all_keys(reader: Reader) -> set[str]:
    return {key for tags_of_call in reader.tag_sets() for key in tags_of_call}


def _cut_hours(reader: Reader, points: Sequence[datetime]) -> Iterator[str]:
    """Yield a remark if a period divides an hour whose single calls were deleted.

    Sums are stored by hour of UTC; an hour that a period divides is counted call by
    call, as for the days of a zone such as Asia/Kolkata.
    """
    whole, single_since = reader.span(), reader.calls_since()
    if whole is None:
        return
    if single_since is None:
        single_since = whole[1]
    cut = [
        each
        for each in points
        if _is_within_an_hour(each)
        and is_before(whole[0], each)
        and is_before(each, _hour(single_since))
    ]
    if cut:
        first = f"{single_since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        yield (
            f"Single calls before {first} were deleted, so that earlier hours cannot "
            f"be divided: where a period begins or ends within an hour of UTC (as at "
            f"{cut[0].isoformat(timespec='minutes')}), calls of that hour are missing "
            f"here"
        )


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _is_within_an_hour(at: datetime) -> bool:
    return _hour(at) != at.astimezone(UTC)
