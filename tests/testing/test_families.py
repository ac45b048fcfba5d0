"""In which shape each model family answers, and where it writes counts."""

from __future__ import annotations

import json

import pytest
from botocore.client import BaseClient

from bedrock_attrib import Unit, Usage
from bedrock_attrib.testing import Reply, Simulator, ToolUse, tokens

PLAIN = tokens(input_tokens=11, output_tokens=4)
CACHED = tokens(
    input_tokens=11,
    output_tokens=4,
    cache_read_tokens=100,
    cache_write_5m_tokens=20,
    cache_write_1h_tokens=30,
)
COUNTED = {
    "x-amzn-bedrock-input-token-count": "11",
    "x-amzn-bedrock-output-token-count": "4",
}
INPUT_ONLY = {"x-amzn-bedrock-input-token-count": "11"}
CHAT = {"messages": []}
PROMPT = {"prompt": "Hello"}


def invoked(
    client: BaseClient, model_id: str, request: dict[str, object]
) -> tuple[dict[str, str], dict[str, object]]:
    """Token headers and JSON body of an InvokeModel answer."""
    answer = client.invoke_model(modelId=model_id, body=json.dumps(request))
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    told = {name: text for name, text in headers.items() if "token-count" in name}
    return told, json.loads(answer["body"].read())


def streamed(
    client: BaseClient, model_id: str, request: dict[str, object]
) -> list[dict[str, object]]:
    """JSON chunks of an InvokeModelWithResponseStream answer."""
    answer = client.invoke_model_with_response_stream(
        modelId=model_id, body=json.dumps(request)
    )
    return [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]


def choice(reason: str) -> dict[str, object]:
    """The one choice of an OpenAI answer."""
    message = {"role": "assistant", "content": "Hi"}
    return {"index": 0, "message": message, "finish_reason": reason}


OPENAI = {
    "id": "chatcmpl-00000000000000000000000000000001",
    "object": "chat.completion",
    "created": 1767225600,
    "choices": [choice("stop")],
    "usage": {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15},
}
VECTOR = [0.25, -0.5, 0.125, 0.0]
COHERE_ID = "00000001-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("model_id", "request_fields", "headers", "body"),
    [
        (
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            CHAT,
            COUNTED,
            {
                "id": "msg_bdrk_000000000000000000000001",
                "type": "message",
                "role": "assistant",
                "model": "claude-sonnet-4-5-20250929-v1:0",
                "content": [{"type": "text", "text": "Hi"}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": 11, "output_tokens": 4},
            },
        ),
        (
            "anthropic.claude-v2",
            PROMPT,
            COUNTED,
            {
                "type": "completion",
                "completion": "Hi",
                "stop_reason": "stop_sequence",
                "stop": "\n\nHuman:",
            },
        ),
        (
            "amazon.nova-lite-v1:0",
            CHAT,
            COUNTED,
            {
                "output": {
                    "message": {"content": [{"text": "Hi"}], "role": "assistant"}
                },
                "stopReason": "end_turn",
                "usage": {"inputTokens": 11, "outputTokens": 4, "totalTokens": 15},
            },
        ),
        (
            "amazon.titan-text-lite-v1",
            {"inputText": "Hello"},
            COUNTED,
            {
                "inputTextTokenCount": 11,
                "results": [
                    {"tokenCount": 4, "outputText": "Hi", "completionReason": "FINISH"}
                ],
            },
        ),
        (
            "amazon.titan-embed-text-v2:0",
            {"inputText": "Hello"},
            INPUT_ONLY,
            {"embedding": VECTOR, "inputTextTokenCount": 11},
        ),
        (
            "amazon.nova-2-multimodal-embeddings-v1:0",
            {},
            INPUT_ONLY,
            {
                "embeddings": [{"embeddingType": "TEXT", "embedding": VECTOR}],
                "inputTokenCount": 11,
            },
        ),
        (
            "cohere.embed-english-v3",
            {"texts": ["a", "b"]},
            INPUT_ONLY,
            {
                "id": COHERE_ID,
                "response_type": "embeddings_floats",
                "embeddings": [VECTOR, VECTOR],
                "texts": ["a", "b"],
            },
        ),
        (
            "cohere.rerank-v3-5:0",
            {"documents": ["a", "b"]},
            INPUT_ONLY,
            {
                "results": [
                    {"index": 0, "relevance_score": 1.0},
                    {"index": 1, "relevance_score": 0.5},
                ]
            },
        ),
        (
            "amazon.rerank-v1:0",
            {},
            INPUT_ONLY,
            {"results": [{"index": 0, "relevance_score": 1.0}]},
        ),
        (
            "cohere.command-text-v14",
            PROMPT,
            COUNTED,
            {
                "id": COHERE_ID,
                "generations": [
                    {"id": COHERE_ID, "text": "Hi", "finish_reason": "COMPLETE"}
                ],
                "prompt": "Hello",
            },
        ),
        (
            "cohere.command-r-v1:0",
            {"message": "Hello"},
            COUNTED,
            {
                "response_id": COHERE_ID,
                "text": "Hi",
                "generation_id": COHERE_ID,
                "chat_history": [
                    {"role": "USER", "message": "Hello"},
                    {"role": "CHATBOT", "message": "Hi"},
                ],
                "finish_reason": "COMPLETE",
            },
        ),
        (
            "us.meta.llama3-3-70b-instruct-v1:0",
            PROMPT,
            COUNTED,
            {
                "generation": "Hi",
                "prompt_token_count": 11,
                "generation_token_count": 4,
                "stop_reason": "stop",
            },
        ),
        (
            "mistral.mistral-7b-instruct-v0:2",
            PROMPT,
            COUNTED,
            {"outputs": [{"text": "Hi", "stop_reason": "stop"}]},
        ),
        (
            "mistral.pixtral-large-2502-v1:0",
            CHAT,
            COUNTED,
            OPENAI | {"model": "mistral.pixtral-large-2502-v1:0"},
        ),
        (
            "ai21.jamba-1-5-mini-v1:0",
            CHAT,
            COUNTED,
            OPENAI
            | {
                "model": "ai21.jamba-1-5-mini-v1:0",
                "meta": {"requestDurationMillis": 0},
            },
        ),
        (
            "us.deepseek.r1-v1:0",
            PROMPT,
            COUNTED,
            {"choices": [{"text": "Hi", "stop_reason": "stop"}]},
        ),
        (
            "openai.gpt-oss-120b-1:0",
            CHAT,
            COUNTED,
            OPENAI | {"model": "openai.gpt-oss-120b-1:0"},
        ),
        (
            "qwen.qwen3-32b-v1:0",
            CHAT,
            COUNTED,
            OPENAI | {"model": "qwen.qwen3-32b-v1:0"},
        ),
        (
            "twelvelabs.pegasus-1-2-v1:0",
            {},
            COUNTED,
            {"message": "Hi", "finishReason": "stop"},
        ),
        (
            "twelvelabs.marengo-embed-2-7-v1:0",
            {},
            {},
            {"data": [{"embedding": VECTOR}]},
        ),
    ],
)
def test_a_family_answers_in_its_own_shape(
    simulator: Simulator,
    client: BaseClient,
    model_id: str,
    request_fields: dict[str, object],
    headers: dict[str, str],
    body: dict[str, object],
) -> None:
    """Token headers and body are those that the model's family sends."""
    simulator.reply(Reply(text="Hi", usage=PLAIN))

    assert (headers, body) == invoked(client, model_id, request_fields)


