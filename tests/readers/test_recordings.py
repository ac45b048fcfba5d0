"""Recorded exchanges with Bedrock come out as a second opinion says they should."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from bedrock_attrib import CallRecord, Recorder, Unit, Usage, instrument
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib._model.usage import CACHE_WRITE_UNITS
from bedrock_attrib.testing import (
    ListSink,
    Recording,
    bedrock_simulator,
    load_recordings,
    replay,
)

Replayed = list[tuple[Recording, list[CallRecord]]]


@pytest.fixture(scope="module")
def replayed(shared: Path) -> Replayed:
    """Each recording with the records of its call, made again over sockets."""
    recordings = load_recordings(shared / "recordings")
    sink = ListSink()
    recorder = Recorder(sinks=(sink,))
    found: Replayed = []
    with bedrock_simulator() as simulator:
        simulator.serve(recordings)
        client = instrument(simulator.client(), recorder=recorder)
        for recording in recordings:
            with suppress(ClientError):
                replay(recording, client)
            found.append((recording, list(sink.records)))
            sink.records.clear()
    assert recorder.faults.counts() == {}
    return found


def test_one_record_for_each(replayed: Replayed) -> None:
    """Each exchange is one call, of the operation and model that was recorded."""
    assert len(replayed) == 97
    wrong = [
        recording.id
        for recording, records in replayed
        if [(r.operation, r.model.requested) for r in records]
        != [(recording.operation, recording.model_id)]
    ]
    assert wrong == []


def test_counts(replayed: Replayed) -> None:
    """Input, output, cache reads and writes are those of the second opinion."""
    names = ("input_tokens", "output_tokens", "cache_read", "cache_write")
    expected, found = {}, {}
    for recording, (record,) in replayed:
        told = dict(recording.expected)
        writes = told.get("cache_write")
        told["cache_write"] = writes["total"] if isinstance(writes, dict) else writes
        expected[recording.id] = {name: told.get(name) for name in names}
        found[recording.id] = dict(zip(names, _counts(record), strict=True))
    assert expected == found


def _counts(record: CallRecord) -> tuple[int | None, ...]:
    usage = record.usage or Usage({})
    writes = [count for unit, count in usage.items() if unit in CACHE_WRITE_UNITS]
    return (
        usage.get(Unit.INPUT_TOKEN),
        usage.get(Unit.OUTPUT_TOKEN),
        usage.get(Unit.CACHE_READ_TOKEN),
        sum(writes) if writes else None,
    )


def test_sources(replayed: Replayed) -> None:
    """The statement that we believe is the one that the second opinion believes."""
    expected = [recording.expected.get("source") for recording, _ in replayed]
    found = [record.usage_source or None for _, (record,) in replayed]
    assert expected == found


def test_refusals(replayed: Replayed) -> None:
    """Where the second opinion has a reason not to meter, the call cost nothing."""
    refused = [
        (record.outcome, record.price_status, record.usage)
        for recording, (record,) in replayed
        if recording.expected.get("reason") is not None
    ]
    assert refused == [(Outcome.ERROR, PriceStatus.FREE, None)] * 4


def test_every_call_is_priced_or_free(replayed: Replayed) -> None:
    """Each model of the recordings has a price, old as some are.

    Of Claude 3.5 Sonnet, AWS's own sources state two.
    """
    statuses = {record.price_status for _, (record,) in replayed}
    assert statuses <= {PriceStatus.PRICED, PriceStatus.FREE, PriceStatus.ESTIMATED}
    unpriced = [
        (record.model.requested, record.price_reason)
        for _, (record,) in replayed
        if record.price_status not in {PriceStatus.PRICED, PriceStatus.FREE}
        and not record.price_reason.startswith("sources disagree: ")
    ]
    assert unpriced == []
