"""Ways to spend less: which calls each is for, why, and what it would save."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from ..._model.cost import ZERO, add
from ..._model.model_id import Scope
from ..._model.record import Outcome
from ..._model.tags import Tags
from ..._model.usage import CACHE_WRITE_UNITS, Unit
from ...ledger import Kind, Reader, Sum
from ...pricing import PriceTable
from .._dimensions import dimension_named
from .._selection import Selection
from .alternative import Alternative
from .repricing import Repricer, Wanted
from .what_if import Gathered, LeftOut, Repricing

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


Keys = tuple[str | None, ...]


def keys_by(names: Iterable[str]) -> Callable[[Tags, Kind], Keys]:
    """Reads the values of some dimensions."""
    reads = [dimension_named(name).read for name in names]
    return lambda tags, kind: tuple(read(tags, kind) for read in reads)


@dataclass(slots=True)
class Clues:
    """What speaks for a way, by what its calls have in common.

    Attributes:
        names: Dimensions by which ways are told.
        cacheable: Why calls could use the cache, or use it more, by their keys.
        offline: Why nobody waits for calls, by their keys.
        patient: The same by tags and model.
    """

    names: tuple[str, ...]
    cacheable: dict[Keys, str] = field(default_factory=dict)
    offline: dict[Keys, set[str]] = field(default_factory=dict)
    patient: dict[tuple[Tags, str], str] = field(default_factory=dict)

    @classmethod
    def in_sums(cls, parts: Sequence[Sum], names: tuple[str, ...]) -> Clues:
        """Those that the sums of a span give."""
        found, keys_of = cls(names), keys_by(names)
        groups: dict[Keys, list[Sum]] = {}
        jobs: dict[tuple[Tags, str], list[Sum]] = {}
        for part in parts:
            keys = keys_of(part.tags, part.kind)
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
                for keys in {keys_of(tags, part.kind) for part in some}:
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


def report_on(
    way: Way,
    prices: PriceTable,
    reader: Reader,
    selection: Selection,
    span: tuple[datetime, datetime],
    clues: Clues,
) -> WayReport:
    """What a way would save, or saved, in a span."""
    alternative = _ALTERNATIVES[way]
    gathered = Gathered(clues.names)
    repricer = Repricer(prices, alternative, _wanted(way, clues))
    gathered.take(repricer.reprice(reader, selection, *span))
    evidence = _evidence(way, clues)
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


def _evidence(way: Way, clues: Clues) -> Callable[[Keys], tuple[str, ...]]:
    if way is Way.CACHE_MORE:
        return lambda keys: (clues.cacheable[keys],)
    if way in (Way.FLEX, Way.BATCH):
        return lambda keys: tuple(sorted(clues.offline[keys]))
    return lambda _: ()


def _wanted(way: Way, clues: Clues) -> Wanted:
    """Which calls a way is for."""
    keys_of = keys_by(clues.names)
    if way is Way.CACHED:
        return lambda _tags, _kind, usage: _has_cached(usage)
    if way is Way.CACHE_MORE:
        return lambda tags, kind, _: keys_of(tags, kind) in clues.cacheable
    if way is Way.GLOBAL:
        return lambda _tags, kind, _usage: _can_go_global(kind)
    return lambda tags, kind, _: (
        kind.tier == _DEFAULT_TIER and (tags, kind.model.requested) in clues.patient
    )


def _has_cached(usage: Mapping[Unit, int]) -> bool:
    return any(usage.get(unit) for unit in _CACHED_UNITS)


def _can_go_global(kind: Kind) -> bool:
    return kind.model.scope in (Scope.REGIONAL, Scope.GEO) and bool(kind.model.model_id)


def _signed(saved: Decimal, *, is_past: bool) -> Decimal:
    """*saved*, or what was saved already where the alternative is to do without."""
    return saved.copy_negate() if is_past else saved
