"""Identical requests, and the savings of a cache of their answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from heapq import heappush, heappushpop
from itertools import chain, groupby

from ..._model.cost import ZERO
from ..._model.record import CallRecord, Outcome
from ..._model.tags import Tags
from ..._readers import operation_named
from ...ledger import CallDimensions, Ledger, Reader
from .._calendar import is_before
from .._dimensions import dimensions_of
from .._selection import Selection
from .repeated_calls import (
    CacheLifetime,
    IdenticalRequests,
    IdenticalRequestsRow,
    Keys,
    RepeatedCalls,
    RepeatedRequest,
)
from .single_calls import kind_of_record, only_currency

_LIFETIMES = (timedelta(minutes=5), timedelta(hours=1), timedelta(hours=24), None)


def identical_requests(
    ledger: Ledger,
    by: Sequence[str] = ("team", "app"),
    selection: Selection | None = None,
    *,
    within: timedelta | None = None,
    top: int = 10,
) -> IdenticalRequests:
    """Find repeated requests and the cost of the repeats.

    The cost is an upper bound of the savings of a cache that answers all identical
    requests within *within* of the first. Only selected calls with hashed requests
    (setting ``request_hash_key``) count.

    Single calls are read; deleted ones are not included. Memory is bounded.

    Args:
        ledger: The ledger to read.
        by: Tags and dimensions (`DIMENSION_NAMES`); the model is added.
        selection: Which calls; None for all.
        within: Lifetime of a cached answer; None without a limit.
        top: Number of single requests to list.

    Raises:
        ConfigError: If amounts are in several currencies.
        LedgerError: If the ledger cannot be read.

    Example:
        >>> identical_requests(Ledger("calls.db")).total.repeats.cost  # doctest: +SKIP
    """
    chosen = selection or Selection()
    names = (*(name for name in by if name != "model"), "model")
    within_s = None if within is None else within.total_seconds()
    found = _RepeatFinder(names, within, top)
    with ledger.reading() as reader:
        whole = reader.span()
        if whole is None:
            return found.report(chosen.since, chosen.until, within_s, ())
        since, until = chosen.span(whole)
        for tags, kind, calls, hashed in reader.hashed(since, until):
            if chosen.matches(tags, kind):
                found.count(tags, kind, calls, hashed)
        records = found.selected(reader.repeated(since, until), chosen)
        for request_hash, group in groupby(records, lambda each: each[0].request_hash):
            found.add(str(request_hash), group)
        remarks = tuple(_remarks(reader, max(since, whole[0])))
    return found.report(since, until, within_s, remarks)


def _remarks(reader: Reader, since: datetime) -> Iterable[str]:
    single_since = reader.calls_since()
    if single_since is None:
        yield "All single calls were deleted, so that repeats are unknown"
    elif is_before(since, single_since.replace(minute=0, second=0, microsecond=0)):
        yield (
            f"Single calls before {single_since.astimezone(UTC):%Y-%m-%d %H:%M} UTC "
            f"were deleted and are excluded from these figures"
        )


class _Cache:
    """Cache of the answer to one request."""

    __slots__ = ("_since", "_within")

    def __init__(self, within: timedelta | None) -> None:
        self._within = within
        self._since: datetime | None = None

    def has(self, record: CallRecord) -> bool:
        """Return whether the cache serves *record*; store its answer otherwise."""
        since, at = self._since, record.started_at
        if since is not None and (self._within is None or at - since <= self._within):
            return True
        if record.outcome is Outcome.OK:
            self._since = at
        return False


class _RepeatFinder:
    """Totals of repeated requests, added request by request."""

    def __init__(
        self, names: tuple[str, ...], within: timedelta | None, top: int
    ) -> None:
        self._names = names
        self._within = within
        self._most = top
        dimensions = dimensions_of("identical requests", names)
        self._reads = [each.read for each in dimensions]
        self._rows: dict[Keys, IdenticalRequestsRow] = {}
        self._total = IdenticalRequestsRow(())
        self._lifetimes = [RepeatedCalls() for _ in _LIFETIMES]
        self._top: list[tuple[Decimal, int, str, RepeatedRequest]] = []
        self._currencies: set[str | None] = set()

    def _keys(self, tags: Tags, kind: CallDimensions) -> Keys:
        return tuple(read(tags, kind) for read in self._reads)

    def _row(self, keys: Keys) -> IdenticalRequestsRow:
        row = self._rows.get(keys)
        if row is None:
            row = self._rows[keys] = IdenticalRequestsRow(keys)
        return row

    def count(self, tags: Tags, kind: CallDimensions, calls: int, hashed: int) -> None:
        """Count calls, each hashed one as a request of its own."""
        if operation_named(kind.operation).is_free:
            return
        for row in (self._row(self._keys(tags, kind)), self._total):
            row.calls += hashed
            row.requests += hashed
            row.unhashed += calls - hashed

    def selected(
        self, records: Iterable[CallRecord], selection: Selection
    ) -> Iterator[tuple[CallRecord, Keys]]:
        """Yield the selected records with their values of the dimensions."""
        for record in records:
            kind = kind_of_record(record)
            if selection.matches(record.tags, kind):
                yield record, self._keys(record.tags, kind)

    def add(
        self, request_hash: str, records: Iterator[tuple[CallRecord, Keys]]
    ) -> None:
        """Add the calls of one request, in the order of time."""
        cache, repeats = _Cache(self._within), RepeatedCalls()
        caches = [_Cache(within) for within in _LIFETIMES]
        made_by: dict[Keys, int] = {}
        first = last = next(records)
        for last in chain((first,), records):
            record, keys = last
            made_by[keys] = made_by.get(keys, 0) + 1
            if record.cost is not None:
                self._currencies.add(record.cost.currency)
            for lifetime_cache, each in zip(caches, self._lifetimes, strict=True):
                if lifetime_cache.has(record):
                    each.add(record)
            if cache.has(record):
                for each in (repeats, self._row(keys).repeats, self._total.repeats):
                    each.add(record)
        for keys, calls in made_by.items():
            self._row(keys).requests -= calls - 1
        calls = sum(made_by.values())
        self._total.requests -= calls - 1
        if repeats.calls:
            names = tuple(sorted(made_by, key=lambda keys: -made_by[keys]))
            times = first[0].started_at, last[0].started_at
            self._name(RepeatedRequest(request_hash, calls, *times, repeats, names))

    def _name(self, request: RepeatedRequest) -> None:
        repeats = request.repeats
        item = (repeats.cost or ZERO, repeats.calls, request.request_hash, request)
        if len(self._top) < self._most:
            heappush(self._top, item)
        elif self._top:
            heappushpop(self._top, item)

    def report(
        self,
        since: datetime | None,
        until: datetime | None,
        within_s: float | None,
        remarks: tuple[str, ...],
    ) -> IdenticalRequests:
        """Return the report."""
        rows = sorted(self._rows.values(), key=_most_saved)
        top = sorted(self._top, key=lambda item: item[:3], reverse=True)
        return IdenticalRequests(
            self._names,
            since,
            until,
            only_currency(self._currencies),
            within_s,
            self._total,
            tuple(rows),
            tuple(request for *_, request in top),
            tuple(
                CacheLifetime(None if each is None else each.total_seconds(), repeats)
                for each, repeats in zip(_LIFETIMES, self._lifetimes, strict=True)
            ),
            remarks=remarks,
        )


def _most_saved(row: IdenticalRequestsRow) -> tuple[Decimal, int, int, tuple[str, ...]]:
    names = tuple(key or "" for key in row.keys)
    cost = row.repeats.cost or ZERO
    return (cost.copy_negate(), -row.repeats.calls, -row.calls, names)
