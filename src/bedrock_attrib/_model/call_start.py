"""Call starts: what guards see of a call before it is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from .model_id import ModelRef
from .tags import Tags
from .usage import Unit


@dataclass(frozen=True, slots=True)
class RequestSize:
    """Size of a request, from which an upper bound of its cost follows.

    Text is measured in bytes of UTF-8, as its tokens are not known before the call.

    Attributes:
        max_tokens: Output tokens at most, as the request says; None where it does not.
        text_bytes: Messages, text of the system prompt and tool results; for
            InvokeModel, the whole body.
        tool_bytes: Definitions of tools.
        images: Number of images.
        image_bytes: Bytes of the images that the request holds itself.
        documents: Number of documents.
        document_bytes: Bytes of the documents that the request holds itself.
        others: Number of blocks of any other kind, such as videos.
        messages: Number of messages and of blocks of the system prompt, each of which
            a model's template frames with tokens of its own.
        writes_cache: Whether the request asks for a part of it to be cached.
    """

    max_tokens: int | None = None
    text_bytes: int = 0
    tool_bytes: int = 0
    images: int = 0
    image_bytes: int = 0
    documents: int = 0
    document_bytes: int = 0
    others: int = 0
    messages: int = 0
    writes_cache: bool = False


class RequestTerms(NamedTuple):
    """What a request asks for that decides its price.

    Attributes:
        tier: Service tier; None for the default.
        latency_mode: Latency mode; None for the standard one.
        has_guardrail: Whether it applies a guardrail.
        has_system_tool: Whether the model may use tools that run at AWS.
        counts: Billable counts that the request states, such as images, by unit.
        replaces_tokens: Whether these are billed instead of tokens.
        uncounted: What is billed and the request does not state; empty for nothing.
    """

    tier: str | None = None
    latency_mode: str | None = None
    has_guardrail: bool = False
    has_system_tool: bool = False
    counts: Mapping[Unit, int] = MappingProxyType({})
    replaces_tokens: bool = False
    uncounted: str = ""


NO_TERMS = RequestTerms()


class CallStart:
    """A call about to be sent, as guards see it.

    Attributes:
        operation: Operation name as AWS spells it (``Converse``).
        model: The model as the caller named it.
        region: Calling region, which decides the price.
        tags: The caller's tags when the call started.
        started_at: Aware UTC time.
        terms: What the request asks for that decides its price.
    """

    __slots__ = (
        "_read_size",
        "_size",
        "model",
        "operation",
        "region",
        "started_at",
        "tags",
        "terms",
    )

    def __init__(
        self,
        operation: str,
        model: ModelRef,
        region: str,
        tags: Tags,
        started_at: datetime,
        read_size: Callable[[], RequestSize | None] | None = None,
        terms: RequestTerms = NO_TERMS,
    ) -> None:
        """Describe a call.

        Args:
            operation: See above.
            model: See above.
            region: See above.
            tags: See above.
            started_at: See above.
            read_size: Measures the request when that is first asked for; None where
                there is no request to measure.
            terms: See above.
        """
        self.operation = operation
        self.model = model
        self.region = region
        self.tags = tags
        self.started_at = started_at
        self.terms = terms
        self._read_size = read_size
        self._size: RequestSize | None = None

    @property
    def request_size(self) -> RequestSize | None:
        """Size of the request, measured when this is first read.

        None where it is not known, as of a body in a file, and after the guards have
        been asked: nothing of a request outlives its call. Unknown is never zero.
        """
        if self._size is None and self._read_size is not None:
            self._size = self._read_size()
        return self._size

    def release(self) -> None:
        """Let go of the request. Called when all guards have been asked."""
        self._read_size = None

    def __repr__(self) -> str:
        return (
            f"CallStart(operation={self.operation!r}, model={self.model!r}, "
            f"region={self.region!r}, tags={self.tags!r}, "
            f"started_at={self.started_at!r})"
        )