@pytest.mark.parametrize(
    ("model_id", "usage"),
    [
        (
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            {
                "input_tokens": 11,
                "cache_creation_input_tokens": 50,
                "cache_read_input_tokens": 100,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 20,
                    "ephemeral_1h_input_tokens": 30,
                },
                "output_tokens": 4,
            },
        ),
        (
            "amazon.nova-pro-v1:0",
            {
                "inputTokens": 11,
                "outputTokens": 4,
                "cacheReadInputTokenCount": 100,
                "cacheWriteInputTokenCount": 50,
                "totalTokens": 165,
            },
        ),
        (
            "openai.gpt-5.6",
            {
                "prompt_tokens": 161,
                "completion_tokens": 4,
                "total_tokens": 165,
                "prompt_tokens_details": {
                    "cached_tokens": 100,
                    "cache_write_tokens": 50,
                },
            },
        ),
    ],
)
def test_cached_tokens_stand_where_the_family_puts_them(
    simulator: Simulator,
    client: BaseClient,
    model_id: str,
    usage: dict[str, object],
) -> None:
    """Anthropic and Nova count them apart; OpenAI counts them as prompt too."""
    simulator.reply(Reply(usage=CACHED))

    headers, body = invoked(client, model_id, CHAT)

    assert usage == body["usage"]
    assert headers == {
        "x-amzn-bedrock-input-token-count": "11",
        "x-amzn-bedrock-output-token-count": "4",
        "x-amzn-bedrock-cache-read-input-token-count": "100",
        "x-amzn-bedrock-cache-write-input-token-count": "50",
    }


def test_lifetimes_of_cache_writes_may_be_left_untold(
    simulator: Simulator, client: BaseClient
) -> None:
    """Without the split the body says only how many tokens were written."""
    simulator.reply(Reply(usage=CACHED, tell_cache_lifetimes=False))

    _, body = invoked(client, "anthropic.claude-opus-4-6-v1", CHAT)

    assert body["usage"] == {
        "input_tokens": 11,
        "cache_creation_input_tokens": 50,
        "cache_read_input_tokens": 100,
        "output_tokens": 4,
    }


