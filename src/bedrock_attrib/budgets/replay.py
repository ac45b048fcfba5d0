"""Replay: what budgets would have refused of calls that were made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .._model.record import CallRecord
from .._runtime.bounded_cache import BoundedCache
from .books import Refused
from .budget import Budget
from .charges import charge_of
from .lines import Line
from .measures import from_quanta
from .memory_book import MemoryBook
from .plan import Match, limits_of, matches_of, parse_account

_MOST_MATCHES = 4096


@dataclass(slots=True)
class Replayed:
    """What one budget would have done, for one of the values that it keeps apart.

    Attributes:
        name: Name of the budget.
        key: Values that it keeps apart; None without any.
        measure: ``usd``, ``tokens`` or ``calls``, of ``saved``.
        calls: Calls that it matched.
        refused: Calls that it would have refused.
        saved: What these calls have used.
        first_refused_at: Start of the first of them; None without any.
    """

    name: str
    key: str | None
    measure: str
    calls: int = 0
    refused: int = 0
    saved: Decimal = Decimal(0)
    first_refused_at: datetime | None = None


def replay_calls(
    budgets: Sequence[Budget], calls: Iterable[CallRecord]
) -> list[Replayed]:
    """Have *budgets* decide about *calls*, as if the use of each had been known before.

    A budget that refuses a call spends nothing on it, and neither do the others.

    Args:
        budgets: The budgets.
        calls: Calls by the time of their start.

    Returns:
        What each budget would have done, by name and key; budgets without a call too.

    Raises:
        ConfigError: If two budgets have one name.
    """
    limits = limits_of(budgets)
    book = MemoryBook()
    cache: BoundedCache[object, tuple[Match, ...]] = BoundedCache(_MOST_MATCHES)
    found: dict[str, Replayed] = {}
    for limit in limits:
        if not limit.budget.each:
            _replayed(found, f"{limit.budget.name}|{limit.measure}")
    for record in calls:
        key = (record.tags.key, record.model, record.region, record.operation)
        matches = cache.get(key)
        if matches is None:
            matches = cache[key] = matches_of(limits, record.tags, *key[1:])
        _replay(record, matches, book, found)
    return [found[account] for account in sorted(found)]


def _replay(
    record: CallRecord,
    matches: Sequence[Match],
    book: MemoryBook,
    found: dict[str, Replayed],
) -> None:
    moment = record.started_at.timestamp()
    lines: list[Line] = []
    for match in matches:
        span = match.limit.window.at(moment)
        amount = charge_of(match.limit.measure, 0, record)
        # What observes is shown as if it refused.
        limit = match.limit.refuse_at or match.limit.stated
        lines.append(Line(match.account, span.bucket, span.first, amount, limit))
        _replayed(found, match.account).calls += 1
    if not lines:
        return
    held = book.reserve(lines)
    if not isinstance(held, Refused):
        held.settle([line.amount for line in lines])
        return
    line = lines[held.index]
    replayed = found[line.account]
    replayed.refused += 1
    replayed.saved += from_quanta(matches[held.index].limit.measure, line.amount)
    if replayed.first_refused_at is None:
        replayed.first_refused_at = record.started_at


def _replayed(found: dict[str, Replayed], account: str) -> Replayed:
    return found.setdefault(account, _new(account))


def _new(account: str) -> Replayed:
    name, measure, key = parse_account(account)
    return Replayed(name, key, measure)
