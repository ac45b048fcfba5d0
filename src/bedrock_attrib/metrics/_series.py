"""Under which labels a call is counted, at full detail and with less of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from .._model.model_id import ModelRef
from .._model.record import CallRecord
from .._model.usage import Unit
from .._model.usage_sum import UsageSum
from . import names
from ._attributes import Pairs, clean
from ._operation_names import operation_name

# A cap is shown under the name of the setting that raises it.
VALUES_CAP = "max_values_per_tag"
ALL_TAGS = ("*", "max_series")


class Labels(NamedTuple):
    """Every label of a call, whichever instrument shows it.

    Attributes:
        tags: Attributes from the caller's tags.
        call: Attributes that cost, usage and calls have in common.
        currency: Currency of the amounts; empty when there is none.
        outcome: How the call ended.
        error: Error type, or None.
        gen_ai: Attributes of the convention's metrics; None where it has no name
            for the operation.
        folded: Tag and cap of each label that was not kept.
    """

    tags: Pairs
    call: Pairs
    currency: str
    outcome: str
    error: str | None
    gen_ai: Pairs | None
    folded: Pairs


class Cell:
    """Count and amount of one unit in one series."""

    __slots__ = ("cost", "count")

    def __init__(self) -> None:
        self.count = 0
        self.cost = Decimal(0)


class Route:
    """Calls that are counted in the same place at the same rates.

    A call adds whole numbers here; amounts follow when somebody reads.

    Attributes:
        series: Where its calls are counted.
        amounts: Amount for one of each unit that has a price.
        cells: Where its units are counted, of those that were above zero.
        tally: Usages priced at its rates, which the cells do not have yet.
        calls: Calls that the series does not have yet.
        is_spilled: Whether some unit had to be counted in another series.
    """

    __slots__ = ("amounts", "calls", "cells", "is_spilled", "series", "tally")

    def __init__(self, series: Series, amounts: Mapping[Unit, Decimal]) -> None:
        self.series = series
        self.amounts = amounts
        self.cells: dict[Unit, Cell] = {}
        self.tally = UsageSum()
        self.calls = 0
        self.is_spilled = False


class Series:
    """Calls that share every label, and what they add up to.

    Attributes:
        labels: What they share.
        level: 0 with all labels, 1 without tag values, 2 without any.
        calls: Number of calls.
        cells: Count and amount by unit.
        attributes: Attribute sets of its histograms, once they are built.
    """

    __slots__ = ("attributes", "calls", "cells", "labels", "level")

    def __init__(self, labels: Labels, level: int) -> None:
        self.labels = labels
        self.level = level
        self.calls = 0
        self.cells: dict[Unit, Cell] = {}
        self.attributes: dict[str, dict[str, str]] | None = None


def read_labels(
    record: CallRecord, tags: Pairs, folded_tags: tuple[str, ...]
) -> Labels:
    """The labels of *record*.

    Args:
        record: A finished call.
        tags: Attributes from its tags.
        folded_tags: Tags whose value was not kept.
    """
    return Labels(
        tags=tags,
        call=_call_pairs(record),
        currency="" if record.cost is None else clean(record.cost.currency),
        outcome=record.outcome.value,
        error=None if record.error is None else clean(record.error),
        gen_ai=_gen_ai_pairs(record),
        folded=tuple((tag, VALUES_CAP) for tag in folded_tags),
    )


def without_tags(labels: Labels) -> Labels:
    """*labels* with every tag value folded.

    A tag that the call does not have stays absent: untagged spend is never hidden
    under ``_other``.
    """
    tags = tuple((name, names.OTHER) for name, _ in labels.tags)
    return labels._replace(tags=tags, folded=(ALL_TAGS,))


def without_detail(labels: Labels, tag_names: Iterable[str]) -> Labels:
    """What is left of *labels* when not even models have room: the price status.

    Args:
        labels: Labels of a call.
        tag_names: Attribute names of all tags, so that tagged calls differ from
            untagged ones and in nothing else.
    """
    return Labels(
        tags=tuple((name, names.OTHER) for name in tag_names if labels.tags),
        call=tuple(pair for pair in labels.call if pair[0] == names.PRICE_STATUS),
        currency=labels.currency,
        outcome=labels.outcome,
        error=None if labels.error is None else names.OTHER,
        gen_ai=_fold_model(labels.gen_ai),
        folded=(ALL_TAGS,),
    )


def _fold_model(gen_ai: Pairs | None) -> Pairs | None:
    if gen_ai is None:
        return None
    return tuple(
        (name, names.OTHER if name == names.GEN_AI_REQUEST_MODEL else value)
        for name, value in gen_ai
    )


def _call_pairs(record: CallRecord) -> Pairs:
    scope = record.model.scope
    return (
        (names.OPERATION, clean(record.operation)),
        (names.MODEL, clean(_model_name(record.model))),
        (names.REGION, clean(record.region)),
        *(() if scope is None else ((names.SCOPE, scope.value),)),
        (names.TIER, clean(record.tier)),
        (names.PRICE_STATUS, record.price_status.value),
    )


def _model_name(model: ModelRef) -> str:
    return model.requested if model.model_id is None else model.model_id


def _gen_ai_pairs(record: CallRecord) -> Pairs | None:
    operation = operation_name(record.operation, record.model)
    if operation is None:
        return None
    return (
        (names.GEN_AI_OPERATION_NAME, operation),
        (names.GEN_AI_PROVIDER_NAME, names.AWS_BEDROCK),
        (names.GEN_AI_REQUEST_MODEL, clean(record.model.requested)),
    )
