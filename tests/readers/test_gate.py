"""What a server states is believed where it is plausible, whatever comes."""

from __future__ import annotations

import json
from typing import Any

import pytest

import bedrock_attrib._recording.finalizer as finalizer_module
from bedrock_attrib import CallRecord, Recorder, Unit, Usage, attribution, instrument
from bedrock_attrib._model.record import Outcome, PriceReason, PriceStatus
from bedrock_attrib.errors import ConfigError
from bedrock_attrib.testing import ListSink, Reply, Simulator

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
MOST = 10**12
SECRET = "Your prompt 'my secret is 4711' was blocked " + "x" * 5000


def usage_of(count: object) -> dict[str, object]:
    """Usage of Converse with an input of *count*."""
    return {"inputTokens": count, "outputTokens": 0, "totalTokens": count}


NOT_COUNTS: dict[str, object] = {
    "above the limit": MOST + 1,
    "above 64 bits": 2**63,
    "400 digits": 10**400,
    "negative": -1,
}


@pytest.mark.parametrize("count", NOT_COUNTS.values(), ids=NOT_COUNTS)
def test_a_count_that_is_not_plausible(meter: Any, count: object) -> None:
    """Such a count leaves the usage unknown and the call unpriced."""
    record = meter.converse(CLAUDE, Reply(extra={"usage": usage_of(count)}))
    assert record.usage is None
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason_code is PriceReason.USAGE_UNREADABLE


def test_the_largest_plausible_count(meter: Any) -> None:
    """A count of a million millions is believed."""
    record = meter.converse(CLAUDE, Reply(extra={"usage": usage_of(MOST)}))
    assert record.usage == {Unit.INPUT_TOKEN: MOST, Unit.OUTPUT_TOKEN: 0}


@pytest.mark.parametrize("text", ["1_000", "+12", "1e3", "٣", "", "9" * 20])
def test_a_header_that_is_not_a_count(meter: Any, text: str) -> None:
    """A header counts where it consists of digits, and of nothing else."""
    name = "X-Amzn-Bedrock-Input-Token-Count"
    reply = Reply(body=b"{}", headers={name: json.dumps(text)[1:-1]})
    record = meter.invoke("meta.llama3-8b-instruct-v1:0", reply)
    assert record.usage is None
    assert record.price_status is PriceStatus.UNPRICED


def test_guardrail_units_that_are_not_plausible(meter: Any) -> None:
    """Units above the limit are not counted."""
    usage = {"topicPolicyUnits": 2**63, "wordPolicyUnits": 3}
    record = meter.call(
        "apply_guardrail",
        Reply(extra={"usage": usage}),
        guardrailIdentifier="gr0",
        guardrailVersion="1",
        source="INPUT",
        content=[{"text": {"text": "Hello"}}],
    )
    assert record.usage == {Unit.GUARDRAIL_WORD_TEXT_UNIT: 3}


def test_a_content_length_that_is_not_a_number(meter: Any) -> None:
    """The usage in a body is read without its length."""

    def spoil(parsed: dict[str, Any], **_: object) -> None:
        parsed["ResponseMetadata"]["HTTPHeaders"]["content-length"] = "many"

    events, name = meter.client.meta.events, "after-call.bedrock-runtime"
    events.register_first(name, spoil, "spoil")
    try:
        record = meter.invoke(CLAUDE, Reply(token_headers=False))
    finally:
        events.unregister(name, spoil, "spoil")
    assert record.usage == {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}


NOT_NAMES: dict[str, object] = {
    "list": ["flex"],
    "number": 5,
    "sentence": SECRET,
    "escape": "\x1b]0;owned\x07",
    "object": {"a": 1},
    "empty": "",
    "129 letters": "x" * 129,
    "letters of other alphabets": "fléx",
}


