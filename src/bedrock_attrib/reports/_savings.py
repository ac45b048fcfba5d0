"""What was saved, what was wasted, and where less could be spent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .._model_id import Scope
from .._money import ZERO, add
from .._record import Outcome, Tags
from .._usage import CACHE_WRITE_UNITS, Unit
from ..ledger import Kind, Ledger, Reader, Sum
from ..pricing import PriceTable
from ._alternative import Alternative
from ._calls import only_currency
from ._dimensions import dimension_named, dimensions_of
from ._known import Doubts, add_known, known
from ._remarks import remarks_on
from ._repricing import Repricer, Wanted
from ._selection import Selection
from ._what_if import Gathered, LeftOut, Repricing

_CACHED_UNITS = CACHE_WRITE_UNITS | {Unit.CACHE_READ_TOKEN}
_DEFAULT_TIER = "default"
# The shortest prompt that most models cache: AWS, "Prompt caching for faster model
# inference", checked 2026-11-23; some ask for 4,096.
_SHORTEST_CACHED = 1_024
_ENOUGH_CALLS = 100
_HARDLY_CACHED = 0.2
_NOBODY_WAITS_S = 20.0
_OFFLINE_WORDS = frozenset(
    "backfill batch cron etl eval evals evaluation index indexer indexing job jobs "
    "nightly offline".split()
)
_WORD = re.compile(r"[a-z]+")


class Way(StrEnum):
    """How calls may cost less."""

    CACHED = "cached"
    CACHE_MORE = "cache-more"
    GLOBAL = "global"
    FLEX = "flex"
    BATCH = "batch"


_ALTERNATIVES = {
    Way.CACHED: Alternative(cached_share=Decimal(0)),
    Way.CACHE_MORE: Alternative(cached_share=Decimal("0.5")),
    Way.GLOBAL: Alternative(scope=Scope.GLOBAL),
    Way.FLEX: Alternative(tier="flex"),
    Way.BATCH: Alternative(tier="batch"),
}


@dataclass(frozen=True, slots=True)
class Saving:
    """What one way saves, or saved, for some calls.

    Attributes:
        keys: Value of each dimension, the model last; None for calls that have none.
        amount: Exact amount; negative where the way costs more.
        repricing: What they cost, and would have cost.
        evidence: Why the calls were chosen; empty where all were.
    """

    keys: tuple[str | None, ...]
    amount: Decimal
    repricing: Repricing
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WayReport:
    """One way to spend less.

    Attributes:
        way: Which; ``cached`` is what caching has saved, the others are chances.
        assumptions: What is taken for granted, in sentences.
        savings: The largest first. Of chances, those alone that save something.
        total: All of ``savings`` together.
        left_out: What could not be compared and why.
    """

    way: Way
    assumptions: tuple[str, ...]
    savings: tuple[Saving, ...]
    total: Decimal
    left_out: tuple[LeftOut, ...]


@dataclass(slots=True)
class Waste:
    """What was spent on calls that brought nothing.

    Attributes:
        keys: Value of each dimension, the model last; None for calls that have none.
        failed: Calls that ended with an error.
        failed_cost: What they cost, as far as that is known; None if not at all.
        abandoned: Calls that were given up.
        abandoned_cost: What they cost, in the same way.
        retries: Attempts beyond the first, of all calls; their price is not known.
    """

    keys: tuple[str | None, ...]
    failed: int = 0
    failed_cost: Decimal | None = None
    abandoned: int = 0
    abandoned_cost: Decimal | None = None
    retries: int = 0

    @property
    def cost(self) -> Decimal | None:
        """What all of them cost, as far as that is known."""
        return add_known(self.failed_cost, self.abandoned_cost)

    def add(self, part: Sum) -> None:
        """Add *part*."""
        cost = known(part.kind.price_status, part.cost)
        self.retries += max(0, part.attempts - part.calls)
        if part.kind.outcome is Outcome.ERROR:
            self.failed += part.calls
            self.failed_cost = add_known(self.failed_cost, cost)
        elif part.kind.outcome is Outcome.ABANDONED:
            self.abandoned += part.calls
            self.abandoned_cost = add_known(self.abandoned_cost, cost)


@dataclass(frozen=True, slots=True)
class Savings:
    """Where less was spent, and could be. Chances overlap: they do not add up.

    Attributes:
        by: Names of the dimensions, the model last.
        since: First moment; None where nothing was kept.
        until: The moment after the last; None where nothing was kept.
        currency: Currency of all amounts.
        spent: What all calls cost, as far as that is known; None if not at all.
        wasted: Failed and abandoned calls, and retries; the most expensive first.
        ways: One report for each way.
        remarks: What a reader of the figures must know, in sentences.
    """

    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    currency: str
    spent: Decimal | None
    wasted: tuple[Waste, ...]
    ways: tuple[WayReport, ...]
    remarks: tuple[str, ...] = ()


Keys = tuple[str | None, ...]


@dataclass(slots=True)
class _Found:
    """What the sums of a span say, before anything is priced anew."""

    spent: Decimal | None = None
    doubts: Doubts = field(default_factory=Doubts)
    currencies: set[str | None] = field(default_factory=set)
    wasted: dict[Keys, Waste] = field(default_factory=dict)
    cacheable: dict[Keys, str] = field(default_factory=dict)
    offline: dict[Keys, set[str]] = field(default_factory=dict)
    patient: dict[tuple[Tags, str], str] = field(default_factory=dict)


def savings(
    ledger: Ledger,
    by: Sequence[str] = ("team", "app"),
    selection: Selection | None = None,
    *,
    prices: PriceTable | None = None,
) -> Savings:
    """Find what caching saved, what failed calls cost, and where less could be spent.

    Args:
        ledger: What was kept.
        by: Tags and dimensions (`bedrock_attrib.reports.NAMES`); the model is added.
        selection: Which calls; None for all.
        prices: What things cost; None for the bundled table.

    Raises:
        ConfigError: If *by* names time or units, or amounts are in several currencies.
        LedgerError: If the ledger cannot be read.
    """
    chosen = selection or Selection()
    table = PriceTable.bundled() if prices is None else prices
    names = (*(name for name in by if name != "model"), "model")
    dimensions = dimensions_of("savings", names)
    with ledger.reading() as reader:
        whole = reader.span()
        if whole is None:
            told = tuple(remarks_on(reader, chosen, (), dimensions))
            return Savings(names, chosen.since, chosen.until, "USD", ZERO, (), (), told)
        since, until = chosen.span(whole)
        remarks = remarks_on(reader, chosen, (since, until), dimensions)
        parts = [
            part
            for part in reader.sums(since, until)
            if chosen.lets_pass(part.tags, part.kind)
        ]
        found = _look_over(parts, names)
        currency = only_currency(found.currencies)
        span = (since, until)
        ways = tuple(
            _way(way, table, reader, chosen, span, names, found) for way in Way
        )
    wasted = [each for each in found.wasted.values() if _is_told(each)]
    wasted.sort(key=_by_cost)
    return Savings(
        names,
        since,
        until,
        currency,
        found.spent if parts else ZERO,
        tuple(wasted),
        ways,
        (*remarks, *found.doubts.remarks()),
    )


def _by_cost(each: Waste) -> tuple[Decimal, int, tuple[str, ...]]:
    return (each.cost or ZERO).copy_negate(), -each.failed, _text(each)


def _is_told(waste: Waste) -> bool:
    return bool(waste.failed or waste.abandoned or waste.retries)


def _text(waste: Waste) -> tuple[str, ...]:
    return tuple(key or "" for key in waste.keys)


def _reads(names: Iterable[str]) -> Callable[[Tags, Kind], Keys]:
    reads = [dimension_named(name).read for name in names]
    return lambda tags, kind: tuple(read(tags, kind) for read in reads)


def _look_over(parts: Sequence[Sum], names: Sequence[str]) -> _Found:
    found, keys_of = _Found(), _reads(names)
    groups: dict[Keys, list[Sum]] = {}
    jobs: dict[tuple[Tags, str], list[Sum]] = {}
    for part in parts:
        keys = keys_of(part.tags, part.kind)
        status = part.kind.price_status
        found.spent = add_known(found.spent, known(status, part.cost))
        found.doubts.note(status, part.calls)
        found.currencies.add(part.kind.currency)
        found.wasted.setdefault(keys, Waste(keys)).add(part)
        groups.setdefault(keys, []).append(part)
        jobs.setdefault((part.tags, part.kind.model.requested), []).append(part)
    for keys, some in groups.items():
        evidence = _why_cacheable(some)
        if evidence:
            found.cacheable[keys] = evidence
    for (tags, model), some in jobs.items():
        evidence = _why_patient(tags, some)
        if evidence:
            found.patient[tags, model] = evidence
            keys = keys_of(tags, some[0].kind)
            found.offline.setdefault(keys, set()).add(evidence)
    return found


def _why_cacheable(parts: Sequence[Sum]) -> str:
    """Why calls look as if they could use the cache, or use it more; empty if not."""
    told = [part for part in parts if part.usage.input_tokens]
    calls = sum(part.calls for part in told)
    prompts = sum(part.usage.input_tokens or 0 for part in told)
    answers = sum(part.usage.output_tokens or 0 for part in told)
    cached = sum(part.usage.get(Unit.CACHE_READ_TOKEN, 0) for part in told)
    if calls < _ENOUGH_CALLS or not answers:  # embeddings have no cache
        return ""
    if prompts < calls * _SHORTEST_CACHED or cached > prompts * _HARDLY_CACHED:
        return ""
    return (
        f"{calls:,} calls, prompts of {prompts // calls:,} tokens on average, "
        f"{cached / prompts:.0%} of them from the cache"
    )


def _why_patient(tags: Tags, parts: Sequence[Sum]) -> str:
    """Why nobody seems to wait for the answers of some calls; empty if one may."""
    if any(part.first_chunks for part in parts):
        return ""  # a stream is read while it comes
    for name, value in sorted(tags.items()):
        if _OFFLINE_WORDS.intersection(_WORD.findall(value.lower())):
            return f"the tag {name}={value}, and no streams"
    answered = [part for part in parts if part.kind.outcome is Outcome.OK]
    calls = sum(part.calls for part in answered)
    took = sum(part.duration_s for part in answered)
    if calls and took / calls >= _NOBODY_WAITS_S:
        return f"{took / calls:.0f} s on average, and no streams"
    return ""


def _way(
    way: Way,
    prices: PriceTable,
    reader: Reader,
    selection: Selection,
    span: tuple[datetime, datetime],
    names: tuple[str, ...],
    found: _Found,
) -> WayReport:
    alternative = _ALTERNATIVES[way]
    gathered = Gathered(names)
    repricer = Repricer(prices, alternative, _wanted(way, names, found))
    gathered.take(repricer.reprice(reader, selection, *span))
    evidence = _evidence(way, found)
    rows = [
        Saving(
            row.keys,
            _signed(saved, is_past=way is Way.CACHED),
            row.repricing,
            evidence(row.keys),
        )
        for row in gathered.rows()
        if (saved := row.repricing.saved) is not None
    ]
    told = [each for each in rows if way is Way.CACHED or each.amount > 0]
    told.sort(key=lambda each: (each.amount.copy_negate(), _keys_text(each.keys)))
    total = ZERO
    for each in told:
        total = add(total, each.amount)
    return WayReport(
        way, tuple(alternative.assumptions()), tuple(told), total, gathered.left_out()
    )


def _keys_text(keys: Keys) -> tuple[str, ...]:
    return tuple(key or "" for key in keys)


def _evidence(way: Way, found: _Found) -> Callable[[Keys], tuple[str, ...]]:
    if way is Way.CACHE_MORE:
        return lambda keys: (found.cacheable[keys],)
    if way in (Way.FLEX, Way.BATCH):
        return lambda keys: tuple(sorted(found.offline[keys]))
    return lambda _: ()


def _wanted(way: Way, names: tuple[str, ...], found: _Found) -> Wanted:
    """Which calls a way is for."""
    keys_of = _reads(names)
    if way is Way.CACHED:
        return lambda _tags, _kind, usage: _has_cached(usage)
    if way is Way.CACHE_MORE:
        return lambda tags, kind, _: keys_of(tags, kind) in found.cacheable
    if way is Way.GLOBAL:
        return lambda _tags, kind, _usage: _can_go_global(kind)
    return lambda tags, kind, _: (
        kind.tier == _DEFAULT_TIER and (tags, kind.model.requested) in found.patient
    )


def _has_cached(usage: Mapping[Unit, int]) -> bool:
    return any(usage.get(unit) for unit in _CACHED_UNITS)


def _can_go_global(kind: Kind) -> bool:
    return kind.model.scope in (Scope.REGIONAL, Scope.GEO) and bool(kind.model.model_id)


def _signed(saved: Decimal, *, is_past: bool) -> Decimal:
    """*saved*, or what was saved already where the alternative is to do without."""
    return saved.copy_negate() if is_past else saved
