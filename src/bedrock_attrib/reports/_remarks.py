"""What a reader of a report must know before believing its figures."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from ..ledger import Reader
from ._dimensions import NAMES, Dimension
from ._selection import Selection, is_before

_OTHER_NAMES = (*NAMES, "unit", "hour", "day", "week", "month")


def remarks_on(
    reader: Reader,
    selection: Selection,
    points: Sequence[datetime],
    dimensions: Iterable[Dimension | None],
) -> list[str]:
    """Remarks on a report.

    Args:
        reader: What it was made from.
        selection: Its calls.
        points: Where its stretches begin and end.
        dimensions: What it goes by; None for units and time.
    """
    named = [each for each in dimensions if each is not None]
    named += [each.dimension for each in selection.filters]
    return [*_unknown_tags(reader, named), *_cut_hours(reader, points)]


def _unknown_tags(reader: Reader, dimensions: Iterable[Dimension]) -> Iterator[str]:
    """Names that are no dimension, and no call has a tag of: misspelt, most likely."""
    tags = [each.tag for each in dimensions if each.tag is not None]
    if not tags:
        return
    known = sorted({key for tags_of_call in reader.tag_sets() for key in tags_of_call})
    for tag in dict.fromkeys(tags):
        if tag in known:
            continue
        similar = difflib.get_close_matches(tag, [*known, *_OTHER_NAMES], n=1)
        meant = f"; did you mean {similar[0]}?" if similar else ""
        there = f" (there are {', '.join(known[:10])})" if known else ""
        yield f"No call has a tag {tag!r}{there}{meant}"


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
