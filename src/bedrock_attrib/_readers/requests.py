"""Counts that only the request states: images, seconds and searches.

The one place where a request is looked at, and only for the models of this table,
whose answers do not say what is billed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._model.record import PriceReason, UsageReading
from .._model.usage import Unit
from .gate import is_count, number_in
from .json_scan import has_content, last_value, whole_object

_BYTES = (bytes, bytearray, str)

# Where the prices of images change, in pixels and in steps: AWS price list of
# 2026-10-08, checked 2026-11-23.
_SIDES = ("width", "height")
_SIDE, _SMALL_SIDE = 1024, 512
_FEW_STEPS = 50


@dataclass(slots=True)
class RequestFacts:
    """Billable counts that a request states.

    Attributes:
        counts: Counts by unit; empty when the request states none.
        replaces_tokens: Whether the model is not billed by token at all.
        missing: What is billed and is stated neither by request nor answer.
        estimated: True when a count may differ from what is billed.
        note: Why.
        documents: Number of documents to rank, of a rerank request.
        images: Whether the counts are of images that the answer holds.
    """

    counts: dict[Unit, int] = field(default_factory=dict)
    replaces_tokens: bool = False
    missing: str = ""
    estimated: bool = False
    note: str = ""
    documents: int | None = None
    images: bool = False


RequestReader = Callable[[Any], RequestFacts]


def request_reader(model_id: str | None) -> RequestReader | None:
    """The reader for requests to *model_id*, or None where none is needed."""
    if model_id is None:
        return None
    for prefix, reader in _READERS:
        if model_id.startswith(prefix):
            return reader
    return None


def _text_of(body: Any) -> bytes | None:
    """The body as bytes; None when it is a file, which must not be read here."""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, (bytes, bytearray)) else None


def _value(body: Any, key: str) -> Any:
    """Member *key* of a request body (bytes, text or a document), at any level."""
    if isinstance(body, Mapping):
        return next(_members(body, key), None)
    text = _text_of(body)
    return last_value(text, key) if text is not None else None


def _members(document: Mapping[str, Any], key: str) -> Iterator[Any]:
    if key in document:
        yield document[key]
    for value in document.values():
        if isinstance(value, Mapping):
            yield from _members(value, key)


def _object(body: Any, key: str) -> Mapping[str, Any]:
    value = _value(body, key)
    return value if isinstance(value, Mapping) else {}


def _has(body: Any, key: str) -> bool:
    """Return whether there is a member *key* that holds something, such as an image."""
    if isinstance(body, Mapping):
        return bool(_value(body, key))
    text = _text_of(body)
    return text is not None and has_content(text, key)


def _positive(value: Any, default: int) -> int:
    return value if is_count(value) and value > 0 else default


def _is_file(body: Any) -> bool:
    return not isinstance(body, (*_BYTES, Mapping))


_IN_A_FILE = "the request body is a file, which is not read"


def _not_read(what: str) -> RequestFacts:
    return RequestFacts(missing=f"{what}: {_IN_A_FILE}", replaces_tokens=True)


def _canvas(body: Any) -> RequestFacts:
    """Nova Canvas: images by size and quality; defaults of its request schema."""
    if not isinstance(body, _BYTES):
        return _not_read("images")
    config = _object(body, "imageGenerationConfig")
    longest = max(_positive(config.get(side), _SIDE) for side in _SIDES)
    size = "up-to-1024x1024" if longest <= _SIDE else "up-to-2048x2048"
    quality = "premium" if config.get("quality") == "premium" else "standard"
    unit = Unit(f"output_image[{size}/{quality}]")
    count = _positive(config.get("numberOfImages"), 1)
    return _images(unit, count, body)


# Tasks of Nova Canvas and Titan Image whose result is as large as the source image:
# Amazon Nova user guide, "Image generation access", checked 2026-12-01.
_SIZED_BY_SOURCE = frozenset(
    {"INPAINTING", "OUTPAINTING", "BACKGROUND_REMOVAL", "VIRTUAL_TRY_ON"}
)


def _images(unit: Unit, count: int, body: Any) -> RequestFacts:
    """Images as asked for, which the answer corrects."""
    facts = RequestFacts({unit: count}, replaces_tokens=True, images=True)
    task = _value(body, "taskType")
    if isinstance(task, str) and task in _SIZED_BY_SOURCE:
        facts.estimated = True
        facts.note = "the size is that of the source image, which is not stated"
    return facts


def _titan_image(body: Any) -> RequestFacts:
    """Titan Image: only the 512 x 512 standard image has a known list price."""
    if not isinstance(body, _BYTES):
        return _not_read("images")
    config = _object(body, "imageGenerationConfig")
    longest = max(_positive(config.get(side), _SIDE) for side in _SIDES)
    is_small = (
        longest <= _SMALL_SIDE and config.get("quality", "standard") == "standard"
    )
    unit = Unit.OUTPUT_IMAGE_512_STANDARD if is_small else Unit.OUTPUT_IMAGE
    count = _positive(config.get("numberOfImages"), 1)
    return _images(unit, count, body)


def _sdxl(default_side: int) -> RequestReader:
    """Stable Diffusion XL: images by size and number of steps."""

    def read(body: Any) -> RequestFacts:
        if not isinstance(body, _BYTES):
            return _not_read("images")
        sides = [_positive(_value(body, key), default_side) for key in _SIDES]
        size = "512x512" if max(sides) <= _SMALL_SIDE else "1024x1024"
        steps = _positive(_value(body, "steps"), 30)
        band = "up-to-50-steps" if steps <= _FEW_STEPS else "over-50-steps"
        count = _positive(_value(body, "samples"), 1)
        unit = Unit(f"output_image[{size}/{band}]")
        return RequestFacts({unit: count}, replaces_tokens=True, images=True)

    return read


def _one_image(_body: Any) -> RequestFacts:
    """Stability's image services give one image for each request."""
    return RequestFacts({Unit.OUTPUT_IMAGE: 1}, replaces_tokens=True, images=True)


