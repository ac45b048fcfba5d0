"""Every family of models says the same counts in its own words, in every place."""

from __future__ import annotations

from typing import Any

import pytest

from bedrock_attrib import Unit
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.testing import Reply, tokens

PLAIN = tokens(input_tokens=11, output_tokens=4)
CHAT: dict[str, object] = {"messages": []}
PROMPT: dict[str, object] = {"prompt": "Hello"}

# Model, request, what its body is believed by, and what its stream is believed by
# where that ends without metrics. None where the family states nothing there.
ANTHROPIC = "body.usage (anthropic)"
NOVA = "body.usage (nova)"
OPENAI = "body.usage (openai)"
TITAN = "body (titan)"
LLAMA = "body (llama)"
COHERE = "body.meta.billed_units (cohere)"
FAMILIES: dict[str, tuple[dict[str, object], str | None, str | None]] = {
    "anthropic.claude-sonnet-4-5-20250929-v1:0": (CHAT, ANTHROPIC, ANTHROPIC),
    "us.anthropic.claude-opus-4-8": (CHAT, ANTHROPIC, ANTHROPIC),
    "anthropic.claude-v2:1": (PROMPT, None, None),
    "amazon.nova-lite-v1:0": (CHAT, NOVA, NOVA),
    "amazon.titan-text-express-v1": ({"inputText": "Hello"}, TITAN, TITAN),
    "cohere.command-text-v14": (PROMPT, None, None),
    "cohere.command-r-plus-v1:0": ({"message": "Hello"}, None, COHERE),
    "meta.llama3-3-70b-instruct-v1:0": (PROMPT, LLAMA, LLAMA),
    "mistral.mistral-7b-instruct-v0:2": (PROMPT, None, None),
    "mistral.mistral-large-3-675b-instruct": (CHAT, OPENAI, OPENAI),
    "ai21.jamba-1-5-mini-v1:0": (CHAT, OPENAI, OPENAI),
    "deepseek.r1-v1:0": (PROMPT, None, None),
    "deepseek.v3.2": (CHAT, OPENAI, OPENAI),
    "qwen.qwen3-32b-v1:0": (CHAT, OPENAI, OPENAI),
    "openai.gpt-oss-120b-1:0": (CHAT, OPENAI, OPENAI),
    "openai.gpt-5.6-sol": (CHAT, OPENAI, OPENAI),
    "writer.palmyra-x5-v1:0": (CHAT, OPENAI, OPENAI),
    "moonshotai.kimi-k2.5": (CHAT, OPENAI, OPENAI),
    "minimax.minimax-m2": (CHAT, OPENAI, OPENAI),
    "google.gemma-3-27b-it": (CHAT, OPENAI, OPENAI),
    "nvidia.nemotron-nano-3-30b": (CHAT, OPENAI, OPENAI),
    "zai.glm-4.7": (CHAT, OPENAI, OPENAI),
    "xai.grok-4.3": (CHAT, OPENAI, OPENAI),
    "newcomer.its-first-model-v1:0": (CHAT, OPENAI, OPENAI),
}
NO_METRICS = {"amazon-bedrock-invocationMetrics": None}


@pytest.mark.parametrize("model_id", FAMILIES)
def test_headers(meter: Any, model_id: str) -> None:
    """Token headers answer for every family."""
    record = meter.invoke(model_id, Reply(usage=PLAIN), FAMILIES[model_id][0])
    assert record.usage == {Unit.INPUT_TOKEN: 11, Unit.OUTPUT_TOKEN: 4}
    assert record.usage_source == "headers"
    assert record.tags == {"team": "search"}


@pytest.mark.parametrize("model_id", FAMILIES)
def test_body_without_headers(meter: Any, model_id: str) -> None:
    """Without headers the body answers, where the family states its counts there."""
    request, source, _ = FAMILIES[model_id]
    record = meter.invoke(model_id, Reply(usage=PLAIN, token_headers=False), request)
    if source is None:
        assert record.usage is None
        assert record.price_status is PriceStatus.UNPRICED
        assert record.price_reason == "the answer states no usage"
    else:
        assert record.usage == {Unit.INPUT_TOKEN: 11, Unit.OUTPUT_TOKEN: 4}
        assert record.usage_source == source


