"""Series: labels of a call at full and at reduced detail, and their totals."""

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

# A cap has the name of the setting that raises it.
VALUES_CAP = "metric_tag_values"
ALL_TAGS = ("*", "metric_series")


class Labels(NamedTuple):
    """All labels of a call, for every instrument.

    Attributes:
        tags: Attributes from the caller's tags.
        call: Attributes shared by cost, usage and calls.
        currency: Currency of the amounts; empty when there is none.
        outcome: Outcome of the call.
        error: Error type, or None.
        gen_ai: Attributes of the convention's metrics; None if it has no name for
            the operation.
        folded: Tag and cap of each folded label.
    """

    tags: Pairs
    call: Pairs
    currency: str
    outcome: str
    error: str | None
    gen_ai: Pairs | None
    folded: Pairs


class UnitTotal:
    """Count and amount of one unit in one series."""

    __slots__ = ("cost", "count")

    def __init__(self) -> None:
        self.count = 0
        self.cost = Decimal(0)


class SeriesRoute:
    """Calls of the same series at the same rates.

    A call adds integers here; amounts are computed when the totals are read.

    Attributes:
        series: Series that counts its calls.
        amounts: Amount per unit, for each unit with a price.
        cells: Totals of its units that were above zero.
        tally: Usage priced at its rates that is not yet in the cells.
        calls: Calls that are not yet in the series.
        is_spilled: Whether some unit had to be counted in another series.
    """

    __slots__ = ("amounts", "calls", "cells", "is_spilled", "series", "tally")

    def __init__(self, series: CallSeries, amounts: Mapping[Unit, Decimal]) -> None:
        self.series = series
        self.amounts = amounts
        self.cells: dict[Unit, UnitTotal] = {}
        self.tally = UsageSum()
        self.calls = 0
        self.is_spilled = False


class CallSeries:
    """Totals of the calls that share every label.

    Attributes:
        labels: Their labels.
        level: 0 with all labels, 1 without tag values, 2 without any.
        calls: Number of calls.
        cells: Count and amount by unit.
        attributes: Attribute sets of its histograms; None until they are built.
    """

    __slots__ = ("attributes", "calls", "cells", "labels", "level")

    def __init__(self, labels: Labels, level: int) -> None:
        self.labels = labels
        self.level = level
        self.calls = 0
        self.cells: dict[Unit, UnitTotal] = {}
        self.attributes: dict[str, dict[str, str]] | None = None


def read_labels(
    record: CallRecord, tags: Pairs, folded_tags: tuple[str, ...]
) -> Labels:
    """Return the labels of *record*.

    Args:
        record: A finished call.
        tags: Attributes from its tags.
        folded_tags: Tags whose value was folded.
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
    """Return *labels* with every tag value folded.

    A tag that the call does not have stays absent: untagged spend is never hidden
    under ``_other``.
    """
    tags = tuple((name, names.OTHER) for name, _ in labels.tags)
    return labels._replace(tags=tags, folded=(ALL_TAGS,))


def without_detail(labels: Labels, tag_names: Iterable[str]) -> Labels:
    """Return *labels* reduced to the price status, for when models have no room.

    Args:
        labels: Labels of a call.
        tag_names: Attribute names of all tags, so that tagged calls still differ
            from untagged ones.
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
