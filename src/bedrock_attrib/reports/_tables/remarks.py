"""What a reader of a report must know before believing its figures."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

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
    """Remarks on what a report was asked for.

    Args:
        reader: What it was made from.
        selection: Its calls.
        points: Where its stretches begin and end; none for an empty ledger.
        dimensions: What it goes by; None for units and time.
    """
    named = [each for each in dimensions if each is not None]
    named += [each.dimension for each in selection.filters]
    return [
        *_unknown_tags(reader, named),
        *_absent_tags(reader, selection, points),
        *_cut_hours(reader, points),
    ]


def remarks_of(
    ledger: Ledger, selection: Selection, dimensions: Iterable[Dimension] = ()
) -> tuple[str, ...]:
    """Remarks on what was asked for, before anything of it is read.

    Raises:
        LedgerError: If the ledger cannot be read.
    """
    with ledger.reading() as reader:
        whole = reader.span()
        points = () if whole is None else selection.span(whole)
        return tuple(remarks_on(reader, selection, points, dimensions))


def _unknown_tags(reader: Reader, dimensions: Iterable[Dimension]) -> Iterator[str]:
    """Names that are no dimension, and no call has a tag of: misspelt, most likely."""
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


def _short(key: str) -> str:
    return key if len(key) <= _LONGEST else f"{key[:_LONGEST]}…"


def _absent_tags(
    reader: Reader, selection: Selection, points: Sequence[datetime]
) -> Iterator[str]:
    """Tags of filters that calls have at other times, and none has in this span."""
    tags = [each.dimension.tag for each in selection.filters]
    sought = {tag for tag in tags if tag is not None}
    if not sought or not points:
        return
    sought &= _all_keys(reader)
    found: set[str] = set()
    for part in reader.sums(points[0], points[-1], tag_names=sorted(sought)):
        found.update(part.tags)
    for tag in sorted(sought - found):
        yield f"No call of this span has a tag {tag!r}; calls before or after it have"


def _all_keys(reader: Reader) -> set[str]:
    return {key for tags_of_call in reader.tag_sets() for key in tags_of_call}


def _cut_hours(reader: Reader, points: Sequence[datetime]) -> Iterator[str]:
    """Whether an hour of which no single calls are left is to be divided.

    Sums are kept by the hour of UTC; an hour that a stretch cuts is counted call by
    call, as the days of a zone such as Asia/Kolkata need it.
    """
    whole, kept = reader.span(), reader.calls_since()
    if whole is None:
        return
    kept = whole[1] if kept is None else kept
    cut = [
        each
        for each in points
        if _is_within_an_hour(each)
        and is_before(whole[0], each)
        and is_before(each, _hour(kept))
    ]
    if cut:
        first = f"{kept.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        yield (
            f"Single calls before {first} are not kept any more, so that earlier hours "
            f"cannot be divided: where a stretch begins or ends within an hour of UTC "
            f"(as at {cut[0].isoformat(timespec='minutes')}), calls of that hour are "
            f"missing here"
        )


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _is_within_an_hour(at: datetime) -> bool:
    return _hour(at) != at.astimezone(UTC)
