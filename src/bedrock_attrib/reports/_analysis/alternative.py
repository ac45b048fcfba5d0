"""Alternative ways to make a call: model, tier, scope and use of the cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from ..._model.model_id import ModelRef, Scope, parse_model_id
from ..._model.usage import CACHE_WRITE_UNITS, Unit, Usage
from ...errors import ConfigError
from ...ledger import CallDimensions
from ...pricing import PriceTable
from ...pricing._suggest import similar_model_ids

_BATCH = "batch"
_CACHED = CACHE_WRITE_UNITS | {Unit.CACHE_READ_TOKEN}
_PROMPT = _CACHED | {Unit.INPUT_TOKEN}
# Profile prefixes by the beginning of calling regions: AWS, "Supported Regions and
# models for inference profiles", checked 2026-11-23.
_GEOGRAPHIES = (("us-gov-", "us-gov"), ("us-", "us"), ("ca-", "us"), ("eu-", "eu"))
_ASIA = "apac"


@dataclass(frozen=True, slots=True)
class Alternative:
    """Alternative way to make calls. None leaves a property unchanged.

    Attributes:
        model: Model or profile id, as given to Bedrock. A bare id is regional.
        tier: Service tier, such as ``flex``, ``priority`` or ``batch``.
        scope: ``regional``, ``geo`` or ``global``.
        cached_share: Share of each prompt that is a cached prefix, from 0 (no caching)
            to 1.
        cache_uses: Calls that share a prefix: one writes it for five minutes, the
            others read it.
    """

    model: str | None = None
    tier: str | None = None
    scope: Scope | None = None
    cached_share: Decimal | None = None
    cache_uses: int = 10

    def check(self, prices: PriceTable) -> None:
        """Check that the alternative can be priced.

        Raises:
            ConfigError: If nothing is changed, a value is out of range, or the model or
                the tier has no price.
        """
        if (self.model, self.tier, self.scope, self.cached_share) == (None,) * 4:
            raise ConfigError(
                "nothing is changed; specify a model, tier, scope or cached share"
            )
        share = self.cached_share
        if share is not None and (share.is_nan() or not 0 <= share <= 1):
            raise ConfigError(
                f"the cached share is {self.cached_share}; expected 0 to 1"
            )
        if self.cache_uses < 1:
            raise ConfigError(
                f"the cache uses are {self.cache_uses}; expected 1 or more"
            )
        if self.tier == _BATCH and self.cached_share:
            raise ConfigError("batch jobs have no prompt cache; omit the cached share")
        if self.model is not None:
            _check_model(self.model, prices)
        if self.tier is not None:
            _check_tier(self.tier, prices)

    def model_of(self, kind: CallDimensions) -> ModelRef | None:
        """Return the model to call instead; None if no id has that scope."""
        model = kind.model if self.model is None else parse_model_id(self.model)
        if self.scope is None or self.scope is model.scope:
            return model
        if model.model_id is None:
            return None
        prefix = _prefix(self.scope, kind.region)
        return None if prefix is None else parse_model_id(f"{prefix}{model.model_id}")

    def tier_of(self, kind: CallDimensions) -> str:
        """Return the tier to serve a call of *kind* instead."""
        return kind.tier if self.tier is None else self.tier

    def usage_of(self, usage: Usage) -> Usage:
        """Return the counts instead of *usage*, with the same number of tokens."""
        share = Decimal(0) if self.tier == _BATCH else self.cached_share
        if share is None or usage.keys().isdisjoint(_PROMPT):
            return usage
        prompt = sum(count for unit, count in usage.items() if unit in _PROMPT)
        prefix = int(prompt * share)
        written = prefix // self.cache_uses
        rest = {unit: count for unit, count in usage.items() if unit not in _PROMPT}
        counts = {
            Unit.INPUT_TOKEN: prompt - prefix,
            Unit.CACHE_READ_TOKEN: prefix - written,
            Unit.CACHE_WRITE_5M_TOKEN: written,
        }
        return Usage.of({unit: count for unit, count in counts.items() if count} | rest)

    def assumptions(self) -> Iterator[str]:
        """Yield the assumptions of the alternative, in sentences."""
        if self.model is not None:
            ref = parse_model_id(self.model)
            yield (
                f"{self.model} ({ref.scope or 'no scope'}) would have the same token "
                f"counts; models count tokens and answer differently."
            )
        if self.tier is not None:
            yield f"All calls are served by the tier {self.tier}."
        if self.tier == _BATCH:
            # AWS, "Prompt caching for faster model inference", checked 2026-11-23.
            yield (
                "Batch jobs have no prompt cache: cached tokens count as plain input. "
                "Answers arrive within a day instead of at once."
            )
        if self.scope is not None:
            yield (
                f"Models are called with their {self.scope} ids, from the same regions."
            )
        if self.cached_share == 0:
            yield "Nothing is cached: cached tokens count as plain input."
        elif self.cached_share is not None:
            yield (
                f"{self.cached_share:%} of each prompt is a prefix that "
                f"{self.cache_uses} calls share: one writes it to the cache for five "
                f"minutes, the others read it."
            )
        yield "Prices are those on the days of the calls; failed calls remain free."


def _check_model(model: str, prices: PriceTable) -> None:
    model_id = parse_model_id(model).model_id
    if model_id is None or model_id in prices.model_ids:
        return
    similar = similar_model_ids(model_id, prices.model_ids)
    hint = f"; did you mean {' or '.join(similar)}?" if similar else ""
    raise ConfigError(f"no price for the model {model!r}{hint}")


def _check_tier(tier: str, prices: PriceTable) -> None:
    known = {row.tier for row in prices.rows()}
    if tier not in known:
        raise ConfigError(
            f"no price for the tier {tier!r}; expected one of "
            f"{', '.join(sorted(known))}"
        )


def _prefix(scope: Scope, region: str) -> str | None:
    """Return the prefix of model ids of *scope* in *region*; None without one."""
    if scope is Scope.REGIONAL:
        return ""
    if scope is Scope.GLOBAL:
        return "global."
    for beginning, geography in _GEOGRAPHIES:
        if region.startswith(beginning):
            return f"{geography}."
    return f"{_ASIA}." if region.startswith("ap-") else None
