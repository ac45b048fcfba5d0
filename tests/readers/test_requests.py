"""What only a request says: images, searches and seconds of the models that need it."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bedrock_attrib import Unit
from bedrock_attrib._model.record import PriceStatus
from bedrock_attrib.testing import Reply, tokens

PICTURE = b64encode(b"\x89PNG" * 50_000).decode()

CANVAS = "amazon.nova-canvas-v1:0"
TITAN_IMAGE = "amazon.titan-image-generator-v2:0"
SDXL_1 = "stability.stable-diffusion-xl-v1"
SDXL_0 = "stability.stable-diffusion-xl-v0"


def canvas(**config: object) -> dict[str, object]:
    """A request for images of Amazon's."""
    return {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": 'a cat, "quality": "premium", "width": 9'},
        "imageGenerationConfig": config,
    }


# Model, request, counts, USD (None where the price list has none).
IMAGES: dict[str, tuple[str, dict[str, object], dict[Unit, int], str | None]] = {
    "Canvas, default": (
        CANVAS,
        {"taskType": "TEXT_IMAGE"},
        {Unit.OUTPUT_IMAGE_UP_TO_1024_STANDARD: 1},
        "0.04",
    ),
    "Canvas, three": (
        CANVAS,
        canvas(numberOfImages=3, width=1024, height=512, quality="standard"),
        {Unit.OUTPUT_IMAGE_UP_TO_1024_STANDARD: 3},
        "0.12",
    ),
    "Canvas, premium": (
        CANVAS,
        canvas(quality="premium"),
        {Unit.OUTPUT_IMAGE_UP_TO_1024_PREMIUM: 1},
        "0.06",
    ),
    "Canvas, large": (
        CANVAS,
        canvas(width=512, height=1025, numberOfImages=2),
        {Unit.OUTPUT_IMAGE_UP_TO_2048_STANDARD: 2},
        "0.12",
    ),
    "Canvas, large premium": (
        CANVAS,
        canvas(width=2048, height=2048, quality="premium"),
        {Unit.OUTPUT_IMAGE_UP_TO_2048_PREMIUM: 1},
        "0.08",
    ),
    "Canvas, odd values": (
        CANVAS,
        canvas(width="2048", height=None, numberOfImages=-4, quality=3),
        {Unit.OUTPUT_IMAGE_UP_TO_1024_STANDARD: 1},
        "0.04",
    ),
    "Canvas, from a picture": (
        CANVAS,
        {
            "imageGenerationConfig": {"numberOfImages": 2},
            "inPaintingParams": {"image": PICTURE},
        },
        {Unit.OUTPUT_IMAGE_UP_TO_1024_STANDARD: 2},
        "0.08",
    ),
    "Titan, small": (
        TITAN_IMAGE,
        canvas(width=512, height=512, numberOfImages=2),
        {Unit.OUTPUT_IMAGE_512_STANDARD: 2},
        "0.016",
    ),
    "Titan, default": (
        TITAN_IMAGE,
        canvas(),
        {Unit.OUTPUT_IMAGE: 1},
        None,
    ),
    "Titan, premium": (
        TITAN_IMAGE,
        canvas(width=512, height=512, quality="premium"),
        {Unit.OUTPUT_IMAGE: 1},
        None,
    ),
    "SDXL 1, default": (
        SDXL_1,
        {"text_prompts": [{"text": '"steps": 150'}]},
        {Unit.OUTPUT_IMAGE_1024_UP_TO_50_STEPS: 1},
        "0.04",
    ),
    "SDXL 1, fifty steps": (
        SDXL_1,
        {"steps": 50, "width": 1024, "samples": 2},
        {Unit.OUTPUT_IMAGE_1024_UP_TO_50_STEPS: 2},
        "0.08",
    ),
    "SDXL 1, more steps": (
        SDXL_1,
        {"steps": 51},
        {Unit.OUTPUT_IMAGE_1024_OVER_50_STEPS: 1},
        "0.08",
    ),
    "SDXL 0, default": (
        SDXL_0,
        {"text_prompts": []},
        {Unit.OUTPUT_IMAGE_512_UP_TO_50_STEPS: 1},
        "0.018",
    ),
    "SDXL 0, more steps": (
        SDXL_0,
        {"steps": 60},
        {Unit.OUTPUT_IMAGE_512_OVER_50_STEPS: 1},
        "0.036",
    ),
    "SDXL 0, large": (
        SDXL_0,
        {"width": 1024, "height": 512},
        {Unit.OUTPUT_IMAGE_1024_UP_TO_50_STEPS: 1},
        None,
    ),
    "Stability": (
        "us.stability.stable-image-ultra-v1:1",
        {"prompt": "a cat"},
        {Unit.OUTPUT_IMAGE: 1},
        "0.14",
    ),
    "Stability, service": (
        "stability.stable-image-erase-object-v1:0",
        {"image": PICTURE},
        {Unit.OUTPUT_IMAGE: 1},
        "0.07",
    ),
}