def _titan_multimodal(body: Any) -> RequestFacts:
    """Titan Multimodal Embeddings: an image is billed beside the text's tokens."""
    if _is_file(body):
        return RequestFacts(missing=f"images: {_IN_A_FILE}")
    return RequestFacts({Unit.INPUT_IMAGE: 1} if _has(body, "inputImage") else {})


def _nova_embeddings(body: Any) -> RequestFacts:
    if _is_file(body):
        return RequestFacts(missing=f"images or seconds: {_IN_A_FILE}")
    if _has(body, "audio") or _has(body, "video"):
        return RequestFacts(missing="seconds of audio or video")
    if not _has(body, "image"):
        return RequestFacts()
    is_document = _value(body, "detailLevel") == "DOCUMENT_IMAGE"
    unit = Unit.INPUT_IMAGE_DOCUMENT if is_document else Unit.INPUT_IMAGE_STANDARD
    return RequestFacts({unit: 1})


def _marengo(body: Any) -> RequestFacts:
    kind = _value(body, "inputType")
    unit = _MARENGO_UNITS.get(kind) if isinstance(kind, str) else None
    if unit is None:
        return RequestFacts(
            missing="seconds of audio or video, or what else was embedded",
            replaces_tokens=True,
        )
    return RequestFacts({unit: 1}, replaces_tokens=True)


_MARENGO_UNITS = {"text": Unit.TEXT_REQUEST, "image": Unit.INPUT_IMAGE}


def _pegasus(_body: Any) -> RequestFacts:
    return RequestFacts(missing="seconds of video")


