"""How analyses write their figures, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from itertools import zip_longest

from ...reports import ExcludedCalls, Interval, Repricing, WastedSpend
from .._console import printable, results, shortened
from .._figures import short_model
from .._price_table import plain, print_block
from .._tables import new_list

_NONE = "(none)"
_UNPRICED = "unpriced"
_MODELS = frozenset({"model", "requested_model"})
_FULL, _SMALL = 10, Decimal("0.01")
_SMALLEST = "0.000001"  # that is shown
_LEAST = 0.01


def money(amount: Decimal | float | None, currency: str) -> str:
    """*amount*, rounded to what a reader can use: ``$12.35``, ``$0.0042``.

    Without one nothing has a price, which is not the same as no cost. Nor is what would
    be rounded to nothing.
    """
    if amount is None:
        return _UNPRICED
    value = Decimal(str(amount))
    size = abs(value)
    decimals = 2 if not size or size >= _FULL else 4 if size >= _SMALL else 6
    text = f"{size:,.{decimals}f}"
    sign = "-" if value < 0 else ""
    if value and not Decimal(text.replace(",", "")):
        text, sign = _SMALLEST, "<" if value > 0 else ">-"
    return f"{sign}${text}" if currency == "USD" else f"{sign}{text} {currency}"


def share(part: Decimal | float | None) -> str:
    """*part* of one in percent; nothing where it is not known."""
    return "" if part is None else f"{part:.1%}"


def percent(part: float) -> str:
    """*part* of one in percent, with the digits that it has: ``99.9%``, ``80%``."""
    return f"{100 * part:.6g}%"


def likely(part: float) -> str:
    """A chance in percent; what is only nearly certain is not called certain."""
    if 0 < part < _LEAST:
        return f"less than {_LEAST:.0%}"
    return f"more than {1 - _LEAST:.0%}" if 1 - _LEAST < part < 1 else f"{part:.0%}"


def signed_share(part: Decimal | float | None) -> str:
    """*part* of one in percent, with its sign."""
    if not part:
        return "" if part is None else share(0.0)
    return f"{part:+.1%}"


def ends(interval: Interval | None, currency: str, times: int = 1) -> str:
    """An interval, as from and to; open where nothing can be told."""
    if interval is None:
        return "too few calls"
    low, high = interval.low, interval.high
    left = "?" if low is None else money(low * times, currency)
    right = "?" if high is None else money(high * times, currency)
    return f"{left} to {right}{' (rough)' if interval.is_rough else ''}"


def named(
    keys: Iterable[str | None], by: Iterable[str] = (), *, is_short: bool = False
) -> tuple[str, ...]:
    """Values of dimensions; those that are missing are told.

    Args:
        keys: The values.
        by: Names of the dimensions.
        is_short: Whether model ids go without vendor and release.
    """
    names = [*by] if is_short else []
    return tuple(
        _NONE
        if key is None
        else shortened(short_model(key) if name in _MODELS else key)
        for key, name in zip_longest(keys, names)
    )


def calls(count: int) -> str:
    """A number of calls: ``1 call``, ``2 calls``."""
    return "1 call" if count == 1 else f"{count:,} calls"


def span(since: datetime | None, until: datetime | None) -> str:
    """A span of time, in words; what it is of was never kept where there is none."""
    if since is None or until is None:
        return "no calls"
    return f"from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M %Z}"


def heading_span(since: datetime | None, until: datetime | None) -> str:
    """The same as the beginning of a sentence."""
    told = span(since, until)
    return "No calls" if since is None or until is None else f"Calls {told}"


def print_excluded(excluded: Sequence[ExcludedCalls], currency: str) -> None:
    """Tell what could not be compared, and why."""
    if not excluded:
        return
    items = [
        f"{calls(each.calls)} of {printable(each.model)}, "
        f"{money(each.cost, currency)}: {printable(each.reason)}"
        for each in excluded
    ]
    results().print()
    print_block(new_list("In no figure above", items))


def print_assumptions(assumptions: Iterable[str]) -> None:
    """Tell what is taken for granted."""
    results().print()
    print_block(new_list("Taken for granted", assumptions))


def as_json(value: object) -> object:
    """*value* as JSON has it: exact amounts as text, times in ISO form."""
    if is_dataclass(value):
        known = {each.name: getattr(value, each.name) for each in fields(value)}
        return {name: as_json(each) for name, each in known.items()} | _derived(value)
    if isinstance(value, Mapping):
        return {str(as_json(key)): as_json(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [as_json(each) for each in value]
    return _scalar_json(value)


def _scalar_json(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, (datetime, date)) else value


def _derived(value: object) -> dict[str, object]:
    if isinstance(value, Repricing):
        saved = {"saved": value.saved, "saved_share": value.saved_share}
        return {name: as_json(each) for name, each in saved.items()}
    return {"cost": as_json(value.cost)} if isinstance(value, WastedSpend) else {}
