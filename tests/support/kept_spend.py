"""Ledgers of known spend: so much at such a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from kept_records import make_record

from bedrock_attrib import Unit, Usage
from bedrock_attrib.ledger import Ledger

HAIKU = "global.anthropic.claude-haiku-4-5-20251001-v1:0"  # 1 USD a million tokens in


class Spent(NamedTuple):
    """One call of Claude Haiku 4.5 that cost so much.

    Attributes:
        at: When it started.
        usd: What it cost, to a millionth.
        tags: Its tags.
    """

    at: datetime
    usd: float
    tags: dict[str, str]


def keep_spend(keep: Callable[..., Ledger], spent: Iterable[Spent]) -> Ledger:
    """A ledger with one call for each of *spent*; nothing is spent by no call."""
    return keep(
        *(
            make_record(
                Usage({Unit.INPUT_TOKEN: round(each.usd * 1_000_000)}),
                at=each.at,
                tags=each.tags,
                model=HAIKU,
            )
            for each in spent
            if each.usd > 0
        )
    )
