"""What the matrices of sync and async clients have in common: calls and answers.

A method of a sync client gives the answer and one of an async client gives what is
awaited for it; to call it is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bedrock_attrib import Unit, Usage
from bedrock_attrib._model.record import PriceStatus
from bedrock_attrib.testing import Reply, tokens

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
USAGE = tokens(input_tokens=100, output_tokens=50, cache_read_tokens=20)
WRITES = tokens(
    input_tokens=10,
    output_tokens=5,
    cache_write_5m_tokens=30,
    cache_write_1h_tokens=70,
)
# What headers say of them: not for how long something was written to the cache.
HEADERS = tokens(input_tokens=10, output_tokens=5, cache_write_5m_tokens=100)
NOTHING = Usage({})
GUARDRAIL = Usage(
    {
        Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 2,
        Unit.GUARDRAIL_CONTEXTUAL_GROUNDING_TEXT_UNIT: 0,
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_FREE_TEXT_UNIT: 0,
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_TEXT_UNIT: 0,
        Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 0,
        Unit.GUARDRAIL_WORD_TEXT_UNIT: 0,
    }
)


@dataclass(frozen=True)
class Operation:
    """One operation, as it is called and answered.

    Attributes:
        name: As AWS spells it.
        method: The client's method.
        params: What it is called with.
        reply: What the endpoint answers.
        usage: What is recorded of the whole answer.
        status: Price status of a call whose answer came whole.
        reader: Member of the answer that is read as a stream or body; None without.
    """

    name: str
    method: str
    params: dict[str, Any] = field(repr=False)
    reply: Reply = field(repr=False)
    usage: Usage
    status: PriceStatus = PriceStatus.PRICED
    reader: str | None = None

    def call(self, client: Any, **changes: Any) -> Any:
        """Call *client*; a sync one gives the answer, an async one what to await."""
        return getattr(client, self.method)(**(self.params | changes))

    def exists(self, client: Any) -> bool:
        """Whether this version of botocore has the operation."""
        return hasattr(client, self.method)


_CONVERSE = {"modelId": MODEL, "messages": MESSAGES}
_INVOKE = {"modelId": MODEL, "body": b"{}"}

PLAIN = (
    Operation("Converse", "converse", _CONVERSE, Reply(usage=USAGE), USAGE),
    Operation("InvokeModel", "invoke_model", _INVOKE, Reply(usage=USAGE), USAGE),
    Operation(
        "CountTokens",
        "count_tokens",
        {"modelId": MODEL, "input": {"converse": {"messages": MESSAGES}}},
        Reply(),
        NOTHING,
        PriceStatus.FREE,
    ),
    Operation(
        "ApplyGuardrail",
        "apply_guardrail",
        {
            "guardrailIdentifier": "gr",
            "guardrailVersion": "1",
            "source": "INPUT",
            "content": [{"text": {"text": "Hello"}}],
        },
        Reply(usage=GUARDRAIL),
        GUARDRAIL,
    ),
    Operation(
        "StartAsyncInvoke",
        "start_async_invoke",
        {
            "modelId": "amazon.nova-reel-v1:0",
            "modelInput": {"videoGenerationConfig": {"durationSeconds": 6}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://bucket"}},
        },
        Reply(),
        Usage({Unit.OUTPUT_VIDEO_SECOND_720P: 6}),
        PriceStatus.ESTIMATED,
    ),
    Operation(
        "ListAsyncInvokes",
        "list_async_invokes",
        {},
        Reply(),
        NOTHING,
        PriceStatus.FREE,
    ),
)
STREAMS = (
    Operation(
        "ConverseStream",
        "converse_stream",
        _CONVERSE,
        Reply(usage=USAGE, chunks=10, text="0123456789"),
        USAGE,
        reader="stream",
    ),
    Operation(
        "InvokeModelWithResponseStream",
        "invoke_model_with_response_stream",
        _INVOKE,
        Reply(usage=USAGE, chunks=10, text="0123456789"),
        USAGE,
        reader="body",
    ),
)
# Of the first, lifetimes of cache writes stand in the body alone; of the other, all.
BODIES = (
    Operation(
        "InvokeModel",
        "invoke_model",
        _INVOKE,
        Reply(usage=WRITES),
        WRITES,
        reader="body",
    ),
    Operation(
        "InvokeModel",
        "invoke_model",
        _INVOKE,
        Reply(usage=WRITES, token_headers=False),
        WRITES,
        reader="body",
    ),
)