@pytest.mark.parametrize("case", IMAGES)
def test_images(meter: Any, case: str) -> None:
    """Images are billed by number, size, quality and steps, as the request says."""
    model_id, request, counts, usd = IMAGES[case]
    record = meter.invoke(model_id, Reply(usage=None), request)
    assert record.usage == counts
    assert record.usage_source == "request"
    if usd is None:
        assert record.cost is None
        assert record.price_status is PriceStatus.UNPRICED
    else:
        assert record.cost.total == Decimal(usd)
        assert record.price_status is PriceStatus.PRICED


KINDS: dict[str, Callable[[str], object]] = {
    "bytes": lambda text: text.encode(),
    "bytearray": lambda text: bytearray(text.encode()),
    "text": lambda text: text,
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_body(meter: Any, kind: str) -> None:
    """A request may be bytes, a buffer or text, and spread over lines."""
    request = json.dumps(canvas(numberOfImages=3), indent=4)
    record = meter.invoke(CANVAS, Reply(usage=None), KINDS[kind](request))
    assert record.usage == {Unit.OUTPUT_IMAGE_UP_TO_1024_STANDARD: 3}


def test_broken_request(meter: Any) -> None:
    """What can be read of a request is; what cannot is passed over."""
    request = (
        b'{"imageGenerationConfig": {"numberOfImages": 3}, "again": '
        b'{"imageGenerationConfig": {"numberOfImages": '
    )
    record = meter.invoke(CANVAS, Reply(usage=None), request)
    assert record.usage == {Unit.OUTPUT_IMAGE_UP_TO_1024_STANDARD: 3}
    deep = b'{"imageGenerationConfig": ' + b"[" * 50_000
    record = meter.invoke(CANVAS, Reply(usage=None), deep)
    assert record.usage == {Unit.OUTPUT_IMAGE_UP_TO_1024_STANDARD: 1}


IN_A_FILE = "the request body is a file, which is not read"
FILES = {
    CANVAS: f"images: {IN_A_FILE}",
    TITAN_IMAGE: f"images: {IN_A_FILE}",
    SDXL_1: f"images: {IN_A_FILE}",
    "cohere.rerank-v3-5:0": "number of documents",
    "amazon.titan-embed-image-v1": f"images: {IN_A_FILE}",
    "amazon.nova-2-multimodal-embeddings-v1:0": f"images or seconds: {IN_A_FILE}",
}


@pytest.mark.parametrize("model_id", FILES)
def test_files_are_not_read(meter: Any, model_id: str) -> None:
    """A request body that is a file is the caller's to read: the counts are missing."""
    file = io.BytesIO(json.dumps(canvas(numberOfImages=3)).encode())
    record = meter.invoke(model_id, Reply(usage=None), file)
    assert record.usage is None
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason == FILES[model_id]


RERANK = "cohere.rerank-v3-5:0"
# Documents, tokens of the header, search units, whether that is an estimate.
RERANKS = {
    "one": (1, 20, 1, False),
    "hundred": (100, 400, 1, False),
    "hundred and one": (101, 404, 2, False),
    "three hundred and fifty": (350, 3500, 4, False),
    "long ones": (100, 100_000, 1, True),
    "unknown length": (100, None, 1, False),
}


@pytest.mark.parametrize("case", RERANKS)
@pytest.mark.parametrize("model_id", [RERANK, "amazon.rerank-v1:0"])
def test_rerank(meter: Any, case: str, model_id: str) -> None:
    """A search unit is a query with up to a hundred pieces of documents."""
    documents, prompt, units, is_estimate = RERANKS[case]
    usage = None if prompt is None else tokens(input_tokens=prompt)
    request = {"query": "x", "documents": ["text"] * documents}
    record = meter.invoke(model_id, Reply(usage=usage), request)
    assert record.usage == {Unit.SEARCH_UNIT: units}
    assert record.usage_source == "request"
    status = PriceStatus.ESTIMATED if is_estimate else PriceStatus.PRICED
    assert record.price_status is status
    if is_estimate:
        assert record.price_reason == "long documents may count as several pieces"
    if model_id == RERANK:
        assert record.cost.total == units * Decimal("0.002")


@pytest.mark.parametrize("request_body", [b"", b"[]", b"{}", b'{"documents": 5}'])
def test_rerank_of_unknown_documents(meter: Any, request_body: bytes) -> None:
    """A request that lists no documents has an unknown number of them."""
    record = meter.invoke(RERANK, Reply(usage=None), request_body)
    assert record.usage is None
    assert record.price_reason == "number of documents"


SEVEN = tokens(input_tokens=7)
TITAN_EMBED = "amazon.titan-embed-image-v1"
NOVA_EMBED = "amazon.nova-2-multimodal-embeddings-v1:0"
MARENGO = "twelvelabs.marengo-embed-2-7-v1:0"


def nova(**params: object) -> dict[str, object]:
    """A request for an embedding of Nova's."""
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}


