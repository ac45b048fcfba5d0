"""Bills worked by hand from the list prices of 2026-11."""

# ruff: noqa: SIM300 - the expected value stands first

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bedrock_attrib._model.usage import Usage
from bedrock_attrib.pricing import PriceTable

NOV = datetime(2026, 11, 15, 9, 30, tzinfo=UTC)

BILLS = [
    pytest.param(
        "us.anthropic.claude-opus-4-8",
        {"input_token": 1200, "output_token": 350},
        {"region": "us-east-1"},
        "0.016225",  # 1200 * 5.5 + 350 * 27.5 = 16225 per million
        id="geo",
    ),
    pytest.param(
        "global.anthropic.claude-opus-4-8",
        {"input_token": 1200, "output_token": 350},
        {"region": "eu-west-1"},
        "0.01475",  # 1200 * 5 + 350 * 25
        id="global",
    ),
    pytest.param(
        "anthropic.claude-opus-4-8",
        {"input_token": 1200, "output_token": 350},
        {"region": "us-east-1"},
        "0.016225",  # a bare id is regional, as dear as geo, not global
        id="bare",
    ),
    pytest.param(
        "us-gov.anthropic.claude-opus-4-8",
        {"input_token": 1200, "output_token": 350},
        {"region": "us-gov-west-1"},
        "0.0177",  # 1200 * 6 + 350 * 30
        id="gov",
    ),
    pytest.param(
        "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.nova-micro-v1:0",
        {"input_token": 1000, "output_token": 1000},
        {"region": "us-gov-west-1"},
        "0.00021",  # 1000 * 0.042 + 1000 * 0.168
        id="gov-arn",
    ),
    pytest.param(
        "us.anthropic.claude-opus-4-8",
        {
            "input_token": 10,
            "output_token": 20,
            "cache_read_token": 3000,
            "cache_write_5m_token": 400,
            "cache_write_1h_token": 50,
        },
        {"region": "us-west-2"},
        "0.005555",  # 55 + 550 + 1650 + 2750 + 550
        id="cache",
    ),
    pytest.param(
        "meta.llama3-3-70b-instruct-v1:0",
        {"input_token": 1_000_001, "output_token": 3},
        {"region": "us-east-1", "tier": "batch"},
        "0.36000144",  # 1000004 * 0.36
        id="batch",
    ),
    pytest.param(
        "mistral.mistral-large-3-675b-instruct",
        {"input_token": 100, "output_token": 10},
        {"region": "us-east-1", "tier": "flex"},
        "0.0000325",  # 100 * 0.25 + 10 * 0.75
        id="flex",
    ),
    pytest.param(
        "mistral.mistral-large-3-675b-instruct",
        {"input_token": 100, "output_token": 10},
        {"region": "us-east-1", "tier": "priority"},
        "0.0001143",  # 100 * 0.88 + 10 * 2.63
        id="priority",
    ),
    pytest.param(
        "amazon.nova-pro-v1:0",
        {"input_token": 700, "output_token": 70},
        {"region": "us-east-1", "latency_mode": "optimized"},
        "0.00098",  # 700 * 1 + 70 * 4
        id="latency-optimized",
    ),
    pytest.param(
        "global.anthropic.claude-haiku-5-5",
        {"input_token": 100_000, "output_token": 100},
        {"region": "us-east-1"},
        "0.01005",  # 100000 * 0.1 + 100 * 0.5: the threshold itself is not long
        id="long-context-at-threshold",
    ),
    pytest.param(
        "global.anthropic.claude-haiku-5-5",
        {"input_token": 100_001, "output_token": 100},
        {"region": "us-east-1"},
        "0.0502505",  # 100001 * 0.5 + 100 * 2.5: the whole of it
        id="long-context-over-threshold",
    ),
    pytest.param(
        "global.anthropic.claude-haiku-5-5",
        {"input_token": 1, "cache_read_token": 100_000},
        {"region": "us-east-1"},
        "0.0050005",  # 1 * 0.5 + 100000 * 0.05: cached tokens are prompt too
        id="long-context-by-cache",
    ),
    pytest.param(
        "us.openai.gpt-5.6-terra",
        {"input_token": 1000, "output_token": 1000, "cache_write_30m_token": 8},
        {"region": "us-east-1", "at": datetime(2026, 7, 29, 23, 59, 59, tzinfo=UTC)},
        "0.0192775",  # 2750 + 16500 + 8 * 3.4375
        id="last-second-before-cut",
    ),
    pytest.param(
        "us.openai.gpt-5.6-terra",
        {"input_token": 1000, "output_token": 1000, "cache_write_30m_token": 8},
        {"region": "us-east-1", "at": datetime(2026, 7, 30, tzinfo=UTC)},
        "0.015422",  # 2200 + 13200 + 8 * 2.75
        id="first-second-after-cut",
    ),
    pytest.param(
        "jp.amazon.nova-2-lite-v1:0",
        {"input_token": 1000, "output_token": 100, "cache_read_token": 1000},
        {"region": "ap-northeast-1"},
        "0.0008261",  # 396 + 331.1 + 99: the price of the calling region
        id="region-of-the-caller",
    ),
    pytest.param(
        "global.amazon.nova-2-lite-v1:0",
        {"input_token": 1000, "output_token": 100, "cache_read_token": 1000},
        {"region": "ap-northeast-1"},
        "0.000751",  # 360 + 301 + 90: global prices may differ by region too
        id="global-price-of-the-region",
    ),
    pytest.param(
        "openai.gpt-oss-120b-1:0",
        {"input_token": 1000, "output_token": 1000},
        {"region": "eu-west-2"},
        "0.00116",  # 230 + 930
        id="regional-price",
    ),
    pytest.param(
        "stability.stable-image-core-v1:1",
        {"output_image": 3},
        {"region": "us-west-2"},
        "0.12",
        id="images",
    ),
    pytest.param(
        "amazon.titan-embed-image-v1",
        {"input_token": 128, "input_image": 2},
        {"region": "us-east-1"},
        "0.0002224",  # 128 * 0.8 per million + 2 * 0.00006
        id="images-and-text",
    ),
    pytest.param(
        "cohere.rerank-v3-5:0",
        {"search_unit": 7},
        {"region": "us-east-1"},
        "0.014",
        id="search-units",
    ),
    pytest.param(
        "us.anthropic.claude-opus-4-8",
        {
            "input_token": 1200,
            "output_token": 350,
            "guardrail_content_text_unit": 3,
            "guardrail_word_text_unit": 3,
            "guardrail_sensitive_information_text_unit": 1,
        },
        {"region": "us-east-1", "tier": "default"},
        "0.016775",  # 0.016225 + 3 * 0.00015 + 0 + 0.0001
        id="guardrails",
    ),
    pytest.param(
        "openai.gpt-6-sol",
        {"input_token": 1000, "web_search_query": 3},
        {"region": "us-east-1"},
        "0.0382",  # 1000 * 2.2 per million + 3 * 0.012
        id="web-searches",
    ),
    pytest.param(
        "openai.gpt-5.6-luna",
        {"input_token": 1000, "web_search_query": 1},
        {"region": "us-gov-west-1"},
        "0.014664",  # 1000 * 0.264 per million + 0.0144
        id="gov-web-search",
    ),
    pytest.param(
        "bedrock.agentcore.runtime",
        {"vcpu_hour": 2, "memory_gb_hour[v2]": 8},
        {"region": "us-east-1"},
        "0.3142",  # 2 * 0.0895 + 8 * 0.0169
        id="agentcore-runtime",
    ),
    pytest.param(
        "bedrock.agentcore.memory",
        {
            "memory_short_term_event": 100,
            "memory_retrieval": 10,
            "memory_long_term_record_hour[custom]": 1_000_000,
        },
        {"region": "us-east-1"},
        "0.366",  # 0.025 + 0.005 + 0.336
        id="agentcore-memory",
    ),
    pytest.param(
        "bedrock.agentcore.evaluations",
        {
            "evaluation_input_token[built-in]": 1_000_000,
            "evaluation_output_token[built-in/tier2]": 1000,
            "custom_evaluation": 2,
        },
        {"region": "us-east-1"},
        "2.412",  # 2.4 + 0.009 + 0.003
        id="agentcore-evaluations",
    ),
    pytest.param(
        "bedrock.managed-knowledge-base",
        {
            "retrieval_query": 3,
            "agentic_retrieval_query": 1,
            "index_storage_gb_month": 2,
        },
        {"region": "us-east-1"},
        "10.007",  # 0.003 + 0.004 + 10
        id="knowledge-base",
    ),
    pytest.param(
        "bedrock.flows",
        {"node_transition": 1000},
        {"region": "us-east-1"},
        "0.035",
        id="flows",
    ),
    pytest.param(
        "bedrock.data-automation",
        {
            "document_page[standard]": 10,
            "document_page[custom]": 5,
            "document_page_extra_field": 4,
        },
        {"region": "us-east-1"},
        "0.302",  # 0.1 + 0.2 + 0.002
        id="data-automation",
    ),
    pytest.param(
        "bedrock.model-evaluation",
        {"human_task": 100},
        {"region": "us-east-1"},
        "21",
        id="human-evaluation",
    ),
    pytest.param(
        "cohere.command-text-v14",
        {"training_token": 500_000, "custom_model_storage_month": 1},
        {"region": "us-east-1", "tier": "customization"},
        "3.95",  # 2 + 1.95
        id="customization",
    ),
    pytest.param(
        "custom-model-import",
        {"custom_model_unit_minute[v2.0]": 10},
        {"region": "us-east-1"},
        "1.433",
        id="custom-model-units-of-version-2",
    ),
]


@pytest.mark.parametrize(("model", "counts", "call", "total"), BILLS)
def test_bill(
    bundled: PriceTable,
    model: str,
    counts: dict[str, int],
    call: dict[str, object],
    total: str,
):
    """The cost of a call equals its bill to the last decimal."""
    cost = bundled.price(model, Usage(counts), **{"at": NOV, **call})  # type: ignore[arg-type] # as each bill has it
    assert Decimal(total) == cost.total
    assert () == cost.unpriced_units
    assert Decimal(total) == sum(cost.by_unit.values())
