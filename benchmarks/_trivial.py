"""The least that an observer of Bedrock calls can do: handlers that add to totals.

It knows no prices, no tags and no exits of a program. What it costs is the floor for
any instrumentation by botocore's events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from botocore.client import BaseClient
from botocore.eventstream import EventStream

_KEY = "trivial"


class Totals:
    """Sums of tokens and seconds, and the handlers that add to them."""

    def __init__(self) -> None:
        self.tokens: Counter[str] = Counter()
        self.seconds = 0.0

    def register(self, client: BaseClient) -> BaseClient:
        """Observe *client*."""
        events = client.meta.events
        events.register_last("before-parameter-build.bedrock-runtime", self._start)
        events.register_first("after-call.bedrock-runtime", self._answer)
        return client

    def add(self, usage: dict[str, Any], started: float) -> None:
        """Add a call."""
        for name in ("inputTokens", "outputTokens"):
            self.tokens[name] += usage.get(name) or 0
        self.seconds += perf_counter() - started

    def _start(self, context: dict[str, Any], **_: Any) -> None:
        context[_KEY] = perf_counter()

    def _answer(self, parsed: Any, context: dict[str, Any], **_: Any) -> None:
        started = context.pop(_KEY, None)
        if started is None:
            return
        for member in ("stream", "body"):
            stream = parsed.get(member)
            if isinstance(stream, EventStream):
                parsed[member] = _Stream(stream, self, started)
                return
        self.add(parsed.get("usage") or {}, started)


class _Stream:
    """An event stream that adds its last event to the totals."""

    def __init__(self, stream: EventStream, totals: Totals, started: float) -> None:
        self._stream = stream
        self._totals = totals
        self._started = started

    def __iter__(self) -> Iterator[Any]:
        usage: dict[str, Any] = {}
        for event in self._stream:
            if "metadata" in event:
                usage = event["metadata"].get("usage") or {}
            yield event
        self._totals.add(usage, self._started)
