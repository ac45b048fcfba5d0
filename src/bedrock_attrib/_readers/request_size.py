"""Request sizes: what an upper bound of a call's cost follows from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .._model.call_start import RequestSize

# Where the bodies of InvokeModel state the most output tokens: Anthropic, OpenAI and
# Mistral, Nova, Titan, Llama, Cohere (AWS, "Inference request parameters", checked
# 2026-11-30).
_LIMITS = (
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "max_gen_len",
    "maxTokenCount",
)
_NESTED_LIMITS = (
    ("inferenceConfig", "maxTokens"),
    ("inferenceConfig", "max_new_tokens"),
    ("textGenerationConfig", "maxTokenCount"),
)


def request_size(params: Mapping[str, Any]) -> RequestSize | None:
    """Measure the request that *params* make, for any operation.

    Args:
        params: Parameters as botocore takes them. Those of Converse are measured block
            by block; the body of InvokeModel counts as text as a whole.

    Returns:
        The size; None where it is not known: for a body in a file, which is not read, a
        prompt of Prompt management, whose text AWS adds, and other operations.
    """
    if "body" in params:
        return _size_of_body(params["body"])
    if "messages" not in params or "promptVariables" in params:
        return None
    return _size_of_converse(params)


def _size_of_body(body: Any) -> RequestSize | None:
    if not isinstance(body, (bytes, bytearray, str)):
        return None
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    content = body.encode() if isinstance(body, str) else bytes(body)
    return RequestSize(
        max_tokens=_limit_of(document),
        text_bytes=len(content),
        # Each of them may be an image; a text that only names one bounds too high.
        images=len(_IMAGE.findall(content)),
        others=len(_OTHER.findall(content)),
        writes_cache=_CACHE in content,
    )


# Members of bodies of InvokeModel: Anthropic, Nova, OpenAI and Mistral, TwelveLabs
# (AWS, "Inference request parameters", checked 2026-12-01).
_IMAGE = re.compile(rb'"(?:image|input_image|image_url|inputImage)"')
_OTHER = re.compile(
    rb'"(?:document|video|audio|input_audio|file|input_file|mediaSource|inputVideo)"'
)
_CACHE = b"cache"


def _limit_of(document: object) -> int | None:
    if not isinstance(document, Mapping):
        return None
    stated = [document.get(name) for name in _LIMITS]
    for outer, inner in _NESTED_LIMITS:
        nested = document.get(outer)
        stated += [nested.get(inner)] if isinstance(nested, Mapping) else []
    # The bound has to hold, whichever of two limits the model goes by.
    limit = max((limit for limit in stated if type(limit) is int), default=None)
    answers = document.get("n")
    if limit is not None and type(answers) is int and answers > 1:
        limit *= answers
    return limit


def _size_of_converse(params: Mapping[str, Any]) -> RequestSize:
    counts = dict.fromkeys(_SIZES, 0)
    for block in _blocks(params):
        _measure(block, counts)
    system, messages = params.get("system") or (), params.get("messages") or ()
    limit = (params.get("inferenceConfig") or {}).get("maxTokens")
    tools = (params.get("toolConfig") or {}).get("tools") or ()
    return RequestSize(
        max_tokens=limit if type(limit) is int else None,
        tool_bytes=_json_bytes(tools) if tools else 0,
        messages=len(system) + len(messages),
        writes_cache=bool(counts.pop("cache_points"))
        or any("cachePoint" in tool for tool in tools),
        **counts,
    )


_SIZES = (
    "text_bytes",
    "images",
    "image_bytes",
    "documents",
    "document_bytes",
    "others",
    "cache_points",
)


def _blocks(params: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from params.get("system") or ()
    for message in params.get("messages") or ():
        yield from message.get("content") or ()


def _measure(block: Mapping[str, Any], counts: dict[str, int]) -> None:
    for kind, value in block.items():
        if kind == "text":
            counts["text_bytes"] += len(str(value).encode())
        elif kind in {"image", "document"}:
            counts[f"{kind}s"] += 1
            counts[f"{kind}_bytes"] += _source_bytes(value.get("source") or {})
        elif kind == "toolResult":
            for inner in value.get("content") or ():
                _measure(inner, counts)
        elif kind in {"toolUse", "json", "guardContent", "reasoningContent"}:
            counts["text_bytes"] += _json_bytes(value)
        elif kind == "cachePoint":
            counts["cache_points"] += 1
        else:
            counts["others"] += 1


def _source_bytes(source: Mapping[str, Any]) -> int:
    """Return the bytes that a request holds itself of an image or a document."""
    texts = [
        source.get("text"),
        *(part.get("text") for part in source.get("content") or ()),
    ]
    held = sum(len(text.encode()) for text in texts if isinstance(text, str))
    return len(source.get("bytes") or b"") + held


def _json_bytes(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False, default=str).encode())
