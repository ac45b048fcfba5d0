"""Compiled cards kept for the kinds of call that were seen."""

from __future__ import annotations

from datetime import UTC, date, datetime

from .._model.model_id import ModelRef
from ._prices import Prices
from ._query import Question
from ._rate_sheet import Card, make_card

_MAX_KINDS = 4096

CardKey = tuple[ModelRef, str, str, str]
"""Model, region, tier, latency mode."""


class CardBox:
    """Cards by kind of call, at most a few thousand.

    Read without a lock: a card is complete when it is put, and compiling one twice
    does no harm.
    """

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._all: dict[CardKey, tuple[Card, ...]] = {}

    def card_at(self, key: CardKey, model: ModelRef, at: datetime) -> Card:
        """Find or compile the card of *key* that holds at *at*, an aware time."""
        known = self._all.get(key, ())
        card = next((each for each in known if each.starts <= at <= each.ends), None)
        if card is None:
            card = make_card(self._prices, self._question(key, model, _day_of(at)))
            if len(self._all) >= _MAX_KINDS:
                self._all.clear()
            self._all[key] = (*known, card)
        return card

    def _question(self, key: CardKey, model: ModelRef, day: date) -> Question:
        region, tier, latency_mode = key[-3:]
        meant, obstacle = self._prices.meaning_of(model)
        return Question(
            model_id=meant.model_id,
            scope=meant.scope,
            geography=meant.geography,
            # Whatever a broken response held instead of text has no price.
            region=str(region),
            tier=str(tier),
            latency_mode=str(latency_mode),
            day=day,
            obstacle=obstacle,
        )


def _day_of(at: datetime) -> date:
    try:
        return at.astimezone(UTC).date()
    except OverflowError:  # at the very ends of the calendar
        return at.date()