@pytest.mark.parametrize("name", NOT_NAMES.values(), ids=NOT_NAMES)
@pytest.mark.parametrize(
    "member", ["serviceTier", "performanceConfig", "trace"], ids=str
)
def test_a_name_that_is_not_plain(meter: Any, member: str, name: object) -> None:
    """Such a name is left out, and the price is then an estimate."""
    stated: dict[str, object] = {
        "serviceTier": {"type": name},
        "performanceConfig": {"latency": name},
        "trace": {"promptRouter": {"invokedModelId": name}},
    }
    record = meter.converse(CLAUDE, Reply(extra={member: stated[member]}))
    assert (record.tier, record.latency_mode) == ("default", "standard")
    assert record.usage == {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}
    assert record.price_status in {PriceStatus.ESTIMATED, PriceStatus.PARTIAL}
    assert _is_plain(record)


def _is_plain(record: CallRecord) -> bool:
    text = repr(record)
    return not any(part in text for part in ("secret", "xxxx", "\\x1b", "é"))


@pytest.mark.parametrize("code", [SECRET, "\x1b]0;owned\x07", "a b"])
def test_an_error_code_that_is_a_text(
    simulator: Simulator, recorder: Recorder, sink: ListSink, code: str
) -> None:
    """The HTTP status takes the place of such a code."""
    client = simulator.client()

    def spoil(parsed: dict[str, Any], **_: object) -> None:
        parsed["Error"]["Code"] = code

    client.meta.events.register_first("after-call.bedrock-runtime", spoil)
    instrument(client, recorder=recorder)
    simulator.reply(Reply(error="ValidationException"))
    with pytest.raises(client.exceptions.ClientError):
        client.converse(modelId=CLAUDE, messages=MESSAGES)
    (record,) = sink.records
    assert record.error == "400"
    assert record.price_reason == "rejected with 400; not billed"
    assert record.price_status is PriceStatus.FREE


def test_a_request_id_that_is_a_text(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """Such an id is left out."""
    client = instrument(simulator.client(), recorder=recorder)
    for request_id in (SECRET, "a b", "00000000-0000-0000-0000-000000000001"):
        simulator.reply(Reply(headers={"x-amzn-requestid": request_id}))
        client.converse(modelId=CLAUDE, messages=MESSAGES)
    found = [record.request_id for record in sink.records]
    assert found == [None, None, "00000000-0000-0000-0000-000000000001"]


def test_what_is_reported(recorder: Recorder, sink: ListSink) -> None:
    """Reported calls pass the same gate; a count of the caller's own is refused."""
    report = {"model_id": CLAUDE, "region": "us-east-1"}
    recorder.record("Converse", None, error=SECRET, http_status=400, **report)
    recorder.record("Converse", None, error=SECRET, **report)
    recorder.record("Converse", Usage({Unit.INPUT_TOKEN: 1}), tier=SECRET, **report)
    errors = [(record.error, record.tier) for record in sink.records]
    assert errors == [("400", "default"), ("Error", "default"), (None, "default")]
    assert all(map(_is_plain, sink.records))
    with pytest.raises(ConfigError, match="above 1,000,000,000,000"):
        recorder.record("Converse", Usage({Unit.INPUT_TOKEN: MOST + 1}), **report)


def test_a_call_that_cannot_be_finalized(
    simulator: Simulator,
    recorder: Recorder,
    sink: ListSink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last barrier leaves a record, unpriced, which every block counts."""

    def fail(*_: object) -> None:
        raise RuntimeError

    client = instrument(simulator.client(), recorder=recorder)
    with attribution(team="search") as spend, monkeypatch.context() as patched:
        patched.setattr(finalizer_module, "gate_names", fail)
        client.converse(modelId=CLAUDE, messages=MESSAGES)
        assert (spend.calls, spend.unpriced_calls) == (1, 1)
    (record,) = sink.records
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason_code is PriceReason.USAGE_UNREADABLE
    assert record.outcome is Outcome.OK
    assert (record.usage, record.cost) == (None, None)
    assert dict(record.tags) == {"team": "search"}
    assert recorder.faults.counts() == {"finalizing": 1}