# Model, request, counts beside seven tokens of the header, or instead of them.
EMBEDDED: dict[str, tuple[str, dict[str, object], dict[Unit, int]]] = {
    "Titan, text": (TITAN_EMBED, {"inputText": "inputImage"}, {Unit.INPUT_TOKEN: 7}),
    "Titan, no image": (
        TITAN_EMBED,
        {"inputText": '"inputImage": "x"', "inputImage": None},
        {Unit.INPUT_TOKEN: 7},
    ),
    "Titan, image": (
        TITAN_EMBED,
        {"inputText": "x", "inputImage": PICTURE},
        {Unit.INPUT_TOKEN: 7, Unit.INPUT_IMAGE: 1},
    ),
    "Nova, text": (
        NOVA_EMBED,
        nova(embeddingPurpose="IMAGE_RETRIEVAL", text={"value": "image"}),
        {Unit.INPUT_TOKEN: 7},
    ),
    "Nova, image": (
        NOVA_EMBED,
        nova(image={"format": "png", "source": {"bytes": PICTURE}}),
        {Unit.INPUT_TOKEN: 7, Unit.INPUT_IMAGE_STANDARD: 1},
    ),
    "Nova, document": (
        NOVA_EMBED,
        nova(image={"detailLevel": "DOCUMENT_IMAGE", "source": {"bytes": PICTURE}}),
        {Unit.INPUT_TOKEN: 7, Unit.INPUT_IMAGE_DOCUMENT: 1},
    ),
    "Marengo, text": (
        MARENGO,
        {"inputType": "text", "inputText": "x"},
        {Unit.TEXT_REQUEST: 1},
    ),
    "Marengo, image": (
        MARENGO,
        {"inputType": "image", "mediaSource": {"base64String": PICTURE}},
        {Unit.INPUT_IMAGE: 1},
    ),
}


@pytest.mark.parametrize("case", EMBEDDED)
def test_embedded_media(meter: Any, case: str) -> None:
    """Images are counted beside the tokens; a text that names them is none."""
    model_id, request, counts = EMBEDDED[case]
    record = meter.invoke(model_id, Reply(usage=SEVEN), request)
    assert record.usage == counts
    assert record.price_status is PriceStatus.PRICED


LENGTHS = {
    "Nova, audio": (
        NOVA_EMBED,
        nova(audio={"format": "mp3", "source": {"bytes": PICTURE}}),
        "seconds of audio or video",
    ),
    "Nova, video": (
        NOVA_EMBED,
        nova(video={"source": {"s3Location": {"uri": "s3://x"}}}),
        "seconds of audio or video",
    ),
    "Marengo, audio": (
        MARENGO,
        {"inputType": "audio"},
        "seconds of audio or video, or what else was embedded",
    ),
    "Marengo, text and image": (
        "twelvelabs.marengo-embed-3-0-v1:0",
        {"inputType": "text_image"},
        "seconds of audio or video, or what else was embedded",
    ),
    "Marengo, nothing": (
        MARENGO,
        {"inputType": ["text"]},
        "seconds of audio or video, or what else was embedded",
    ),
    "Pegasus": (
        "twelvelabs.pegasus-1-2-v1:0",
        {"inputPrompt": "x"},
        "seconds of video",
    ),
}


@pytest.mark.parametrize("case", LENGTHS)
@pytest.mark.parametrize("told", [True, False], ids=["headers", "no headers"])
def test_unstated_length(meter: Any, case: str, *, told: bool) -> None:
    """Seconds that nobody states are missing: partial at best, and never zero."""
    model_id, request, reason = LENGTHS[case]
    reply = Reply(usage=tokens(output_tokens=8), token_headers=told)
    record = meter.invoke(model_id, reply, request)
    assert record.price_status in {PriceStatus.PARTIAL, PriceStatus.UNPRICED}
    assert reason in record.price_reason or record.cost is None
    if not told:
        assert record.usage is None
        assert record.price_reason == reason


def test_nothing_stated_anywhere(meter: Any) -> None:
    """An embedding of text whose tokens nobody states is unknown, not zero."""
    for model_id, request in (
        (TITAN_EMBED, {"inputText": "x"}),
        (NOVA_EMBED, nova(text={"value": "x"})),
    ):
        record = meter.invoke(model_id, Reply(usage=None), request)
        assert record.usage is None
        assert record.price_status is PriceStatus.UNPRICED
        assert record.price_reason == "the answer states no usage"
