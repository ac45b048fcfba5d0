"""Model family: writers of a plain body and of the chunks of a stream."""

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
    """Formats in which a group of models answers InvokeModel.

    Attributes:
        name: Name in documentation and errors.
        body: Writes a plain body.
        chunks: Writes the chunks of a stream, without metrics; None if these
            models do not stream.
        header_counts: Counts that are stated in headers.
    """

    name: str
    body: Callable[[Exchange], JsonObject]
    chunks: Callable[[Exchange], Iterator[JsonObject]] | None = None
    header_counts: frozenset[str] = EVERY_COUNT


def counts_of(exchange: Exchange) -> dict[str, int]:
    """Return token counts by ``input``, ``output``, ``cache_read``, ``…write``."""
    return _counts.token_counts(exchange.reply.usage)


def usage_of(exchange: Exchange) -> Usage:
    """Return the reply's usage; empty if it has none."""
    return exchange.reply.usage or Usage({})


def renamed(counts: dict[str, int], names: dict[str, str]) -> JsonObject:
    """Return the *counts* that *names* lists, under the names given there."""
    return {names[name]: counts[name] for name in names if name in counts}


def reason(exchange: Exchange, words: dict[str, str]) -> str:
    """Return the stop reason in the family's own *words*."""
    final = exchange.reply.final_reason
    return words.get(final, final)
