"""Which failed calls are known to cost nothing."""

from __future__ import annotations

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from bedrock_attrib import CallRecord, Recorder, instrument
from bedrock_attrib._model.record import Outcome, PriceReason, PriceStatus
from bedrock_attrib._readers import status_without_answer
from bedrock_attrib.testing import ListSink, Reply, Simulator, bedrock_simulator

MODEL = "amazon.nova-lite-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]


def refused(error: str, status: int | None = None) -> CallRecord:
    """The record of a Converse call that is answered with *error*."""
    sink = ListSink()
    with bedrock_simulator() as simulator:
        simulator.reply(Reply(error=error, status=status))
        client = metered(simulator, sink)
        with pytest.raises(ClientError):
            client.converse(modelId=MODEL, messages=MESSAGES)
        (record,) = sink.records
    return record


def metered(simulator: Simulator, sink: ListSink) -> BaseClient:
    """A client that tells *sink*."""
    client: BaseClient = instrument(
        simulator.client(), recorder=Recorder(sinks=(sink,))
    )
    return client


@pytest.mark.parametrize(
    "error",
    [
        "ValidationException",
        "ThrottlingException",
        "AccessDeniedException",
        "ResourceNotFoundException",
        "ServiceQuotaExceededException",
        "ModelNotReadyException",
    ],
)
def test_turned_away(error: str) -> None:
    """A call that no model ran for is free, and the reason says which error it was."""
    record = refused(error)
    assert record.outcome is Outcome.ERROR
    assert record.error == error
    assert record.price_status is PriceStatus.FREE
    assert record.price_reason == f"rejected with {error}; not billed"
    assert record.usage is None
    assert record.cost is None


UNKNOWN = {
    "InternalServerException": 500,
    "ServiceUnavailableException": 503,
    "ModelTimeoutException": 408,
    "ModelErrorException": 424,
}


@pytest.mark.parametrize("error", UNKNOWN)
def test_failed_inside(error: str) -> None:
    """A call that may have run a model is unpriced, not free."""
    record = refused(error, UNKNOWN[error])
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason == (
        f"failed with {error} ({UNKNOWN[error]}); AWS does not say whether that is "
        f"billed"
    )


def test_no_answer() -> None:
    """Without an answer it counts whether the request was sent."""
    assert status_without_answer("ReadTimeoutError", was_sent=True) == (
        PriceStatus.UNPRICED,
        "ReadTimeoutError: no answer came, and AWS may have billed the call",
        PriceReason.NO_ANSWER,
    )
    assert status_without_answer("NoCredentialsError", was_sent=False) == (
        PriceStatus.FREE,
        "NoCredentialsError: the request was not sent",
        PriceReason.NOT_SENT,
    )
