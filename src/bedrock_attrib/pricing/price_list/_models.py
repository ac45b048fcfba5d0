"""Models by their names in AWS's price list, which has no model ids.

Names from the AWS Price List as of 2026-07-07, -23 and -28, 2026-08-20 and 2026-10-08,
from bills of those months, and from its documentation ("Understanding your CUR data").
A name that is not here is reported, never guessed.
"""

from __future__ import annotations

from typing import NamedTuple


class ModelNames(NamedTuple):
    """A model and its names in price lists.

    Attributes:
        model_id: Base model id.
        names: Display names: the attribute ``model``, or the service name without its
            edition; separated by ``|``.
        stems: Names of the model in usage types; separated by ``|``.
    """

    model_id: str
    names: str
    stems: str = ""


MODELS = (
    ModelNames("ai21.j2-mid-v1", "Jurassic-2 Mid"),
    ModelNames("ai21.j2-ultra-v1", "Jurassic-2 Ultra"),
    ModelNames("ai21.jamba-1-5-large-v1:0", "Jamba 1.5 Large"),
    ModelNames("ai21.jamba-1-5-mini-v1:0", "Jamba 1.5 Mini"),
    ModelNames("ai21.jamba-instruct-v1:0", "Jamba-Instruct"),
    ModelNames("amazon.nova-2-lite-v1:0", "Nova 2.0 Lite|Nova 2 Lite", "Nova2.0Lite"),
    ModelNames(
        "amazon.nova-2-multimodal-embeddings-v1:0",
        "Nova MultiModal Embeddings|NovaMultiModalEmbeddings|Nova MME",
        "NovaMultiModalEmbeddings",
    ),
    ModelNames(
        "amazon.nova-2-omni-preview", "Nova 2.0 Omni|Nova 2 Omni", "Nova2.0Omni"
    ),
    ModelNames(
        "amazon.nova-2-pro-preview-20251202-v1:0",
        "Nova 2.0 Pro|Nova 2 Pro",
        "Nova2.0Pro",
    ),
    ModelNames(
        "amazon.nova-2-sonic-v1:0", "Nova Sonic 2.0|Nova 2 Sonic", "NovaSonic2.0"
    ),
    ModelNames("amazon.nova-canvas-v1:0", "Nova Canvas", "NovaCanvas"),
    ModelNames("amazon.nova-lite-v1:0", "Nova Lite", "NovaLite"),
    ModelNames("amazon.nova-micro-v1:0", "Nova Micro", "NovaMicro"),
    ModelNames("amazon.nova-premier-v1:0", "Nova Premier", "NovaPremier"),
    ModelNames("amazon.nova-pro-v1:0", "Nova Pro", "NovaPro"),
    ModelNames("amazon.nova-reel-v1:0", "Nova Reel", "NovaReel"),
    ModelNames("amazon.nova-sonic-v1:0", "Nova Sonic", "NovaSonic"),
    ModelNames("amazon.rerank-v1:0", "Amazon Rerank|Rerank 1.0", "AmazonRerank-v1"),
    ModelNames(
        "amazon.titan-embed-image-v1",
        "TitanEmbeddingsG1-Image",
        "TitanEmbeddingsG1-Image",
    ),
    ModelNames(
        "amazon.titan-embed-text-v1", "TitanEmbeddingsG1-Text", "TitanEmbeddingsG1-Text"
    ),
    ModelNames(
        "amazon.titan-embed-text-v2:0",
        "TitanEmbeddingsV2-Text",
        "TitanEmbeddingV2-Text|TitanEmbeddingsV2-Text",
    ),
    ModelNames(
        "amazon.titan-image-generator-v1",
        "TitanImageGeneratorG1",
        "TitanImageGeneratorG1",
    ),
    ModelNames(
        "amazon.titan-image-generator-v2:0",
        "TitanImageGeneratorV2",
        "TitanImageGeneratorV2",
    ),
    ModelNames(
        "amazon.titan-text-express-v1", "TitanTextG1-Express", "TitanTextG1-Express"
    ),
    ModelNames("amazon.titan-text-lite-v1", "TitanTextG1-Lite", "TitanTextG1-Lite"),
    ModelNames(
        "amazon.titan-text-premier-v1:0", "TitanText-Premier", "TitanText-Premier"
    ),
    ModelNames(
        "anthropic.claude-3-5-haiku-20241022-v1:0", "Claude 3.5 Haiku", "Claude3-5Haiku"
    ),
    ModelNames("anthropic.claude-3-5-sonnet-20240620-v1:0", "Claude 3.5 Sonnet"),
    ModelNames("anthropic.claude-3-5-sonnet-20241022-v2:0", "Claude 3.5 Sonnet v2"),
    ModelNames("anthropic.claude-3-7-sonnet-20250219-v1:0", "Claude 3.7 Sonnet"),
    ModelNames(
        "anthropic.claude-3-haiku-20240307-v1:0", "Claude 3 Haiku", "Claude3Haiku"
    ),
    ModelNames("anthropic.claude-3-opus-20240229-v1:0", "Claude 3 Opus"),
    ModelNames(
        "anthropic.claude-3-sonnet-20240229-v1:0", "Claude 3 Sonnet", "Claude3Sonnet"
    ),
    ModelNames("anthropic.claude-fable-5", "Claude Fable 5"),
    ModelNames("anthropic.claude-fable-5-1", "Claude Fable 5.1"),
    ModelNames("anthropic.claude-fable-5-2", "Claude Fable 5.2"),
    ModelNames(
        "anthropic.claude-haiku-4-5-20251001-v1:0", "Claude Haiku 4.5", "Claude4.5Haiku"
    ),
    ModelNames("anthropic.claude-haiku-5-5", "Claude Haiku 5.5"),
    ModelNames("anthropic.claude-instant-v1", "Claude Instant", "ClaudeInstant"),
    ModelNames("anthropic.claude-mythos-5", "Claude Mythos 5"),
    ModelNames("anthropic.claude-mythos-5-1", "Claude Mythos 5.1"),
    ModelNames("anthropic.claude-mythos-5-2", "Claude Mythos 5.2"),
    ModelNames("anthropic.claude-mythos-preview", "Claude Mythos Preview"),
    ModelNames("anthropic.claude-opus-4-1-20250805-v1:0", "Claude Opus 4.1"),
    ModelNames("anthropic.claude-opus-4-20250514-v1:0", "Claude Opus 4"),
    ModelNames("anthropic.claude-opus-4-5-20251101-v1:0", "Claude Opus 4.5"),
    ModelNames("anthropic.claude-opus-4-6-v1", "Claude Opus 4.6", "Claude4.6Opus"),
    ModelNames("anthropic.claude-opus-4-7", "Claude Opus 4.7"),
    ModelNames("anthropic.claude-opus-4-8", "Claude Opus 4.8"),
    ModelNames("anthropic.claude-opus-5", "Claude Opus 5"),
    ModelNames("anthropic.claude-opus-5-5", "Claude Opus 5.5"),
    ModelNames(
        "anthropic.claude-sonnet-4-20250514-v1:0", "Claude Sonnet 4", "Claude4Sonnet"
    ),
    ModelNames(
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "Claude Sonnet 4.5",
        "Claude4.5Sonnet",
    ),
    ModelNames("anthropic.claude-sonnet-4-6", "Claude Sonnet 4.6", "Claude4.6Sonnet"),
    ModelNames("anthropic.claude-sonnet-5", "Claude Sonnet 5"),
    ModelNames("anthropic.claude-sonnet-5-5", "Claude Sonnet 5.5"),
    # "Claude" alone is billed for both of these, so that name is left out.
    ModelNames("anthropic.claude-v2", "Claude 2.0", "Claude2.0"),
    ModelNames("anthropic.claude-v2:1", "Claude 2.1", "Claude2.1"),
    ModelNames(
        "cohere.command-light-text-v14",
        "Cohere Generate Model - Command-Light|Cohere Generate Model - Command Light",
    ),
    ModelNames("cohere.command-r-plus-v1:0", "Cohere Command R+"),
    ModelNames("cohere.command-r-v1:0", "Cohere Command R"),
    ModelNames("cohere.command-text-v14", "Cohere Generate Model - Command"),
    ModelNames("cohere.embed-english-v3", "Cohere Embed 3 Model - English"),
    ModelNames(
        "cohere.embed-multilingual-v3",
        "Cohere Embed Model 3 - Multilingual|Cohere Embed 3 Model - Multilingual",
    ),
    ModelNames("cohere.embed-v4:0", "Cohere Embed 4 Model"),
    ModelNames("cohere.rerank-v3-5:0", "Cohere Rerank v3.5"),
    ModelNames("deepseek.r1-v1:0", "R1|DeepSeek-R1", "DeepSeek-R1"),
    ModelNames("deepseek.v3-v1:0", "DeepSeek V3.1", "deepseek.v3.1"),
    ModelNames("deepseek.v3.2", "DeepSeek V3.2", "deepseek.v3.2"),
    ModelNames("google.gemma-3-12b-it", "Gemma 3 12B", "Gemma-3-12B-IT"),
    ModelNames("google.gemma-3-27b-it", "Gemma 3 27B", "Gemma-3-27B-IT"),
    ModelNames("google.gemma-3-4b-it", "Gemma 3 4B", "Gemma-3-4B-IT"),
    ModelNames("google.gemma-4-26b-a4b", "Gemma 4 26B A4B"),
    ModelNames("google.gemma-4-31b", "Gemma 4 31B"),
    ModelNames("google.gemma-4-e2b", "Gemma 4 E2B"),
    ModelNames("meta.llama2-13b-chat-v1", "Meta Llama 2 Chat 13B"),
    ModelNames("meta.llama2-70b-chat-v1", "Meta Llama 2 Chat 70B"),
    ModelNames("meta.llama3-1-405b-instruct-v1:0", "Llama 3.1 405B", "Llama3-1-405B"),
    ModelNames("meta.llama3-1-70b-instruct-v1:0", "Llama 3.1 70B", "Llama3-1-70B"),
    ModelNames("meta.llama3-1-8b-instruct-v1:0", "Llama 3.1 8B", "Llama3-1-8B"),
    ModelNames("meta.llama3-2-11b-instruct-v1:0", "Llama 3.2 11B", "Llama3-2-11B"),
    ModelNames("meta.llama3-2-1b-instruct-v1:0", "Llama 3.2 1B", "Llama3-2-1B"),
    ModelNames("meta.llama3-2-3b-instruct-v1:0", "Llama 3.2 3B", "Llama3-2-3B"),
    ModelNames("meta.llama3-2-90b-instruct-v1:0", "Llama 3.2 90B", "Llama3-2-90B"),
    ModelNames("meta.llama3-3-70b-instruct-v1:0", "Llama 3.3 70B", "Llama3-3-70B"),
    ModelNames("meta.llama3-70b-instruct-v1:0", "Llama 3 70B", "Llama3-70B"),
    ModelNames("meta.llama3-8b-instruct-v1:0", "Llama 3 8B", "Llama3-8B"),
    ModelNames(
        "meta.llama4-maverick-17b-instruct-v1:0",
        "Llama 4 Maverick 17B",
        "Llama4-Maverick-17B",
    ),
    ModelNames(
        "meta.llama4-scout-17b-instruct-v1:0", "Llama 4 Scout 17B", "Llama4-Scout-17B"
    ),
    ModelNames("minimax.minimax-m2", "Minimax M2", "Minimax-M2"),
    ModelNames("minimax.minimax-m2.1", "Minimax M2.1"),
    ModelNames("minimax.minimax-m2.5", "Minimax M2.5"),
    ModelNames("mistral.devstral-2-123b", "Devstral"),
    ModelNames(
        "mistral.magistral-small-2509", "Magistral Small 1.2", "Magistral-Small-2509"
    ),
    ModelNames(
        "mistral.ministral-3-14b-instruct",
        "Ministral 14B 3.0",
        "Ministral-3-14b-Instruct",
    ),
    ModelNames(
        "mistral.ministral-3-3b-instruct", "Ministral 3B 3.0", "Ministral-3-3b-Instruct"
    ),
    ModelNames(
        "mistral.ministral-3-8b-instruct", "Ministral 8B 3.0", "Ministral-3-8b-Instruct"
    ),
    ModelNames("mistral.mistral-7b-instruct-v0:2", "Mistral 7B", "Mistral7B"),
    ModelNames("mistral.mistral-large-2402-v1:0", "Mistral Large", "MistralLarge"),
    ModelNames("mistral.mistral-large-2407-v1:0", "Mistral Large 24.07"),
    ModelNames(
        "mistral.mistral-large-3-675b-instruct",
        "Mistral Large 3",
        "Mistral-Large-3-675b-Instruct",
    ),
    ModelNames("mistral.mistral-small-2402-v1:0", "Mistral Small", "MistralSmall"),
    ModelNames("mistral.mixtral-8x7b-instruct-v0:1", "Mixtral 8x7B", "Mixtral8x7B"),
    ModelNames(
        "mistral.pixtral-large-2502-v1:0", "Pixtral Large 25.02", "PixtralLarge2502"
    ),
    ModelNames(
        "mistral.voxtral-mini-3b-2507", "Voxtral Mini 1.0", "Voxtral-Mini-3B-2507"
    ),
    # The usage type says Mini; the model has 24B parameters, and the name says Small.
    ModelNames(
        "mistral.voxtral-small-24b-2507", "Voxtral Small 1.0", "Voxtral-Mini-24B-2507"
    ),
    ModelNames("moonshotai.kimi-k2-thinking", "Kimi K2 Thinking", "Kimi-K2-Thinking"),
    ModelNames("moonshotai.kimi-k2.5", "Kimi K2.5"),
    ModelNames("moonshotai.kimi-k3", "Kimi K3"),
    ModelNames("moonshotai.kimi-k3.1", "Kimi K3.1"),
    ModelNames(
        "nvidia.nemotron-nano-12b-v2",
        "NVIDIA Nemotron Nano 2 VL",
        "Nemotron-Nano-12B-V2-VL-BF16",
    ),
    ModelNames(
        "nvidia.nemotron-nano-3-30b", "Nemotron Nano 3 30B", "Nemotron-Nano-3-30B"
    ),
    ModelNames(
        "nvidia.nemotron-nano-9b-v2", "NVIDIA Nemotron Nano 2", "Nemotron-Nano-9B-V2"
    ),
    ModelNames("nvidia.nemotron-super-3-120b", "NVIDIA Nemotron 3 Super 120B A12B"),
    ModelNames("openai.gpt-5.4", "OpenAI GPT-5.4|GPT-5.4"),
    ModelNames("openai.gpt-5.5", "OpenAI GPT-5.5|GPT-5.5"),
    ModelNames("openai.gpt-5.6-luna", "OpenAI GPT-5.6 Luna|GPT-5.6 Luna"),
    ModelNames("openai.gpt-5.6-sol", "OpenAI GPT-5.6 Sol|GPT-5.6 Sol"),
    ModelNames("openai.gpt-5.6-terra", "OpenAI GPT-5.6 Terra|GPT-5.6 Terra"),
    ModelNames("openai.gpt-6-astra", "OpenAI GPT-6 Astra|GPT-6 Astra"),
    ModelNames("openai.gpt-6-luna", "OpenAI GPT-6 Luna|GPT-6 Luna"),
    ModelNames("openai.gpt-6-sol", "OpenAI GPT-6 Sol|GPT-6 Sol"),
    ModelNames("openai.gpt-6.1-sol", "OpenAI GPT-6.1 Sol|GPT-6.1 Sol"),
    ModelNames("openai.gpt-6.1-terra", "OpenAI GPT-6.1 Terra|GPT-6.1 Terra"),
    ModelNames("openai.gpt-oss-120b-1:0", "gpt-oss-120b", "gpt-oss-120b"),
    ModelNames("openai.gpt-oss-20b-1:0", "gpt-oss-20b", "gpt-oss-20b"),
    ModelNames(
        "openai.gpt-oss-safeguard-120b",
        "GPT OSS Safeguard 120B",
        "GPT-OSS-Safeguard-120B",
    ),
    ModelNames(
        "openai.gpt-oss-safeguard-20b",
        "GPT OSS Safeguard 20B",
        "GPT-OSS-Safeguard-20B",
    ),
    ModelNames("qwen.qwen3-235b-a22b-2507-v1:0", "Qwen3 235B A22B 2507"),
    ModelNames("qwen.qwen3-32b-v1:0", "Qwen3 32B", "Qwen3-32B"),
    ModelNames(
        "qwen.qwen3-coder-30b-a3b-v1:0", "Qwen3 Coder 30B A3B", "Qwen3Coder-30B-A3B"
    ),
    ModelNames("qwen.qwen3-coder-480b-a35b-v1:0", "Qwen3 Coder 480B A35B"),
    ModelNames("qwen.qwen3-coder-next", "Qwen3 Coder Next"),
    # One name, two ids, two prices: the usage type says which one is meant.
    ModelNames("qwen.qwen3-next-80b-a3b", "Qwen3 Next 80B A3B", "Qwen3Next-80B-A3B"),
    ModelNames("qwen.qwen3-next-80b-a3b-instruct", "Qwen3 Next 80B A3B"),
    ModelNames("qwen.qwen3-vl-235b-a22b", "Qwen3 VL 235B A22B", "Qwen3-VL-235B-A22B"),
    ModelNames("stability.sd3-5-large-v1:0", "Stable Diffusion 3.5 Large v1.0"),
    ModelNames("stability.sd3-large-v1:0", "Stable Diffusion 3 Large v1.0"),
    ModelNames("stability.stable-image-core-v1:0", "Stable Image Core v1.0"),
    ModelNames("stability.stable-image-core-v1:1", "Stable Image Core v1.1"),
    ModelNames("stability.stable-image-ultra-v1:0", "Stable Image Ultra v1.0"),
    ModelNames("stability.stable-image-ultra-v1:1", "Stable Image Ultra v1.1"),
    ModelNames("twelvelabs.marengo-embed-2-7-v1:0", "TwelveLabs Marengo Embed 2.7"),
    ModelNames("twelvelabs.marengo-embed-3-0-v1:0", "TwelveLabs Marengo Embed 3.0"),
    ModelNames("twelvelabs.pegasus-1-2-v1:0", "TwelveLabs Pegasus 1.2"),
    ModelNames("twelvelabs.pegasus-1-5-v1:0", "TwelveLabs Pegasus 1.5"),
    ModelNames("writer.palmyra-vision-7b", "Writer Palmyra Vision 7B"),
    ModelNames("writer.palmyra-x4-v1:0", "Palmyra X4"),
    ModelNames("writer.palmyra-x5-v1:0", "Palmyra X5"),
    ModelNames("xai.grok-4.3", "Grok 4.3"),
    ModelNames("xai.grok-4.6", "Grok 4.6"),
    ModelNames("xai.grok-4.7", "Grok 4.7"),
    ModelNames("zai.glm-4.6", "GLM 4.6"),
    ModelNames("zai.glm-4.7", "GLM 4.7"),
    ModelNames("zai.glm-4.7-flash", "GLM 4.7 Flash"),
    ModelNames("zai.glm-5", "GLM 5", "zai.glm5"),
    ModelNames("zai.glm-5.3", "GLM 5.3"),
)

KNOWN_STEMS = frozenset(stem for each in MODELS for stem in each.stems.split("|"))
"""Names of known models in usage types."""
