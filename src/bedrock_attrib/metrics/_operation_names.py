"""Operation names of the GenAI conventions."""

from __future__ import annotations

import re

from .._model.model_id import ModelRef

# Well-known values of gen_ai.operation.name: conventions 1.44.0, checked 2026-11-23.
_CHAT = "chat"
_EMBEDDINGS = "embeddings"
_GENERATE_CONTENT = "generate_content"
_TEXT_COMPLETION = "text_completion"

_CONVERSES = frozenset(
    {"Converse", "ConverseStream", "ChatCompletions", "Responses", "Messages"}
)
_INVOKES = frozenset({"InvokeModel", "InvokeModelWithResponseStream"})

# Operation of an InvokeModel body by base model id: the first matching row applies.
# Request shapes: AWS, "Inference request parameters and response fields for
# foundation models", checked 2026-11-23. The convention has no name for rerank.
_BY_MODEL: tuple[tuple[re.Pattern[str], str | None], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r".*embed", _EMBEDDINGS),
        (r".*rerank", None),
        (r"amazon\.titan-image|amazon\.nova-(canvas|reel)", _GENERATE_CONTENT),
        (r"stability\.|luma\.|twelvelabs\.", _GENERATE_CONTENT),
        (r"amazon\.titan-text|amazon\.titan-tg1", _TEXT_COMPLETION),
        (r"meta\.llama|ai21\.j2|mistral\.mi[sx]tral-(7b|8x7b)", _TEXT_COMPLETION),
        (r"anthropic\.claude-(v1|v2|instant)", _TEXT_COMPLETION),
        (r"cohere\.command-(light-)?text", _TEXT_COMPLETION),
    )
)


def operation_name(operation: str, model: ModelRef) -> str | None:
    """Return ``gen_ai.operation.name`` of a call; None if it has none.

    An id that hides the model counts as ``chat``, the common case.

    Args:
        operation: Operation name as AWS spells it.
        model: The called model.
    """
    if operation in _CONVERSES:
        return _CHAT
    if operation not in _INVOKES:
        return None
    model_id = model.model_id or ""
    for pattern, name in _BY_MODEL:
        if pattern.match(model_id):
            return name
    return _CHAT