@pytest.mark.parametrize("model_id", FAMILIES)
def test_stream(meter: Any, model_id: str) -> None:
    """The metrics in a stream's last chunk answer for every family."""
    record = meter.invoke_stream(model_id, Reply(usage=PLAIN), FAMILIES[model_id][0])
    assert record.usage == {Unit.INPUT_TOKEN: 11, Unit.OUTPUT_TOKEN: 4}
    assert record.usage_source == "invocationMetrics"
    assert record.outcome is Outcome.OK


@pytest.mark.parametrize("model_id", FAMILIES)
def test_stream_without_metrics(meter: Any, model_id: str) -> None:
    """Without metrics a family's own last words count; else the counts are guesses."""
    request, _, source = FAMILIES[model_id]
    record = meter.invoke_stream(
        model_id, Reply(usage=PLAIN, extra=NO_METRICS), request
    )
    if source is None:
        assert record.usage_source == "estimate"
        assert record.price_status in {PriceStatus.ESTIMATED, PriceStatus.UNPRICED}
    else:
        assert record.usage == {Unit.INPUT_TOKEN: 11, Unit.OUTPUT_TOKEN: 4}
        assert record.usage_source == source
        assert record.outcome is Outcome.OK


@pytest.mark.parametrize("model_id", FAMILIES)
def test_converse(meter: Any, model_id: str) -> None:
    """Converse and its stream state counts in one way for all families."""
    record = meter.converse(model_id, Reply(usage=PLAIN))
    assert record.usage == {Unit.INPUT_TOKEN: 11, Unit.OUTPUT_TOKEN: 4}
    assert record.usage_source == "converse.usage"
    record = meter.converse_stream(model_id, Reply(usage=PLAIN))
    assert record.usage == {Unit.INPUT_TOKEN: 11, Unit.OUTPUT_TOKEN: 4}
    assert record.usage_source == "converse-stream.metadata"


# Models that sell prompt caching, with the lifetimes that they know.
CACHING = {
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": tokens(
        input_tokens=11,
        output_tokens=4,
        cache_read_tokens=100,
        cache_write_5m_tokens=20,
        cache_write_1h_tokens=30,
    ),
    "amazon.nova-pro-v1:0": tokens(
        input_tokens=11,
        output_tokens=4,
        cache_read_tokens=100,
        cache_write_5m_tokens=50,
    ),
    "openai.gpt-5.6-sol": tokens(
        input_tokens=11,
        output_tokens=4,
        cache_read_tokens=100,
        cache_write_30m_tokens=50,
    ),
    "moonshotai.kimi-k3": tokens(
        input_tokens=11,
        output_tokens=4,
        cache_read_tokens=100,
        cache_write_30m_tokens=50,
    ),
    "zai.glm-5": tokens(
        input_tokens=11,
        output_tokens=4,
        cache_read_tokens=100,
        cache_write_30m_tokens=50,
    ),
}


@pytest.mark.parametrize("model_id", CACHING)
@pytest.mark.parametrize("told", [True, False], ids=["headers", "no headers"])
def test_cache_in_invoke(meter: Any, model_id: str, *, told: bool) -> None:
    """Reads, and writes by lifetime, come out alike from headers and body."""
    usage = CACHING[model_id]
    record = meter.invoke(model_id, Reply(usage=usage, token_headers=told))
    assert record.usage == usage
    assert record.usage.input_tokens == 161


@pytest.mark.parametrize("model_id", CACHING)
@pytest.mark.parametrize("extra", [{}, NO_METRICS], ids=["metrics", "no metrics"])
def test_cache_in_stream(meter: Any, model_id: str, extra: dict[str, object]) -> None:
    """The same in streams, with metrics and without."""
    usage = CACHING[model_id]
    record = meter.invoke_stream(model_id, Reply(usage=usage, extra=extra))
    assert record.usage == usage
    assert record.outcome is Outcome.OK