METRICS = {
    "inputTokenCount": 11,
    "outputTokenCount": 4,
    "invocationLatency": 0,
    "firstByteLatency": 0,
}


@pytest.mark.parametrize(
    ("model_id", "request_fields", "last"),
    [
        ("anthropic.claude-opus-4-6-v1", CHAT, {"type": "message_stop"}),
        (
            "anthropic.claude-instant-v1",
            PROMPT,
            {
                "type": "completion",
                "completion": "",
                "stop_reason": "stop_sequence",
                "stop": "\n\nHuman:",
            },
        ),
        (
            "amazon.nova-micro-v1:0",
            CHAT,
            {
                "metadata": {
                    "usage": {"inputTokens": 11, "outputTokens": 4},
                    "metrics": {},
                    "trace": {},
                }
            },
        ),
        (
            "amazon.titan-text-express-v1",
            {},
            {
                "outputText": "hello",
                "index": 0,
                "totalOutputTextTokenCount": 4,
                "completionReason": "FINISH",
                "inputTextTokenCount": None,
            },
        ),
        (
            "cohere.command-light-text-v14",
            PROMPT,
            {"finish_reason": "COMPLETE", "is_finished": True},
        ),
        (
            "meta.llama3-8b-instruct-v1:0",
            PROMPT,
            {
                "generation": "",
                "prompt_token_count": None,
                "generation_token_count": 4,
                "stop_reason": "stop",
            },
        ),
        (
            "mistral.mistral-large-2402-v1:0",
            PROMPT,
            {"outputs": [{"text": "", "stop_reason": "stop"}]},
        ),
        (
            "deepseek.r1-v1:0",
            PROMPT,
            {"choices": [{"text": "", "stop_reason": "stop"}]},
        ),
        (
            "moonshotai.kimi-k2.5",
            CHAT,
            {
                "id": "chatcmpl-00000000000000000000000000000001",
                "object": "chat.completion.chunk",
                "created": 1767225600,
                "model": "moonshotai.kimi-k2.5",
                "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                "usage": {
                    "prompt_tokens": 11,
                    "completion_tokens": 4,
                    "total_tokens": 15,
                },
            },
        ),
    ],
)
def test_the_last_chunk_of_a_stream_tells_the_metrics(
    simulator: Simulator,
    client: BaseClient,
    model_id: str,
    request_fields: dict[str, object],
    last: dict[str, object],
) -> None:
    """Each family ends a stream in its own way, and Bedrock adds the counts there."""
    simulator.reply(Reply(text="Hi, hello", usage=PLAIN, chunks=2))

    chunks = streamed(client, model_id, request_fields)

    assert last | {"amazon-bedrock-invocationMetrics": METRICS} == chunks[-1]


def test_anthropic_tells_usage_in_three_chunks(
    simulator: Simulator, client: BaseClient
) -> None:
    """Input stands at the start beside a placeholder, output near the end."""
    simulator.reply(Reply(usage=CACHED))

    chunks = streamed(client, "anthropic.claude-opus-4-6-v1", CHAT)

    assert [chunk["type"] for chunk in chunks] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert chunks[0]["message"]["usage"] == {  # type: ignore[index]  # any JSON
        "input_tokens": 11,
        "cache_creation_input_tokens": 50,
        "cache_read_input_tokens": 100,
        "cache_creation": {
            "ephemeral_5m_input_tokens": 20,
            "ephemeral_1h_input_tokens": 30,
        },
        "output_tokens": 1,
    }
    assert chunks[-2]["usage"] == {"output_tokens": 4}
    assert chunks[-1]["amazon-bedrock-invocationMetrics"] == METRICS | {
        "cacheReadInputTokenCount": 100,
        "cacheWriteInputTokenCount": 50,
    }


def test_metrics_may_say_less_than_the_stream(
    simulator: Simulator, client: BaseClient
) -> None:
    """As in real streams with tools, the metrics undercount where they are told to."""
    weather = ToolUse("weather", {"city": "Rome"})
    less = tokens(input_tokens=11, output_tokens=3)
    simulator.reply(Reply(usage=PLAIN, tool_uses=(weather,), metrics_usage=less))

    chunks = streamed(client, "anthropic.claude-opus-4-6-v1", CHAT)

    assert chunks[-2]["usage"] == {"output_tokens": 4}
    assert chunks[-1]["amazon-bedrock-invocationMetrics"] == METRICS | {
        "outputTokenCount": 3
    }


