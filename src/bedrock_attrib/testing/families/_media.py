"""Formats of other models: vectors, rankings, images and videos."""

from __future__ import annotations

import re

from ..._model.usage import unit_class
from .._wire import AwsError, Exchange, JsonObject
from ._shape import INPUT_ONLY, NO_COUNT, Family, counts_of, renamed, usage_of

_VECTOR = [0.25, -0.5, 0.125, 0.0]
# The smallest PNG: one transparent pixel.
_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kg"
    "AAAABJRU5ErkJggg=="
)


def _listed(exchange: Exchange, *names: str) -> list[object]:
    """Return the first list among the request's fields *names*; one item if none."""
    fields = exchange.request.fields()
    for name in names:
        value = fields.get(name)
        if isinstance(value, list):
            return value
    return [None]


def _titan_embedding(exchange: Exchange) -> JsonObject:
    counted = renamed(counts_of(exchange), {"input": "inputTextTokenCount"})
    return {"embedding": _VECTOR} | counted


def _nova_embedding(exchange: Exchange) -> JsonObject:
    vector = {"embeddingType": "TEXT", "embedding": _VECTOR}
    counted = renamed(counts_of(exchange), {"input": "inputTokenCount"})
    return {"embeddings": [vector]} | counted


def _cohere_embedding(exchange: Exchange) -> JsonObject:
    texts = _listed(exchange, "texts", "images", "inputs")
    return {
        "id": f"{exchange.number:08x}-0000-4000-8000-000000000000",
        "response_type": "embeddings_floats",
        "embeddings": [_VECTOR for _ in texts],
        "texts": [text for text in texts if isinstance(text, str)],
    }


def _rerank(exchange: Exchange) -> JsonObject:
    documents = _listed(exchange, "documents")
    return {
        "results": [
            {"index": index, "relevance_score": 1.0 / (1 + index)}
            for index in range(len(documents))
        ]
    }


def _pictures(exchange: Exchange) -> list[str]:
    usage = usage_of(exchange)
    drawn = [
        count for unit, count in usage.items() if unit_class(unit) == "output_image"
    ]
    return [_PIXEL] * (sum(drawn) if drawn else _pictures_asked(exchange))


def _pictures_asked(exchange: Exchange) -> int:
    """Return how many pictures the request asks for; one if it does not say."""
    asked = _ASKED.search(exchange.request.body)
    return min(int(asked[1]), _MOST_PICTURES) if asked is not None else 1


_ASKED = re.compile(rb'"(?:numberOfImages|samples)":\s*([1-9]\d{0,3})\b')
_MOST_PICTURES = 10


def _amazon_image(exchange: Exchange) -> JsonObject:
    return {"images": _pictures(exchange), "error": None}


def _stability_image(exchange: Exchange) -> JsonObject:
    pictures = _pictures(exchange)
    return {
        "seeds": [0 for _ in pictures],
        "finish_reasons": [None for _ in pictures],
        "images": pictures,
    }


def _stability_classic_image(exchange: Exchange) -> JsonObject:
    return {
        "result": "success",
        "artifacts": [
            {"seed": 0, "base64": picture, "finishReason": "SUCCESS"}
            for picture in _pictures(exchange)
        ],
    }


def _pegasus(exchange: Exchange) -> JsonObject:
    return {"message": exchange.reply.text, "finishReason": "stop"}


def _marengo(exchange: Exchange) -> JsonObject:  # noqa: ARG001 - Family's signature
    return {"data": [{"embedding": _VECTOR}]}


def _only_async(exchange: Exchange) -> JsonObject:
    raise AwsError(
        "ValidationException",
        f"{exchange.model_id} is invoked by StartAsyncInvoke only",
    )


TITAN_EMBEDDING = Family(
    "Amazon Titan Embeddings", _titan_embedding, header_counts=INPUT_ONLY
)
NOVA_EMBEDDING = Family(
    "Amazon Nova Embeddings", _nova_embedding, header_counts=INPUT_ONLY
)
COHERE_EMBEDDING = Family("Cohere Embed", _cohere_embedding, header_counts=INPUT_ONLY)
# Rerank has an input header and no usage in the body: live answers in vercel/ai pull
# request 15973 and langchain4j issue 5057, 2026-04 to 2026-06, checked 2026-11-23.
RERANK = Family("Rerank", _rerank, header_counts=INPUT_ONLY)
AMAZON_IMAGE = Family("Amazon images", _amazon_image, header_counts=NO_COUNT)
STABILITY_IMAGE = Family("Stability images", _stability_image, header_counts=NO_COUNT)
STABILITY_CLASSIC = Family(
    "Stability Diffusion XL", _stability_classic_image, header_counts=NO_COUNT
)
TWELVELABS_PEGASUS = Family("TwelveLabs Pegasus", _pegasus)
TWELVELABS_MARENGO = Family("TwelveLabs Marengo", _marengo, header_counts=NO_COUNT)
VIDEO = Family("Videos", _only_async, header_counts=NO_COUNT)
