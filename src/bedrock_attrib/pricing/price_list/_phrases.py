"""Vocabulary of usage types: what is counted, and under which terms.

Words found in the AWS Price List, in bills and in rate cards of 2026; see `_models` for
the copies that were read.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from ..._model.model_id import Scope
from ..._model.usage import Unit
from ._sku import Reason


class Piece(StrEnum):
    """Thing that a price is counted in, as the list's unit names it."""

    TOKEN = "token"
    IMAGE = "image"
    SECOND = "second"
    VIDEO = "video"
    SEARCH_UNIT = "search unit"
    REQUEST = "request"
    TEXT_UNIT = "text unit"
    TPM_HOUR = "TPM hour"


class Measure(NamedTuple):
    """Unit that a usage type counts.

    Attributes:
        unit: Our unit.
        pieces: Permitted units of the list.
    """

    unit: Unit
    pieces: tuple[Piece, ...]


Phrase = tuple[str, ...]


def _measures(piece: Piece, phrases: Mapping[str, Unit]) -> dict[Phrase, Measure]:
    return {
        tuple(phrase.split()): Measure(unit, (piece,))
        for text, unit in phrases.items()
        for phrase in text.split("|")
    }


MEASURES: Mapping[Phrase, Measure] = {
    **_measures(
        Piece.TOKEN,
        {
            "input tokens|input token|input token count|text input tokens|"
            "text input token|text input token count": Unit.INPUT_TOKEN,
            "output tokens|output token|output token count|text output tokens|"
            "text output token|text output token count|response tokens": (
                Unit.OUTPUT_TOKEN
            ),
            "cache read input token count|cache read input tokens|cache read tokens|"
            "cached input tokens": Unit.CACHE_READ_TOKEN,
            # A write without a lifetime is one of five minutes.
            "cache write input token count|cache write input tokens|"
            "cache write tokens|cache writes tokens|cache write 5m input token count|"
            "cache write 5m tokens": Unit.CACHE_WRITE_5M_TOKEN,
            "cache write 30m input token count|cache write 30m tokens": (
                Unit.CACHE_WRITE_30M_TOKEN
            ),
            "cache write 1h input token count|cache write 1h tokens": (
                Unit.CACHE_WRITE_1H_TOKEN
            ),
            "speech input tokens|speech input token": Unit.INPUT_SPEECH_TOKEN,
            "speech output tokens|speech output token": Unit.OUTPUT_SPEECH_TOKEN,
            "input image token count": Unit.INPUT_IMAGE_TOKEN,
        },
    ),
    **_measures(
        Piece.IMAGE,
        {
            "input image|input images|input image count": Unit.INPUT_IMAGE,
            "input standard image": Unit.INPUT_IMAGE_STANDARD,
            "input document image": Unit.INPUT_IMAGE_DOCUMENT,
            "created image": Unit.OUTPUT_IMAGE,
        },
    ),
    **_measures(
        Piece.SECOND,
        {
            "input audio second|input audio seconds": Unit.INPUT_AUDIO_SECOND,
            "input video second|input video seconds": Unit.INPUT_VIDEO_SECOND,
        },
    ),
    **_measures(
        Piece.SEARCH_UNIT,
        {"searchunits|search units|search unit": Unit.SEARCH_UNIT},
    ),
    **_measures(
        Piece.REQUEST,
        {
            "nova grounding": Unit.WEB_GROUNDING_REQUEST,
            "text request|text requests|input text request|input text requests": (
                Unit.TEXT_REQUEST
            ),
        },
    ),
    **_measures(
        Piece.TPM_HOUR,
        {
            "input tpm|input tokens per minute": Unit.INPUT_TPM_HOUR,
            "output tpm|output tokens per minute": Unit.OUTPUT_TPM_HOUR,
        },
    ),
}
"""Measure by the words that name it."""

COUNTED_BY_NOTHING = frozenset(
    tuple(phrase.split())
    for phrase in (
        "input audio token count",
        "input video token count",
        "output audio token count",
        "output image token count",
        "output image count",
    )
)
"""Phrases for what no response and no request of ours states."""

# Unit of generated images by model and what follows it in the usage type. A model is
# not here where its images are counted without regard to size.
_CANVAS = {
    f"{way}-{size}-{quality.capitalize()}": Unit(
        f"output_image[up-to-{size}x{size}/{quality}]"
    )
    for way in ("T2I", "I2I")
    for size in (1024, 2048)
    for quality in ("standard", "premium")
}
_TITAN = {
    f"{way}-512-Standard": Unit.OUTPUT_IMAGE_512_STANDARD for way in ("T2I", "I2I")
}
# The list says "video"; the price page says second, and so do bills (2026-07-24).
_REEL = {f"{way}-Medfps-HDRes": Unit.OUTPUT_VIDEO_SECOND_720P for way in ("T2V", "I2V")}

DRAWN: Mapping[tuple[str, str], Measure] = {
    **{("NovaCanvas", k): Measure(u, (Piece.IMAGE,)) for k, u in _CANVAS.items()},
    **{
        (stem, k): Measure(u, (Piece.IMAGE,))
        for stem in ("TitanImageGeneratorG1", "TitanImageGeneratorV2")
        for k, u in _TITAN.items()
    },
    **{
        ("NovaReel", k): Measure(u, (Piece.SECOND, Piece.VIDEO))
        for k, u in _REEL.items()
    },
}
"""Measure of generated images and videos, by stem and rest."""

