"""Calls without a whole price: why, what they used, and what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ..._model.model_id import ModelKind
from ..._model.record import PriceStatus
from ..._model.usage import Unit
from ...ledger import Kind, Ledger, Reader, Sum
from .._selection import Selection
from .price_coverage import NOT_WHOLLY_PRICED
from .remarks import remarks_on
from .table import ColumnType, FlatColumn, FlatTable

NOT_KEPT = "not known: these calls are not kept on their own any more"
_UNIT_ORDER = {unit: number for number, unit in enumerate(Unit)}
Key = tuple[str, str, str, str, PriceStatus]


@dataclass(slots=True)
class UnpricedRow:
    """Calls of one model and region that have no whole price for the same reason.

    Attributes:
        reason: Why, as it was recorded with the calls.
        status: ``unpriced``, or ``partial`` where a part has a price.
        model: Model id, or what was called where the id is not known.
        region: Calling region.
        tier: Service tier that served them.
        advice: What to do, in a sentence.
        calls: How many there are.
        usage: What they used, by unit; units that have a price included.
        unpriced_units: Units that have no price; empty where nothing has one.
    """

    reason: str
    status: PriceStatus
    model: str
    region: str
    tier: str
    advice: str
    calls: int = 0
    usage: dict[Unit, int] = field(default_factory=dict)
    unpriced_units: tuple[Unit, ...] = ()

    def add(self, part: Sum) -> None:
        """Add *part*."""
        self.calls += part.calls
        for unit, count in part.usage.items():
            self.usage[unit] = self.usage.get(unit, 0) + count
        units = {*self.unpriced_units, *part.kind.unpriced_units}
        self.unpriced_units = tuple(sorted(units, key=_UNIT_ORDER.__getitem__))


@dataclass(frozen=True, slots=True)
class UnpricedReport:
    """Calls without a whole price.

    Attributes:
        since: First moment.
        until: The moment after the last.
        rows: The reason with the most calls first.
        calls: How many calls have no whole price.
        all_calls: How many calls there are.
        remarks: What a reader of the figures must know, in sentences.
    """

    since: datetime | None
    until: datetime | None
    rows: tuple[UnpricedRow, ...]
    calls: int
    all_calls: int
    remarks: tuple[str, ...] = ()


def unpriced(ledger: Ledger, selection: Selection | None = None) -> UnpricedReport:
    """Find calls without a whole price, by reason.

    Reasons stand with single calls, which are all looked at where some call lacks a
    price; of calls that were forgotten, the reason is not known any more.

    Args:
        ledger: What was kept.
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
                if chosen.lets_pass(part.tags, part.kind):
                    all_calls += part.calls
                    if part.kind.price_status in NOT_WHOLLY_PRICED:
                        calls += part.calls
                        lacking.append(part)
            if lacking:
                _explain(rows, lacking, reader, chosen, (since, until))
    found = sorted(rows.values(), key=_by_calls)
    return UnpricedReport(since, until, tuple(found), calls, all_calls, remarks)


def _explain(
    rows: dict[Key, UnpricedRow],
    lacking: list[Sum],
    reader: Reader,
    chosen: Selection,
    span: tuple[datetime, datetime],
) -> None:
    told: dict[tuple[object, Kind], list[Sum]] = {}
    for reason, part in reader.sums_by_reason(
        *span, kinds=lambda kind: kind.price_status in NOT_WHOLLY_PRICED
    ):
        if chosen.lets_pass(part.tags, part.kind):
            _add(rows, reason, part)
            told.setdefault((part.tags, part.kind), []).append(part)
    for part in lacking:
        rest = _without(part, told.get((part.tags, part.kind), []))
        if rest is not None:
            _add(rows, NOT_KEPT, rest)


def _without(part: Sum, known: list[Sum]) -> Sum | None:
    """What is left of *part* without *known*; None where that is nothing."""
    calls = part.calls - sum(each.calls for each in known)
    if not calls:
        return None
    usage = {
        unit: count - sum(each.usage.get(unit, 0) for each in known)
        for unit, count in part.usage.items()
    }
    left = {unit: count for unit, count in usage.items() if count}
    return part._replace(calls=calls, usage=type(part.usage).of(left))


def _add(rows: dict[Key, UnpricedRow], reason: str, part: Sum) -> None:
    kind = part.kind
    model = kind.model.model_id or kind.model.requested
    key = (reason, model, kind.region, kind.tier, kind.price_status)
    row = rows.get(key)
    if row is None:
        row = rows[key] = UnpricedRow(
            reason, kind.price_status, model, kind.region, kind.tier, advice(kind)
        )
    row.add(part)


def _by_calls(row: UnpricedRow) -> tuple[object, ...]:
    return (-row.calls, row.model, row.region, row.tier, row.reason, row.status)


def advice(kind: Kind) -> str:
    """What to do about calls of *kind*, which have no whole price."""
    if not kind.usage_source:
        return (
            "no price would help, as the answer did not say what was used: read "
            "streams to their end; switch the trace of guardrails on"
        )
    if kind.model.model_id is None:
        return _BY_KIND.get(kind.model.kind, _NO_MODEL)
    return (
        "state the price under [[prices]] in a file that the setting price_overrides "
        "names, or import AWS's own price list: bedrock-attrib prices import"
    )


_NO_MODEL = "map it to its model id under [models] in the setting price_overrides"
_BY_KIND = {
    ModelKind.APPLICATION_INFERENCE_PROFILE: (
        "let it be looked up, configure(profiles=ProfileResolver()), or map the ARN to "
        "its model id under [models] in the setting price_overrides"
    ),
    ModelKind.PROVISIONED: "state what it costs by the hour under [[commitments]]",
    ModelKind.IMPORTED: "it is billed by the minute: state it under [[commitments]]",
    ModelKind.MARKETPLACE_ENDPOINT: (
        "it is billed by the hour of its instances, which calls do not tell"
    ),
    ModelKind.CUSTOM: "map the ARN to its base model under [base_models]",
}


def flat_unpriced(report: UnpricedReport) -> FlatTable:
    """*report* as a table; usage as text, such as ``input_token=5 output_image=1``."""
    names = ("reason", "status", "model", "region", "tier")
    return FlatTable(
        (
            *map(FlatColumn, names),
            FlatColumn("calls", ColumnType.COUNT),
            *map(FlatColumn, ("usage", "unpriced_units", "advice")),
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
    """What *row* used, in the order of units."""
    units = sorted(row.usage, key=_UNIT_ORDER.__getitem__)
    return " ".join(f"{unit}={row.usage[unit]}" for unit in units)
