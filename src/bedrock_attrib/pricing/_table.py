"""What a call costs at list price."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from .._errors import ConfigError, PriceNotFoundError
from .._model_id import (
    GUARDRAIL_CHECKS_MODEL,
    GUARDRAIL_MODEL,
    ModelRef,
    parse_model_id,
)
from .._record import Cost, PriceStatus, Quote
from .._usage import Unit, Usage
from ._card import EXACT, ZERO, Card, Lists, make_card, settle
from ._resolve import Question, obstacle_of
from ._rows import PriceList, PriceRow, change_days

_BUNDLED = Path(__file__).with_name("prices.json")
_MAX_CARDS = 4096
_START_OF_TIME = datetime.min.replace(tzinfo=UTC)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)

_multiply = EXACT.multiply
_add = EXACT.add

CardKey = tuple[str, str | None, str | None, str, str, str]


class PriceTable:
    """Dated list prices, and what a call costs by them.

    A table never changes; `with_overrides` returns another. It may be used from
    many threads at once.

    Example:
        >>> cost = PriceTable.bundled().price(
        ...     "amazon.nova-micro-v1:0",
        ...     Usage({Unit.INPUT_TOKEN: 2_000_000}),
        ...     region="us-east-1",
        ...     at=datetime(2026, 11, 15, tzinfo=UTC),
        ... )
        >>> cost.total
        Decimal('0.070')
    """

    def __init__(self, lists: Lists, *, generated_on: date, currency: str) -> None:
        """Wrap *lists*; use `bundled` or `load` to get a table."""
        self._lists = lists
        self._generated_on = generated_on
        self._currency = currency
        # Read without a lock: each entry is complete when it is put, and building
        # one twice does no harm.
        self._cards: dict[CardKey, Card] = {}
        self._spare_cards: dict[CardKey, tuple[Card, ...]] = {}

    @classmethod
    def bundled(cls) -> PriceTable:
        """The table that comes with this version; read on first use, then shared."""
        return _bundled()

    @classmethod
    def load(cls, path: Path | str) -> PriceTable:
        """Read a table from a price file.

        Raises:
            ConfigError: If the file cannot be read or is not as documented; names
                the file and the key.
        """
        # Pydantic takes 150 ms to import, so only those who bring a file pay it.
        from ._schema import check_price_file  # noqa: PLC0415

        content = _read_json(Path(path))
        check_price_file(content, path=path)
        return _from_content(content)

    @property
    def generated_on(self) -> date:
        """Day on which the prices were gathered."""
        return self._generated_on

    def age(self, at: datetime) -> timedelta:
        """How long before *at* the prices were gathered."""
        return at - datetime.combine(self._generated_on, time.min, tzinfo=UTC)

    def quote(
        self,
        model: ModelRef,
        usage: Usage,
        *,
        region: str,
        tier: str = "default",
        latency_mode: str = "standard",
        at: datetime,
        assumed: Unit | None = None,
    ) -> Quote:
        """Price one call; never raises.

        Args:
            model: The model that served the call.
            usage: Disjoint counts; an absent unit was not reported.
            region: Calling region, which decides the price.
            tier: Tier that served the call.
            latency_mode: ``standard`` or ``optimized``, as it was served.
            at: When the call was made; a time without a zone is taken as UTC.
            assumed: Cache-write unit of *usage* whose lifetime nobody stated.
        """
        key = (model.requested, model.model_id, model.scope, region, tier, latency_mode)
        card = self._cards.get(key)
        try:
            if card is None or not card.starts <= at <= card.ends:
                card = self._card_at(key, model, at)
        except TypeError:  # the time has no zone
            card = self._card_at(key, model, at.replace(tzinfo=UTC))

        counts = usage._counts  # noqa: SLF001 - Mapping.items() would cost 1 µs more
        plans = card.plans_for(counts) if card.long_plans else card.plans
        shape = (assumed, *counts)
        plan = plans.known.get(shape) or plans.plan(shape)

        total = ZERO
        by_unit: dict[Unit, Decimal] = {}
        for unit, amount in plan.lines:
            by_unit[unit] = product = _multiply(amount, counts[unit])
            total = _add(total, product)
        if plan.is_plain and total:
            return Quote(
                Cost(total, self._currency, by_unit, plan.rates), PriceStatus.PRICED
            )
        return settle(plan, counts, by_unit, total, self._currency)

    def price(
        self,
        model: ModelRef | str,
        usage: Usage,
        *,
        region: str,
        tier: str = "default",
        latency_mode: str = "standard",
        at: datetime,
    ) -> Cost:
        """Price one call.

        Args:
            model: A model, or a model id or ARN as given to Bedrock.
            usage: Disjoint counts; an absent unit was not reported.
            region: Calling region, which decides the price.
            tier: Tier that served the call.
            latency_mode: ``standard`` or ``optimized``, as it was served.
            at: When the call was made; a time without a zone is taken as UTC.

        Returns:
            The amount. Units that have no price are named in ``unpriced_units`` and
            are in no figure.

        Raises:
            PriceNotFoundError: If nothing of it has a price.
        """
        ref = parse_model_id(model) if isinstance(model, str) else model
        quote = self.quote(
            ref, usage, region=region, tier=tier, latency_mode=latency_mode, at=at
        )
        if quote.cost is None:
            raise PriceNotFoundError(
                quote.reason, model_id=ref.model_id, region=region, at=at
            )
        return quote.cost

    def rows(
        self,
        *,
        model: str | None = None,
        region: str | None = None,
        scope: str | None = None,
        tier: str | None = None,
        unit: Unit | None = None,
        on: date | None = None,
    ) -> Iterator[PriceRow]:
        """Search the rows, the user's own first.

        Args:
            model: Base model id; None for all, as for each of the others.
            region: AWS region or ``default``.
            scope: ``regional``, ``geo`` or ``global``.
            tier: Service tier.
            unit: What is priced.
            on: Day on which the price holds.
        """
        wanted = {"region": region, "scope": scope, "tier": tier, "unit": unit}
        asked = {name: value for name, value in wanted.items() if value is not None}
        for row in self._rows_of(model):
            if on is not None and not row.holds_on(on):
                continue
            if all(getattr(row, name) == value for name, value in asked.items()):
                yield row

    def _rows_of(self, model: str | None) -> Iterator[PriceRow]:
        for price_list in self._lists.lists:
            if model is None:
                yield from price_list
            elif found := price_list.of(model):
                yield from found.rows

    def _card_at(self, key: CardKey, model: ModelRef, at: datetime) -> Card:
        """Find or compile the card that holds at *at*, and put it first."""
        spare = self._spare_cards.get(key, ())
        card = next((each for each in spare if each.starts <= at <= each.ends), None)
        if card is None:
            card = self._compile(key, model, _day_of(at))
            if len(self._spare_cards) >= _MAX_CARDS:
                self._spare_cards.clear()
                self._cards.clear()
            self._spare_cards[key] = (*spare, card)
        self._cards[key] = card
        return card

    def _compile(self, key: CardKey, model: ModelRef, day: date) -> Card:
        _, _, _, region, tier, latency_mode = key
        question = Question(
            model_id=model.model_id,
            scope=model.scope,
            geography=model.geography,
            region=region,
            tier=tier,
            latency_mode=latency_mode,
            day=day,
            obstacle=obstacle_of(model),
        )
        starts, ends = self._span(question.model_id, day)
        return make_card(self._lists, question, starts=starts, ends=ends)

    def _span(self, model_id: str | None, day: date) -> tuple[datetime, datetime]:
        """Moments around *day* between which no price of *model_id* changes."""
        model_ids = [
            GUARDRAIL_MODEL.model_id,
            GUARDRAIL_CHECKS_MODEL.model_id,
            model_id,
        ]
        changes = list(change_days(self._lists.discounts))
        for price_list in self._lists.lists:
            for each in model_ids:
                rows = price_list.of(each) if each else None
                changes.extend(rows.change_days if rows else ())
        starts = max((each for each in changes if each <= day), default=None)
        ends = min((each for each in changes if each > day), default=None)
        return (
            _START_OF_TIME if starts is None else _midnight(starts),
            _END_OF_TIME if ends is None else _midnight(ends) - _INSTANT,
        )


_INSTANT = timedelta(microseconds=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def _day_of(at: datetime) -> date:
    try:
        return at.astimezone(UTC).date()
    except OverflowError:  # at the very ends of the calendar
        return at.date()


@lru_cache(maxsize=1)
def _bundled() -> PriceTable:
    return _from_content(_read_json(_BUNDLED))


def _read_json(path: Path) -> Any:  # noqa: ANN401 - JSON holds anything
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON: {error}") from error


def _from_content(content: Mapping[str, Any]) -> PriceTable:
    raw_by_model: dict[str, list[Any]] = {}
    for raw in content["rows"]:
        raw_by_model.setdefault(raw[0], []).append(raw)
    sources = content["sources"]
    bundled = PriceList(
        raw_by_model,
        source_ids={code: source["id"] for code, source in sources.items()},
        sources={source["id"]: source["about"] for source in sources.values()},
        currency=content["currency"],
    )
    return PriceTable(
        Lists((bundled,)),
        generated_on=date.fromisoformat(content["generated"]),
        currency=content["currency"],
    )
