"""What a model family is: how it writes a plain body and the chunks of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..._model.usage import Usage
from .. import _counts
from .._wire import Exchange, JsonObject

EVERY_COUNT = frozenset({"input", "output", "cache_read", "cache_write"})
INPUT_ONLY = frozenset({"input"})
NO_COUNT: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Family:
    """The shapes in which one group of models answers InvokeModel.

    Attributes:
        name: What the group is called in documentation and errors.
        body: Writes a plain body.
        chunks: Writes the chunks of a stream, metrics left out; None if these
            models do not stream.
        header_counts: Counts that are told in headers.
    """

    name: str
    body: Callable[[Exchange], JsonObject]
    chunks: Callable[[Exchange], Iterator[JsonObject]] | None = None
    header_counts: frozenset[str] = EVERY_COUNT


def counts_of(exchange: Exchange) -> dict[str, int]:
    """Token counts of the reply, by ``input``, ``output``, ``cache_read``, ``…``."""
    return _counts.token_counts(exchange.reply.usage)


def usage_of(exchange: Exchange) -> Usage:
    """The reply's usage; empty where it says nothing."""
    return exchange.reply.usage or Usage({})


def renamed(counts: dict[str, int], names: dict[str, str]) -> JsonObject:
    """Those of *counts* that *names* lists, under their names there."""
    return {names[name]: counts[name] for name in names if name in counts}


def reason(exchange: Exchange, words: dict[str, str]) -> str:
    """Why the model stopped, in the family's own *words*."""
    final = exchange.reply.final_reason
    return words.get(final, final)