_TEXT = (Piece.TEXT_UNIT,)
GUARDRAILS: Mapping[str, Measure] = {
    "Guardrail-ContentPolicyUnitsConsumed": Measure(
        Unit.GUARDRAIL_CONTENT_TEXT_UNIT, _TEXT
    ),
    "Guardrail-ContentPolicyImageUnitsConsumed": Measure(
        Unit.GUARDRAIL_CONTENT_IMAGE_UNIT, (Piece.TEXT_UNIT, Piece.IMAGE)
    ),
    "Guardrail-TopicPolicyUnitsConsumed": Measure(
        Unit.GUARDRAIL_TOPIC_TEXT_UNIT, _TEXT
    ),
    "Guardrail-WordPolicyUnitsConsumed": Measure(Unit.GUARDRAIL_WORD_TEXT_UNIT, _TEXT),
    "Guardrail-SensitiveInformationPolicyPaidUnitsConsumed": Measure(
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_TEXT_UNIT, _TEXT
    ),
    "Guardrail-SensitiveInformationPolicyFreeUnitsConsumed": Measure(
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_FREE_TEXT_UNIT, _TEXT
    ),
    "Guardrail-ContextualGroundingPolicyUnitsConsumed": Measure(
        Unit.GUARDRAIL_CONTEXTUAL_GROUNDING_TEXT_UNIT, _TEXT
    ),
    "Guardrail-AutomatedReasoningPolicyUnitsConsumed": Measure(
        Unit.GUARDRAIL_AUTOMATED_REASONING_TEXT_UNIT, _TEXT
    ),
    "GuardrailChecks-ContentFilterCheckUnitsConsumed": Measure(
        Unit.GUARDRAIL_CHECKS_CONTENT_TEXT_UNIT, _TEXT
    ),
    "GuardrailChecks-PromptAttackCheckUnitsConsumed": Measure(
        Unit.GUARDRAIL_CHECKS_PROMPT_ATTACK_TEXT_UNIT, _TEXT
    ),
    "GuardrailChecks-SensitiveInformationCheckUnitsConsumed": Measure(
        Unit.GUARDRAIL_CHECKS_SENSITIVE_INFORMATION_TEXT_UNIT, _TEXT
    ),
}
"""Measure of a guardrail, by the usage type after its region code."""


class Term(NamedTuple):
    """Meaning of one or more words that state terms of a price.

    Attributes:
        kind: Term that it sets; empty for none.
        value: Value of that term.
    """

    kind: str = ""
    value: str = ""


QUALIFIERS: Mapping[Phrase, Term] = {
    ("standard",): Term("tier", "default"),
    ("flex",): Term("tier", "flex"),
    ("priority",): Term("tier", "priority"),
    ("batch",): Term("tier", "batch"),
    ("ultrafast",): Term("tier", "ultrafast"),
    ("reserved", "1", "month"): Term("tier", "reserved-1-month"),
    ("reserved", "3", "month"): Term("tier", "reserved-3-month"),
    ("reserved", "3", "months"): Term("tier", "reserved-3-month"),
    ("regional",): Term("scope", Scope.REGIONAL),
    ("geo",): Term("scope", Scope.GEO),
    ("cross", "region", "geo"): Term("scope", Scope.GEO),
    ("global",): Term("scope", Scope.GLOBAL),
    ("cross", "region", "global"): Term("scope", Scope.GLOBAL),
    ("long", "context"): Term("context", "long"),
    ("long", "ctx"): Term("context", "long"),
    ("lctx",): Term("context", "long"),
    ("latency", "optimized"): Term("latency_mode", "optimized"),
    ("5m",): Term("lifetime", "5m"),
    ("30m",): Term("lifetime", "30m"),
    ("1h",): Term("lifetime", "1h"),
    ("million",): Term(),
}
"""Terms by their words, which come before or after what is counted."""

LIFETIMES = {
    "5m": Unit.CACHE_WRITE_5M_TOKEN,
    "30m": Unit.CACHE_WRITE_30M_TOKEN,
    "1h": Unit.CACHE_WRITE_1H_TOKEN,
}
"""Unit of a cache write by its lifetime."""

SKIPPED: Mapping[str, Reason] = {
    "custom-model": Reason.CUSTOM_MODEL,
    "custom-t2i": Reason.CUSTOM_MODEL,
    "custom-i2i": Reason.CUSTOM_MODEL,
    "custommodelimport": Reason.TRAINING,
    "customization": Reason.TRAINING,
    "training": Reason.TRAINING,
    "modelstorage": Reason.TRAINING,
    "provisionedthroughput": Reason.PROVISIONED,
    "optimizeprompt": Reason.PROMPT_OPTIMIZATION,
}
"""Reason for skipping a usage type, by a part of it in lower case."""

# First parts of usage types of the platform: Price List of 2026-07, AmazonBedrock.
FEATURES = frozenset(
    "agentcore apo bedrockflows dataautomation generatesql knowledgebase "
    "modelevaluation prompt".split()
)
"""First parts, in lower case, of usage types that are not calls of a model."""
