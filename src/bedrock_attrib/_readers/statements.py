"""What an answer states of itself beside its counts.

The model that answered, an error in the place of an answer, a refusal, the tools that
ran at the server, and the images that were made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .._model.model_id import ModelRef
from .._model.record import PriceReason, UsageReading
from .._model.usage import Unit
from .gate import is_count, plain_name
from .served_model import other_model
from .usage_members import TOOL_USAGE_MEMBERS, uncounted_members

Document = Mapping[str, Any]

_NO_NAME = "error"
REFUSAL = "refusal"


def read_statements(document: Document, reading: UsageReading, model: ModelRef) -> None:
    """Take from *document* what decides how far its counts can be trusted.

    Args:
        document: A body, or the contents of a stream's chunk.
        reading: What is known of the answer so far; changed in place.
        model: The model that was asked for.
    """
    for part in _parts(document):
        name = other_model(part.get("model"), model)
        if name is not None:
            doubt_model(reading, name, model)
        reading.error = reading.error or error_in(part)
        _add_searches(part, reading)
    groundings = count_groundings(document)
    if groundings:
        _count_unit(reading, Unit.WEB_GROUNDING_REQUEST, groundings)
    _count_images(document, reading)
    delta = document.get("delta")
    stops = document, delta if isinstance(delta, Mapping) else {}
    if any(part.get("stop_reason") == REFUSAL for part in stops):
        doubt_refusal(reading)


def _parts(document: Document) -> Iterator[Document]:
    """*document*, and the whole answer that an event of a stream wraps."""
    yield document
    for name in ("response", "message"):
        inner = document.get(name)
        if isinstance(inner, Mapping):
            yield inner


def error_in(document: Document) -> str | None:
    """Return the name of the error that *document* states in the place of an answer.

    Anthropic's ``{"type": "error", "error": {"type": …}}``, and the ``error`` of all
    that follow OpenAI, whose Responses API states it beside ``status: failed``.
    """
    error = document.get("error")
    if isinstance(error, Mapping):
        code = plain_name(error.get("code")) or plain_name(error.get("type"))
        return code or _NO_NAME
    is_error = document.get("type") == "error" or document.get("status") == "failed"
    return (plain_name(error) or _NO_NAME) if is_error else None


def failed_reading(error: str) -> UsageReading:
    """Return the reading of an answer that states an error and nothing else."""
    note = f"failed with {error}; AWS does not say whether that is billed"
    reading = UsageReading(None, "", note, PriceReason.FAILED)
    reading.error = error
    return reading


def doubt_model(reading: UsageReading, name: str, model: ModelRef) -> None:
    """Mark that *name* answered in the place of *model*, whose price is taken."""
    reading.estimated = True
    reading.note = f"{model.model_id} was asked for, and the answer names {name}"
    reading.code = PriceReason.OTHER_MODEL


def doubt_refusal(reading: UsageReading) -> None:
    """Mark that the model refused before it wrote anything.

    Anthropic does not bill such a refusal of its own API, and AWS does not say whether
    it does; checked 2026-12-01. What was written before a refusal is billed.
    """
    counts = reading.counts
    if counts is not None and counts.get(Unit.OUTPUT_TOKEN, 0) <= 1:
        reading.estimated = True
        reading.note = "the model refused before any output; AWS may not bill that"
        reading.code = PriceReason.MODEL_REFUSED


def _add_searches(document: Document, reading: UsageReading) -> None:
    """Count the web searches of the Responses API, which AWS bills by the query.

    Amazon Bedrock pricing, web search of bedrock-mantle, 2026-08-04.
    """
    tools = document.get("tool_usage")
    if isinstance(tools, Mapping):
        search = tools.get("web_search")
        count = search.get("num_requests") if isinstance(search, Mapping) else None
        if is_count(count) and count:
            _count_unit(reading, Unit.WEB_SEARCH_QUERY, count)
        more = uncounted_members(tools, TOOL_USAGE_MEMBERS)
        if more and more not in reading.uncounted:
            reading.uncounted = ", ".join(filter(None, (reading.uncounted, more)))
        return
    calls = [each for each in _items(document, "output") if _is_search(each)]
    if calls:
        _count_unit(reading, Unit.WEB_SEARCH_QUERY, len(calls))
        reading.estimated = True
        reading.note = (
            f"the answer shows {len(calls)} web searches and does not state their "
            f"number"
        )


def _is_search(item: Document) -> bool:
    """Return whether *item* is a search, not the opening of a page that it found."""
    action = item.get("action")
    kind = action.get("type") if isinstance(action, Mapping) else None
    return item.get("type") == "web_search_call" and kind in (None, "search")


GROUNDING = "nova_grounding"
"""System tool of Nova that searches the web, billed by the request."""
SYSTEM_TOOL = b'"systemTool"'
"""Member of a request that lets a model use tools that run at AWS."""


def count_groundings(document: Document) -> int:
    """Return how often Nova has searched the web for the answer in *document*."""
    output = document.get("output")
    message = output.get("message") if isinstance(output, Mapping) else None
    blocks = _items(message, "content") if isinstance(message, Mapping) else ()
    return sum(is_grounding(block.get("toolUse")) for block in blocks)


def is_grounding(tool_use: Any) -> bool:
    """Return whether *tool_use*, of a block or of a block's start, searched the web."""
    return isinstance(tool_use, Mapping) and tool_use.get("name") == GROUNDING


def _count_images(document: Document, reading: UsageReading) -> None:
    """Note how many images the answer holds, filtered ones left out."""
    for name in ("images", "artifacts"):
        images = document.get(name)
        if isinstance(images, list):
            reasons = document.get("finish_reasons")
            reasons = reasons if isinstance(reasons, list) else ()
            filtered = sum(isinstance(reason, str) for reason in reasons)
            held = [image for image in images if _is_made(image)]
            reading.images = max(0, min(len(held), len(images) - filtered))


def _is_made(image: Any) -> bool:
    if isinstance(image, Mapping):  # of Stable Diffusion XL
        return bool(image.get("finishReason", "SUCCESS") == "SUCCESS")
    return isinstance(image, str)


def _count_unit(reading: UsageReading, unit: Unit, count: int) -> None:
    if reading.counts is not None:
        reading.counts[unit] = count
    else:
        reading.missing = reading.missing or f"all but {count} of {unit}"


def _items(document: Document, name: str) -> list[Document]:
    items = document.get(name)
    if not isinstance(items, list):
        return []
    return [item for item in items if isinstance(item, Mapping)]