def _rerank(body: Any) -> RequestFacts:
    """Rerank: one search unit per 100 document pieces of at most 512 tokens."""
    text = _text_of(body)
    request = whole_object(text) if text is not None else None
    documents = request.get("documents") if request is not None else None
    if not isinstance(documents, list):
        return RequestFacts(replaces_tokens=True, missing="number of documents")
    units = max(1, -(-len(documents) // 100))
    return RequestFacts(
        {Unit.SEARCH_UNIT: units}, replaces_tokens=True, documents=len(documents)
    )


def _nova_reel(body: Any) -> RequestFacts:
    """Nova Reel: seconds as asked for, or six for each shot that is listed.

    Amazon Nova user guide, "Generating videos with Amazon Nova Reel", checked
    2026-11-23.
    """
    shots = _value(body, "shots")
    listed = len(shots) if isinstance(shots, list) else 1
    config = _object(body, "videoGenerationConfig")
    seconds = _positive(config.get("durationSeconds"), 6 * listed)
    return _video(Unit.OUTPUT_VIDEO_SECOND_720P, seconds)


def _luma(body: Any) -> RequestFacts:
    seconds = number_in(str(_value(body, "duration") or "5s").removesuffix("s"))
    is_small = _value(body, "resolution") == "540p"
    unit = Unit.OUTPUT_VIDEO_SECOND_540P if is_small else Unit.OUTPUT_VIDEO_SECOND_720P
    if not is_count(seconds):
        return RequestFacts(missing="seconds of video", replaces_tokens=True)
    return _video(unit, seconds)


def _video(unit: Unit, seconds: int) -> RequestFacts:
    if seconds < 1:
        return RequestFacts(missing="seconds of video", replaces_tokens=True)
    return RequestFacts(
        {unit: seconds},
        replaces_tokens=True,
        estimated=True,
        note="asynchronous job: seconds as requested, billed when it succeeds",
    )


# Request fields: user guides of the model families, checked 2026-11-23.
_READERS: tuple[tuple[str, RequestReader], ...] = (
    ("amazon.nova-canvas", _canvas),
    ("amazon.titan-image-generator", _titan_image),
    ("amazon.titan-embed-image", _titan_multimodal),
    ("amazon.nova-2-multimodal-embeddings", _nova_embeddings),
    ("amazon.nova-reel", _nova_reel),
    ("luma.ray", _luma),
    ("stability.stable-diffusion-xl-v0", _sdxl(_SMALL_SIDE)),
    ("stability.stable-diffusion-xl", _sdxl(_SIDE)),
    ("stability.", _one_image),
    ("cohere.rerank", _rerank),
    ("amazon.rerank", _rerank),
    ("twelvelabs.marengo", _marengo),
    ("twelvelabs.pegasus", _pegasus),
)


def merge_request(reading: UsageReading, facts: RequestFacts) -> None:
    """Add to *reading* what only the request said.

    A rerank is billed by pieces of documents: where the tokens that the answer states
    leave room for a further search unit, the count is marked as estimated.
    """
    stated = reading.counts or {}
    tokens = stated.get(Unit.INPUT_TOKEN, 0)
    if facts.counts:
        if facts.replaces_tokens or not stated:
            reading.source, stated = "request", {}
        reading.counts = {**stated, **facts.counts}
    if facts.missing and not reading.missing:
        reading.missing = facts.missing
        reading.code = PriceReason.REQUEST_NOT_READ
    reading.estimated = reading.estimated or facts.estimated
    reading.note = reading.note or facts.note
    if facts.images and reading.counts is not None:
        _correct_images(reading, reading.counts, facts)
    if facts.documents is not None:
        most_pieces = facts.documents + tokens // _PIECE_TOKENS
        if most_pieces > 100 * facts.counts[Unit.SEARCH_UNIT]:
            reading.estimated = True
            reading.note = "long documents may count as several pieces"


def _correct_images(
    reading: UsageReading, counts: dict[Unit, int], facts: RequestFacts
) -> None:
    """Count the images that the answer holds in the place of those asked for.

    AWS does not say whether it bills an image that was filtered, or that failed.
    """
    for unit, asked in facts.counts.items():
        made = reading.images
        if made is None:
            note = f"{asked} images were asked for, and the answer was not read"
        elif made < asked:
            note = f"{asked} images were asked for, and the answer holds {made}"
        else:
            counts[unit] = made
            continue
        counts[unit] = asked if made is None else made
        reading.estimated = True
        reading.note = f"{reading.note}; {note}" if reading.note else note


_PIECE_TOKENS = 512