def test_cohere_bills_less_than_it_reads(
    simulator: Simulator, client: BaseClient
) -> None:
    """The last chunk of Command R counts an unbilled preamble beside what is billed."""
    simulator.reply(Reply(usage=PLAIN))

    last = streamed(client, "cohere.command-r-plus-v1:0", {"message": "Hello"})[-1]

    assert last["response"]["meta"] == {  # type: ignore[index]  # any JSON
        "api_version": {"version": "1"},
        "billed_units": {"input_tokens": 11, "output_tokens": 4},
        "tokens": {"input_tokens": 77, "output_tokens": 4},
    }


def test_jamba_tells_usage_in_every_chunk(
    simulator: Simulator, client: BaseClient
) -> None:
    """A running usage stands beside each piece of text."""
    simulator.reply(Reply(usage=PLAIN))

    chunks = streamed(client, "ai21.jamba-1-5-large-v1:0", CHAT)

    usage = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}
    assert [chunk["usage"] for chunk in chunks] == [usage] * 5


@pytest.mark.parametrize(
    ("model_id", "found"),
    [
        (
            "anthropic.claude-opus-4-6-v1",
            {
                "type": "tool_use",
                "id": "tooluse_0",
                "name": "weather",
                "input": {"city": "Rome"},
            },
        ),
        (
            "amazon.nova-pro-v1:0",
            {
                "toolUse": {
                    "name": "weather",
                    "toolUseId": "tooluse_0",
                    "input": {"city": "Rome"},
                }
            },
        ),
        (
            "openai.gpt-oss-20b-1:0",
            {
                "id": "tooluse_0",
                "type": "function",
                "index": 0,
                "function": {"name": "weather", "arguments": '{"city": "Rome"}'},
            },
        ),
    ],
)
def test_tools_are_asked_for_in_the_shape_of_the_family(
    simulator: Simulator,
    client: BaseClient,
    model_id: str,
    found: dict[str, object],
) -> None:
    """A tool's name and arguments come in a plain answer as in a stream."""
    simulator.reply(Reply(text="", tool_uses=(ToolUse("weather", {"city": "Rome"}),)))

    _, body = invoked(client, model_id, CHAT)
    chunks = streamed(client, model_id, CHAT)

    assert json.dumps(found) in json.dumps(body)
    assert '"weather"' in json.dumps(chunks)


@pytest.mark.parametrize(
    ("model_id", "field"),
    [
        ("amazon.nova-canvas-v1:0", "images"),
        ("amazon.titan-image-generator-v2:0", "images"),
        ("stability.sd3-5-large-v1:0", "images"),
        ("stability.stable-diffusion-xl-v1", "artifacts"),
    ],
)
def test_pictures_come_in_the_number_that_usage_counts(
    simulator: Simulator, client: BaseClient, model_id: str, field: str
) -> None:
    """Images are billed by the piece, and no header counts tokens."""
    simulator.reply(Reply(usage=Usage({Unit.OUTPUT_IMAGE_UP_TO_1024_STANDARD: 3})))

    headers, body = invoked(client, model_id, {})

    assert headers == {}
    assert len(body[field]) == 3  # type: ignore[arg-type]  # a list


def test_one_picture_comes_when_usage_counts_none(client: BaseClient) -> None:
    """The default reply draws one image."""
    _, body = invoked(client, "amazon.nova-canvas-v1:0", {})

    assert len(body["images"]) == 1  # type: ignore[arg-type]  # a list


@pytest.mark.parametrize(
    "model_id",
    [
        "anthropic.claude-opus-4-6-v1",
        "amazon.nova-micro-v1:0",
        "amazon.titan-text-lite-v1",
        "cohere.command-r-v1:0",
        "meta.llama3-8b-instruct-v1:0",
        "openai.gpt-oss-20b-1:0",
    ],
)
def test_a_reply_without_usage_says_nothing(
    simulator: Simulator, client: BaseClient, model_id: str
) -> None:
    """Neither headers nor body nor stream mention a count."""
    simulator.reply(Reply(usage=None))

    headers, body = invoked(client, model_id, CHAT)
    chunks = streamed(client, model_id, CHAT)

    assert headers == {}
    assert "usage" not in body
    assert "amazon-bedrock-invocationMetrics" not in chunks[-1]


def test_a_model_that_does_not_stream_says_so(client: BaseClient) -> None:
    """Embeddings answer a streaming call with an error, as AWS does."""
    with pytest.raises(
        client.exceptions.ValidationException,
        match="Cohere Embed models do not support streaming",
    ):
        streamed(client, "cohere.embed-english-v3", {"texts": ["a"]})


@pytest.mark.parametrize("model_id", ["amazon.nova-reel-v1:1", "luma.ray-v2:0"])
def test_a_video_is_made_asynchronously_only(client: BaseClient, model_id: str) -> None:
    """InvokeModel is refused, as AWS refuses it."""
    with pytest.raises(
        client.exceptions.ValidationException,
        match=f"{model_id} is invoked by StartAsyncInvoke only",
    ):
        invoked(client, model_id, {})
