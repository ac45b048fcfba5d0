"""Unpriced calls: reasons, usage and advice for calls that are not fully priced."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ..._model.model_id import ModelKind
from ..._model.record import PriceReason, PriceStatus
from ..._model.usage import Unit
from ...ledger import Aggregate, CallDimensions, Ledger, Reader
from .._selection import Selection
from .price_coverage import NOT_FULLY_PRICED
from .remarks import remarks_on
from .table import Column, ColumnType, Table

DELETED = "unknown: the single calls were deleted"
_UNIT_ORDER = {unit: number for number, unit in enumerate(Unit)}
Key = tuple[str, PriceReason | None, str, str, str, PriceStatus]


@dataclass(slots=True)
class UnpricedRow:
    """Calls of one model and region that are not fully priced for the same reason.

    Attributes:
        reason: Reason that was recorded with the calls, for people.
        reason_code: Its code; None if unknown.
        status: ``unpriced``, or ``partial`` where a part has a price.
        model: Model id, or the requested model where the id is unknown.
        region: Calling region.
        tier: Service tier that served them.
        advice: What to do, in a sentence.
        calls: How many there are.
        usage: Counts by unit, including units with a price.
        unpriced_units: Units without a price; empty if no unit has one.
    """

    reason: str
    reason_code: PriceReason | None
    status: PriceStatus
    model: str
    region: str
    tier: str
    advice: str
    calls: int = 0
    usage: dict[Unit, int] = field(default_factory=dict)
    unpriced_units: tuple[Unit, ...] = ()

    def add(self, part: Aggregate) -> None:
        """Add the figures of *part*."""
        self.calls += part.calls
        for unit, count in part.usage.items():
            self.usage[unit] = self.usage.get(unit, 0) + count
        units = {*self.unpriced_units, *part.dimensions.unpriced_units}
        self.unpriced_units = tuple(sorted(units, key=_UNIT_ORDER.__getitem__))


@dataclass(frozen=True, slots=True)
class UnpricedReport:
    """Calls that are not fully priced.

    Attributes:
        since: First moment.
        until: The moment after the last.
        rows: The reason with the most calls first.
        calls: How many calls are not fully priced.
        all_calls: How many calls there are.
        remarks: Limits of the figures, in sentences.
    """

    since: datetime | None
    until: datetime | None
    rows: tuple[UnpricedRow, ...]
    calls: int
    all_calls: int
    remarks: tuple[str, ...] = ()


def unpriced(ledger: Ledger, selection: Selection | None = None) -> UnpricedReport:
    """Find calls that are not fully priced, by reason.

    Reasons are stored with single calls, which are read if any call lacks a price; the
    reason text of deleted calls is unknown, its code is not.

    Args:
        ledger: The ledger to read.
        selection: Which calls; None for all.

    Raises:
        LedgerError: If the ledger cannot be read.
    """
    chosen = selection or Selection()
    rows: dict[Key, UnpricedRow] = {}
    since, until, calls, all_calls = chosen.since, chosen.until, 0, 0
    with ledger.reading() as reader:
        whole = reader.span()
        points = [] if whole is None else [*chosen.span(whole)]
        remarks = tuple(remarks_on(reader, chosen, points, ()))
        if points:
            since, until = points
            lacking = []
            for part in reader.sums(since, until):
                if chosen.matches(part.tags, part.dimensions):
                    all_calls += part.calls
                    if part.dimensions.price_status in NOT_FULLY_PRICED:
                        calls += part.calls
                        lacking.append(part)
            if lacking:
                _explain(rows, lacking, reader, chosen, (since, until))
    found = sorted(rows.values(), key=_by_calls)
    return UnpricedReport(since, until, tuple(found), calls, all_calls, remarks)


def _explain(
    rows: dict[Key, UnpricedRow],
    lacking: list[Aggregate],
    reader: Reader,
    chosen: Selection,
    span: tuple[datetime, datetime],
) -> None:
    explained: dict[tuple[object, CallDimensions], list[Aggregate]] = {}
    for reason, part in reader.sums_by_reason(
        *span, dimensions=lambda kind: kind.price_status in NOT_FULLY_PRICED
    ):
        if chosen.matches(part.tags, part.dimensions):
            _add(rows, reason, part)
            explained.setdefault((part.tags, part.dimensions), []).append(part)
    for part in lacking:
        rest = _without(part, explained.get((part.tags, part.dimensions), []))
        if rest is not None:
            _add(rows, DELETED, rest)


def _without(part: Aggregate, known: list[Aggregate]) -> Aggregate | None:
    """Return the rest of *part* without *known*; None if nothing is left."""
    calls = part.calls - sum(each.calls for each in known)
    if not calls:
        return None
    usage = {
        unit: count - sum(each.usage.get(unit, 0) for each in known)
        for unit, count in part.usage.items()
    }
    left = {unit: count for unit, count in usage.items() if count}
    return part._replace(calls=calls, usage=type(part.usage).of(left))


def _add(rows: dict[Key, UnpricedRow], reason: str, part: Aggregate) -> None:
    kind = part.dimensions
    model = kind.model.model_id or kind.model.requested
    code = kind.price_reason_code
    key = (reason, code, model, kind.region, kind.tier, kind.price_status)
    row = rows.get(key)
    if row is None:
        row = rows[key] = UnpricedRow(
            reason,
            code,
            kind.price_status,
            model,
            kind.region,
            kind.tier,
            advice(kind),
        )
    row.add(part)


def _by_calls(row: UnpricedRow) -> tuple[object, ...]:
    return (-row.calls, row.model, row.region, row.tier, row.reason, row.status)


def advice(kind: CallDimensions) -> str:
    """Return what to do about calls of *kind* that are not fully priced."""
    code = kind.price_reason_code
    if code is not None and code in _BY_CODE:
        return _BY_CODE[code]
    if not kind.usage_source:
        return _NO_USAGE
    if kind.model.model_id is None:
        return _BY_KIND.get(kind.model.kind, _MAP_MODEL)
    return (
        "add the price under [[prices]] in a file named by the setting "
        "price_overrides, or fetch the AWS price list: bedrock-attrib prices update"
    )


_NO_USAGE = (
    "the response did not state its usage, so a price would not help: read streams to "
    "their end; enable the trace of guardrails"
)
_MAP_MODEL = "map it to its model id under [models] in the setting price_overrides"
_RESOLVE_PROFILE = (
    "resolve it with configure(profiles=ProfileResolver()), or map the ARN to its "
    "model id under [models] in the setting price_overrides"
)
_MAP_CUSTOM_MODEL = "map the ARN to its base model under [base_models]"
_BY_CODE = {
    PriceReason.USAGE_NOT_STATED: _NO_USAGE,
    PriceReason.STREAM_UNFINISHED: "read streams to their end",
    PriceReason.GUARDRAIL_NOT_STATED: "enable the trace of guardrails",
    PriceReason.PROFILE_PENDING: _RESOLVE_PROFILE,
    PriceReason.PROFILE_UNKNOWN: _RESOLVE_PROFILE,
    PriceReason.CUSTOM_MODEL: _MAP_CUSTOM_MODEL,
    PriceReason.PRICING_FAILED: "look for the error in the log, and report it",
}
_BY_KIND = {
    ModelKind.APPLICATION_INFERENCE_PROFILE: _RESOLVE_PROFILE,
    ModelKind.PROVISIONED: "add its hourly cost under [[commitments]]",
    ModelKind.IMPORTED: "billed by the minute: add its cost under [[commitments]]",
    ModelKind.MARKETPLACE_ENDPOINT: (
        "billed by instance hours, which calls do not state"
    ),
    ModelKind.CUSTOM: _MAP_CUSTOM_MODEL,
}


def tabulate_unpriced(report: UnpricedReport) -> Table:
    """Return *report* as a table; usage is text: ``input_token=5 output_image=1``."""
    names = ("reason", "status", "model", "region", "tier")
    return Table(
        (
            *map(Column, names),
            Column("calls", ColumnType.COUNT),
            *map(Column, ("usage", "unpriced_units", "advice")),
        ),
        [
            (
                row.reason,
                row.status.value,
                row.model,
                row.region,
                row.tier,
                row.calls,
                usage_text(row),
                " ".join(row.unpriced_units),
                row.advice,
            )
            for row in report.rows
        ],
    )


def usage_text(row: UnpricedRow) -> str:
    """Return the usage of *row* as text, in the order of units."""
    units = sorted(row.usage, key=_UNIT_ORDER.__getitem__)
    return " ".join(f"{unit}={row.usage[unit]}" for unit in units)
