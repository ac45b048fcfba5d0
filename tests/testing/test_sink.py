"""A list of the calls that have finished."""

from __future__ import annotations

from datetime import UTC, datetime

from botocore.client import BaseClient

from bedrock_attrib import CallRecord, Recorder, instrument, uninstrument
from bedrock_attrib.testing import ListSink

NOVA = "amazon.nova-lite-v1:0"
HELLO = [{"role": "user", "content": [{"text": "Hello"}]}]
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_records_are_there_as_soon_as_the_call_returns(client: BaseClient) -> None:
    """Whoever looks sees every call that has ended, without a wait or a flush."""
    sink = ListSink()
    recorder = Recorder(sinks=(sink,), clock=lambda: NOW)
    instrument(client, recorder=recorder)

    client.converse(modelId=NOVA, messages=HELLO)

    (record,) = sink.records
    recorder.close()
    assert isinstance(record, CallRecord)
    assert (record.operation, record.started_at) == ("Converse", NOW)
    assert (record.model.requested, record.region) == (NOVA, "us-east-1")


def test_one_sink_may_listen_to_two_recorders(client: BaseClient) -> None:
    """Its list has the calls of both."""
    sink = ListSink()
    recorders = [Recorder(sinks=(sink,)) for _ in range(2)]
    for recorder in recorders:
        instrument(client, recorder=recorder)
        client.converse(modelId=NOVA, messages=HELLO)
        uninstrument(client)

    assert len(sink.records) == 2
    for recorder in recorders:
        recorder.close()


def test_a_list_sink_has_nothing_pending() -> None:
    """It is flushed at once and can be closed."""
    sink = ListSink()
    sink.close()

    assert sink.flush(0.0) is True
    assert sink.records == []
