"""Options to spend less: their calls, the evidence and the savings."""

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
from ...ledger import Aggregate, CallDimensions, Reader
from ...pricing import PriceTable
from .._dimensions import dimension_named
from .._selection import Selection
from .alternative import Alternative
from .repricing import Repricer, Wanted
from .what_if import ExcludedCalls, Repricing, RepricingTotals

_CACHED_UNITS = CACHE_WRITE_UNITS | {Unit.CACHE_READ_TOKEN}
_DEFAULT_TIER = "default"
# Shortest prompt that most models cache: AWS, "Prompt caching for faster model
# inference", checked 2026-11-23; some ask for 4,096.
_SHORTEST_CACHED = 1_024
_ENOUGH_CALLS = 100
_LOW_CACHE_SHARE = 0.2
_OFFLINE_S = 20.0
_OFFLINE_WORDS = frozenset(
    "backfill batch cron etl eval evals evaluation index indexer indexing job jobs "
    "nightly offline".split()
)
_WORD = re.compile(r"[a-z]+")


class SavingsOption(StrEnum):
    """Option to spend less."""

    CACHED = "cached"
    CACHE_MORE = "cache-more"
    GLOBAL = "global"
    FLEX = "flex"
    BATCH = "batch"


_ALTERNATIVES = {
    SavingsOption.CACHED: Alternative(cached_share=Decimal(0)),
    SavingsOption.CACHE_MORE: Alternative(cached_share=Decimal("0.5")),
    SavingsOption.GLOBAL: Alternative(scope=Scope.GLOBAL),
    SavingsOption.FLEX: Alternative(tier="flex"),
    SavingsOption.BATCH: Alternative(tier="batch"),
}


@dataclass(frozen=True, slots=True)
class SavingsRow:
    """Savings of one option for some calls.

    Attributes:
        keys: Value of each dimension, the model last; None for calls without one.
        amount: Exact amount; negative if the option costs more.
        repricing: Actual and alternative cost.
        evidence: Why the calls were chosen; empty if all were.
    """

    keys: tuple[str | None, ...]
    amount: Decimal
    repricing: Repricing
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SavingsOptionReport:
    """Savings of one option.

    Attributes:
        option: The option; ``cached`` is past savings, the others are potential.
        assumptions: Assumptions of the figures, in sentences.
        rows: The largest first; of potential savings only those above zero.
        total: All of ``rows`` together.
        excluded: Calls that could not be compared, and why.
    """

    option: SavingsOption
    assumptions: tuple[str, ...]
    rows: tuple[SavingsRow, ...]
    total: Decimal
    excluded: tuple[ExcludedCalls, ...]


Keys = tuple[str | None, ...]


def keys_by(names: Iterable[str]) -> Callable[[Tags, CallDimensions], Keys]:
    """Return a function that reads the values of some dimensions."""
    reads = [dimension_named(name).read for name in names]
    return lambda tags, kind: tuple(read(tags, kind) for read in reads)


@dataclass(slots=True)
class SavingsEvidence:
    """Evidence for options.

    Attributes:
        names: Dimensions of the report.
        cacheable: Why calls could use the cache more, by keys.
        offline: Why calls need no immediate answer, by keys.
        offline_by_tags: The same by tags and model.
    """

    names: tuple[str, ...]
    cacheable: dict[Keys, str] = field(default_factory=dict)
    offline: dict[Keys, set[str]] = field(default_factory=dict)
    offline_by_tags: dict[tuple[Tags, str], str] = field(default_factory=dict)

    @classmethod
    def from_sums(
        cls, parts: Sequence[Aggregate], names: tuple[str, ...]
    ) -> SavingsEvidence:
        """Return the evidence in the sums of a span."""
        found, keys_of = cls(names), keys_by(names)
        groups: dict[Keys, list[Aggregate]] = {}
        jobs: dict[tuple[Tags, str], list[Aggregate]] = {}
        for part in parts:
            keys = keys_of(part.tags, part.dimensions)
            groups.setdefault(keys, []).append(part)
            jobs.setdefault((part.tags, part.dimensions.model.requested), []).append(
                part
            )
        for keys, some in groups.items():
            evidence = _why_cacheable(some)
            if evidence:
                found.cacheable[keys] = evidence
        for (tags, model), some in jobs.items():
            evidence = _why_offline(tags, some)
            if evidence:
                found.offline_by_tags[tags, model] = evidence
                for keys in {keys_of(tags, part.dimensions) for part in some}:
                    found.offline.setdefault(keys, set()).add(evidence)
        return found


