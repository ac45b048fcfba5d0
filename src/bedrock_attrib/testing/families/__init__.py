"""Model families, which decide the format of InvokeModel."""

from __future__ import annotations

from dataclasses import dataclass

from .._wire import Exchange
from ._anthropic import ANTHROPIC_COMPLETIONS, ANTHROPIC_MESSAGES, message_chunks
from ._media import (
    AMAZON_IMAGE,
    COHERE_EMBEDDING,
    NOVA_EMBEDDING,
    RERANK,
    STABILITY_CLASSIC,
    STABILITY_IMAGE,
    TITAN_EMBEDDING,
    TWELVELABS_MARENGO,
    TWELVELABS_PEGASUS,
    VIDEO,
)
from ._openai import (
    AI21_JAMBA,
    OPENAI_CHAT,
    OPENAI_COMPLETIONS,
    chat_chunks,
    openai_usage,
)
from ._shape import Family
from ._text import (
    COHERE_COMMAND,
    COHERE_COMMAND_R,
    LLAMA,
    MISTRAL_CLASSIC,
    NOVA,
    TITAN_TEXT,
)

__all__ = [
    "ANTHROPIC_MESSAGES",
    "FAMILIES",
    "OPENAI_CHAT",
    "Family",
    "FamilyRow",
    "chat_chunks",
    "family_of",
    "message_chunks",
    "openai_usage",
]


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """Models with a common id prefix, and their family.

    Attributes:
        prefix: Prefix of the base model id.
        family: Their family.
        asked_by: Field that a request must have for this row; empty for any request.
    """

    prefix: str
    family: Family
    asked_by: str = ""


# The first matching row applies, so longer prefixes come first.
FAMILIES = (
    FamilyRow("anthropic.claude", ANTHROPIC_COMPLETIONS, asked_by="prompt"),
    FamilyRow("anthropic.", ANTHROPIC_MESSAGES),
    FamilyRow("amazon.nova-canvas", AMAZON_IMAGE),
    FamilyRow("amazon.nova-reel", VIDEO),
    FamilyRow("amazon.nova-2-multimodal-embeddings", NOVA_EMBEDDING),
    FamilyRow("amazon.nova", NOVA),
    FamilyRow("amazon.titan-embed", TITAN_EMBEDDING),
    FamilyRow("amazon.titan-image", AMAZON_IMAGE),
    FamilyRow("amazon.titan", TITAN_TEXT),
    FamilyRow("amazon.rerank", RERANK),
    FamilyRow("cohere.embed", COHERE_EMBEDDING),
    FamilyRow("cohere.rerank", RERANK),
    FamilyRow("cohere.command", COHERE_COMMAND, asked_by="prompt"),
    FamilyRow("cohere.", COHERE_COMMAND_R),
    FamilyRow("meta.", LLAMA),
    FamilyRow("mistral.", MISTRAL_CLASSIC, asked_by="prompt"),
    FamilyRow("ai21.", AI21_JAMBA),
    FamilyRow("deepseek.r1", OPENAI_COMPLETIONS, asked_by="prompt"),
    FamilyRow("luma.", VIDEO),
    FamilyRow("stability.stable-diffusion-xl", STABILITY_CLASSIC),
    FamilyRow("stability.", STABILITY_IMAGE),
    FamilyRow("twelvelabs.pegasus", TWELVELABS_PEGASUS),
    FamilyRow("twelvelabs.", TWELVELABS_MARENGO),
    # DeepSeek, Qwen, gpt-oss, Kimi, MiniMax, Gemma, Nemotron, GLM, Grok, Writer,
    # newer Mistral, and unknown models: all use OpenAI's format.
    FamilyRow("", OPENAI_CHAT),
)


def family_of(exchange: Exchange) -> Family:
    """Return the family of *exchange*; OpenAI's for an unlisted model."""
    model_id = exchange.model_id
    candidates = [row for row in FAMILIES if model_id.startswith(row.prefix)]
    fields = (
        exchange.request.fields() if any(row.asked_by for row in candidates) else {}
    )
    return next(
        row.family for row in candidates if not row.asked_by or row.asked_by in fields
    )
