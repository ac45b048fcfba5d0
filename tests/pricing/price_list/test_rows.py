"""What single lines of AWS's price list become."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from offers import JsonObject, as_json, product, sold

from bedrock_attrib._model.usage import Unit
from bedrock_attrib.pricing import PriceRow
from bedrock_attrib.pricing.price_list import ImportedPrices, collect, read_offer_file

Import = Callable[..., ImportedPrices]
SONNET_4 = "anthropic.claude-sonnet-4-20250514-v1:0"
HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"


def short(row: PriceRow) -> str:
    """Model, terms, unit and price of a row in one line."""
    special = [row.tier if row.tier != "default" else "", row.context_band]
    special += [row.latency_mode if row.latency_mode != "standard" else ""]
    words = [row.model_id, row.scope, *special, row.unit.value]
    return " ".join([*filter(None, words), f"{row.price}/{row.per}"])


def given(found: ImportedPrices) -> list[str]:
    """Rows in short, and why others are missing."""
    skipped = [f"{each.reason}: {each.detail}" for each in found.skipped]
    return [short(row) for row in found.rows] + skipped


def nova(
    rest: str, price: str, name: str = "Nova Lite", **changes: object
) -> JsonObject:
    """A line of an Amazon model."""
    return product(f"USE1-{rest}", price, model=name, **changes)


RUNTIME = [
    (
        nova("NovaLite-input-tokens", "0.00006"),
        "amazon.nova-lite-v1:0 regional input_token 0.06/1000000",
    ),
    (
        nova("NovaLite-output-tokens-batch", "0.00012", inferenceType="Output tokens"),
        "amazon.nova-lite-v1:0 regional batch output_token 0.12/1000000",
    ),
    (
        nova("NovaLite-cache-read-input-token-count", "0.000015"),
        "amazon.nova-lite-v1:0 regional cache_read_token 0.015/1000000",
    ),
    (
        nova("NovaLite-cache-write-input-token-count", "0.0000000000"),
        "amazon.nova-lite-v1:0 regional cache_write_5m_token 0/1000000",
    ),
    (
        nova(
            "Nova2.0Lite-input-tokens-priority-cross-region-global",
            "0.000525",
            "Nova 2.0 Lite",
            inferenceType="Input tokens priority",
        ),
        "amazon.nova-2-lite-v1:0 global priority input_token 0.525/1000000",
    ),
    (
        nova("Nova2.0Lite-output-tokens-cross-region-geo", "0.00275", "Nova 2.0 Lite"),
        "amazon.nova-2-lite-v1:0 geo output_token 2.75/1000000",
    ),
    (
        nova(
            "Nova2.0Pro-input-image-token-count-cross-region-global",
            "0.00125",
            "Nova 2.0 Pro",
            inferenceType="Input Image Token Count",
        ),
        "amazon.nova-2-pro-preview-20251202-v1:0 global input_image_token 1.25/1000000",
    ),
    (
        nova(
            "NovaSonic-speech-output-tokens",
            "0.0136",
            "Nova Sonic",
            inferenceType="Speech Generation output token",
        ),
        "amazon.nova-sonic-v1:0 regional output_speech_token 13.6/1000000",
    ),
    (
        nova("NovaPro-input-tokens-latency-optimized", "0.001", "Nova Pro"),
        "amazon.nova-pro-v1:0 regional optimized input_token 1/1000000",
    ),
    (
        nova(
            "Llama3-1-70B-input-tokens-latency-optimized",
            "0.0009",
            "Llama 3.1 70B Latency Optimized",
        ),
        "meta.llama3-1-70b-instruct-v1:0 regional optimized input_token 0.9/1000000",
    ),
    (
        product("USE1-TitanEmbeddingsG1-Text-input-tokens", "0.0001"),
        "amazon.titan-embed-text-v1 regional input_token 0.1/1000000",
    ),
    (
        product(
            "USE1-TitanEmbeddingV2-Text-input-tokens-batch",
            "0.00001",
            titanModel="TitanEmbeddingsV2-Text-input",
        ),
        "amazon.titan-embed-text-v2:0 regional batch input_token 0.01/1000000",
    ),
    (
        product("EU-Mistral-Large-3-675b-Instruct-output-tokens-flex", "0.00075"),
        "mistral.mistral-large-3-675b-instruct regional flex output_token 0.75/1000000",
    ),
    (
        nova("zai.glm5-input-tokens", "0.001", "GLM 5"),
        "zai.glm-5 regional input_token 1/1000000",
    ),
    (
        nova("Claude4.5Haiku-input-token-count-global", "0.001", "Claude Haiku 4.5"),
        f"{HAIKU} global input_token 1/1000000",
    ),
]

MANTLE = [
    (
        nova(
            "openai.gpt-oss-20b-mantle-input-tokens-standard", "0.00007", "gpt-oss-20b"
        ),
        "openai.gpt-oss-20b-1:0 regional input_token 0.07/1000000",
    ),
    (
        nova(
            "xai.grok-4.3-mantle-input-tokens-flex",
            "0.6250000000",
            "xai.grok-4.3",
            unit="1M tokens",
            service_tier="flex",
        ),
        "xai.grok-4.3 regional flex input_token 0.625/1000000",
    ),
    (
        nova(
            "anthropic.claude-sonnet-5-mantle-cache-write-tokens-1h-global-standard",
            "0.004",
            "Claude Sonnet 5",
            service_tier="global-standard",
        ),
        "anthropic.claude-sonnet-5 global cache_write_1h_token 4/1000000",
    ),
    (
        nova(
            "openai.gpt-5.6-terra-mantle-cache-write-tokens-30m-long-ctx-standard",
            "0.0055",
            "openai.gpt-5.6-terra",
            service_tier="long-ctx-standard",
        ),
        "openai.gpt-5.6-terra regional over-272k cache_write_30m_token 5.5/1000000",
    ),
    (
        nova("moonshotai.kimi-k4-mantle-input-tokens-batch", "0.001", "Kimi K4"),
        "moonshotai.kimi-k4 regional batch input_token 1/1000000",
    ),
    (
        # The tier stands in service_tier alone.
        nova(
            "zai.glm-4.7-mantle-output-tokens",
            "0.0011",
            "GLM 4.7",
            service_tier="batch",
        ),
        "zai.glm-4.7 regional batch output_token 1.1/1000000",
    ),
]

MARKETPLACE = [
    (
        sold("Claude Sonnet 4.6", "CacheWrite1hInputTokenCount", "6.6"),
        "anthropic.claude-sonnet-4-6 regional cache_write_1h_token 6.6/1000000",
    ),
    (
        sold("Claude 3.5 Haiku", "MillionBatchInputTokens", "0.4"),
        (
            "anthropic.claude-3-5-haiku-20241022-v1:0 regional batch input_token "
            "0.4/1000000"
        ),
    ),
    (
        sold("Claude Haiku 5.5", "input_tokens_long_ctx_global_standard", "5"),
        "anthropic.claude-haiku-5-5 global over-100k input_token 5/1000000",
    ),
    (
        sold("OpenAI GPT-6 Astra", "output_tokens_ultrafast", "396"),
        "openai.gpt-6-astra regional ultrafast output_token 396/1000000",
    ),
    (
        sold("OpenAI GPT-5.6 Sol", "cache_write_tokens_30m_standard", "5.5"),
        "openai.gpt-5.6-sol regional cache_write_30m_token 5.5/1000000",
    ),
    (
        # The unit says nothing, the description does.
        sold(
            "Claude Opus 4",
            "OutputTokenCount",
            "75",
            unit="Units",
            description="AWS Marketplace software usage|use1|Million Output Tokens",
        ),
        "anthropic.claude-opus-4-20250514-v1:0 regional output_token 75/1000000",
    ),
    (
        # Nothing says so; known prices confirm it.
        sold("Claude Opus 4", "OutputTokenCount", "75", unit="Units"),
        "anthropic.claude-opus-4-20250514-v1:0 regional output_token 75/1000000",
    ),
    (
        sold(
            "Claude 3.5 Haiku",
            "InputTokenCount_Batch",
            "0.4",
            unit="MillionBatchInputTokens",
        ),
        (
            "anthropic.claude-3-5-haiku-20241022-v1:0 regional batch input_token "
            "0.4/1000000"
        ),
    ),
    (
        sold(
            "Claude Opus 4",
            "OutputTokenCount",
            "0.075",
            unit="Units",
            description="AWS Marketplace software usage|use1|1K output tokens",
        ),
        "anthropic.claude-opus-4-20250514-v1:0 regional output_token 75/1000000",
    ),
    (
        sold(
            "Claude Sonnet 4.5",
            "Reserved_3Month_OutputTPM_Geo",
            "0.891",
            unit="1M TPM Hour",
            service_tier="reserved",
            description="$0.891 per Hour per 1K Output TPM Reserved 3 Month Geo",
        ),
        (
            "anthropic.claude-sonnet-4-5-20250929-v1:0 geo reserved-3-month "
            "output_tpm_hour 0.891/1000"
        ),
    ),
    (
        nova(
            "Claude4.5Sonnet-reserved-1-month-input-tokens-per-minute"
            "-cross-region-global",
            "0.18",
            "Claude Sonnet 4.5",
            unit="1K TPM hour",
        ),
        (
            "anthropic.claude-sonnet-4-5-20250929-v1:0 global reserved-1-month "
            "input_tpm_hour 0.18/1000"
        ),
    ),
]

OTHER_UNITS = [
    (
        nova("NovaCanvas-T2I-1024-Premium", "0.06", "Nova Canvas", unit="image"),
        "amazon.nova-canvas-v1:0 regional output_image[up-to-1024x1024/premium] 0.06/1",
    ),
    (
        nova(
            "NovaCanvas-I2I-2048-Standard",
            "0.06",
            "Nova Canvas",
            unit="image",
            inferenceType="I2I 2048 Standard",
        ),
        (
            "amazon.nova-canvas-v1:0 regional "
            "output_image[up-to-2048x2048/standard] 0.06/1"
        ),
    ),
    (
        nova("NovaReel-T2V-Medfps-HDRes", "0.08", "Nova Reel", unit="video"),
        "amazon.nova-reel-v1:0 regional output_video_second[720p/24fps] 0.08/1",
    ),
    (
        product("USW2-AmazonRerank-v1-searchunits", "0.001", unit="Search Units"),
        "amazon.rerank-v1:0 regional search_unit 0.001/1",
    ),
    (
        product(
            "USE1-TitanEmbeddingsG1-Image-input-image",
            "0.00006",
            unit="Images Processed",
        ),
        "amazon.titan-embed-image-v1 regional input_image 0.00006/1",
    ),
    (
        product(
            "USE1-NovaMultiModalEmbeddings-input-audio-second-batch",
            "0.112",
            unit="1K seconds",
        ),
        (
            "amazon.nova-2-multimodal-embeddings-v1:0 regional batch "
            "input_audio_second 0.000112/1"
        ),
    ),
    (
        product(
            "USE1-NovaMultiModalEmbeddings-input-document-image", "0.0006", unit="image"
        ),
        (
            "amazon.nova-2-multimodal-embeddings-v1:0 regional "
            "input_image[document] 0.0006/1"
        ),
    ),
    (
        nova("NovaPremier-nova-grounding", "0.03", "Nova Premier", unit="Requests"),
        "amazon.nova-premier-v1:0 regional web_grounding_request 0.03/1",
    ),
    (
        sold("Cohere Rerank v3.5", "search_units", "0.002", unit="Units"),
        "cohere.rerank-v3-5:0 regional search_unit 0.002/1",
    ),
    (
        sold("Stable Diffusion 3.5 Large v1.0", "Created_image", "0.08", unit="image"),
        "stability.sd3-5-large-v1:0 regional output_image 0.08/1",
    ),
    (
        sold(
            "Stability AI Image Services", "CreatedImageRemoveBg", "0.07", unit="image"
        ),
        "stability.stable-image-remove-background-v1:0 regional output_image 0.07/1",
    ),
    (
        sold(
            "TwelveLabs Pegasus 1.2",
            "inputVideoSecond_Global",
            "0.00049",
            unit="seconds",
        ),
        "twelvelabs.pegasus-1-2-v1:0 global input_video_second 0.00049/1",
    ),
    (
        product("USE1-Guardrail-TopicPolicyUnitsConsumed", "0.00015", unit="TextUnit"),
        "bedrock.guardrail regional guardrail_topic_text_unit 0.00015/1",
    ),
    (
        product("UGW1-Guardrail-WordPolicyUnitsConsumed", "0", unit="1K units"),
        "bedrock.guardrail regional guardrail_word_text_unit 0/1",
    ),
    (
        product(
            "USE1-GuardrailChecks-PromptAttackCheckUnitsConsumed",
            "0.00008",
            unit="TextUnit",
        ),
        (
            "bedrock.guardrail-checks regional "
            "guardrail_checks_prompt_attack_text_unit 0.00008/1"
        ),
    ),
]


@pytest.mark.parametrize(
    ("line", "expected"), [*RUNTIME, *MANTLE, *MARKETPLACE, *OTHER_UNITS]
)
def test_line(imported: Import, line: JsonObject, expected: str):
    """A line of each shape becomes the row that it means."""
    assert given(imported(line)) == [expected]


SKIPPED = [
    (
        nova("Nova2.0Lite-input-tokens-custom-model", "0.0003", "Nova 2.0 Lite"),
        "rate of a customized model: ",
    ),
    (
        nova("TitanImageGeneratorG1-Custom-T2I-512-Standard", "0.01", unit="image"),
        "rate of a customized model: ",
    ),
    (
        nova("NovaLite-input-tokens", "0.0003", feature="Custom Model Inference"),
        "rate of a customized model: ",
    ),
    (
        nova("Llama3-1-70B-Customization-Training", "0.008", "Llama 3.1 70B"),
        "training or storage of a customized model: ",
    ),
    (
        nova("Nova2.0Lite-ProvisionedThroughput-NoCommit-ModelUnits", "60.5"),
        "provisioned throughput: ",
    ),
    (
        nova("NovaLite-optimizePrompt-input-tokens", "0.03"),
        "optimization of prompts: ",
    ),
    (
        product("USE1-DataAutomation-Standard-ImagesProcessed", "0.003"),
        (
            "feature of the platform, not a call of a model: "
            "DataAutomation-Standard-ImagesProcessed"
        ),
    ),
    (
        nova("NovaMega-input-tokens", "0.01", "Nova Mega"),
        "model is not in the table of names: Nova Mega",
    ),
    (
        product("USE1-NovaMega-input-tokens", "0.01"),
        "model is not in the table of names: NovaMega",
    ),
    (
        # Both 2.0 and 2.1 are sold under it.
        sold("Claude", "InputTokenCount", "8"),
        "model is not in the table of names: Claude",
    ),
    (
        nova("SomeQwen-input-tokens", "0.00014", "Qwen3 Next 80B A3B"),
        (
            "model is not in the table of names: Qwen3 Next 80B A3B: "
            "qwen.qwen3-next-80b-a3b or qwen.qwen3-next-80b-a3b-instruct"
        ),
    ),
    (
        sold("Stability AI Image Services", "CreatedImageNew", "0.07", unit="image"),
        "model is not in the table of names: CreatedImageNew",
    ),
    (
        nova("NovaPro-input-tokens", "0.00006", "Nova Lite"),
        "names belong to different models: Nova Lite and amazon.nova-pro-v1:0",
    ),
    (
        nova("zai.glm-5-mantle-input-tokens", "0.001", "GLM 4.7"),
        "names belong to different models: GLM 4.7 and zai.glm-5",
    ),
    (
        sold("Claude Opus 5", "CreatedImageInpaint", "0.07", unit="image"),
        (
            "names belong to different models: "
            "Claude Opus 5 and stability.stable-image-inpaint-v1:0"
        ),
    ),
    (
        nova("NovaLite-input-tokens-weekend", "0.00006"),
        "usage type is not understood: the word 'weekend'",
    ),
    (nova("NovaLite", "0.00006"), "usage type is not understood: NovaLite"),
    (
        product("nothing", "0.00006"),
        "usage type is not understood: nothing",
    ),
    (
        product("USE1-Guardrail-NewPolicyUnitsConsumed", "0.1"),
        "usage type is not understood: Guardrail-NewPolicyUnitsConsumed",
    ),
    (
        sold("Claude Opus 5", "flex_priority_of_tokens", "1"),
        "attributes contradict one another: flex and priority",
    ),
    (
        sold("Claude Opus 5", "global", "1"),
        "usage type is not understood: global",
    ),
    (
        product(f"USE1-{'x' * 400}", "1"),
        "usage type is not understood: USE1-" + "x" * 35 + "…",
    ),
    (
        sold("Claude Opus 5", "x" * 400, "1"),
        "usage type is not understood: USE1-MP:USE1_" + "x" * 27 + "…",
    ),
    (
        nova("Nova2.0Omni-output-image-token-count", "0.04", "Nova 2.0 Omni"),
        "counts nothing that a call reports: output image token count",
    ),
    (
        nova("NovaLite-input-tokens", "0.00006", unit="hour"),
        "unit does not fit what is counted: hour for input_token",
    ),
    (
        nova("NovaLite-input-tokens", "0.00006", unit="image"),
        "unit does not fit what is counted: image for input_token",
    ),
    (
        sold("Claude Opus 5", "Reserved_1Month_InputTPM_Global", "1", unit="hour"),
        "unit does not fit what is counted: hour, ",
    ),
    (
        sold(
            "Claude Opus 5",
            "Reserved_1Month_InputTPM_Global",
            "300",
            unit="1M TPM Hour",
            description="$300 per Hour per 1M Input TPM",
        ),
        (
            "unit does not fit what is counted: 1M TPM Hour, "
            "$300 per Hour per 1M Input TPM"
        ),
    ),
    (
        sold("Claude Opus 5", "Reserved_1Month_InputTPM_Global", "1", unit="Units"),
        "unit does not fit what is counted: Units, ",
    ),
    (
        sold("TwelveLabs Marengo Embed 3.0", "InputTokenCount", "0.07", unit="Units"),
        (
            "unit does not fit what is counted: "
            "Units of twelvelabs.marengo-embed-3-0-v1:0, input_token"
        ),
    ),
    (
        nova("NovaLite-input-tokens-flex", "0.00003", service_tier="priority"),
        "attributes contradict one another: flex and priority",
    ),
    (
        nova("NovaLite-input-tokens-flex", "0.00003", service_tier="express"),
        "attributes contradict one another: service tier express",
    ),
    (
        nova("NovaLite-input-tokens", "0.00003", service_tier="global-standard"),
        "attributes contradict one another: service tier global-standard",
    ),
    (
        nova("NovaLite-input-tokens-flex", "0.00003", feature="Batch Inference"),
        "attributes contradict one another: batch and flex",
    ),
    (
        nova(
            "NovaLite-input-tokens-flex", "0.00003", inferenceType="Input tokens batch"
        ),
        "attributes contradict one another: batch and flex",
    ),
    (
        nova("NovaLite-input-tokens", "0.00003", inferenceType="Output tokens"),
        "attributes contradict one another: Output tokens for input_token",
    ),
    (
        nova(
            "NovaLite-input-tokens", "0.00003", inferenceType="Input Image Token Count"
        ),
        ("attributes contradict one another: Input Image Token Count for input_token"),
    ),
    (
        nova("NovaPro-input-tokens", "0.001", "Nova Pro Latency Optimized"),
        "attributes contradict one another: latency optimized, by the name alone",
    ),
    (
        nova("NovaLite-input-tokens-1h", "0.00006"),
        "attributes contradict one another: input_token of 1h",
    ),
    (
        sold("Claude Opus 5", "Reserved_1Month_InputTokenCount", "1"),
        "attributes contradict one another: input_token of tier reserved-1-month",
    ),
    (
        sold("Claude Opus 5", "input_tokens_long_ctx_standard", "11"),
        "long-context price, and the threshold is not known: anthropic.claude-opus-5",
    ),
    (
        nova("NovaLite-input-tokens", "-0.00006"),
        "price is not a non-negative amount of USD: '-0.00006'",
    ),
    (
        nova("NovaLite-input-tokens", "NaN"),
        "price is not a non-negative amount of USD: 'NaN'",
    ),
    (
        nova("NovaLite-input-tokens", "999999999999"),
        "price is not a non-negative amount of USD: 999999999999 per 1K tokens",
    ),
    (
        nova("NovaLite-input-tokens", "0.1", currency="CNY"),
        "price is not a non-negative amount of USD: currency CNY",
    ),
    (
        nova("NovaLite-input-tokens", "0.00006", begins="1000000"),
        "price depends on the volume: from 1000000 to Inf",
    ),
    (
        nova("NovaLite-input-tokens", "0.00006", begins="0.0", ends="1000000"),
        "price depends on the volume: from 0.0 to 1000000",
    ),
    (
        nova("NovaLite-input-tokens", "0.00006", begins="0" * 50),
        "price depends on the volume: from 00000000000000000000 to Inf",
    ),
    (
        nova("NovaLite-input-tokens", "0.00006", regionCode=""),
        "region is not known: ''",
    ),
    (
        nova("NovaLite-input-tokens", "0.00006", regionCode="N. Virginia"),
        "region is not known: 'N. Virginia'",
    ),
    (
        nova("NovaLite-input-tokens", "0.00006", effective="soon"),
        "start of the list term is not a date: 'soon'",
    ),
    (
        nova("NovaLite-input-tokens", "0.00006", effective="2026-13-01T00:00:00Z"),
        "start of the list term is not a date: '2026-13-01T00:00:00Z'",
    ),
    (
        nova("NovaLite-input-tokens", "0.06"),
        (
            "price is far from every known one: "
            "amazon.nova-lite-v1:0 input_token: 60 per 1000000"
        ),
    ),
    (
        nova("NovaLite-input-tokens", "0"),
        (
            "price is far from every known one: "
            "amazon.nova-lite-v1:0 input_token: 0 per 1000000"
        ),
    ),
]


@pytest.mark.parametrize(("line", "expected"), SKIPPED)
def test_line_without_a_row(imported: Import, line: JsonObject, expected: str):
    """What is left out on purpose, or not certain in every part, is told."""
    assert given(imported(line)) == [expected]


def test_where_and_when(imported: Import):
    """A row holds in the region of its code, from the start of the list term."""
    line = product(
        "EU-NovaLite-input-tokens",
        "0.000078",
        model="Nova Lite",
        regionCode="eu-west-1",
        effective="2026-09-01T00:00:00Z",
    )
    (row,) = imported(line).rows
    assert row == PriceRow(
        "amazon.nova-lite-v1:0",
        "eu-west-1",
        "regional",
        "default",
        "standard",
        "",
        Unit.INPUT_TOKEN,
        Decimal("0.078"),
        1_000_000,
        valid_from=date(2026, 9, 1),
        sources=("aws-pricelist-20261008",),
    )


def test_no_start_of_term(imported: Import):
    """Without the start of a term, a price holds from the day of publication."""
    (row,) = imported(nova("NovaLite-input-tokens", "0.00006", effective="")).rows
    assert row.valid_from == date(2026, 10, 8)


_UNITS = {"input_text_token": "input_token", "output_text_token": "output_token"}


def test_real_lines(shared: Path, tmp_path: Path):
    """Lines of real price lists become what people found that they mean."""
    facts = shared / "prices" / "pricelist_rows.csv"
    with facts.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    wrong = []
    for line in lines:
        named = line["identity_attribute"].partition("=")
        changes = {named[0]: named[2]} if named[1] else {}
        one = product(
            line["usagetype"],
            line["price_usd"],
            unit=line["unit"],
            regionCode=line["region"],
            inferenceType=line["inference_type"],
            **changes,
        )
        path = tmp_path / "index.json"
        path.write_text(as_json([one], code=line["offer_code"]), encoding="utf-8")
        if (got := _as_fact(collect(read_offer_file(path)))) != _meant(line):
            wrong.append((line["usagetype"], _meant(line), got))
    assert (len(lines), wrong) == (63, [])


def _meant(line: dict[str, str]) -> tuple[str, ...]:
    if not line["model_id"]:
        return ()
    return (
        line["model_id"],
        line["region"],
        # A price of both is a regional one: geo ids take it too.
        line["geography"].removesuffix("+geo"),
        line["service_tier"],
        _UNITS.get(line["dimension"], line["dimension"]),
    )


def _as_fact(found: ImportedPrices) -> tuple[str, ...]:
    if not found.rows:
        return ()
    (row,) = found.rows
    tier = f"long-context-{row.context_band}" if row.context_band else row.tier
    return (row.model_id, row.region, row.scope, tier, row.unit.value)