def _why_cacheable(parts: Sequence[Aggregate]) -> str:
    """Return why calls could use the cache more; empty if they could not."""
    counted = [part for part in parts if part.usage.input_tokens]
    calls = sum(part.calls for part in counted)
    prompts = sum(part.usage.input_tokens or 0 for part in counted)
    answers = sum(part.usage.output_tokens or 0 for part in counted)
    cached = sum(part.usage.get(Unit.CACHE_READ_TOKEN, 0) for part in counted)
    if calls < _ENOUGH_CALLS or not answers:  # embeddings have no cache
        return ""
    if prompts < calls * _SHORTEST_CACHED or cached > prompts * _LOW_CACHE_SHARE:
        return ""
    return (
        f"{calls:,} calls, prompts of {prompts // calls:,} tokens on average, "
        f"{cached / prompts:.0%} of them from the cache"
    )


def _why_offline(tags: Tags, parts: Sequence[Aggregate]) -> str:
    """Return why calls need no immediate answer; empty if they may."""
    if any(part.first_chunks for part in parts):
        return ""  # a stream is read as it arrives
    for name, value in sorted(tags.items()):
        if _OFFLINE_WORDS.intersection(_WORD.findall(value.lower())):
            return f"the tag {name}={value}, and no streams"
    answered = [part for part in parts if part.dimensions.outcome is Outcome.OK]
    calls = sum(part.calls for part in answered)
    took = sum(part.duration_s for part in answered)
    if calls and took / calls >= _OFFLINE_S:
        return f"{took / calls:.0f} s on average, and no streams"
    return ""


def report_on(
    option: SavingsOption,
    prices: PriceTable,
    reader: Reader,
    selection: Selection,
    span: tuple[datetime, datetime],
    evidence: SavingsEvidence,
) -> SavingsOptionReport:
    """Return the savings of an option in a span."""
    alternative = _ALTERNATIVES[option]
    totals = RepricingTotals(evidence.names)
    repricer = Repricer(prices, alternative, _wanted(option, evidence))
    totals.add(repricer.reprice(reader, selection, *span))
    evidence_for = _evidence_reader(option, evidence)
    rows = [
        SavingsRow(
            row.keys,
            _signed(saved, is_past=option is SavingsOption.CACHED),
            row.repricing,
            evidence_for(row.keys),
        )
        for row in totals.rows()
        if (saved := row.repricing.saved) is not None
    ]
    rows = [each for each in rows if option is SavingsOption.CACHED or each.amount > 0]
    rows.sort(key=lambda each: (each.amount.copy_negate(), _keys_text(each.keys)))
    total = ZERO
    for each in rows:
        total = add(total, each.amount)
    return SavingsOptionReport(
        option,
        tuple(alternative.assumptions()),
        tuple(rows),
        total,
        totals.excluded(),
    )


def _keys_text(keys: Keys) -> tuple[str, ...]:
    return tuple(key or "" for key in keys)


def _evidence_reader(
    option: SavingsOption, evidence: SavingsEvidence
) -> Callable[[Keys], tuple[str, ...]]:
    if option is SavingsOption.CACHE_MORE:
        return lambda keys: (evidence.cacheable[keys],)
    if option in (SavingsOption.FLEX, SavingsOption.BATCH):
        return lambda keys: tuple(sorted(evidence.offline[keys]))
    return lambda _: ()


def _wanted(option: SavingsOption, evidence: SavingsEvidence) -> Wanted:
    """Return the condition that calls of an option meet."""
    keys_of = keys_by(evidence.names)
    if option is SavingsOption.CACHED:
        return lambda _tags, _kind, usage: _has_cached(usage)
    if option is SavingsOption.CACHE_MORE:
        return lambda tags, kind, _: keys_of(tags, kind) in evidence.cacheable
    if option is SavingsOption.GLOBAL:
        return lambda _tags, kind, _usage: _can_go_global(kind)
    return lambda tags, kind, _: (
        kind.tier == _DEFAULT_TIER
        and (tags, kind.model.requested) in evidence.offline_by_tags
    )


def _has_cached(usage: Mapping[Unit, int]) -> bool:
    return any(usage.get(unit) for unit in _CACHED_UNITS)


def _can_go_global(kind: CallDimensions) -> bool:
    return kind.model.scope in (Scope.REGIONAL, Scope.GEO) and bool(kind.model.model_id)


def _signed(saved: Decimal, *, is_past: bool) -> Decimal:
    """Return *saved*; negated if the alternative is to give up a past saving."""
    return saved.copy_negate() if is_past else saved