@pytest.mark.parametrize("model_id", [*CACHING][:2])
def test_cache_in_converse(meter: Any, model_id: str) -> None:
    """The same in Converse and its stream, whose input excludes the cache."""
    meter.needs("TokenUsage", "cacheDetails")
    usage = CACHING[model_id]
    assert meter.converse(model_id, Reply(usage=usage)).usage == usage
    assert meter.converse_stream(model_id, Reply(usage=usage)).usage == usage


@pytest.mark.parametrize("model_id", [*CACHING][2:])
def test_half_hour_in_converse(meter: Any, model_id: str) -> None:
    """A model that sells the half-hour write alone has it where nothing is told."""
    usage = CACHING[model_id]
    record = meter.converse(model_id, Reply(usage=usage, tell_cache_lifetimes=False))
    assert record.usage == usage


UNTOLD = {
    "converse": Unit.CACHE_WRITE_5M_TOKEN,
    "converse_stream": Unit.CACHE_WRITE_5M_TOKEN,
    "invoke": Unit.CACHE_WRITE_5M_TOKEN,
    "invoke_stream": Unit.CACHE_WRITE_5M_TOKEN,
}


@pytest.mark.parametrize("method", UNTOLD)
def test_untold_lifetime(meter: Any, method: str) -> None:
    """A write of unknown lifetime is a five-minute one, and the price an estimate."""
    usage = tokens(input_tokens=11, output_tokens=4, cache_write_1h_tokens=30)
    model_id = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    reply = Reply(usage=usage, tell_cache_lifetimes=False)
    record = getattr(meter, method)(model_id, reply)
    assert record.usage == {
        Unit.INPUT_TOKEN: 11,
        Unit.OUTPUT_TOKEN: 4,
        Unit.CACHE_WRITE_5M_TOKEN: 30,
    }
    assert record.price_status is PriceStatus.ESTIMATED
    assert "cache_write_5m_token is assumed" in record.price_reason


EMBEDDINGS = {
    "amazon.titan-embed-text-v2:0": ({"inputText": "Hello"}, TITAN),
    "amazon.titan-embed-g1-text-02": ({"inputText": "Hello"}, TITAN),
    "amazon.titan-embed-image-v1": ({"inputText": "Hello"}, TITAN),
    "amazon.nova-2-multimodal-embeddings-v1:0": (
        {"singleEmbeddingParams": {"text": {"value": "Hello"}}},
        "body (embedding)",
    ),
    "cohere.embed-v4:0": ({"texts": ["Hello"]}, None),
    "cohere.embed-english-v3": ({"texts": ["Hello"]}, None),
}


@pytest.mark.parametrize("model_id", EMBEDDINGS)
def test_embedding(meter: Any, model_id: str) -> None:
    """Embeddings have an input alone, in a header; some state it in the body too."""
    request, source = EMBEDDINGS[model_id]
    record = meter.invoke(model_id, Reply(usage=tokens(input_tokens=7)), request)
    assert record.usage == {Unit.INPUT_TOKEN: 7}
    assert record.usage_source == "headers"
    reply = Reply(usage=tokens(input_tokens=7), token_headers=False)
    record = meter.invoke(model_id, reply, request)
    assert record.usage == (None if source is None else {Unit.INPUT_TOKEN: 7})
    assert record.usage_source == (source or "")


def test_an_answer_of_all_families_is_priced(meter: Any) -> None:
    """Every family named here but the newcomer has a price in the bundled table."""
    unpriced = [
        model_id
        for model_id, (request, _, _) in FAMILIES.items()
        if meter.invoke(model_id, Reply(usage=PLAIN), request).cost is None
    ]
    assert unpriced == ["newcomer.its-first-model-v1:0"]
