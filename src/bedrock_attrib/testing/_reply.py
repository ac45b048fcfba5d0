"""Replies: what the simulator answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from .._model.usage import Unit, Usage
from ..errors import ConfigError

DEFAULT_USAGE = Usage({Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8})


def tokens(
    *,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cache_read_tokens: int | None = None,
    cache_write_5m_tokens: int | None = None,
    cache_write_30m_tokens: int | None = None,
    cache_write_1h_tokens: int | None = None,
) -> Usage:
    """Build a usage from token counts; an omitted count is not reported.

    Args:
        input_tokens: Prompt tokens, cached ones **not** included.
        output_tokens: Generated tokens.
        cache_read_tokens: Prompt tokens read from the cache.
        cache_write_5m_tokens: Prompt tokens cached for five minutes.
        cache_write_30m_tokens: Prompt tokens cached for half an hour.
        cache_write_1h_tokens: Prompt tokens cached for an hour.

    Example:
        >>> tokens(input_tokens=3, output_tokens=5)
        Usage({input_token: 3, output_token: 5})
    """
    named = {
        Unit.INPUT_TOKEN: input_tokens,
        Unit.OUTPUT_TOKEN: output_tokens,
        Unit.CACHE_READ_TOKEN: cache_read_tokens,
        Unit.CACHE_WRITE_5M_TOKEN: cache_write_5m_tokens,
        Unit.CACHE_WRITE_30M_TOKEN: cache_write_30m_tokens,
        Unit.CACHE_WRITE_1H_TOKEN: cache_write_1h_tokens,
    }
    return Usage({unit: count for unit, count in named.items() if count is not None})


class FaultKind(StrEnum):
    """Kinds of broken responses."""

    EXCEPTION_EVENT = "exception_event"
    CUT = "cut"
    BAD_CHECKSUM = "bad_checksum"
    STALL = "stall"
    NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in a response.

    Attributes:
        kind: ``exception_event`` ends a stream with an error event, ``cut`` closes
            the connection, ``bad_checksum`` corrupts one frame, ``stall`` sends
            nothing more on an open connection, ``no_answer`` closes it before the
            first byte.
        after: Frames that are sent correctly before it. A plain body counts as two
            frames, its halves, and supports only ``cut``, ``stall`` and ``no_answer``.
        error: Type of the error event, as AWS's model names it.
        message: Text of the error event.
    """

    kind: FaultKind
    after: int = 1
    error: str = "modelStreamErrorException"
    message: str = "The model stopped in mid-stream."


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call that the model requests.

    Attributes:
        name: Name of the tool.
        arguments: Its arguments; must be JSON.
        id: Id of this use; None for one made from its position.
    """

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One response, in terms that apply to every operation and model family.

    Values that an operation cannot express are not written: a stream has no token
    headers, an embedding has no output.

    Attributes:
        text: Text of the response.
        usage: Counts, written to each place where AWS writes them; a unit that is
            absent is not written, and None writes nothing at all. Guardrail units are
            in the trace, as the assessment of the prompt.
        tool_uses: Tools that the model requests, after the text.
        stop_reason: In Converse's terms; None for ``end_turn``, or ``tool_use`` with
            tools.
        chunks: Number of text chunks of a stream.
        latency_s: Seconds before the first byte.
        chunk_interval_s: Seconds between the frames of a stream.
        service_tier: Tier that served the call; None to omit it.
        latency_mode: Latency mode that served the call; None to omit it.
        invoked_model: ARN that a prompt router chose; None without a router.
        guardrail_intervened: Whether a guardrail blocked or changed the answer.
        output_guardrail_usage: Guardrail units for assessing the answer.
        tell_cache_lifetimes: Whether cache writes are split by lifetime.
        token_headers: Whether token counts are written to the headers.
        metrics_usage: What the ``amazon-bedrock-invocationMetrics`` of a stream
            say where they differ from ``usage``, as in real streams that mix text
            with tools; None for the same.
        error: AWS error code to answer instead; None for a good answer.
        error_message: Text of that error.
        status: HTTP status; None for the one that belongs to the answer.
        fault: Break in the answer; None for a whole one.
        extra: Fields added to the JSON body, or to the last event of a stream;
            they replace fields of the same name.
        headers: Headers added to the answer; they replace those of the same name.
        body: The body's very bytes, for a plain answer.
        frames: The very frames of a streamed answer.

    Example:
        >>> Reply(text="Hello", chunks=2).text_chunks
        ('He', 'llo')
    """

    text: str = "Hello from this machine."
    usage: Usage | None = DEFAULT_USAGE
    tool_uses: tuple[ToolUse, ...] = ()
    stop_reason: str | None = None
    chunks: int = 3
    latency_s: float = 0.0
    chunk_interval_s: float = 0.0
    service_tier: str | None = None
    latency_mode: str | None = None
    invoked_model: str | None = None
    guardrail_intervened: bool = False
    output_guardrail_usage: Usage | None = None
    tell_cache_lifetimes: bool = True
    token_headers: bool = True
    metrics_usage: Usage | None = None
    error: str | None = None
    error_message: str = "The simulator was set to fail."
    status: int | None = None
    fault: Fault | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    frames: tuple[bytes, ...] | None = None

    def __post_init__(self) -> None:
        """Reject values that cannot be sent.

        Raises:
            ConfigError: If a stream has no chunk, a wait or a place is negative, or
                a part of a JSON body is not JSON.
        """
        if self.chunks < 1:
            raise ConfigError(f"chunks is {self.chunks}; expected 1 or more")
        if min(self.latency_s, self.chunk_interval_s) < 0:
            raise ConfigError(
                f"latency_s is {self.latency_s} and chunk_interval_s "
                f"{self.chunk_interval_s}; expected 0 or more"
            )
        if self.fault is not None and self.fault.after < 0:
            raise ConfigError(f"after is {self.fault.after}; expected 0 or more")
        try:
            json.dumps([dict(self.extra), *(dict(t.arguments) for t in self.tool_uses)])
        except TypeError as error:
            raise ConfigError(f"a reply must be JSON: {error}") from error

    @property
    def final_reason(self) -> str:
        """Stop reason in Converse's terms."""
        if self.stop_reason is not None:
            return self.stop_reason
        if self.guardrail_intervened:
            return "guardrail_intervened"
        return "tool_use" if self.tool_uses else "end_turn"

    @property
    def text_chunks(self) -> tuple[str, ...]:
        """``text`` in ``chunks`` parts of about the same length."""
        count = max(1, min(self.chunks, len(self.text)))
        ends = [len(self.text) * number // count for number in range(count + 1)]
        return tuple(self.text[start:end] for start, end in pairwise(ends))

    @property
    def latency_ms(self) -> int:
        """``latency_s`` in milliseconds, as Bedrock states it."""
        return round(self.latency_s * 1000)
